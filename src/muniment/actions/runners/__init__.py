"""How a call of each kind is made: a Python function, an operation of a web interface, a tool of an MCP server."""
