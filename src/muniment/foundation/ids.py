"""The door to randomness and the shapes of identifiers.

Identifiers are never sequential, so that none tells how many others exist.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


class Ids:
    """Unguessable identifiers and secrets."""

    def new(self, prefix: str) -> str:
        """Return `prefix_` and 100 random bits in lower-case base32."""
        return f"{prefix}_{_text(self.random_bytes(13))[:20]}"

    def secret(self) -> str:
        """Return 256 random bits, URL-safe."""
        return base64.urlsafe_b64encode(self.random_bytes(32)).decode().rstrip("=")

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes from the operating system's generator."""
        return secrets.token_bytes(count)


class SeededIds(Ids):
    """Repeatable identifiers for simulations and replays; never for secrets that guard anything."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def derived_id(key: bytes, prefix: str, *parts: str) -> str:
    """Return the identifier of the named thing: the same parts give the same one, and only under this key."""
    message = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)
    return f"{prefix}_{_text(hmac.new(key, message, hashlib.sha256).digest())[:20]}"
