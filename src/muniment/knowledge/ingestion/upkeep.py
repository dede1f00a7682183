"""Looking after the index by hand: what state it is in, and mending what is damaged or out of date."""

from __future__ import annotations

from collections.abc import Callable

from muniment.foundation.database import Database
from muniment.foundation.segments import Segments
from muniment.governance.audit.entry import Actor
from muniment.knowledge import library
from muniment.knowledge.ingestion.condition import Condition, OnSegment, examine
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.reindex import Reindex, Remade
from muniment.knowledge.ingestion.turn import turn_beside_builds


class IndexUpkeep:
    """Checks and mends the index of one workspace."""

    def __init__(self, database: Database, segments: Segments, parts: Callable[[], Parts]) -> None:
        """`parts` is asked for only to mend: a check needs no model."""
        self._database = database
        self._segments = segments
        self._parts = parts

    def check(self, on_segment: OnSegment = lambda done, total: None) -> list[Condition]:
        """Read every byte of every segment and return what was found; may run while others work."""
        with self._database.read() as connection:
            manifest = library.every_segment(connection)
        found: list[Condition] = []
        for row in manifest:
            on_segment(len(found), len(manifest))
            found.append(examine(self._segments, row, whole=True))
        on_segment(len(found), len(manifest))
        return found

    def repair(
        self,
        by: Actor,
        dry_run: bool = False,
        on_segment: OnSegment = lambda done, total: None,
        on_document: OnSegment = lambda done, total: None,
    ) -> Remade:
        """Put damaged files in quarantine and make what is damaged, lost or stale again from the database.

        Raises Conflict while an ingest runs.
        """
        with turn_beside_builds(self._database):
            return Reindex(self._parts()).run(by, True, dry_run, on_segment, on_document)
