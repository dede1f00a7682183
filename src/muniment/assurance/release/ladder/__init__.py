"""Which approach is enough: the same suite put to ways of answering, from the simplest to the most complex."""
