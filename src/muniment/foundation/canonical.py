"""One spelling for each JSON value (RFC 8785, strings in NFC first), and its digest."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence

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
    return _dump(_plain(value))


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
        raise BadInput(
            f"The value cannot be written as canonical JSON ({type_names}).", detail=str(error)
        ) from error


def digest(value: object) -> str:
    """Return `sha256:` and the hex digest of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()
