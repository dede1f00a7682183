"""SCIM 2.0 (RFC 7643, RFC 7644): identity providers provision users and groups."""

PREFIX = "/scim/v2"
"""Where the interface lies."""
LONGEST_BODY = 1 << 20
"""Bytes of a request: a group of about ten thousand members."""
