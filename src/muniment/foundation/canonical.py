"""One spelling for each JSON value (RFC 8785, strings in NFC first), and its digest."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import cast

import rfc8785

from muniment.foundation.errors import BadInput

type_names = "object, array, string, number, true, false, null"


def _normal(value: object) -> object:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        items = [(_normal(k), _normal(v)) for k, v in value.items()]
        if len({k for k, _ in items}) != len(items):
            raise BadInput(
                "Two keys of one object are the same after Unicode normalisation.", fix="Rename one."
            )
        return dict(items)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_normal(v) for v in value]
    return value


def canonical(value: object) -> bytes:
    """Return the canonical JSON bytes of `value`; raises BadInput for what JSON cannot say exactly."""
    return _dump(_normal(value))


def exact(value: object) -> bytes:
    """Return RFC 8785 bytes without normalising strings, for records that keep names byte for byte."""
    if _is_simple(value):
        return _encoded(value)
    return _dump(_plain(value))


def copied(value: object) -> object:
    """Return a copy of a JSON value that nobody else holds; raises BadInput for what JSON cannot say exactly."""
    return json.loads(exact(value), parse_int=_number)


def _number(digits: str) -> int | float:
    """Return a number as it was given: canonical JSON spells large fractions without a point."""
    return int(digits) if abs(int(digits)) <= _GREATEST else float(digits)


_SIMPLE = frozenset({bool, type(None)})
_GREATEST = 2**53 - 1
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def _is_simple(value: object) -> bool:
    """Return whether Python's own encoder writes a value as RFC 8785 does: no fractions, names in ASCII."""
    kind = type(value)
    if kind is str or kind in _SIMPLE:
        return True
    if kind is int:
        return -_GREATEST <= cast(int, value) <= _GREATEST
    if kind is dict:
        for key, inner in cast("dict[object, object]", value).items():
            if type(key) is not str or not key.isascii():
                return False
            # Most are texts, and asking here saves a call for each.
            if type(inner) is not str and not _is_simple(inner):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_is_simple, cast("list[object]", value)))
    return False


def _encoded(value: object) -> bytes:
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeError as error:
        raise _unsayable(error) from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_plain(inner) for inner in value]
    return value


def _dump(value: object) -> bytes:
    try:
        return rfc8785.dumps(value)  # pyright: ignore[reportArgumentType]
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise _unsayable(error) from error


def _unsayable(error: Exception) -> BadInput:
    return BadInput(f"The value cannot be written as canonical JSON ({type_names}).", detail=str(error))


def digest(value: object) -> str:
    """Return `sha256:` and the hex digest of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()
