"""Copies of a workspace, and proof that one is whole."""
