"""Suites: where they lie, how cases get into them, and whether they can be trusted."""
