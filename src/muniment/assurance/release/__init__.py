"""Releases: what answers together, proved before it goes out, and the way back."""
