"""Pages of administration: what is set, who may do what, and changing it."""
