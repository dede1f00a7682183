"""Which documents a principal may read, computed from the rules at each request.

Invariants:
- rights come from the snapshot that the caller reads in; nothing is cached between requests;
- deny wins; an empty list is nobody; an entry that names nobody known grants nothing;
- a principal whose groups cannot be resolved sees nothing at all, since a deny might be missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.revisions import Revisions
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import Principal
from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a principal may read, as of one snapshot."""

    principal: Principal
    grants: frozenset[str]
    """The principal's own name and every group it is in."""
    classes: frozenset[int]
    """The access classes that it may read."""
    revisions: Revisions

    def may_read(self, document: DocumentRow) -> bool:
        """Return whether this document may be read."""
        return document.access_class in self.classes


def visible(connection: sa.Connection, principal: Principal) -> Visibility:
    """Return what `principal` may read in this snapshot.

    Raises Denied for an unknown or inactive principal and for groups that cannot be resolved.
    """
    held = grants(connection, principal)
    classes = frozenset(
        number for number, access in library.access_classes(connection).items() if access.permits(held)
    )
    return Visibility(principal, held, classes, revisions.current(connection))
