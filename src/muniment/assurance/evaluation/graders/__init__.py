"""Graders: what a case's observation is worth, each metric by rules that are written down."""
