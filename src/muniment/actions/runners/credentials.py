"""Credentials that are each good for one call: this person, this operation, these bytes, for a minute.

Whoever gets one can do nothing else with it: a system that checks all of its claims takes it once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from muniment.foundation.canonical import exact
from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids
from muniment.foundation.keys import Keyring
from muniment.foundation.secret import Secret

SECONDS = 60
"""How long one may be used."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, as the system will see it."""

    method: str
    target: str
    """Path with the query string, exactly as sent."""
    body: bytes = b""


class CallCredentials:
    """Signs credentials with a key of the workspace (JWT, Ed25519)."""

    def __init__(self, keyring: Keyring, issuer: str, clock: Clock, ids: Ids) -> None:
        """`issuer` is what systems know this workspace by."""
        seed = keyring.object_key("tokens", b"", {"key": "tool-credentials"})
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._issuer = issuer
        self._clock = clock
        self._ids = ids

    def mint(self, audience: str, caller: str, scope: str, request: Request) -> Secret:
        """Return a credential for one request that is made for `caller`."""
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "sub": caller,
            "scope": scope,
            "iat": now,
            "exp": now + SECONDS,
            "jti": self._ids.new("call"),
            "htm": request.method,
            "htu": request.target,
            "bsh": hashlib.sha256(request.body).hexdigest(),
        }
        header = {"alg": "EdDSA", "kid": self.public_jwk()["kid"], "typ": "JWT"}
        signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
        return Secret(f"{signed}.{_part(self._key.sign(signed.encode()))}")

    def public_jwk(self) -> dict[str, str]:
        """Return the public key for systems to verify with; its `kid` is its thumbprint (RFC 7638)."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        needed = {"crv": "Ed25519", "kty": "OKP", "x": _part(raw)}
        kid = _part(hashlib.sha256(exact(needed)).digest())
        return {**needed, "alg": "EdDSA", "use": "sig", "kid": kid}


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
