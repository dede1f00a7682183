"""A result in an asker's schema, each of its values with words that prove it.

A value counts as proved where its own words or its number stand in a quote of the passages. A value out of a closed
list, or a truth value, needs a quote that was found and is marked as inferred: what it says is the asker's own word,
not the model's. A value that is not proved fails the whole result: a form with an invented line is worse than none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from muniment.assistant.facts import day_stands, faults
from muniment.assistant.gate import Evidence, Verified, locate
from muniment.assistant.quantities import contradicted, quantities
from muniment.assistant.reply_object import reply_object
from muniment.assistant.support import THRESHOLD, support
from muniment.foundation.checked_schema import CheckedSchema
from muniment.inference.messages import Mark
from muniment.knowledge.passage import Passage

LONGEST_REPLY = 200_000
"""Characters."""
MOST_VALUES = 500
_DENIED = re.compile(r"(?:\b(?:not|no|never|without|neither|nor)|n['’]t)(?:\W+\w+){0,2}\W*$")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a result, and what proves it."""

    path: str
    """JSON pointer (RFC 6901)."""
    verified: Verified


@dataclass(frozen=True, slots=True)
class Result:
    """What a reply holds: a valid result with its proved values, or what is wrong with it."""

    value: Any = None
    fields: tuple[Field, ...] = ()
    found: bool = True
    """Whether the model says that the passages hold what was asked for."""
    whole: bool = True
    """Whether the reply is the JSON object that was asked for."""
    faults: tuple[str, ...] = ()


def wrapped(schema: CheckedSchema) -> Mapping[str, object]:
    """Return the schema of a whole reply: where each value stands, and the result itself."""
    quote: Mapping[str, object] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["passage", "quote"],
        "properties": {"passage": {"type": "integer"}, "quote": {"type": "string"}},
    }
    field: Mapping[str, object] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["path", "quotes"],
        "properties": {"path": {"type": "string"}, "quotes": {"type": "array", "items": quote}},
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["found", "evidence", "result"],
        "properties": {
            "found": {"type": "boolean"},
            "evidence": {"type": "array", "items": field},
            "result": schema.resolved,
        },
    }


def read(text: str, schema: CheckedSchema, passages: Sequence[Passage]) -> Result:
    """Return the result of a reply, checked against the schema and the passages."""
    reply = _reply(text)
    if reply is None:
        return Result(whole=False, faults=("/: the reply is not the JSON object that was asked for",))
    if reply["found"] is False:
        return Result(found=False)
    wrong = schema.faults(reply["result"])
    if wrong:
        return Result(faults=tuple(wrong))
    evidence = _evidence(reply["evidence"], passages)
    values = list(leaves(reply["result"], "", schema.resolved))
    if len(values) > MOST_VALUES:
        return Result(faults=(f"/: it has more than {MOST_VALUES} values",))
    fields: list[Field] = []
    for leaf in values:
        proved = _proved(leaf, evidence)
        if isinstance(proved, str):
            wrong.append(f"{schema.known(leaf.path)}: {proved}")
        else:
            fields.append(Field(leaf.path or "/", proved))
    return Result(reply["result"], tuple(fields), faults=tuple(wrong))


def _reply(text: str) -> dict[str, Any] | None:
    """Return the object of a reply, where it has the form that was asked for."""
    reply = reply_object(text, LONGEST_REPLY)
    if reply is None or set(reply) != {"found", "evidence", "result"}:
        return None
    if (
        not isinstance(reply["found"], bool)
        or not isinstance(reply["evidence"], list)
        or not _is_unicode(reply)
    ):
        return None
    return reply


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _evidence(given: list[Any], passages: Sequence[Passage]) -> dict[str, tuple[Evidence, ...]]:
    found: dict[str, tuple[Evidence, ...]] = {}
    for one in given[:MOST_VALUES]:
        if not isinstance(one, dict):
            continue
        entry = cast("dict[str, Any]", one)
        path, quotes = entry.get("path"), entry.get("quotes")
        if not isinstance(path, str) or not isinstance(quotes, list):
            continue
        marks = [_mark(quote) for quote in cast("list[Any]", quotes)[:8]]
        located = [at for mark in marks if mark is not None and (at := locate(mark, passages)) is not None]
        key = "/" + path.strip("/") if path.strip("/") else ""
        found[key] = tuple(dict.fromkeys((*found.get(key, ()), *located)))
    return found


