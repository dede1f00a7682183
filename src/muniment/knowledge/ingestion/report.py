"""What an ingest did, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from muniment.knowledge.ingestion.labelling import Labelled
from muniment.knowledge.sources.folder import Problem


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is; `total` files are to be read or indexed in this stage, or chunks to be labelled.

    In stage "index", `path` is a document that was just committed, or a file that failed.
    """

    stage: Literal["scan", "index", "label"]
    done: int
    total: int
    path: str


OnProgress = Callable[[Progress], None]
"""Called as an ingest goes on, on the thread that ingests."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did."""

    source: str
    added: int
    changed: int
    unchanged: int
    renamed: int
    removed: int
    withheld: int
    """Known documents that could not be read now: nobody may read them until they can."""
    access_changed: int
    failed: tuple[Problem, ...]
    formats: Mapping[str, int]
    """Indexed documents by file name ending."""
    chunks: int
    vectors: bool
    vectors_note: str
    """Why there are no vectors, and what to do about it."""
    dry_run: bool
    seconds: float
    quarantined: int = 0
    """Documents of the source that nobody may read until somebody has looked at them."""
    labels: Labelled | None = None
    """What was labelled at the end, where names are."""

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "source": self.source,
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "renamed": self.renamed,
            "removed": self.removed,
            "withheld": self.withheld,
            "quarantined": self.quarantined,
            "access_changed": self.access_changed,
            "failed": [{"path": p.path, "reason": p.reason} for p in self.failed],
            "formats": dict(self.formats),
            "chunks": self.chunks,
            "vectors": self.vectors,
            "vectors_note": self.vectors_note,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 3),
            **({"labels": self.labels.as_json()} if self.labels else {}),
        }
