"""What somebody at a page may read: whatever else they look after, no other document is named to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.errors import Denied
from muniment.governance.identity.clearance import clears
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import Visibility, visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy


class Eyes:
    """What one person may read as of one snapshot.

    Where the database can, it confines what the transaction reads from here on to that person.
    """

    def __init__(self, connection: sa.Connection, policy: Policy, who: Principal) -> None:
        self._connection = connection
        self._sees: Visibility | None = None
        try:
            sees = visible(connection, who)
            standing = policy.standing(connection, who, sees.grants)
        except Denied:
            return
        if standing.decide("read_document", WORKSPACE).allowed:
            self._sees = sees

    def of(self, classes: Collection[int]) -> frozenset[int]:
        """Return which of these access classes they may read."""
        sees, numbers = self._sees, sorted(classes)
        if sees is None:
            return frozenset()
        return frozenset(
            number
            for some in _parts(numbers)
            for number, access in library.access_lists(self._connection, some).items()
            if access.permits(sees.grants) and clears(sees.clearance, access.sensitivity)
        )


def _parts(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + 500] for start in range(0, len(numbers), 500)]
