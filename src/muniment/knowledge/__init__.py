"""What the organisation knows, and who may see which passage."""
