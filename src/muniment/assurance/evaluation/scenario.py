"""Scenarios of security suites: what people and machines do, step by step, and what must never come of it.

`scenarios.jsonl` holds one scenario per line; each becomes a case of the suite. A step says what is done, who does it
and what code then checks. Whatever a step states wrongly is refused with its line.

A case's digest covers its scenario: each of its steps stands in the case's forbidden documents, facts and tools by a
mark that holds the digest of the scenario. A step at which something went wrong "shows" its mark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from muniment.assurance.evaluation.case import Case
from muniment.foundation import canonical
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json

SCENARIOS = "scenarios.jsonl"
Topic = Literal[
    "roles",
    "revoked-access",
    "malicious-documents",
    "direct-injection",
    "indirect-injection",
    "malformed-arguments",
    "sensitive-data",
    "approval-bypass",
    "cross-tenant",
    "history-after-revocation",
]
TOPICS: tuple[Topic, ...] = get_args(Topic)
Tenant = Literal["here", "there"]
"""The workspace of the suite's documents, and a second one that shares nothing with it but the process."""
ANYBODY = ("as", "tenant", "expect", "note")
DOES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ask": (("question",), ("filters", "schema", "talk", "keep", "minds", "judged", "meanwhile")),
    "search": (("query",), ("filters", "k")),
    "open": (("document",), ("version", "id_from")),
    "explain": (("answer",), ()),
    "read": (("talk",), ("export",)),
    "list": ((), ()),
    "find": (("words",), ()),
    "share": (("talk", "with"), ()),
    "sign-in": ((), ("token_of",)),
    "access": (("target", "allow"), ("deny", "sensitivity")),
    "leave": (("group", "user"), ()),
    "deactivate": (("user",), ()),
    "role": (("role", "member"), ("taken",)),
    "tool": (("tool", "arguments"), ("keep",)),
    "propose": (("tool", "arguments"), ("after", "keep")),
    "task": (("task",), ("minds", "moves", "keep")),
    "approve": (("action",), ("digest_of", "ticket_of", "minutes_ago", "unseen")),
    "carry-out": (("action",), ()),
    "show": (("action",), ()),
}
"""What a step can do: what it must state, and what it may."""
_OPERATORS = frozenset({"access", "leave", "deactivate", "role", "carry-out"})
"""What is done by whoever runs the workspace, in nobody's name; also `meanwhile`: once a model has been sent
something and before it replies."""
_EXPECTED = {
    "shows": list,
    "hides": list,
    "never": list,
    "unsaid": list,
    "redacts": dict,
    "labelled": dict,
    "status": list,
    "error": list,
    "as_absent": bool,
    "outcome": list,
    "effects": list,
    "count": int,
}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "filters": dict,
    "schema": dict,
    "arguments": object,
    "minds": list,
    "moves": list,
    "after": list,
    "allow": list,
    "deny": list,
    "k": int,
    "version": int,
    "export": bool,
    "taken": bool,
    "minutes_ago": int,
    "unseen": bool,
    "judged": bool,
    "meanwhile": dict,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be so after a step. What is not stated is not asked for, but effects: none may be had."""

    shows: tuple[str, ...] = ()
    """Paths of documents that must show: else the scenario proves nothing."""
    hides: tuple[str, ...] = ()
    """Paths of documents of which nothing may show, nor be sent to a model: no id, title, path or canary word.

    `there:PATH` is the other tenant's.
    """
    never: tuple[str, ...] = ()
    """Words that may neither show nor be sent to a language model."""
    unsaid: tuple[str, ...] = ()
    """Words that may not show."""
    redacts: Mapping[str, tuple[str, ...]] | None = None
    """Sensitive values by class: where settings keep the class from a model or a reader, they never get there."""
    labelled: Mapping[str, str] | None = None
    """Sensitivity of documents by path: nothing of one is sent to an endpoint that may not be sent it."""
    status: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    """Codes of errors, one of which there must be."""
    as_absent: bool = False
    """The error must be the one, byte for byte, of what was never there."""
    outcome: tuple[str, ...] = ()
    """States of the action, one of which it must have."""
    effects: tuple[str, ...] = ()
    """Tools that may have had an effect."""
    count: int | None = None
    """How many there must be: passages, or lines of a list."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done."""

    do: str
    who: str
    """A user, or `service:NAME`; empty for whoever runs the workspace."""
    tenant: Tenant
    given: Mapping[str, Any]
    """What else it states."""
    expected: Expected


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps that belong together; no scenario relies on another."""

    id: str
    topic: Topic
    title: str
    asker: str
    steps: tuple[Step, ...]
    digest: str
    """Of all that it states."""

    def mark(self, number: int) -> str:
        """Return what stands for a step, from 1, in the case and in what is seen of it."""
        return f"step {number} of {self.id}@{self.digest.removeprefix('sha256:')[:16]}"

    @property
    def case(self) -> Case:
        """Return it as a case of its suite."""
        marks = tuple(self.mark(number) for number in range(1, len(self.steps) + 1))
        return Case(
            id=self.id,
            asker=self.asker,
            question=self.title,
            forbidden=marks,
            forbidden_facts=tuple((mark,) for mark in marks),
            forbidden_tools=marks,
            tags=(self.topic,),
        )


def read_scenarios(path: Path) -> tuple[Scenario, ...]:
    """Return the scenarios of a file, one on each line; raises BadInput naming the file, the line and the fix."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}).", fix=f"Give a folder with {SCENARIOS}.") from error
    found = [_scenario(line, f"{path}:{at}") for at, line in enumerate(lines, 1) if line.strip()]
    seen: set[str] = set()
    for one in found:
        if one.id in seen:
            raise BadInput(f"{path} holds the scenario {one.id} twice.", fix="Give each its own id.")
        seen.add(one.id)
    if not found:
        raise BadInput(f"{path} holds no scenario.", fix="Write one JSON object per line.")
    return tuple(found)


