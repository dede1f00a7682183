"""Envelope encryption: a key-encryption key wraps the tenant key, which wraps one data key per purpose.

Invariants:
- every ciphertext names its algorithm and is bound to a context (tenant, purpose, object, version): a
  ciphertext moved to another place does not open;
- nonces are 96 random bits, a data key seals far fewer than 2^32 messages;
- plaintext keys live in memory only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from muniment.foundation.canonical import canonical
from muniment.foundation.errors import Tampered
from muniment.foundation.ids import Ids

ALGORITHM = b"muniment:AES-256-GCM:1\x00"
PURPOSES = ("database", "segments", "identifiers", "tokens", "audit-signing", "commitments")


def seal(key: bytes, context: Mapping[str, str], plaintext: bytes, nonce: bytes) -> bytes:
    """Return algorithm, nonce and AES-256-GCM ciphertext of `plaintext`, bound to `context`."""
    return ALGORITHM + nonce + AESGCM(key).encrypt(nonce, plaintext, _place(context))


def unseal(key: bytes, context: Mapping[str, str], sealed: bytes) -> bytes:
    """Return the plaintext; raises Tampered for another key, context, algorithm or any changed byte."""
    start = len(ALGORITHM)
    if not sealed.startswith(ALGORITHM):
        raise Tampered("The envelope names no algorithm that this version accepts.")
    try:
        return AESGCM(key).decrypt(sealed[start : start + 12], sealed[start + 12 :], _place(context))
    except (InvalidTag, ValueError) as error:
        raise Tampered("The sealed bytes do not open with this key in this place.") from error


def _place(context: Mapping[str, str]) -> bytes:
    return _spelled(tuple(context.items()))


@lru_cache(maxsize=1024)
def _spelled(context: tuple[tuple[str, str], ...]) -> bytes:
    """Return what a ciphertext is bound to: spelling it costs more than sealing a short text."""
    return ALGORITHM + canonical(dict(context))


class Keyring:
    """The data keys of one tenant, unwrapped."""

    def __init__(self, tenant: str, data_keys: Mapping[str, bytes], ids: Ids) -> None:
        self.tenant = tenant
        self._data_keys = dict(data_keys)
        self._ids = ids

    def data_key(self, purpose: str) -> bytes:
        """Return the 256-bit key for one of `PURPOSES`."""
        return self._data_keys[purpose]

    def same(self, other: Keyring) -> bool:
        """Return whether the other holds the same keys of the same tenant."""
        return self.tenant == other.tenant and hmac.compare_digest(self._digest(), other._digest())

    def _digest(self) -> bytes:
        return hashlib.sha256(b"".join(self._data_keys[purpose] for purpose in PURPOSES)).digest()

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key that signs audit checkpoints."""
        return Ed25519PrivateKey.from_private_bytes(self._data_keys["audit-signing"])

    def witness_key(self) -> Ed25519PrivateKey:
        """Return the key that co-signs checkpoints of other logs, made from the one that signs our own."""
        seed = hmac.digest(self._data_keys["audit-signing"], b"muniment witness key", "sha256")
        return Ed25519PrivateKey.from_private_bytes(seed)

    def seal(self, purpose: str, context: Mapping[str, str], plaintext: bytes) -> bytes:
        """Seal under the purpose's key, bound to the tenant and `context`."""
        full = {"tenant": self.tenant, "purpose": purpose, **context}
        return seal(self._data_keys[purpose], full, plaintext, self._ids.random_bytes(12))

    def unseal(self, purpose: str, context: Mapping[str, str], sealed: bytes) -> bytes:
        """Open what `seal` made in the same place; raises Tampered otherwise."""
        full = {"tenant": self.tenant, "purpose": purpose, **context}
        return unseal(self._data_keys[purpose], full, sealed)

    def salt(self) -> bytes:
        """Return 128 random bits for `object_key`."""
        return self._ids.random_bytes(16)

    def object_key(self, purpose: str, salt: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key of one object, made of the purpose's key, a salt used once and a context (RFC 5869).

        Whoever seals under it numbers the nonces: no two messages of the object may share one.
        """
        full = {"tenant": self.tenant, "purpose": purpose, **context}
        return HKDF(SHA256(), 32, salt, canonical(full)).derive(self._data_keys[purpose])
