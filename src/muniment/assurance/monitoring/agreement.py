"""How far the two reviewers of each item agree, and which items a third should settle.

Invariant: whoever asks by name is told of those items alone that they may review; whoever can open the keys, of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assurance.monitoring.kappa_estimate import kappa_estimate
from muniment.assurance.monitoring.labels import Item, items_of, spread
from muniment.assurance.monitoring.reviewable import REVIEW, Reviewer, admitted, rests_on
from muniment.assurance.monitoring.sampling import find_set
from muniment.assurance.monitoring.shares import Estimate, share
from muniment.foundation.database import Database
from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import active_principals
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.gate import Gate

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two reviewers beside each other."""

    review_set: str
    items: int
    by_two: int
    by_one: int
    by_nobody: int
    not_reviewable: int | None
    """Items that nobody may review now; None for who is not told of all items."""
    raw: Estimate
    kappa: Estimate
    disputed: tuple[str, ...]
    """Items on which the two differ and which nobody has settled."""
    settled: int

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "set": self.review_set,
            "items": self.items,
            "by_two": self.by_two,
            "by_one": self.by_one,
            "by_nobody": self.by_nobody,
            "not_reviewable_by_anyone": self.not_reviewable,
            "raw": self.raw.as_json(),
            "kappa": self.kappa.as_json(),
            "disputed": list(self.disputed),
            "settled": self.settled,
        }


class Agreements:
    """Compares the reviewers of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate

    def of(self, set_id: str, who: Principal | None, by: Actor) -> Agreement:
        """Return how far reviewers agree; raises NotFound, NotPermitted."""
        with self._gate.recorded(by), self._database.read() as connection:
            drawn, items = find_set(connection, set_id), items_of(connection, set_id)
            if who is not None:
                reviewer = admitted(connection, self._policy, who)
                items = [one for one in items if reviewer.may_review(one.answer)]
        nobody = not_reviewable(self._database, self._policy, items) if who is None else None
        self._audit.record([Entry("review.compared", by, {"set": set_id, "items": len(items)})])
        pairs = [one.pair for one in items if one.pair is not None]
        two, one, none = spread(items)
        return Agreement(
            review_set=set_id,
            items=len(items),
            by_two=two,
            by_one=one,
            by_nobody=none,
            not_reviewable=nobody,
            raw=share(sum(a == b for a, b in pairs), len(pairs)),
            kappa=kappa_estimate(pairs, drawn.seed),
            disputed=tuple(item.id for item in items if item.disputed),
            settled=sum(item.settled is not None for item in items),
        )


def not_reviewable(database: Database, policy: Policy, items: Sequence[Item]) -> int:
    """Return how many items nobody may review now; for whoever can open the keys."""
    with database.read() as connection:
        rests = {one.answer: rests_on(connection, one.answer) for one in items}
        reviewers = [one for one in active_principals(connection) if _admits(connection, policy, one)]
    left = set(rests)
    for principal in reviewers:
        with database.read() as connection:
            try:
                reviewer = Reviewer(connection, policy, principal)
                left -= {one for one in left if reviewer.may_read(one, rests[one])}
            except Denied:
                continue
        if not left:
            break
    return sum(one.answer in left for one in items)


def _admits(connection: sa.Connection, policy: Policy, principal: Principal) -> bool:
    try:
        return policy.standing(connection, principal).decide(REVIEW, WORKSPACE).allowed
    except Denied:
        return False
