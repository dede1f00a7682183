"""One file a system of record, each filling the port `Connector`."""
