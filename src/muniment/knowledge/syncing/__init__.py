"""Keeping the library equal to systems of record, and who may read equal to what they say."""
