"""Documents as they were at an earlier time, for whoever may read them now.

Invariant: an earlier version is read by those who may read the document now, and by nobody else; what was readable
then plays no part. One that is withheld was never there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.knowledge import library
from muniment.knowledge.quarantine import withheld_versions


@dataclass(frozen=True, slots=True)
class Earlier:
    """Those documents whose version of then is another than that of now."""

    versions: Mapping[str, int]
    """The version to search, by document; 0: there is none."""
    classes: Mapping[str, int]
    """The access class of each, as of now."""
    titles: Mapping[str, str]
    """Of those versions."""


def as_of(connection: sa.Connection, moment: str, pinned: Mapping[str, int]) -> Earlier:
    """Return what was another at a time; of the documents that `pinned` names, the version is known."""
    versions = {**library.versions_before_later_ones(connection, moment), **pinned}
    now = library.changes_of(connection, sorted(versions))
    versions = {name: at for name, at in versions.items() if name in now and now[name].version != at}
    titles: dict[str, str] = {}
    names = sorted(versions)
    for part in library.in_parts(names):
        for name, version in withheld_versions(connection, part):
            if versions[name] == version:
                versions[name] = 0
        made = library.versions_made(connection, {(name, versions[name]) for name in part})
        titles |= {name: one.title for (name, _), one in made.items()}
    return Earlier(versions, {name: now[name].access_class for name in versions}, titles)
