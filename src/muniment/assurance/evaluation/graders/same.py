"""Whether two JSON values say the same, however they are written.

Numbers are compared as numbers (12 is 12.0), text without regard to case, white space and Unicode form. Edge cases:
true is not 1, and "12" is not 12; a field that is null is as good as absent; lists keep their order; what is not a
number equals no number.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import cast

from muniment.governance.audit.entry import Json

_CLOSE = 1e-9
"""What numbers may differ by, of their size: less than any that a person wrote."""


def same(one: Json, other: Json) -> bool:
    """Return whether both say the same."""
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        left, right = _fields(cast("Mapping[str, Json]", one)), _fields(cast("Mapping[str, Json]", other))
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        items, others = cast("list[Json]", one), cast("list[Json]", other)
        return len(items) == len(others) and all(map(same, items, others))
    if _number(one) and _number(other):
        return _equal(cast("float", one), cast("float", other))
    return type(one) is type(other) and one == other


def _equal(one: float, other: float) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    try:
        return math.isclose(one, other, rel_tol=_CLOSE)
    except OverflowError:
        return False


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fields(value: Mapping[str, Json]) -> dict[str, Json]:
    return {name: one for name, one in value.items() if one is not None}


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())
