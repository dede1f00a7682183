"""Cases as people type them: on a command line and in the cells of a table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json

_TRUE = frozenset({"true", "yes", "1", "x"})
_FALSE = frozenset({"false", "no", "0", ""})
_BAR = re.compile(r"(?<!\\)\|")


def bars(text: str) -> list[Json]:
    """Return the parts between bars; `\\|` is a bar that parts nothing."""
    parts = (part.replace("\\|", "|").strip() for part in _BAR.split(text))
    return [part for part in parts if part]


def fact(text: str) -> Json:
    """Return a fact from its spellings between bars."""
    spellings = bars(text)
    return spellings[0] if len(spellings) == 1 else spellings


def graded(texts: Sequence[str]) -> dict[str, Json]:
    """Return documents from `PATH` or `PATH=GRADE`; raises BadInput for one named twice."""
    found: dict[str, Json] = {}
    for text in texts:
        path, equals, grade = text.rpartition("=")
        named, gain = (path, int(grade)) if equals and grade.isdecimal() else (text, 1)
        if named in found:
            raise BadInput(f"The document {named} is named twice.", fix="Name it once.")
        found[named] = gain
    return found


def call(text: str) -> Json:
    """Return a tool call from `NAME` or `NAME:JSON`; raises BadInput."""
    name, colon, arguments = text.partition(":")
    return {"tool": name.strip(), "arguments": parsed(arguments, f"the arguments of {name}") if colon else {}}


def parsed(text: str, what: str) -> Json:
    """Return the value of a JSON text; raises BadInput naming what it is."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadInput(f"{what} is not JSON ({error}).", fix="Mend it.") from error


def cell(key: str, text: str) -> Json:
    """Return the value of a case's key from a cell of a table; raises BadInput.

    A list is written with bars between its parts, or as JSON.
    """
    text = text.strip()
    if text.startswith(("[", "{")) and key in _LISTS | {"schema", "result"}:
        return parsed(text, key)
    if key == "relevant":
        return graded([str(one) for one in bars(text)])
    if key == "tools":
        return [call(str(one)) for one in bars(text)]
    if key in _LISTS:
        return bars(text)
    if key in ("schema", "result"):
        return parsed(text, key) if text else None
    if key == "abstain":
        if text.casefold() not in _TRUE | _FALSE:
            raise BadInput(f"abstain is {text!r}.", fix="Write true or false.")
        return text.casefold() in _TRUE
    if key == "weight":
        try:
            return float(text) if text else 1
        except ValueError:
            raise BadInput(f"weight is {text!r}.", fix="Write a number with a point.") from None
    return text


_LISTS = frozenset(
    {
        "relevant",
        "facts",
        "forbidden_facts",
        "earlier",
        "citations",
        "forbidden",
        "tools",
        "forbidden_tools",
        "tags",
    }
)


def as_text(fields: Mapping[str, Json]) -> str:
    """Return the line of a case's fields, without those that say nothing."""
    kept = {
        key: value
        for key, value in fields.items()
        if value is not None and (key == "result" or value not in ("", [], {}, False))
    }
    return json.dumps(kept, ensure_ascii=False)
