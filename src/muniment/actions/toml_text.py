"""Writes nested tables as TOML that reads back as the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

_LONGEST_LINE = 90
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def table(name: str, fields: Mapping[str, object]) -> str:
    """Return a table with all that is nested in it; raises TypeError for what TOML cannot say, such as null."""
    return "\n".join(_lines(_key(name), fields))


def value(given: object) -> str:
    """Return a value in one line."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return _text(given)
    if isinstance(given, int):
        return str(given)
    if isinstance(given, float):
        return repr(given)
    if isinstance(given, Mapping):
        fields = cast("Mapping[str, object]", given)
        inside = ", ".join(f"{_key(name)} = {value(one)}" for name, one in fields.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(given, Sequence):
        return f"[{', '.join(value(one) for one in cast('Sequence[object]', given))}]"
    raise TypeError(f"TOML has no {type(given).__name__}")


def _lines(name: str, fields: Mapping[str, object]) -> Iterator[str]:
    below: dict[str, Mapping[str, object]] = {}
    plain: list[str] = []
    for key, one in fields.items():
        if isinstance(one, Mapping) and not _short(cast("Mapping[str, object]", one)):
            below[key] = cast("Mapping[str, object]", one)
        else:
            plain.append(f"{_key(key)} = {value(one)}")
    if plain or not below:
        yield f"[{name}]"
        yield from plain
    for place, (key, inner) in enumerate(below.items()):
        if plain or place:
            yield ""
        yield from _lines(f"{name}.{_key(key)}", inner)


def _short(fields: Mapping[str, object]) -> bool:
    """Return whether a table is read more easily in one line."""
    return (
        not any(isinstance(one, Mapping) for one in fields.values()) and len(value(fields)) <= _LONGEST_LINE
    )


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(given: str) -> str:
    return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007F")
