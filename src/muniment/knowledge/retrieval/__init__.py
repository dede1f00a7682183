"""Exact search over the rows that a principal may read."""
