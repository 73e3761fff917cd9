"""Many files, on one machine or on many: planned, answered, interrupted, gone on with, and put into one table."""
