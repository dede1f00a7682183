"""Signed tokens in compact form (RFC 7515, RFC 8725), read in the one way that nobody can read differently.

Invariants:
- a header holds an algorithm, the name of a key and a type, and nothing that brings, points to or demands something;
- a name stands once in an object, and each part has one spelling;
- the algorithm is one that the reader allows, never one that the token alone asks for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

MAX_CHARACTERS = 16_384
LATEST = 1 << 40
"""Seconds since 1970, far beyond any token."""
KID = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,200}")
"""Names of keys. They are looked up in memory, never in files or tables."""

_IGNORED = frozenset({"x5t", "x5t#S256"})
"""Digests of certificates, which some providers repeat beside the name of the key."""
_HEADER = frozenset({"alg", "kid", "typ"}) | _IGNORED
_PART = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Signed:
    """A token that was read; nothing in it is proven before `check_signature`."""

    algorithm: str
    kid: str
    type: str
    """Empty where the header has none."""
    claims: Mapping[str, object]
    token: str


def read(token: str, longest: int = MAX_CHARACTERS) -> Signed:
    """Return the parts of a token; raises ValueError for whatever is not one, said in words without its content."""
    if not token or len(token) > longest:
        raise ValueError("empty or too long")
    raw = parts_of(token)
    header = json_object(raw[0])
    if not header.keys() <= _HEADER:
        raise ValueError("the header has a member that is not taken")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or not isinstance(kid, str) or not isinstance(kind, str):
        raise ValueError("the header lacks an algorithm or the name of a key")
    if not KID.fullmatch(kid) or ".." in kid:
        raise ValueError("the name of the key is not one")
    return Signed(algorithm, kid, kind, json_object(raw[1]), token)


def parts_of(token: str) -> list[bytes]:
    """Return header, claims and signature, decoded; raises ValueError where there are not three."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not three parts")
    return [_decoded(part) for part in parts]


def check_signature(signed: Signed, key: RSAKey | ECKey, algorithms: Collection[str]) -> None:
    """Refuse a token that this key did not sign with one of these algorithms; raises ValueError."""
    from joserfc import jws
    from joserfc.errors import JoseError

    if signed.algorithm not in algorithms:
        raise ValueError("an algorithm that is not allowed")
    try:
        registry = jws.JWSRegistry(algorithms=[signed.algorithm])
        registry.max_payload_length = len(signed.token)  # `read` has set the limit
        jws.deserialize_compact(signed.token, key, registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise ValueError(f"the signature does not hold: {type(error).__name__}") from error


def json_object(raw: bytes) -> dict[str, object]:
    """Return a JSON object in which every name stands once; raises ValueError for anything else."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a JSON object: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return cast("dict[str, object]", found)


def seconds(value: object, what: str) -> float:
    """Return a time that a claim states; raises ValueError for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise ValueError(f"{what} is no time")
    return float(value)


def _decoded(part: str) -> bytes:
    if not _PART.fullmatch(part):
        raise ValueError("a part is not base64url")
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError("a part has another spelling")
    return raw


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_number(_text: str) -> object:
    raise ValueError("not a number")
