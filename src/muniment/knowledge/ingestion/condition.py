"""What state the segments of the index are in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from muniment.foundation.errors import Tampered
from muniment.foundation.segments import Segments
from muniment.governance.audit.entry import Actor, Entry
from muniment.knowledge.library import SegmentRow
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.segment import Summary

OnSegment = Callable[[int, int], None]
"""Called with the segments done and the segments in all."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A segment of the manifest, and what was found when it was read."""

    name: str
    rows: int
    summary: Summary | None
    """None where it is damaged."""
    problem: str
    """Why it is damaged; empty where it is sound."""


def examine(segments: Segments, row: SegmentRow, whole: bool) -> Condition:
    """Read the beginning of a segment, or with `whole` every byte of it; raises Unavailable where it may not."""
    try:
        file = segments.open(row.name, segment.KIND, row.digest, None if whole else segment.SUMMARY)
        try:
            if whole:
                file.check()
            return Condition(row.name, row.rows, segment.summary(file), "")
        finally:
            file.close()
    except Tampered as error:
        return Condition(row.name, row.rows, None, error.public)


def quarantined(found: Condition, by: Actor) -> Entry:
    """Return the entry to be recorded before the file of a damaged segment is put in quarantine."""
    return Entry("index.segment_quarantined", by, {"segment": found.name, "problem": found.problem})