def _scenario(line: str, where: str) -> Scenario:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON ({error}).", fix="Mend that line.") from error
    if not isinstance(item, dict):
        raise BadInput(f"{where} is not a JSON object.", fix="Mend that line.")
    stated = cast("dict[str, Any]", item)
    _known(stated, ("id", "topic", "title", "asker", "steps", "note"), where)
    topic: Topic | None = next((one for one in TOPICS if one == stated.get("topic")), None)
    if topic is None:
        raise BadInput(f"{where}: topic is none.", fix=f"Known are {', '.join(TOPICS)}.")
    asker = _text(stated, "asker", where)
    steps: object = stated.get("steps")
    if not isinstance(steps, list) or not steps:
        raise BadInput(f"{where}: no steps.", fix="Write a list of objects, each with `do`.")
    read = tuple(
        _step(one, asker, f"{where}: step {at}") for at, one in enumerate(cast("list[object]", steps), 1)
    )
    _kept(read, where)
    return Scenario(
        id=_text(stated, "id", where),
        topic=topic,
        title=_text(stated, "title", where),
        asker=asker,
        steps=read,
        digest=canonical.digest(cast("Json", {k: v for k, v in stated.items() if k != "note"})),
    )


def _step(item: object, asker: str, where: str) -> Step:
    if not isinstance(item, dict):
        raise BadInput(f"{where} is not a JSON object.", fix="Mend that step.")
    stated = cast("dict[str, Any]", item)
    do = _text(stated, "do", where)
    if do not in DOES:
        raise BadInput(f"{where}: do is {do!r}.", fix=f"Known are {', '.join(DOES)}.")
    needed, may = DOES[do]
    _known(stated, ("do", *needed, *may, *ANYBODY), where)
    for name in needed:
        if name not in stated:
            raise BadInput(f"{where}: {do} without {name}.", fix="State it.")
    given = {name: value for name, value in stated.items() if name not in ("do", *ANYBODY)}
    for name, value in given.items():
        kind = _TYPES.get(name, str)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadInput(f"{where}: {name} has another type.", fix="Mend that value.")
    if "meanwhile" in given:
        given["meanwhile"] = _step(given["meanwhile"], asker, f"{where}: meanwhile")
        if given["meanwhile"].do not in _OPERATORS:
            raise BadInput(f"{where}: meanwhile is done by nobody.", fix="Use a step of whoever runs it.")
    tenant = stated.get("tenant", "here")
    if tenant not in get_args(Tenant) or given.get("id_from", "here") not in get_args(Tenant):
        raise BadInput(f"{where}: tenant is neither here nor there.", fix="Mend that value.")
    who = "" if do in _OPERATORS else _text({"as": asker, **stated}, "as", where)
    return Step(do, who, tenant, given, _expected(stated.get("expect", {}), where))


def _expected(item: object, where: str) -> Expected:
    if not isinstance(item, dict):
        raise BadInput(f"{where}: expect is not a JSON object.", fix="Mend that step.")
    stated = cast("dict[str, Any]", item)
    _known(stated, tuple(_EXPECTED), f"{where}: expect")
    read: dict[str, Any] = {}
    for name, value in stated.items():
        if not isinstance(value, _EXPECTED[name]) or (name == "count" and isinstance(value, bool)):
            raise BadInput(f"{where}: expect.{name} has another type.", fix="Mend that value.")
        read[name] = _texts(value, f"{where}: expect.{name}") if isinstance(value, list) else value
    if "redacts" in read:
        read["redacts"] = {
            kind: _texts(values, f"{where}: redacts") for kind, values in read["redacts"].items()
        }
    if read.get("as_absent") and not read.get("error"):
        raise BadInput(f"{where}: as_absent without error.", fix="Name the code of the error.")
    return Expected(**read)


def _kept(steps: tuple[Step, ...], where: str) -> None:
    """Refuse a name that no step before has kept."""
    known: set[str] = set()
    for at, step in enumerate(steps, 1):
        given = step.given
        named = [
            given[key] for key in ("answer", "action", "digest_of", "ticket_of", "token_of") if key in given
        ]
        if step.do in ("read", "share"):
            named.append(given["talk"])
        named += given.get("after", [])
        for name in named:
            if name not in known:
                raise BadInput(
                    f"{where}: step {at} names {name!r}, which nothing kept.", fix="Keep it before."
                )
        known |= {given[key] for key in ("keep", "talk") if key in given}
        known |= {f"token:{step.who}"} if step.do == "sign-in" else set()


def _texts(value: object, where: str) -> tuple[str, ...]:
    found = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(one, str) and one for one in found):
        raise BadInput(f"{where} is not a list of texts.", fix="Mend that value.")
    return tuple(cast("list[str]", found))


def _text(stated: Mapping[str, Any], key: str, where: str) -> str:
    value = stated.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where}: {key} is missing or not a text.", fix="Give it one.")
    return value


def _known(stated: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(stated) - {*keys})
    if unknown:
        raise BadInput(f"{where}: unknown key {unknown[0]}.", fix=f"Known are {', '.join(keys)}.")
