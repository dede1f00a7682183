"""Tokens that are each good for one call: this person, this operation, this method, this path and these bytes."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import GuestProtocol, OKPKey
from problems import Problem

AUDIENCE = "marrowby-systems"
ALGORITHMS = ["EdDSA", "Ed25519"]
"""RFC 8037 and RFC 9864 spell the same algorithm."""
MAX_SECONDS = 120
LEEWAY = 5
"""How many seconds the clocks of caller and server may differ."""
TEXTS = ("iss", "aud", "sub", "scope", "jti", "htm", "htu", "bsh")
NUMBERS = ("iat", "exp")


class BadKey(Exception):
    """The file holds no key to verify with; the message says why."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once all of it has been checked."""

    issuer: str
    user: str
    scope: str
    jti: str
    expires: int
    body_digest: str


def read_keys(path: Path) -> dict[str | None, OKPKey]:
    """Return the public keys of a JWK or JWK set by their ids; raises BadKey."""
    try:
        found = json.loads(path.read_text("utf-8"))
        listed: list[dict[str, Any]] = found.get("keys", [found])
        if not listed:
            raise BadKey(f"{path} holds no key.")
        for each in listed:
            if (each.get("kty"), each.get("crv")) != ("OKP", "Ed25519"):
                raise BadKey(f"{path} holds a key that is not of the type OKP with the curve Ed25519.")
            if "d" in each:
                raise BadKey(f"{path} holds a private key; give the public one.")
        keys = {each.get("kid"): OKPKey.import_key(each) for each in listed}
        if len(keys) != len(listed):
            raise BadKey(f"{path} holds two keys with one kid.")
        return keys
    except OSError as error:
        raise BadKey(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, AttributeError, KeyError, JoseError) as error:
        raise BadKey(f"{path} is not a JWK or a JWK set.") from error


def refused(check: str, detail: str) -> Problem:
    """Return the answer to a token that does not fit; `check` names what did not."""
    return Problem(401, "bad-token", "The token does not fit this request.", detail, check)


def digest(body: bytes) -> str:
    """Return what `bsh` must say of a body."""
    return hashlib.sha256(body).hexdigest()


class Tokens:
    """Checks everything that a token says but the body and whether it was used before."""

    def __init__(self, keys: Mapping[str | None, OKPKey], issuer: str | None = None) -> None:
        self._keys = keys
        self._issuer = issuer

    def check(self, authorization: str, method: str, target: str, now: float) -> Claims:
        """Return the claims of a header's token; raises Problem."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refused("authorization", "Send the header `Authorization: Bearer TOKEN`.")
        claims = self._verified(token)
        for name in TEXTS + NUMBERS:
            kind = str if name in TEXTS else int
            if type(claims.get(name)) is not kind or claims[name] == "":
                raise refused(name, f"The claim {name} is missing or not of its type.")
        self._matches(claims, method, target)
        _current(claims["iat"], claims["exp"], now)
        user = claims["sub"].removeprefix("user:")
        if user == claims["sub"]:
            raise refused("sub", "The claim sub must be user:NAME.")
        if len(claims["jti"]) > 200:
            raise refused("jti", "The claim jti is longer than 200 characters.")
        return Claims(claims["iss"], user, claims["scope"], claims["jti"], claims["exp"], claims["bsh"])

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                signed = jws.deserialize_compact(token, self._key, algorithms=ALGORITHMS)
            claims = json.loads(signed.payload)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise refused("signature", "The token is not a JWT signed by a known key.") from error
        if not isinstance(claims, dict):
            raise refused("signature", "The token holds no claims.")
        return claims

    def _key(self, found: GuestProtocol) -> OKPKey:
        kid = found.headers().get("kid")
        key = next(iter(self._keys.values())) if kid is None and len(self._keys) == 1 else self._keys.get(kid)
        if key is None:
            raise ValueError("no such key")
        return key

    def _matches(self, claims: dict[str, Any], method: str, target: str) -> None:
        expected = {"aud": AUDIENCE, "htm": method, "htu": target}
        if self._issuer is not None:
            expected["iss"] = self._issuer
        for name, value in expected.items():
            if claims[name] != value:
                raise refused(name, f"The claim {name} is not the one of this request.")


def _current(issued: int, expires: int, now: float) -> None:
    if issued > now + LEEWAY:
        raise refused("iat", "The token was issued in the future.")
    if not 0 < expires - issued <= MAX_SECONDS:
        raise refused("exp", f"A token is good for at most {MAX_SECONDS} seconds.")
    if expires <= now:
        raise refused("exp", "The token has expired.")
