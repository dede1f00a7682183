"""What the product does for a person."""
