"""Asking: the question box, answers with their evidence, conversations."""
