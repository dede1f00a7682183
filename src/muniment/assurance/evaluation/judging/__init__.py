"""A language model as judge: optional, blinded, and counted only where it agrees with people."""
