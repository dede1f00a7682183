"""Suites, graders and reports."""
