"""Short-lived tokens that this workspace signs for its own principals (RFC 7519, RFC 8725).

Invariants:
- one algorithm, one type, one issuer, one audience; a header that points to a key or makes demands is refused;
- a token is bound to the account as it was when issued: one that was removed, switched off or made again since
  is refused at the next request.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput, Unauthenticated
from muniment.foundation.ids import Ids
from muniment.foundation.keys import Keyring
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal, Subject

ALGORITHM = "HS256"
TYPE = "at+jwt"
MAX_SECONDS = 12 * 3600
MAX_CHARACTERS = 4096
LEEWAY_SECONDS = 5
_REMEMBERED = 4096

_HEADER = {"alg": ALGORITHM, "typ": TYPE}
_CLAIMS = frozenset({"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "since"})


class Tokens:
    """Issues and verifies the tokens of one workspace."""

    def __init__(self, keyring: Keyring, directory: Directory, clock: Clock, ids: Ids) -> None:
        self._key = keyring.data_key("tokens")
        self._issuer = f"muniment:{keyring.tenant}"
        self._audience = f"muniment:{keyring.tenant}:api"
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._read: dict[bytes, dict[str, Any]] = {}
        """The claims of tokens whose signature was found right, by the digest of the token."""

    def issue(self, principal: Principal, ttl_seconds: int = 3600) -> str:
        """Return a token for an active principal; raises BadInput for another, or a life over twelve hours."""
        if not 1 <= ttl_seconds <= MAX_SECONDS:
            raise BadInput(f"A token cannot live {ttl_seconds} seconds.", fix=f"Choose 1 to {MAX_SECONDS}.")
        since = self._directory.active_since(principal)
        if since is None:
            raise BadInput(f"{principal.ref} is no active account.", fix="See `muniment directory list`.")
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": principal.ref,
            "iat": now,
            "nbf": now,
            "exp": now + ttl_seconds,
            "jti": self._ids.new("tok"),
            "since": since,
        }
        from joserfc import jwt
        from joserfc.jwk import OctKey

        return jwt.encode(_HEADER, claims, OctKey.import_key(self._key), algorithms=[ALGORITHM])

    def verify(self, token: str) -> Principal:
        """Return whose token this is; raises Unauthenticated for anything but a token that holds now."""
        return self.subject(token).principal

    def subject(self, token: str) -> Subject:
        """Return what a token says; raises as `verify`."""
        claims = self._claims(token)
        principal = _subject(claims)
        since = self._directory.active_since(principal)
        if since is None or since != claims["since"]:
            raise Unauthenticated(
                "The token does not hold.", detail="account removed, inactive or made again"
            )
        return Subject(principal, claims["exp"], "", claims["iat"])

    def _claims(self, token: str) -> dict[str, Any]:
        from joserfc.errors import JoseError

        if not token or len(token) > MAX_CHARACTERS or not token.isascii():
            raise Unauthenticated("The token does not hold.", detail="empty, too long or not ASCII")
        try:
            return self._checked(dict(self._signed(token)))
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unauthenticated(
                "The token does not hold.", detail=f"{type(error).__name__}: {error}"
            ) from error

    def _signed(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that this workspace signed; whether they hold now is asked each time."""
        from joserfc import jwt
        from joserfc.jwk import OctKey

        name = hashlib.sha256(token.encode()).digest()
        known = self._read.get(name)
        if known is not None:
            return known
        _refuse_repeated_names(token)
        decoded = jwt.decode(token, OctKey.import_key(self._key), algorithms=[ALGORITHM])
        if decoded.header != _HEADER:
            raise ValueError("unexpected header")
        if len(self._read) >= _REMEMBERED:
            self._read.clear()
        self._read[name] = decoded.claims
        return decoded.claims

    def _checked(self, claims: dict[str, Any]) -> dict[str, Any]:
        if claims.keys() != _CLAIMS:
            raise ValueError("claims missing or unknown")
        if claims["iss"] != self._issuer or claims["aud"] != self._audience:
            raise ValueError("issuer or audience is another")
        times = [claims[name] for name in ("iat", "nbf", "exp", "since")]
        if not all(type(value) is int for value in times):
            raise ValueError("a time is not a whole number")
        issued, start, end, _ = times
        now = int(self._clock.now().timestamp())
        if not (issued <= now + LEEWAY_SECONDS and start <= now + LEEWAY_SECONDS and now < end):
            raise ValueError("expired or not yet valid")
        if not 0 < end - issued <= MAX_SECONDS:
            raise ValueError("lives too long")
        return claims


def _subject(claims: dict[str, Any]) -> Principal:
    kind, _, name = str(claims["sub"]).partition(":")
    if kind == "user" and name:
        return Principal("user", name)
    if kind == "service" and name:
        return Principal("service", name)
    raise Unauthenticated("The token does not hold.", detail="subject is no principal")


def _refuse_repeated_names(token: str) -> None:
    """Raise ValueError where header or claims name something twice: parsers would differ on which counts."""
    import base64

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands twice")
        return dict(pairs)

    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not three parts")
    for part in parts[:2]:
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=once)
