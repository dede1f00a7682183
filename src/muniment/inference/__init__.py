"""Every word sent to or from a model."""
