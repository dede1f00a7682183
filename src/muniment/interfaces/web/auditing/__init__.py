"""The log as auditors read it, and its proof."""
