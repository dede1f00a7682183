"""Proof that a change is good."""
