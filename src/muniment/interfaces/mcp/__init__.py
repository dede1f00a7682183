"""Tools and documents for agents, over the Model Context Protocol."""

PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"
"""Where RFC 9728 has a client look for who gives it a token; also with `PATH` behind it."""
