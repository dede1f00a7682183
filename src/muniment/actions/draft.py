"""A manifest as far as a document can write it: the rest is a person's to say, and until then no tool exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from muniment.actions.closed_schema import Schema
from muniment.actions.manifest import Effect, Namespace, Readers, Reversible, Role, SeenBy
from muniment.actions.runners.outside_words import shown
from muniment.actions.schema_places import places
from muniment.actions.toml_text import table, value
from muniment.governance.identity.clearance import LEVELS


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of an unfinished manifest."""

    name: str
    source: str
    """What it was made of, such as `POST /refunds`."""
    text: str
    missing: tuple[str, ...]
    """Fields that a person has to write, and what else keeps it from being used."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a document says of a tool."""

    name: str
    source: str
    runs: Mapping[str, object]
    arguments: Schema
    result: Schema | None
    says: str = ""
    """Empty where its words are to be written by a person."""
    quoted: str = ""
    """Words that are shown to that person and mean nothing."""
    hints: Sequence[str] = ()
    """Lines for the table `runs`."""
    problems: Sequence[str] = ()


def draft(known: Known) -> Draft:
    """Return the draft of a tool."""
    roles = list(places(known.arguments))
    missing = ["effect", "reversible", "sensitivity", "allowed_groups"]
    missing = ["says"] * (not known.says) + missing + ["roles"] * bool(roles)
    missing += ["result"] * (known.result is None) + [shown(problem) for problem in known.problems]
    parts = [
        *_head(known),
        *_answers(known),
        f"{table('runs', known.runs)}\n{_lines([shown(hint) for hint in known.hints])}",
        *([_roles(roles)] if roles else []),
        table("arguments", known.arguments),
        "# [result]" if known.result is None else table("result", known.result),
    ]
    return Draft(known.name, known.source, "\n\n".join(part.strip() for part in parts) + "\n", tuple(missing))


def _head(known: Known) -> list[str]:
    problems = [f"Cannot be used as it is: {shown(problem)}." for problem in known.problems]
    told = [
        f"A draft from {shown(known.source)}. Whoever answers for this tool finishes it: lines that begin with # are",
        "theirs to say. It is no tool before.",
        *problems,
    ]
    return [_lines(told)]


def _answers(known: Known) -> list[str]:
    said = shown(known.says)
    first = [
        f"name = {value(known.name)}",
        f"says = {value(said)}"
        if said
        else f'# says = ""  # one sentence; its source: {shown(known.quoted)}',
        f"# effect =          # {_words(Effect)}",
        f"# reversible =      # {_words(Reversible)}",
        f"# sensitivity =     # {', '.join(LEVELS)}: of what it reads or changes",
        '# allowed_groups =  # who may use it, such as ["group:support"]',
        f"# seen_by =         # who sees what it changed, where it writes without a target: {_words(SeenBy)}",
        "# scope =           # what the credential of a call may be used for",
    ]
    later = [
        f"[recipients]  of each target of a tool that acts: {_words(Namespace)}",
        '[money]       amount and currency, or always = "EUR": where a call moves money',
        "[limits]      per_minute, per_day, most, most_per_day",
        "[undo]        tool and arguments, where reversible is by-tool",
        "[touches]     kind, reference, tool, argument, version: the record whose version has to stay the same",
        f"[labels]      of places in the result: integrity untrusted or system, readers {_words(Readers)}",
    ]
    return ["\n".join(first), _lines(later)]


def _roles(found: Sequence[str]) -> str:
    lines = [f"# {value(place)} =  # {_words(Role)}" for place in found]
    return "\n".join(["[roles]", *lines])


def _words(kind: object) -> str:
    words = [str(one) for one in get_args(kind)]
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _lines(said: Sequence[str]) -> str:
    return "\n".join(f"# {line}" for line in said)
