"""Which documents a principal may read, decided from one snapshot and never remembered.

Invariants:
- a class is visible when some allow entry is held and no deny entry is; everything else is invisible;
- entries and grants compare byte for byte, so an unknown spelling matches nobody;
- whatever cannot be worked out raises Denied: nothing is visible then.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.errors import Denied
from muniment.foundation.revisions import Revisions, current
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import Principal
from muniment.knowledge.library import DocumentRow, access_classes


@dataclass(frozen=True, slots=True)
class Visibility:
    """What one principal may read as of one snapshot; valid inside that transaction only."""

    principal: Principal
    classes: frozenset[int]
    """Access classes whose documents may be read."""
    revisions: Revisions
    grants: frozenset[str]

    def may_read(self, document: DocumentRow) -> bool:
        """Return whether this live document, read in the same transaction, may be read."""
        return document.access_class in self.classes


def visible(connection: sa.Connection, principal: Principal) -> Visibility:
    """Work out what a principal may read now; raises Denied when the principal or a list cannot be judged."""
    held = grants(connection, principal)
    try:
        classes = access_classes(connection)
    except (ValueError, TypeError) as error:
        raise Denied(
            "The access lists cannot be read.",
            fix="Ask whoever runs this workspace to ingest the sources again.",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    allowed = frozenset(number for number, access in classes.items() if access.permits(held))
    return Visibility(principal, allowed, current(connection), held)
