"""Sources as they are shown: how each was read, how much it holds, and who could read at a place of it.

Invariants:
- whole counts are for whoever watches over the installation; anybody else is told of what they may read;
- what would rule at a place is the same whether or not a document is there;
- people are named to whoever may read the directory or set lists of the source, and counted for others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.everybody import Everybody
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import DIRECTORY, SETTINGS, Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.rules import Standing
from muniment.knowledge import library, source_condition
from muniment.knowledge.access import NOBODY, AccessList, nearest
from muniment.knowledge.access_explorer import SHOWN, Explained, explained
from muniment.knowledge.eyes import Eyes
from muniment.knowledge.judgement import judged
from muniment.knowledge.library import SourceRow
from muniment.knowledge.source_condition import Counts, Failure, Reading
from muniment.knowledge.sources.folder import Folder
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing.freshness import Freshness, every_freshness
from muniment.knowledge.syncing.troubles import Trouble, troubles
from muniment.knowledge.tables import document

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

FAILURES = 50
"""Failures of one page."""
_FAILED = "failed"
RULES = 50
"""Rules set by hand that are listed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A source of the list."""

    source: SourceRow
    reading: Reading | None
    frozen: bool
    whole: bool
    """Whether `source.documents` counts all of them; otherwise those that whoever looks may read."""
    freshness: Freshness | None = None
    """None for one that is read by hand. It holds no words of the source; counts are for whoever is told them."""


@dataclass(frozen=True, slots=True)
class HandRule:
    """A list set by hand."""

    path: str | None
    """None where whoever looks may read nothing there."""
    access: AccessList
    documents: int | None
    """Which are ruled or lie below it; None for whoever is told of what they may read alone."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One source."""

    listed: Listed
    counts: Counts
    withheld: int | None
    """Documents that nobody may read; None for whoever is told of what they may read alone."""
    failures: tuple[Failure, ...]
    more: bool
    told: bool
    """Whether whoever looks is told what was not taken in."""
    rules: tuple[HandRule, ...]
    unlisted: int
    """Rules set by hand beyond RULES."""
    sets_access: bool
    """Whether whoever looks may set lists by hand."""
    ingests: bool
    troubles: tuple[Trouble, ...] = ()
    """What of a connected source could not be read, for whoever is told it."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What would rule at a place, and whom it would let read."""

    source: str
    path: str
    access: AccessList
    rule: str
    """`frozen`, `hand`, `manifest`, `none`, `broken` or `unreachable`."""
    place: str
    """The folder or file where that is stated; "" is the source's root."""
    problem: str
    users: int
    services: int
    readers: tuple[Explained, ...] | None
    """Up to SHOWN of them; None for whoever may not read the directory."""
    kept_out: tuple[Explained, ...]


