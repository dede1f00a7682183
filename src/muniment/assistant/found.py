"""Passages of the library as a result for an agent: text of others, known to whoever may read the documents."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from muniment.actions.labels import Audience, Label
from muniment.actions.reading import Reading
from muniment.knowledge.library import access_lists, get_documents
from muniment.knowledge.passage import Passage

SEARCH = "library"
"""What the log and views call it."""


def as_reading(
    connection: sa.Connection, caller: str, passages: Sequence[Passage], asked: Label
) -> tuple[Reading, frozenset[str | None]]:
    """Return passages as one result, and the sensitivities of their documents; what has no list now is left out."""
    rows = get_documents(connection, sorted({one.document for one in passages}))
    lists = access_lists(connection, sorted({row.access_class for row in rows.values()}))
    audiences: set[Audience] = set()
    labels: set[str | None] = set()
    kept: list[dict[str, object]] = []
    for one in passages:
        row = rows.get(one.document)
        access = None if row is None else lists.get(row.access_class)
        if access is None:
            continue
        audiences.add(Audience(access.allow, access.deny))
        labels.add(access.sensitivity)
        kept.append({"document": one.document, "title": one.title, "heading": one.heading, "text": one.text})
    found = Reading(SEARCH, "", caller, kept, {}, asked, frozenset(audiences))
    return found, frozenset(labels)