def _mark(quote: object) -> Mark | None:
    if not isinstance(quote, dict):
        return None
    n, words = cast("dict[str, Any]", quote).get("passage"), cast("dict[str, Any]", quote).get("quote")
    if isinstance(n, bool) or not isinstance(n, int) or not isinstance(words, str):
        return None
    return Mark(n, words)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a result that says something."""

    path: str
    value: str | int | float | bool
    closed: bool
    """Whether the schema lists the values that it may have."""

    @property
    def text(self) -> str:
        """Return it as a claim states it."""
        said = str(self.value) if not isinstance(self.value, bool) else ("true" if self.value else "false")
        return f"{self.path or '/'}: {said}"


def leaves(value: Any, path: str, schema: Any) -> Iterator[Leaf]:
    """Yield the values that say something; nothing says nothing."""
    node = cast("Mapping[str, Any]", schema) if isinstance(schema, Mapping) else {}
    if isinstance(value, dict):
        properties = node.get("properties")
        known = cast("Mapping[str, Any]", properties) if isinstance(properties, Mapping) else {}
        for name, one in cast("dict[str, Any]", value).items():
            here = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in known:
                # The name is the model's word as well.
                yield Leaf(here, name, closed=False)
            below = known.get(name, node.get("additionalProperties"))
            yield from leaves(one, here, below)
    elif isinstance(value, list):
        for at, one in enumerate(cast("list[Any]", value)):
            yield from leaves(one, f"{path}/{at}", node.get("items"))
    elif value not in (None, ""):
        yield Leaf(path, value, "enum" in node or "const" in node or isinstance(value, bool))


def _proved(leaf: Leaf, evidence: Mapping[str, tuple[Evidence, ...]]) -> Verified | str:
    """Return the value with its evidence, or what is missing."""
    found = _of(leaf.path, evidence)
    if not found:
        return "no quote of it stands, letter for letter, in the passage of that number"
    quotes = [one.quote for one in found]
    around = list(dict.fromkeys(line for one in found for line in (one.passage.title, one.passage.heading)))
    if stands(leaf, quotes, around):
        return Verified(leaf.text, found)
    if leaf.closed:
        return Verified(leaf.text, found, inferred=True)
    return "it does not stand in its quotes"


def _of(path: str, evidence: Mapping[str, tuple[Evidence, ...]]) -> tuple[Evidence, ...]:
    """Return the evidence of a value, else that of what holds it."""
    while True:
        if evidence.get(path):
            return evidence[path]
        if not path:
            return ()
        path = path.rpartition("/")[0]


def stands(leaf: Leaf, quotes: Sequence[str], around: Sequence[str]) -> bool:
    """Return whether a value stands in its quotes, names also in the titles and headings around them."""
    quoted = " ".join(" ".join(quotes).split())
    if isinstance(leaf.value, bool):
        return False
    if not isinstance(leaf.value, str):
        return _counted(leaf, quoted)
    words = " ".join(leaf.value.split())
    if _said(words.casefold(), quoted.casefold()):
        return True
    if _ISO_DATE.fullmatch(words):
        return day_stands(words, quoted)
    return not faults(words, quotes, around) and support(words, quotes, " ".join(around)) >= THRESHOLD


def _said(words: str, quoted: str) -> bool:
    """Whether the words stand in the text as whole words, and nothing just before them takes them back."""
    for at in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", quoted):
        if not _DENIED.search(quoted[: at.start()]):
            return True
    return False


def _counted(leaf: Leaf, quoted: str) -> bool:
    """Whether the number stands in the text, and counts what the field's name says that it counts."""
    name = re.sub(r"[_/~.-]+|(?<=[a-z])(?=[A-Z])", " ", leaf.path.rpartition("/")[2])
    stated = quantities(f"{leaf.value} {name}")
    known = quantities(quoted)
    return bool(stated) and not contradicted(stated[0], known)
