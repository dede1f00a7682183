"""What waits for a person as a list: what is overdue first, for whom they would decide, and what may be left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.action import Action
from muniment.actions.approvals import LISTED
from muniment.actions.arguments import Amount
from muniment.actions.asking import Asking
from muniment.actions.risk import CLASSES
from muniment.actions.viewing import Viewing
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy

PRESSING = timedelta(hours=1)
"""Before it expires, an action is overdue."""
Order = Literal["consequence", "oldest", "newest", "expires"]


@dataclass(frozen=True, slots=True)
class Line:
    """One action that waits."""

    action: Action
    amount: Amount | None
    on_behalf_of: str
    """In whose place this person would decide; empty: as themselves."""
    escalated: bool
    """Others are asked too, since nobody decided by then."""
    pressing: bool
    """It expires within PRESSING."""

    @property
    def overdue(self) -> bool:
        """Return whether it should have been decided by now."""
        return self.escalated or self.pressing


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a list is asked for; what is empty is not asked."""

    risk: str = ""
    requester: str = ""
    tool: str = ""
    order: Order = "consequence"

    def fits(self, one: Action) -> bool:
        """Return whether an action is asked for."""
        return (
            self.risk in ("", one.risk)
            and self.requester in ("", one.bound.requester)
            and self.tool in ("", one.bound.tool)
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """What was asked for, in order, and what of it all one can choose by."""

    lines: Sequence[Line]
    waiting: int
    """How much waits in all, counted up to LISTED."""
    risks: Sequence[str]
    requesters: Sequence[str]
    tools: Sequence[str]


class Inbox:
    """Lists of one workspace."""

    def __init__(
        self, database: Database, policy: Policy, asking: Asking, viewing: Viewing, clock: Clock
    ) -> None:
        self._database = database
        self._policy = policy
        self._asking = asking
        self._viewing = viewing
        self._clock = clock

    def listing(self, who: Principal, chosen: Chosen | None = None) -> Listed:
        """Return what waits for this person, up to LISTED; raises Denied for an inactive account."""
        chosen = chosen or Chosen()
        with self._database.read() as connection:
            standing = self._policy.standing(connection, who)
            rows = list(islice(self._asking.waiting(connection, standing), LISTED))
            made = [(row, store.read(connection, row, self._clock)) for row in rows]
            lines = [
                self._line(connection, row, one, self._asking.behalf(connection, standing, row) or "")
                for row, one in made
                if chosen.fits(one)
            ]
        whole = [one for _, one in made]
        return Listed(
            lines=_sorted(lines, chosen.order),
            waiting=len(whole),
            risks=sorted({one.risk for one in whole}, key=_rank, reverse=True),
            requesters=sorted({one.bound.requester for one in whole}),
            tools=sorted({one.bound.tool for one in whole}),
        )

    def _line(self, connection: sa.Connection, row: sa.Row[Any], one: Action, behalf: str) -> Line:
        now = self._clock.now()
        return Line(
            action=one,
            amount=self._viewing.amount(connection, one),
            on_behalf_of=behalf,
            escalated=bool(one.escalates_at) and datetime.fromisoformat(one.escalates_at) <= now,
            pressing=datetime.fromisoformat(one.bound.expires_at) - now <= PRESSING,
        )


def _sorted(lines: Sequence[Line], order: Order) -> Sequence[Line]:
    """Return lines in an order, those that are overdue first."""
    newest = sorted(lines, key=lambda one: (one.action.created_at, one.action.id), reverse=True)
    keys: dict[Order, Callable[[Line], object]] = {
        "consequence": lambda one: -_rank(one.action.risk),
        "oldest": lambda one: (one.action.created_at, one.action.id),
        "newest": lambda _: 0,
        "expires": lambda one: one.action.bound.expires_at,
    }
    found = sorted(newest, key=keys[order])  # pyright: ignore[reportArgumentType, reportCallIssue]
    return sorted(found, key=lambda one: not one.overdue)


def _rank(risk: str) -> int:
    """Return how consequential a class is; an unknown one is the most."""
    return CLASSES.index(risk) if risk in CLASSES else len(CLASSES)
