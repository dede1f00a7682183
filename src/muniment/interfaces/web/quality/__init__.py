"""Pages of quality: what is measured before a release, what goes out, and how it does."""
