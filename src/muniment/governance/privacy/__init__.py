"""Sensitive values in texts: where they stand, and what an operator wants done about them."""
