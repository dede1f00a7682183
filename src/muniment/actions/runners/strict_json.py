"""JSON from outside, read so that nobody can read it differently."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

DEEPEST = 64
_GREATEST = 2**53 - 1


def read_value(raw: bytes) -> object:
    """Return the value of a JSON text in UTF-8; raises ValueError for anything that is not one value, said exactly.

    Refused are a name that stands twice, numbers that JSON cannot say exactly, texts that are no text, and values
    nested deeper than `DEEPEST`.
    """
    try:
        found: object = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_exact,
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    _check(found, 0)
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_number(_text: str) -> object:
    raise ValueError("not a number")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("a number too large")
    return found


def _exact(text: str) -> int:
    found = int(text)
    if abs(found) > _GREATEST:
        raise ValueError("a whole number too large")
    return found


def _check(value: object, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, object]", value).items():
            name.encode()
            _check(inner, depth + 1)
    elif isinstance(value, Sequence):
        for inner in cast("Sequence[object]", value):
            _check(inner, depth + 1)
