"""Several tenants on one host, each a whole home of its own below the host's home."""
