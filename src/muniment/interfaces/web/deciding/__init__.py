"""What waits for people, and what became of it."""
