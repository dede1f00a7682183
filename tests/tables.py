"""Every table that a room registers, whichever rooms a test happens to load."""

from __future__ import annotations

import importlib
from pathlib import Path

import muniment
from muniment.foundation.database import metadata

_ROOT = Path(muniment.__file__).parent


def registered() -> frozenset[str]:
    """Load each module that registers a table, and return the names of all tables."""
    for path in _ROOT.rglob("*.py"):
        if "= sa.Table(" in path.read_text("utf-8"):
            importlib.import_module(".".join(("muniment", *path.relative_to(_ROOT).with_suffix("").parts)))
    return frozenset(metadata.tables)
