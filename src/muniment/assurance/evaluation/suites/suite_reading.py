"""Reading suites: by whoever policy lets read or run them, each reading on record before it is given.

Invariants:
- a suite that a reader may neither read nor run looks absent, in what is given and in every list;
- no text of a fact is given, for it may stand in a document that the reader may not read; of paths, those alone of
  documents that they may read now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.readable_paths import readable_of, texts_as_readable
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.evaluation.suites.check import check
from muniment.assurance.evaluation.suites.finding import Checked, Finding
from muniment.assurance.evaluation.suites.places import Place, Places
from muniment.assurance.evaluation.suites.versions import recorded
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, MunimentError, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

ACTIONS = ("read_suite", "run_suite")
"""Either opens a suite."""


@dataclass(frozen=True, slots=True)
class ListedSuite:
    """A suite as it lies there."""

    place: Place
    suite: Suite | None
    """None where it cannot be read."""
    trouble: str = ""
    """Why it cannot."""

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.suite.name if self.suite else self.place.name


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case as a reader may see it."""

    case: Case
    """Its facts and paths are for whoever may open the file."""
    facts: int
    readable: tuple[str, ...]
    """Paths of documents that answer it."""
    left_out: int
    """Paths that are absent, or not for this reader."""


@dataclass(frozen=True, slots=True)
class ReadSuite:
    """A suite with some of its cases."""

    suite: Suite
    place: Place
    recorded: bool | None
    """Whether it is as it was recorded under its version; None where nothing was."""
    tags: Mapping[str, int]
    """Cases of each tag, the largest first."""
    expected: Mapping[str, int]
    """Cases by what is right: an answer, none, a result, calls."""
    cases: tuple[ShownCase, ...]
    begin: int
    """How many cases come before these."""


class SuiteReading:
    """The readers of the suites of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        directory: Directory,
        places: Places,
        tools: Callable[[], frozenset[str]],
    ) -> None:
        """`tools` gives the names of the tools that there are."""
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._directory = directory
        self._places = places
        self._tools = tools

    def listing(self, who: Principal, by: Actor) -> tuple[ListedSuite, ...]:
        """Return the suites of the home, then those that ship; of two with a name, the one that a command takes."""
        with self._database.read() as connection:
            found = {
                one.name: one for one in reversed(list(self._all())) if self._may(connection, who, one.name)
            }
        about: dict[str, Json] = {"principal": who.ref, "suites": len(found)}
        self._audit.record([Entry("suite.listed", by, about)])
        return tuple(reversed(found.values()))

    def read(self, who: Principal, by: Actor, name: str, begin: int = 0, most: int = 50) -> ReadSuite:
        """Return a suite with the cases from `begin` on.

        Raises NotFound for no such suite, and for one that the reader may not read; BadInput for one that cannot be
        read, Unavailable when the reading cannot be recorded.
        """
        place = self._find(who, by, name)
        suite = read_suite(place.path)
        some = suite.cases[begin : begin + most]
        with self._database.read() as connection:
            visibility = visible(connection, who)
            wanted = {path for one in some for path in one.relevant}
            readable = readable_of(connection, visibility, wanted)
        about: dict[str, Json] = {"principal": who.ref, "suite": suite.name, "cases": len(some)}
        self._audit.record([Entry("suite.shown", by, about)])
        held = recorded(place).get(suite.version)
        return ReadSuite(
            suite=suite,
            place=place,
            recorded=None if held is None else held == suite.digest,
            tags=dict(Counter(tag for one in suite.cases for tag in one.tags).most_common()),
            expected=dict(Counter(map(_expected, suite.cases)).most_common()),
            cases=tuple(_shown(one, readable) for one in some),
            begin=begin,
        )

    def check(self, who: Principal, by: Actor, name: str, reason: str = "") -> Checked:
        """Look a suite through, as `check` does; what is found tells no path that the reader may not read.

        Raises NotFound as `read`, NotPermitted for who may not run it.
        """
        place = self._find(who, by, name)
        found = check(
            place,
            Commission(reason, by, who),
            database=self._database,
            policy=self._policy,
            gate=self._gate,
            audit=self._audit,
            directory=self._directory,
            tools=self._tools(),
        )
        with self._database.read() as connection:
            texts, _ = texts_as_readable(
                connection,
                visible(connection, who),
                [text for one in found.findings for text in (one.what, one.fix)],
            )
        told = iter(texts)
        shown = tuple(
            Finding(one.severity, next(told), next(told), one.case, one.line) for one in found.findings
        )
        return Checked(found.suite, found.version, found.digest, found.cases, shown)

    def _find(self, who: Principal, by: Actor, name: str) -> Place:
        found = next((one for one in self._all() if one.name == name), None)
        with self._database.read() as connection:
            allowed = self._may(connection, who, name)
        if found is None or not allowed:
            self._audit.record([Entry("suite.refused", by, {"principal": who.ref, "asked": name[:64]})])
            raise NotFound("There is no such suite for you.", fix="See the list of suites.")
        if found.suite is None:
            raise BadInput(f"The suite {name} cannot be read: {found.trouble}", fix="Mend its files.")
        return found.place

    def _all(self) -> Iterator[ListedSuite]:
        for place in self._places.all():
            try:
                yield ListedSuite(place, read_suite(place.path))
            except MunimentError as error:
                yield ListedSuite(place, None, error.public)

    def _may(self, connection: sa.Connection, who: Principal, name: str) -> bool:
        standing = self._policy.standing(connection, who)
        return any(standing.decide(action, Resource("Suite", name)).allowed for action in ACTIONS)


def _expected(case: Case) -> str:
    if case.abstain:
        return "none"
    if case.tools:
        return "calls"
    return "result" if case.schema is not None else "answer"


def _shown(case: Case, readable: frozenset[str]) -> ShownCase:
    kept = tuple(path for path in case.relevant if path in readable)
    return ShownCase(case, len(case.facts), kept, len(case.relevant) - len(kept))
