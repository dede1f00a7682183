"""Who may do what, and the evidence of it."""
