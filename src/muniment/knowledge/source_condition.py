"""What is known of a source: when it was read, what it gave, and what of it could not be taken in.

No name of a document is here: who looks after a source need not be a reader of what is in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from muniment.governance.audit.entry import StoredEntry
from muniment.governance.audit.query import Tells
from muniment.governance.audit.recent import between, count_after, newest
from muniment.governance.frozen import is_frozen
from muniment.knowledge.library import SourceRow
from muniment.knowledge.tables import NO_SOURCE, access_class, chunk, document, document_version, source

LOOKED_AT = 400
"""Beginnings and ends of ingests, newest first, among which a source's last ones are looked for."""
_LIVE = document.c.state == "live"
_NONE = "[]"
"""How a list is stored that lets nobody in."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is, of documents in some access classes or in all."""

    documents: int = 0
    versions: int = 0
    """Stored ones, earlier ones included."""
    chunks: int = 0
    """Of current versions."""
    formats: Mapping[str, int] = field(default_factory=dict[str, int])
    """Documents by media type."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The last time that a source was read."""

    began: StoredEntry
    ended: StoredEntry | None
    """None: it goes on, or was interrupted."""
    stored: int
    """Documents stored since it began."""

    @property
    def files(self) -> int:
        """Return how many files it found."""
        found = self.began.about.get("files")
        return found if isinstance(found, int) else 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that was not taken in, without its name."""

    seq: int
    """Place of its entry in the log."""
    why: str
    """As `sources.folder.Why`; empty where the log does not say."""
    document: str
    """The document at its path, whose earlier version is withheld; empty where there was none."""


def find(connection: sa.Connection, name: str) -> SourceRow | None:
    """Return a source, or None."""
    count = sa.select(sa.func.count()).where(document.c.source == source.c.name, _LIVE).scalar_subquery()
    table = source.c
    query = sa.select(table.name, table.kind, table.location, table.synced_at, count)
    row = connection.execute(query.where(table.name == name, table.name != NO_SOURCE)).first()
    return SourceRow(*row) if row else None


def counts(connection: sa.Connection, name: str, classes: Collection[int] | None = None) -> Counts:
    """Return how much a source holds: of the documents in up to 10,000 access classes, None: of all."""
    mine = sa.and_(document.c.source == name, _LIVE)
    if classes is not None:
        mine = sa.and_(mine, document.c.access_class.in_(sorted(classes)))
    formats = sa.select(document.c.media_type, sa.func.count()).where(mine).group_by(document.c.media_type)
    found = {kind: int(number) for kind, number in connection.execute(formats)}
    versions = (
        sa.select(sa.func.count())
        .select_from(document.join(document_version, document_version.c.document == document.c.id))
        .where(mine)
    )
    current = sa.and_(chunk.c.document == document.c.id, chunk.c.version == document.c.version)
    chunks = sa.select(sa.func.count()).select_from(document.join(chunk, current)).where(mine)
    return Counts(
        sum(found.values()),
        int(connection.execute(versions).scalar_one()),
        int(connection.execute(chunks).scalar_one()),
        dict(sorted(found.items())),
    )


def classes_of(connection: sa.Connection, name: str) -> list[int]:
    """Return the access classes of a source's live documents."""
    query = sa.select(document.c.access_class).where(document.c.source == name, _LIVE).distinct()
    return sorted(connection.execute(query).scalars())


def withheld(connection: sa.Connection, name: str) -> int:
    """Return how many documents of a source nobody may read by its own list or one set by hand."""
    query = (
        sa.select(sa.func.count())
        .select_from(document.join(access_class, access_class.c.id == document.c.access_class))
        .where(document.c.source == name, _LIVE, access_class.c.allow == _NONE)
    )
    return int(connection.execute(query).scalar_one())


def last_readings(connection: sa.Connection, log: Tells) -> dict[str, Reading]:
    """Return when each source was read last, as far as the newest entries tell."""
    began: dict[str, StoredEntry] = {}
    ended: dict[str, StoredEntry] = {}
    for entry in newest(log, connection, ("ingest.started", "ingest.finished"), LOOKED_AT):
        name = entry.about.get("source")
        if isinstance(name, str) and name not in began:
            if entry.kind == "ingest.started":
                began[name] = entry
            else:
                ended.setdefault(name, entry)
    return {
        name: Reading(
            entry,
            ended.get(name),
            0 if name in ended else count_after(connection, "ingest.document", entry.seq),
        )
        for name, entry in began.items()
    }


def failures(
    connection: sa.Connection, log: Tells, name: str, reading: Reading, after: int, limit: int
) -> list[Failure]:
    """Return what the last reading did not take in, behind an entry of the log, in the log's order."""
    if reading.ended is None:
        return []
    first, last = max(after, reading.began.seq), reading.ended.seq
    found: list[Failure] = []
    for entry in between(log, connection, "ingest.file_failed", first, last, limit):
        if entry.about.get("source") == name:
            why, of = entry.about.get("why"), entry.about.get("document")
            found.append(
                Failure(entry.seq, why if isinstance(why, str) else "", of if isinstance(of, str) else "")
            )
    return found


def frozen(connection: sa.Connection, name: str) -> bool:
    """Return whether nobody may read the source while an incident lasts."""
    return is_frozen(connection, "source", name)
