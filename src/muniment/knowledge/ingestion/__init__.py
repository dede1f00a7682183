"""From the bytes of a source to searchable chunks."""
