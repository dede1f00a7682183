"""A log that proves that it was not altered (RFC 6962)."""
