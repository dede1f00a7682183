"""What is wrong with what comes in: read alike twice, repeated everywhere, hidden, or written to command a model."""
