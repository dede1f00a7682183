"""Reading stored runs: by whoever policy lets read or run their suite, each reading on record before it is given.

Invariants:
- a run of a suite that a reader may neither read nor run looks absent, in what is given and in every list;
- a reader is told no path of a document that they may not read at this moment, however the case's asker fared;
- who opened the keys is not asked, as the log says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assurance.evaluation.headlines import Headlines, headlines
from muniment.assurance.evaluation.readable_paths import as_readable
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.run_store import WORKSPACE, RunStore
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Decision, Resource
from muniment.governance.policy.gate import Gate
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

ACTION = "run_suite"
ACTIONS = ("read_suite", ACTION)
"""Either opens the runs of a suite."""
_NO_SUITE = Resource("Suite", "")


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run without its results."""

    run: Run
    held: int
    """How many results it has."""


@dataclass(frozen=True, slots=True)
class ListedRuns:
    """Some runs, newest first."""

    runs: tuple[ListedRun, ...]
    after: str
    """The run to list the next ones after; empty where there are none."""


@dataclass(frozen=True, slots=True)
class ReadRun:
    """A run as its reader may see it."""

    run: Run
    left_out: int
    """How many paths of documents were left out of its results; each result's detail says how many of its own."""


class RunReading:
    """The readers of the runs of one workspace."""

    def __init__(
        self, database: Database, audit: AuditLog, policy: Policy, gate: Gate, store: RunStore
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._store = store

    def listing(
        self, who: Principal | None, by: Actor, limit: int = 100, after: str = "", suite: str = ""
    ) -> ListedRuns:
        """Return the newest runs, of one suite where it is named, or those that come after one of them.

        None is whoever can open the keys. Raises NotPermitted for who may read no suite, NotFound where `after` is no
        run for them.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            allowed = self._allowed(connection, who)
            decided = _one(allowed) or self._decided(connection, who)
        named = None if allowed is None else list(allowed)
        if suite:
            named = [suite] if named is None or suite in named else []
        try:
            found = self._store.listing(limit + 1, named, after)
        except BadInput as error:
            raise _absent(after) from error
        runs = tuple(ListedRun(run, held) for run, held in found[:limit])
        about: dict[str, Json] = {**_reader(who), **decided, "runs": len(runs)}
        self._audit.record([Entry("evaluation.listed", by, about)])
        return ListedRuns(runs, runs[-1].run.id if len(found) > limit else "")

    def read(self, who: Principal | None, by: Actor, given: str) -> ReadRun:
        """Return the run of an id or its first characters, or the newest whole one of a suite.

        None is whoever can open the keys, who sees every path. Raises NotFound for a run that there is not, and for
        one of a suite that the reader may not run; Unavailable when the reading cannot be recorded.
        """
        with self._database.read() as connection:
            allowed = self._allowed(connection, who)
            version = self._policy.version(connection)
        try:
            run = self._store.find(given, allowed)
        except BadInput as error:
            if who is not None:
                refused: dict[str, Json] = {**_reader(who), "asked": given[:64], "policy": version}
                self._audit.record([Entry("evaluation.refused", by, refused)])
            raise _absent(given) from error
        decided = {"policy": version} if allowed is None else allowed[run.suite].stated()
        seen = ReadRun(run, 0)
        if who is not None:
            with self._database.read() as connection:
                results, left_out = as_readable(connection, visible(connection, who), run.results)
            seen = ReadRun(replace(run, results=results), left_out)
        about: dict[str, Json] = {
            **_reader(who),
            **decided,
            "run": run.id,
            "suite": run.suite,
            "cases": len(run.results),
            "left_out": seen.left_out,
        }
        self._audit.record([Entry("evaluation.shown", by, about)])
        return seen

    def newest(
        self, who: Principal | None, by: Actor, suite: str = "", most: int = 1
    ) -> tuple[Headlines, ...]:
        """Return the newest whole runs of the workspace itself, `most` of each suite, with their main scores alone.

        By suite, the newest first. Raises NotPermitted for who may read no suite.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            allowed = self._allowed(connection, who)
            decided = _one(allowed) or self._decided(connection, who)
            names = self._store.suites(connection) if allowed is None else list(allowed)
            found = [
                headlines(run)
                for name in names
                if suite in ("", name)
                for run in self._store.whole(connection, name, WORKSPACE, most)
            ]
        about: dict[str, Json] = {**_reader(who), **decided, "runs": len(found)}
        self._audit.record([Entry("evaluation.listed", by, about)])
        return tuple(found)

    def by_subject(
        self, who: Principal | None, by: Actor, subjects: Collection[str]
    ) -> Mapping[str, Mapping[str, Run]]:
        """Return by suite, of each of these subjects, its newest whole run with scores and no more.

        Raises NotPermitted for who may read no suite.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            allowed = self._allowed(connection, who)
            decided = _one(allowed) or self._decided(connection, who)
            names = self._store.suites(connection) if allowed is None else list(allowed)
            found = {
                name: {
                    subject: run
                    for subject in subjects
                    for run in self._store.whole(connection, name, subject, 1)
                }
                for name in names
            }
        about: dict[str, Json] = {**_reader(who), **decided, "runs": sum(map(len, found.values()))}
        self._audit.record([Entry("evaluation.listed", by, about)])
        return {name: runs for name, runs in found.items() if runs}

    def _allowed(self, connection: sa.Connection, who: Principal | None) -> Mapping[str, Decision] | None:
        """Return the suites with runs that a reader may see; None: all, and nobody is asked."""
        if who is None:
            return None
        standing = self._policy.standing(connection, who)
        found: dict[str, Decision] = {}
        for name in self._store.suites(connection):
            for action in ACTIONS:
                decided = standing.decide(action, Resource("Suite", name))
                if decided.allowed:
                    found[name] = decided
                    break
        return found

    def _decided(self, connection: sa.Connection, who: Principal | None) -> dict[str, str]:
        """Return the decision where no suite has runs; raises NotPermitted."""
        if who is not None:
            standing = self._policy.standing(connection, who)
            decided = standing.decide(ACTIONS[0], _NO_SUITE)
            if decided.allowed:
                return decided.stated()
        return self._gate.check(connection, who, ACTION, _NO_SUITE)


def _one(allowed: Mapping[str, Decision] | None) -> dict[str, str]:
    """Return one of the decisions for the log."""
    return next((decided.stated() for decided in (allowed or {}).values()), {})


def _reader(who: Principal | None) -> dict[str, Json]:
    return {} if who is None else {"principal": who.ref}


def _absent(given: str) -> NotFound:
    return NotFound(
        f"There is no one run {given!r} for you, and no whole one of a suite of that name.",
        fix="See `muniment eval runs`.",
    )
