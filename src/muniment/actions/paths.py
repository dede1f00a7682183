"""Places in JSON values, as manifests spell them: `customer.email`, `lines[].price`, `[].id`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

ROOT = ""
_PATTERN = re.compile(r"(?:\[\]|[A-Za-z_$][\w$-]*)(?:\[\]|\.[A-Za-z_$][\w$-]*)*")

_NAME = re.compile(r"[A-Za-z_$][\w$-]*")


def is_name(text: str) -> bool:
    """Return whether a text can be a name in a place; one with dots or brackets would spell another place."""
    return _NAME.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """Return whether a text spells a place: names with dots between them, and `[]` behind what is a list."""
    return text == ROOT or _PATTERN.fullmatch(text) is not None


def under(path: str, name: str) -> str:
    """Return the place of a field of what lies at `path`."""
    return f"{path}.{name}" if path else name


def leaves(value: object, path: str = ROOT) -> Iterator[tuple[str, object]]:
    """Yield each value that holds no others with the pattern of its place; of an empty list or object, itself."""
    if isinstance(value, Mapping) and value:
        for name, inner in cast("Mapping[str, object]", value).items():
            yield from leaves(inner, under(path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for inner in cast("Sequence[object]", value):
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def at(value: object, path: str) -> Iterator[object]:
    """Yield every value that lies at a place; nothing where there is none."""
    if not path:
        yield value
        return
    head, rest = _split(path)
    if head == "[]":
        if isinstance(value, Sequence) and not isinstance(value, str):
            for inner in cast("Sequence[object]", value):
                yield from at(inner, rest)
    elif isinstance(value, Mapping) and head in value:
        yield from at(cast("Mapping[str, object]", value)[head], rest)


def _split(path: str) -> tuple[str, str]:
    if path.startswith("[]"):
        return "[]", path[2:].removeprefix(".")
    stop = len(path)
    for mark in (".", "[]"):
        found = path.find(mark)
        stop = found if 0 <= found < stop else stop
    return path[:stop], path[stop:].removeprefix(".")
