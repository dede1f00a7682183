"""Whether an access list lets an account read, taken apart: which entries counted, and what stood in the way.

Invariant: `reads` says what a search's visibility says of the same list and account.
"""

from __future__ import annotations

from dataclasses import dataclass

from muniment.governance.identity.clearance import clears
from muniment.governance.identity.everybody import Account, State
from muniment.knowledge.access import AccessList


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a list says of an account."""

    state: State
    allowed: tuple[str, ...]
    """Entries of the list that allow, of those that the account holds."""
    denied: tuple[str, ...]
    """Entries that deny; one is enough."""
    cleared: bool
    """Whether the label lies within the clearance."""

    @property
    def reads(self) -> bool:
        """Return whether the account may read."""
        return self.state == "active" and bool(self.allowed) and not self.denied and self.cleared


def judged(access: AccessList | None, account: Account) -> Judgement:
    """Return what a list says of an account; None is a list that cannot be read, which is nobody's."""
    if access is None:
        return Judgement(account.state, (), (), False)
    return Judgement(
        account.state,
        tuple(sorted(access.allow & account.grants)),
        tuple(sorted(access.deny & account.grants)),
        clears(account.clearance, access.sensitivity),
    )
