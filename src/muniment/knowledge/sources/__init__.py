"""Where documents come from, and who may read them there."""
