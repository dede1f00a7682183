"""Envelope encryption: a key-encryption key wraps the tenant key, which wraps one data key per purpose.

Invariants:
- every ciphertext names its algorithm and is bound to a context (tenant, purpose, object, version): a
  ciphertext moved to another place does not open;
- nonces are 96 random bits, a data key seals far fewer than 2^32 messages;
- plaintext keys live in memory only.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from muniment.foundation.canonical import canonical
from muniment.foundation.errors import Conflict, NotSetUp, Tampered, Unavailable
from muniment.foundation.ids import Ids

ALGORITHM = b"muniment:AES-256-GCM:1\x00"
PURPOSES = ("database", "segments", "identifiers", "tokens", "audit-signing", "commitments")


def seal(key: bytes, context: Mapping[str, str], plaintext: bytes, nonce: bytes) -> bytes:
    """Return algorithm, nonce and AES-256-GCM ciphertext of `plaintext`, bound to `context`."""
    return ALGORITHM + nonce + AESGCM(key).encrypt(nonce, plaintext, ALGORITHM + canonical(dict(context)))


def unseal(key: bytes, context: Mapping[str, str], sealed: bytes) -> bytes:
    """Return the plaintext; raises Tampered for another key, context, algorithm or any changed byte."""
    start = len(ALGORITHM)
    if not sealed.startswith(ALGORITHM):
        raise Tampered("The envelope names no algorithm that this version accepts.")
    try:
        return AESGCM(key).decrypt(
            sealed[start : start + 12], sealed[start + 12 :], ALGORITHM + canonical(dict(context))
        )
    except (InvalidTag, ValueError) as error:
        raise Tampered("The sealed bytes do not open with this key in this place.") from error


class Keyring:
    """The data keys of one tenant, unwrapped."""

    def __init__(self, tenant: str, data_keys: Mapping[str, bytes], ids: Ids) -> None:
        self.tenant = tenant
        self._data_keys = dict(data_keys)
        self._ids = ids

    def data_key(self, purpose: str) -> bytes:
        """Return the 256-bit key for one of `PURPOSES`."""
        return self._data_keys[purpose]

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key that signs audit checkpoints."""
        return Ed25519PrivateKey.from_private_bytes(self._data_keys["audit-signing"])

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


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, durably; raises Conflict when it exists, Unavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{path} already exists.", fix="Nothing was overwritten.") from error
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path} could not be written ({error.strerror}).",
        fix="Free some disk space or mend the folder's permissions; nothing was kept of it.",
    )


def create_keyring(kek_file: Path, keyring_file: Path, tenant: str, ids: Ids) -> Keyring:
    """Make a tenant key and its data keys, wrapped by the key in `kek_file` (made when absent)."""
    if not kek_file.exists():
        write_private(kek_file, base64.b64encode(ids.random_bytes(32)) + b"\n")
    kek = _read_kek(kek_file)
    tenant_key = ids.random_bytes(32)
    wrapped_tenant = seal(kek, {"tenant": tenant, "key": "tenant"}, tenant_key, ids.random_bytes(12))
    keys = {purpose: ids.random_bytes(32) for purpose in PURPOSES}
    wrapped = {
        purpose: seal(tenant_key, {"tenant": tenant, "key": purpose}, key, ids.random_bytes(12))
        for purpose, key in keys.items()
    }
    document = {
        "format": 1,
        "tenant": tenant,
        "tenant_key": base64.b64encode(wrapped_tenant).decode(),
        "data_keys": {purpose: base64.b64encode(key).decode() for purpose, key in wrapped.items()},
    }
    write_private(keyring_file, json.dumps(document, indent=1).encode() + b"\n")
    return Keyring(tenant, keys, ids)


def open_keyring(kek_file: Path, keyring_file: Path, ids: Ids) -> Keyring:
    """Unwrap a keyring; raises NotSetUp for a missing or wrong key, Tampered never."""
    if not keyring_file.exists():
        raise NotSetUp(f"No keyring at {keyring_file}.", fix="Run `muniment init` first.")
    kek = _read_kek(kek_file)
    try:
        document = json.loads(keyring_file.read_bytes())
        tenant = str(document["tenant"])
        tenant_key = unseal(
            kek, {"tenant": tenant, "key": "tenant"}, base64.b64decode(document["tenant_key"])
        )
        keys = {
            purpose: unseal(tenant_key, {"tenant": tenant, "key": purpose}, base64.b64decode(wrapped))
            for purpose, wrapped in document["data_keys"].items()
        }
    except Tampered as error:
        raise NotSetUp(
            f"The key in {kek_file} does not open {keyring_file}.",
            fix="Put back the key file that this workspace was made with (setting keys.kek_file).",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotSetUp(f"{keyring_file} is not a keyring.", fix="Restore it from a backup.") from error
    missing = [purpose for purpose in PURPOSES if purpose not in keys]
    if missing:
        raise NotSetUp(f"{keyring_file} lacks the key for {missing[0]}.", fix="Restore it from a backup.")
    return Keyring(tenant, keys, ids)


def _read_kek(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise NotSetUp(
            f"The key file {path} cannot be read ({error.strerror}).",
            fix="Put it back, or point the setting keys.kek_file at it.",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotSetUp(f"The key file {path} is open to others.", fix=f"Run: chmod 600 {path}")
    try:
        kek = base64.b64decode(raw.strip(), validate=True)
    except ValueError as error:
        raise NotSetUp(f"The key file {path} is not base64.", fix="Restore it from a backup.") from error
    if len(kek) != 32:
        raise NotSetUp(f"The key in {path} has {len(kek)} bytes, not 32.", fix="Restore it from a backup.")
    return kek
