"""What commands print: tables, charts, progress."""
