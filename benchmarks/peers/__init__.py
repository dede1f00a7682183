"""Other engines, each set up as its makers advise for the same job, and measured where its package is installed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

NAMES = ("faiss_sq8", "lance_flat", "qdrant_edge_shard", "pgvector_exact", "sqlite_fts5", "tantivy_terms")
"""Modules of this package. Each has TITLE, KIND ("vectors" or "words"), NEEDS, MOST rows, WHY_MOST and `built`."""


def known(name: str) -> ModuleType:
    """Return the module of one peer, which imports its package only when it is built."""
    return importlib.import_module(f"{__name__}.{name}")


def lacking(peer: ModuleType) -> list[str]:
    """Return which packages of a peer are not installed."""
    return [needed for needed in peer.NEEDS if importlib.util.find_spec(needed) is None]
