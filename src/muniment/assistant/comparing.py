"""Two answers of one person side by side: which component of how they came about is another one.

Invariants:
- an absent answer and another's are the same error, whichever of the two it is;
- a document that the reader may not read now is counted as not compared, and nothing else is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.differences import Difference, compared, passages
from muniment.assistant.lineage import Explanation, answer, as_readable, not_found, owned_by, readable_by
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.knowledge import library
from muniment.knowledge.library import VersionMade
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

_NOT_THERE = "not there"
_LOOKED_AT = 200
"""Newest answers of somebody among which those to a like question are looked for."""
_ALIKE = 0.4
"""Share of the words of two questions that both have, for them to be alike."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What took part in two answers and differs."""

    a: str
    b: str
    differences: tuple[Difference, ...]
    """Most specific first."""
    not_recorded: tuple[str, ...]
    """What an earlier version did not record of one of them."""
    withheld: int
    """Passages of either that their reader may not read now, or that are gone; they are not compared."""

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "a": self.a,
            "b": self.b,
            "differences": [one.as_json() for one in self.differences],
            "not_recorded": list(self.not_recorded),
            "withheld": self.withheld,
        }

    def text(self) -> str:
        """Return it as lines for a person."""
        lines = [one.text for one in self.differences] or ["Nothing that took part differs."]
        return "\n".join([*lines, *self.remarks])

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what could not be compared, in sentences."""
        missing = ", ".join(self.not_recorded)
        said = (f"Not recorded by one of them: {missing}.",) if missing else ()
        return (*said, not_compared(self.withheld)) if self.withheld else said


@dataclass(frozen=True, slots=True)
class Similar:
    """Another answer of the same person's to a question like this one."""

    id: str
    at: str
    question: str
    same: bool
    """Whether it is the same question, word for word."""


def not_compared(withheld: int) -> str:
    """Return what is said of passages that may not be read now."""
    many = "passage is" if withheld == 1 else "passages are"
    return f"{withheld} {many} withheld or no longer there, and not compared."


class Comparing:
    """Compares the stored answers of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy

    def similar(self, principal: Principal, answer_id: str, by: Actor, most: int = 8) -> tuple[Similar, ...]:
        """Return other answers of `principal` to the same or a like question, the likest and newest first.

        Raises as `compare` does.
        """
        with self._database.read() as connection:
            decision, owned = owned_by(connection, self._policy, principal, answer_id)
            found = _similar(connection, principal, answer_id)[:most] if owned else ()
        about: dict[str, Json] = {"answer": answer_id[:64], "principal": principal.ref, "similar": len(found)}
        effect = {"effect": "allow" if owned else "deny"}
        self._audit.record([Entry("lineage.read", by, {**about, **decision.stated(), **effect})])
        if not owned:
            raise not_found()
        return tuple(found)

    def compare(self, principal: Principal, a: str, b: str, by: Actor) -> Comparison:
        """Return what differs between two answers of `principal`, as far as that may be read now.

        Raises NotFound for an absent answer and for another's, Denied for an inactive principal, Unavailable when
        the reading cannot be recorded.
        """
        entries: list[Entry] = []
        with self._database.read() as connection:
            readable = readable_by(connection, visible(connection, principal))
            mine = True
            for one, other in ((a, b), (b, a)):
                decision, owned = owned_by(connection, self._policy, principal, one)
                about: dict[str, Json] = {
                    "answer": one[:64],
                    "principal": principal.ref,
                    "beside": other[:64],
                }
                effect = {"effect": "allow" if owned else "deny"}
                entries.append(Entry("lineage.read", by, {**about, **decision.stated(), **effect}))
                mine = mine and owned
            found = as_readable(connection, [a, b], readable) if mine else {}
            made = _comparison(connection, found[a], found[b], readable) if mine else None
        self._audit.record(entries)
        if made is None:
            raise not_found()
        return made


def _comparison(
    connection: sa.Connection, a: Explanation, b: Explanation, readable: Callable[[str], bool]
) -> Comparison:
    found = compared(a.lineage, b.lineage)
    asked = [] if a.question == b.question else [Difference("question", "", a.question, b.question)]
    withheld = sum(len(_listed(one)) - len(passages(one.lineage)) for one in (a, b))
    differences = (*_documents(connection, a, b), *asked, *found.differences)
    return Comparison(a.id, b.id, differences, tuple(found.not_recorded), withheld)


def _similar(connection: sa.Connection, principal: Principal, answer_id: str) -> list[Similar]:
    columns = (answer.c.id, answer.c.at, answer.c.question)
    mine = sa.select(*columns).where(answer.c.principal == principal.ref)
    asked = connection.execute(mine.where(answer.c.id == answer_id)).one().question
    words = _words(asked)
    likest: list[tuple[float, Similar]] = []
    for row in connection.execute(mine.order_by(answer.c.at.desc(), answer.c.id).limit(_LOOKED_AT)):
        theirs = _words(row.question)
        alike = len(words & theirs) / (len(words | theirs) or 1)
        if row.id != answer_id and alike >= _ALIKE:
            likest.append((alike, Similar(row.id, row.at, row.question, row.question == asked)))
    # Sorting keeps the newest first among those that are equally like it.
    return [one for _, one in sorted(likest, key=lambda pair: -pair[0])]


def _words(question: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", question.casefold()))


def _listed(one: Explanation) -> list[Json]:
    listed = one.lineage.get("passages")
    return list(listed) if isinstance(listed, list) else []


def _documents(connection: sa.Connection, a: Explanation, b: Explanation) -> list[Difference]:
    """Name the readable documents of either that were another at the time of the other."""
    before, after = _versions(a), _versions(b)
    names = before.keys() | after.keys()
    before = {**library.versions_at(connection, names - before.keys(), _moment(a)), **before}
    after = {**library.versions_at(connection, names - after.keys(), _moment(b)), **after}
    made = library.versions_made(connection, {*before.items(), *after.items()})
    rows = library.get_documents(connection, sorted(names))
    found: list[Difference] = []
    for name in names:
        one, other = before.get(name, 0), after.get(name, 0)
        if name in rows and _content(made, name, one) != _content(made, name, other):
            place = f"{rows[name].source}/{rows[name].path}"
            found.append(Difference("document", place, _spelled(one), _spelled(other)))
    return sorted(found, key=lambda one: one.name)


def _versions(one: Explanation) -> dict[str, int]:
    return {str(each["document"]): int(str(each["version"])) for each in passages(one.lineage)}


def _moment(one: Explanation) -> str:
    return str(one.lineage.get("searched_at") or one.at)


def _content(made: Mapping[tuple[str, int], VersionMade], name: str, version: int) -> str | None:
    found = made.get((name, version))
    return None if found is None else found.digest


def _spelled(version: int) -> str:
    return f"version {version}" if version else _NOT_THERE
