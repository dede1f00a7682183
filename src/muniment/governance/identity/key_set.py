"""The keys that an issuer publishes (RFC 7517): only those that verify signatures, each for its own algorithms.

Invariants:
- a set in which a name stands twice, or that holds a secret or private key, is refused whole;
- a key verifies the algorithms of its own type and curve, only the one that it states where it states one, and only
  those that the operator allows.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from muniment.governance.identity.signed import KID, json_object

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

MAX_KEYS = 100
RSA_BITS = range(2048, 8193)

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class UnknownKey(ValueError):
    """Nothing is wrong with a token, but its key is none that is held."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and what it may verify."""

    key: RSAKey | ECKey
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeySet:
    """Public keys by name."""

    keys: Mapping[str, VerificationKey]

    def find(self, kid: str, algorithm: str) -> VerificationKey | None:
        """Return the key of this name where it may verify this algorithm."""
        found = self.keys.get(kid)
        return found if found is not None and algorithm in found.algorithms else None


def read_key_set(raw: bytes, allowed: Collection[str]) -> KeySet:
    """Return the keys that may verify; raises ValueError for a set that cannot be trusted."""
    entries = json_object(raw).get("keys")
    if not isinstance(entries, list) or len(cast("list[object]", entries)) > MAX_KEYS:
        raise ValueError("the key set has no list of keys, or too many")
    seen: set[object] = set()
    keys: dict[str, VerificationKey] = {}
    for entry in cast("list[object]", entries):
        if not isinstance(entry, dict):
            raise ValueError("the key set holds something that is no key")
        stated = cast("dict[str, object]", entry)
        kid = stated.get("kid")
        if isinstance(kid, str) and kid in seen:
            raise ValueError("two keys have one name")
        seen.add(kid if isinstance(kid, str) else None)
        if stated.keys() & _SECRET:
            raise ValueError("the key set holds a secret")
        if isinstance(kid, str) and KID.fullmatch(kid) and (key := _key(stated, allowed)) is not None:
            keys[kid] = key
    if not keys:
        raise ValueError("the key set has no key for an allowed algorithm")
    return KeySet(keys)


def _key(stated: Mapping[str, object], allowed: Collection[str]) -> VerificationKey | None:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    algorithms = _algorithms(stated) & frozenset(allowed)
    if stated.get("use") != "sig" or not algorithms:
        return None
    members = {name: stated[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in stated}
    if not all(isinstance(value, str) for value in members.values()):
        return None
    named = cast("dict[str, str | list[str]]", members)
    try:
        if stated["kty"] == "EC":
            return VerificationKey(ECKey.import_key(named), algorithms)
        modulus = base64.urlsafe_b64decode(str(stated["n"]) + "==")
        if int.from_bytes(modulus, "big").bit_length() not in RSA_BITS:
            return None
        return VerificationKey(RSAKey.import_key(named), algorithms)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _algorithms(stated: Mapping[str, object]) -> frozenset[str]:
    if stated.get("kty") == "RSA":
        able = _RSA
    elif stated.get("kty") == "EC":
        able = frozenset(alg for curve, alg in _CURVES.items() if stated.get("crv") == curve)
    else:
        able = frozenset()
    return able & {stated["alg"]} if "alg" in stated else able
