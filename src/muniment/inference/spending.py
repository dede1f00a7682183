"""What language models are asked for, counted by day (UTC) and by whom, and no more of it than the limits say.

Invariants:
- before a call, the most that it may use is set aside, in the transaction that records the call: however many calls
  are made at one time, together they stay within the limits;
- what was set aside counts as used until the end of the call is recorded: as its endpoint says, else as the most that
  the call can have used, and as nothing where it failed before anything came;
- nobody is told what others used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import TooMany
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.repeats import Repeats
from muniment.governance.identity.principal import Principal
from muniment.inference.tables import model_usage

EVERYBODY = ""
"""The name of the row of all together."""
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens of one call or of many, and what they cost in millionths of the prices' currency."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0

    @property
    def tokens(self) -> int:
        """Return the tokens of both directions."""
        return self.prompt_tokens + self.completion_tokens

    def less(self, other: Use) -> Use:
        """Return the difference, which may be negative."""
        return Use(
            self.prompt_tokens - other.prompt_tokens,
            self.completion_tokens - other.completion_tokens,
            self.cost - other.cost,
        )


@dataclass(frozen=True, slots=True)
class Most:
    """What may be used on one day; None where nothing limits it."""

    tokens: int | None = None
    cost: int | None = None
    """In millionths."""


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """What each user, each service, the members of groups, and all together may use on one day."""

    user: Most = Most()
    service: Most = Most()
    tenant: Most = Most()
    teams: Mapping[str, Most] = field(default_factory=dict[str, Most])
    """By the name of their group; these are counted too where nothing limits them."""


@dataclass(frozen=True, slots=True)
class Held:
    """What was set aside for one call."""

    day: str
    who: str
    use: Use
    teams: tuple[str, ...] = ()
    """Refs of the groups that it counts against too."""


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody, the members of a group, or with an empty name all together, used on a day."""

    day: str
    who: str
    calls: int
    use: Use


class Spending:
    """The account of one workspace; exact for all processes that serve it."""

    def __init__(
        self, database: Database, audit: AuditLog, repeats: Repeats, clock: Clock, limits: SpendingLimits
    ) -> None:
        self._database = database
        self._audit = audit
        self._repeats = repeats
        self._clock = clock
        self._limits = limits

    def begin(
        self,
        principal: Principal,
        by: Actor,
        most: Use,
        entry: Entry,
        groups: frozenset[str] = frozenset(),
    ) -> Held:
        """Set aside what a call may use at most and record the call; raises TooMany where a limit has no room.

        `groups` are those that the principal is in, as `group:NAME`.
        """
        now = self._clock.now().astimezone(UTC)
        teams = {f"group:{name}": limit for name, limit in sorted(self._limits.teams.items())}
        own = {ref: limit for ref, limit in teams.items() if ref in groups}
        held = Held(now.date().isoformat(), principal.ref, most, tuple(own))
        try:
            with self._database.write() as connection:
                for kind, who, limit in self._limited(principal, own):
                    _require(kind, who, limit, _used(connection, held.day, who), most, _until_midnight(now))
                    _add(connection, held.day, who, most, calls=1)
                self._audit.append(connection, [entry])
        except TooMany as error:
            self._repeats.record(Entry("limit.reached", by, {"limit": error.code.removeprefix("limit-")}))
            raise
        return held

    def end(self, held: Held, used: Use, entry: Entry) -> None:
        """Count what a call used in place of what was set aside, and record its end."""
        with self._database.write() as connection:
            for who in (held.who, *held.teams, EVERYBODY):
                _add(connection, held.day, who, used.less(held.use))
            self._audit.append(connection, [entry])

    def lines(self, days: int) -> Sequence[Line]:
        """Return what was used on the last days, today included: newest day first, all together before anybody."""
        first = (self._clock.now().astimezone(UTC).date() - timedelta(days=days - 1)).isoformat()
        query = (
            sa.select(model_usage)
            .where(model_usage.c.day >= first)
            .order_by(model_usage.c.day.desc(), model_usage.c.who)
        )
        with self._database.read() as connection:
            return [Line(row.day, row.who, row.calls, _use(row)) for row in connection.execute(query)]

    def left(self) -> Most:
        """Return what all together may still use today."""
        day = self._clock.now().astimezone(UTC).date().isoformat()
        with self._database.read() as connection:
            used = _used(connection, day, EVERYBODY)
        limit = self._limits.tenant
        return Most(
            None if limit.tokens is None else max(0, limit.tokens - used.tokens),
            None if limit.cost is None else max(0, limit.cost - used.cost),
        )

    def _limited(self, principal: Principal, teams: Mapping[str, Most]) -> list[tuple[str, str, Most]]:
        limits = self._limits
        own = limits.service if principal.kind == "service" else limits.user
        of_teams = [("team", ref, limit) for ref, limit in teams.items()]
        return [(principal.kind, principal.ref, own), *of_teams, ("tenant", EVERYBODY, limits.tenant)]


def _require(kind: str, who: str, limit: Most, used: Use, most: Use, wait: float) -> None:
    for what, of_day, before, more in (
        ("tokens", limit.tokens, used.tokens, most.tokens),
        ("cost", limit.cost, used.cost, most.cost),
    ):
        if of_day is not None and before + more > of_day:
            whose = f"{who.removeprefix('group:')} team's" if kind == "team" else "organisation's"
            said = f"The {whose} {what} of language models for today do not suffice for this question."
            if kind not in ("team", "tenant"):
                said = (
                    f"Your {what} of language models for today do not suffice: {_said(what, before)} of "
                    f"{_said(what, of_day)} are used, and this question may take {_said(what, more)}."
                )
            raise TooMany(f"{kind}-{what}", said, wait)


def _said(what: str, number: int) -> str:
    return f"{number:,}" if what == "tokens" else f"{number / MILLION:,.4f}"


def _until_midnight(now: datetime) -> float:
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    return (tomorrow - now).total_seconds()


def _row(day: str, who: str) -> sa.ColumnElement[bool]:
    return sa.and_(model_usage.c.day == day, model_usage.c.who == who)


def _use(row: sa.Row[tuple[object, ...]]) -> Use:
    return Use(row.prompt_tokens, row.completion_tokens, row.cost)


def _used(connection: sa.Connection, day: str, who: str) -> Use:
    row = connection.execute(sa.select(model_usage).where(_row(day, who))).first()
    return Use() if row is None else _use(row)


def _add(connection: sa.Connection, day: str, who: str, more: Use, calls: int = 0) -> None:
    counted = {
        "calls": calls,
        "prompt_tokens": more.prompt_tokens,
        "completion_tokens": more.completion_tokens,
        "cost": more.cost,
    }
    grown = {name: model_usage.c[name] + value for name, value in counted.items()}
    done = connection.execute(sa.update(model_usage).where(_row(day, who)).values(grown))
    if not done.rowcount:
        connection.execute(sa.insert(model_usage).values(day=day, who=who, **counted))


def priced(prompt_tokens: int, completion_tokens: int, prompt_price: float, completion_price: float) -> Use:
    """Return the use of so many tokens at prices of a million; a fraction of a millionth counts as a whole one."""
    cost = math.ceil(prompt_tokens * prompt_price + completion_tokens * completion_price)
    return Use(prompt_tokens, completion_tokens, cost)
