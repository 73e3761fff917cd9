"""Recognizes many files into one table, on one machine or on a cluster; an interrupted job is resumed."""
