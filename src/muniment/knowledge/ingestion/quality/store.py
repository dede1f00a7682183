"""The one door of quality: what was assessed is stored, and held back where it must be, with the versions themselves.

Invariant: this runs in the transaction that stores the versions, so nobody reads one before it was judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from muniment.governance.audit.entry import Actor, Entry
from muniment.knowledge import changes
from muniment.knowledge.flags import SEVERITIES, Flag, put_flags
from muniment.knowledge.ingestion.quality.assess import Assessment
from muniment.knowledge.ingestion.quality.likes import likes, put_sketch
from muniment.knowledge.ingestion.quality.quality_settings import QualitySettings
from muniment.knowledge.ingestion.quality.repeats import repeats, with_lines
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.quarantine import Case, case_of, put_case, released_before


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents as they stand after their quality was judged, in order, and what the log is told."""

    rows: tuple[DocumentRow, ...]
    entries: tuple[Entry, ...]


def store(
    connection: sa.Connection,
    rows: Sequence[DocumentRow],
    made: Sequence[Assessment],
    settings: QualitySettings,
    by: Actor,
    at: str,
) -> Judged:
    """Store what was assessed of documents of one source, as `put_versions` returned them.

    What is held back is nobody's in the rows that are returned; entries are for the caller to append.
    """
    entries: list[Entry] = []
    for row, one in zip(rows, made, strict=True):
        lines = repeats(connection, row, one.lines, at)
        flags = with_lines(one.flags, [(line.start, line.end) for line in lines])
        flags = [*flags, *likes(connection, row, one)]
        put_flags(connection, row.id, row.version, flags, at)
        put_sketch(connection, row, one)
        entries += _suspect(row, one, by)
        entries += _held(connection, row, flags, settings, by, at)
    if any(entry.kind == "ingest.quarantined" for entry in entries):
        return Judged(tuple(changes.rule_documents(connection, rows[0].source, rows)), tuple(entries))
    return Judged(tuple(rows), tuple(entries))


def _suspect(row: DocumentRow, made: Assessment, by: Actor) -> list[Entry]:
    found = made.flag("injection")
    if found is None or found.severity == "low":
        return []
    odd = {"document": row.id, "version": row.version, "source": row.source}
    return [Entry("ingest.suspect", by, {**odd, "patterns": found.found})]


def _held(
    connection: sa.Connection,
    row: DocumentRow,
    flags: Sequence[Flag],
    settings: QualitySettings,
    by: Actor,
    at: str,
) -> list[Entry]:
    """Hold a document back if its flags say so and nobody let this content through; return the entry."""
    least = SEVERITIES.index(settings.severity)
    kinds = tuple(
        sorted(
            one.kind
            for one in flags
            if one.kind in settings.quarantine and SEVERITIES.index(one.severity) >= least
        )
    )
    known = case_of(connection, row.id, row.content_hash)
    if known is not None and known.state != "released":
        put_case(connection, replace(known, version=row.version, kinds=_both(known.kinds, kinds)))
        return []
    if not kinds or any(
        set(kinds) <= set(one.kinds) for one in released_before(connection, row.source, row.content_hash)
    ):
        return []
    every = _both(known.kinds if known else (), kinds)
    put_case(
        connection, Case(row.id, row.content_hash, row.version, every, "held", at, reason="", by="", at="")
    )
    about = {
        "document": row.id,
        "version": row.version,
        "source": row.source,
        "content": f"sha256:{row.content_hash}",
        "kinds": kinds,
    }
    return [Entry("ingest.quarantined", by, about)]


def _both(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({*one, *other}))
