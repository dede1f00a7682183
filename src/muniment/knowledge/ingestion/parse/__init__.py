"""Readers of file formats; they run only inside the sandboxed child."""
