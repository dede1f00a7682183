"""Principals, the directory they come from, and the tokens that prove them."""
