"""One decision point: what a principal may do."""
