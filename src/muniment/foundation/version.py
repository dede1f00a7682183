"""The version of this code, as lineage and `--version` state it."""

VERSION = "0.1.0"