class SourcePages:
    """The sources of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        clock: Clock,
        max_file_bytes: int,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock
        self._max_file_bytes = max_file_bytes

    def listing(self, who: Principal) -> list[Listed]:
        """Return the sources that policy lets somebody look at, ordered by name."""
        with self._database.read() as connection:
            standing = self._policy.standing(connection, who)
            whole = standing.decide("read_settings", SETTINGS).allowed
            readings = source_condition.last_readings(connection, self._audit)
            rows = [row for row in library.sources(connection) if _may(standing, "read_source", row.name)]
            cold = {row.name for row in rows if source_condition.frozen(connection, row.name)}
            fresh = every_freshness(connection, self._clock.now())
            found = [
                Listed(
                    row, readings.get(row.name), row.name in cold, whole, _told(fresh.get(row.name), whole)
                )
                for row in rows
            ]
            return found if whole else self._counted_for(connection, who, found)

    def show(self, name: str, after: int, who: Principal, by: Actor) -> Shown:
        """Return one source, with failures behind a place of the log; raises NotFound, also where policy refuses."""
        with self._database.read() as connection:
            standing = self._policy.standing(connection, who)
            row = source_condition.find(connection, name) if storable(name) else None
            if row is None or not _may(standing, "read_source", name):
                raise NotFound("No source of this name.")
            whole = standing.decide("read_settings", SETTINGS).allowed
            ingests = _may(standing, "ingest", name)
            reading = source_condition.last_readings(connection, self._audit).get(name)
            failed: list[Failure] = []
            if reading is not None and (whole or ingests):
                failed = source_condition.failures(
                    connection, self._audit, name, reading, after, FAILURES + 1
                )
            cold = source_condition.frozen(connection, name)
            counts = source_condition.counts(connection, name) if whole else None
            withheld = source_condition.withheld(connection, name) if whole else None
            stated = library.overrides(connection, name)
            below = {path: _classes_below(connection, name, path) for path in sorted(stated)[:RULES]}
            every = source_condition.classes_of(connection, name)
            fresh = every_freshness(connection, self._clock.now()).get(name)
            found = troubles(connection, name) if fresh is not None and (whole or ingests) else []
        self._audit.record([Entry("source.read", by, {"source": name})])
        with self._database.read() as connection:
            eyes = Eyes(connection, self._policy, who)
            mine = eyes.of(every)
            if counts is None:
                counts = source_condition.counts(connection, name, mine)
                row = _with(row, counts.documents)
            rules = tuple(
                HandRule(
                    path if mine & held.keys() or not path else None,
                    stated[path],
                    sum(held.values()) if whole else None,
                )
                for path, held in below.items()
            )
        return Shown(
            listed=Listed(row, reading, cold, whole, _told(fresh, whole or ingests)),
            counts=counts,
            withheld=withheld,
            failures=tuple(failed[:FAILURES]),
            more=len(failed) > FAILURES,
            told=whole or ingests,
            rules=rules,
            unlisted=max(0, len(stated) - RULES),
            sets_access=fresh is None and _may(standing, "set_access", name),
            ingests=ingests,
            troubles=tuple(found),
        )

    def ruling(self, name: str, place: str, who: Principal, by: Actor) -> Ruling:
        """Return who could read a file or folder of a source by what is stated now, whether or not it is there.

        Raises NotFound for no such source, and where policy refuses; BadInput for what is no place in it, and for a
        connected source, whose lists are known of what it has alone.
        """
        path = _tidy(place)
        with self._database.read() as connection:
            standing = self._policy.standing(connection, who)
            row = source_condition.find(connection, name) if storable(name) else None
            if row is None or not _may(standing, "read_source", name):
                raise NotFound("No source of this name.")
            if connections.connected(connection, name) is not None:
                raise BadInput(
                    f"Who may read {name} is decided where its documents come from.",
                    fix="Ask there, or about one document by its id on the page of access.",
                )
            stated = library.overrides(connection, name)
            cold = source_condition.frozen(connection, name)
            by_hand = nearest(path, stated)
            access, rule, at, problem = NOBODY, "frozen", "", ""
            if not cold and by_hand is not None:
                access, rule = by_hand, "hand"
                at = nearest(path, {one: one for one in stated}) or ""
            elif not cold:
                access, rule, at, problem = self._manifest(row.location, path)
            everybody = Everybody(connection)
            said = [(account, judged(access, account)) for account in everybody.accounts.values()]
            named = standing.decide("read_directory", DIRECTORY).allowed or _may(standing, "set_access", name)
            reads = [(account, one) for account, one in said if one.reads]
            out = [(a, s) for a, s in said if a.state == "active" and s.allowed and not s.reads]
            about = {"source": name, "place": self._audit.commitment(path)}
        self._audit.record([Entry("access.tried", by, about)])
        return Ruling(
            source=name,
            path=path,
            access=access,
            rule=rule,
            place=at,
            problem=problem,
            users=sum(account.principal.kind == "user" for account, _ in reads),
            services=sum(account.principal.kind == "service" for account, _ in reads),
            readers=tuple(explained(everybody, *one) for one in reads[:SHOWN]) if named else None,
            kept_out=tuple(explained(everybody, *one) for one in out[:SHOWN]) if named else (),
        )

    def _manifest(self, location: str, path: str) -> tuple[AccessList, str, str, str]:
        try:
            stated = Folder(Path(location), self._max_file_bytes).stated(path)
        except (BadInput, OSError, ValueError):
            return NOBODY, "unreachable", "", ""
        if stated.folder is None:
            return NOBODY, "none", "", ""
        return stated.access, "broken" if stated.problem else "manifest", stated.folder, stated.problem

    def _counted_for(self, connection: sa.Connection, who: Principal, found: list[Listed]) -> list[Listed]:
        classes = {one.source.name: _classes_below(connection, one.source.name, "") for one in found}
        mine = Eyes(connection, self._policy, who).of({n for held in classes.values() for n in held})
        return [
            Listed(
                _with(
                    one.source,
                    sum(count for number, count in classes[one.source.name].items() if number in mine),
                ),
                one.reading,
                one.frozen,
                False,
                one.freshness,
            )
            for one in found
        ]


def _may(standing: Standing, action: str, source: str) -> bool:
    return standing.decide(action, Resource("Source", source)).allowed


def _told(fresh: Freshness | None, told: bool) -> Freshness | None:
    """Return what may be said: no words of the source, which may hold names; counts where they are told."""
    if fresh is None:
        return None
    access, content = (
        replace(one, problem=_FAILED if one.problem and told else "") for one in (fresh.access, fresh.content)
    )
    return replace(fresh, why="", access=access, content=content, items=fresh.items if told else {})


def _with(row: SourceRow, documents: int) -> SourceRow:
    return SourceRow(row.name, row.kind, row.location, row.synced_at, documents)


def _classes_below(connection: sa.Connection, name: str, path: str) -> dict[int, int]:
    """Return how many documents at a place and below it are in each access class."""
    query = (
        sa.select(document.c.access_class, sa.func.count())
        .where(library.live_below(not path))
        .group_by(document.c.access_class)
    )
    return {number: int(count) for number, count in connection.execute(query, library.below(name, path))}


def _tidy(place: str) -> str:
    """Return a place as paths are stored; raises BadInput for one that leads out of the source."""
    parts: Collection[str] = place.strip().strip("/").split("/")
    if len(place) > 1000 or not storable(place) or any(one in (".", "..") for one in parts):
        raise BadInput(
            "This is no place in the source.", fix="Write it as in the source, such as pay/2027.xlsx."
        )
    return "/".join(one for one in parts if one)
