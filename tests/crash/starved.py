"""A process that ingests a folder and runs out of memory on the way.

Run as `python -m tests.crash.starved HOME FOLDER POINT NTH` (the NTH call of a step finds no memory) or with `limit`
and a number of megabytes that the process may still take.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.foundation import segments
from muniment.governance.audit.log import AuditLog
from muniment.knowledge import changes
from muniment.knowledge.ingestion import indexing
from muniment.knowledge.retrieval import merge, segment

POINTS: dict[str, tuple[Any, str]] = {
    "embedding": (HashedEmbedder, "embed_documents"),
    "building a segment": (segment, "contents"),
    "sealing a segment": (segments, "_nonce"),
    "storing versions": (changes, "put_versions"),
    "naming a segment": (changes, "add_segment"),
    "recording": (AuditLog, "append"),
    "merging": (merge, "merged"),
    "dropping merged segments": (changes, "drop_segments"),
}


def starve(place: Any, name: str, nth: int) -> None:
    """Let the `nth` and every later call of a function find no memory."""
    real: Callable[..., object] = getattr(place, name)
    calls = 0

    def starved(*given: Any, **named: Any) -> object:
        nonlocal calls
        calls += 1
        if calls >= nth:
            raise MemoryError
        return real(*given, **named)

    setattr(place, name, starved)


def main(home: str, folder: str, point: str, number: str) -> None:
    indexing.BATCH_DOCUMENTS = 2
    embedder = HashedEmbedder()
    workspace = app.open(home, embedder=lambda: embedder)
    if point == "limit":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = taken + (int(number) << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    else:
        starve(*POINTS[point], int(number))
    workspace.ingest(folder, "docs")


if __name__ == "__main__":
    main(*sys.argv[1:])
