"""Lines that stand near an edge of many documents of a source.

A line is remembered for the first few documents alone, so the cost does not grow with the source.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from muniment.knowledge.flags import Flag, flags_of, put_flags
from muniment.knowledge.ingestion.quality.assess import MOST_SPANS
from muniment.knowledge.ingestion.quality.lines import LEAST_DOCUMENTS, Line
from muniment.knowledge.ingestion.quality.tables import document_line
from muniment.knowledge.library import DocumentRow, get_documents


def repeats(connection: sa.Connection, row: DocumentRow, lines: Sequence[Line], at: str) -> list[Line]:
    """Return which lines of a document many of its source have, and remember the others.

    With the document that makes a line one of many, those before it are flagged too.
    """
    table = document_line.c
    connection.execute(sa.delete(document_line).where(table.document == row.id))
    found: list[Line] = []
    new: list[dict[str, object]] = []
    for line in lines:
        query = (
            sa.select(table.document, table.start, table.end)
            .where(table.source == row.source, table.key == line.key)
            .limit(LEAST_DOCUMENTS)
        )
        before = connection.execute(query).all()
        if len(before) >= LEAST_DOCUMENTS - 1:
            found.append(line)
        if len(before) == LEAST_DOCUMENTS - 1:
            earlier = {one.document: (one.start, one.end) for one in before}
            for name, other in get_documents(connection, list(earlier)).items():
                flags = flags_of(connection, name, other.version)
                put_flags(connection, name, other.version, with_lines(flags, [earlier[name]]), at)
        if len(before) < LEAST_DOCUMENTS:
            mine = {"document": row.id, "key": line.key, "source": row.source}
            new.append({**mine, "start": line.start, "end": line.end})
    if new:
        connection.execute(sa.insert(document_line), new)
    return found


def with_lines(flags: Sequence[Flag], spans: Sequence[tuple[int, int]]) -> list[Flag]:
    """Return flags in which these lines are repeated ones too."""
    if not spans:
        return list(flags)
    now = next((one.spans for one in flags if one.kind == "repeated"), ())
    every = sorted({*now, *spans})[:MOST_SPANS]
    rest = [one for one in flags if one.kind != "repeated"]
    return [*rest, Flag("repeated", "low", tuple(every), count=len(every))]
