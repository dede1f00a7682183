"""The file that holds a tenant's keys, wrapped: made once, and re-wrapped when the key above them changes.

Invariants:
- it is replaced whole or not at all, and only by one that was seen to open to the same tenant key;
- the tenant key is wrapped so that it opens for this tenant alone: a provider that would open it for another one
  is refused when wrapping;
- it names the provider, key and version that wrapped it, and opens with nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from muniment.foundation.errors import NotSetUp, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.key_provider import KeyProvider, KeyRefused, Wrapped
from muniment.foundation.keys import PURPOSES, Keyring, seal, unseal
from muniment.foundation.private_file import read_private, replace_private, write_private

FORMAT = 2
_FIRST = {"provider": "local", "key": "file", "version": "1"}
"""What wrapped a file of format 1, which does not say."""


@dataclass(frozen=True, slots=True)
class KeyringHead:
    """What a keyring says of itself without being opened."""

    tenant: str
    wrapped: Wrapped
    identity: str
    """The same for one keyring for ever, however often it is re-wrapped; tells nothing of its keys."""


def create_keyring(provider: KeyProvider, keyring_file: Path, tenant: str, ids: Ids) -> Keyring:
    """Make a tenant key and its data keys, wrapped by the provider's key."""
    provider.ensure()
    tenant_key = ids.random_bytes(32)
    wrapped = _wrap(provider, tenant, tenant_key)
    keys = {purpose: ids.random_bytes(32) for purpose in PURPOSES}
    sealed = {
        purpose: seal(tenant_key, {"tenant": tenant, "key": purpose}, key, ids.random_bytes(12))
        for purpose, key in keys.items()
    }
    data_keys = {purpose: base64.b64encode(key).decode() for purpose, key in sealed.items()}
    write_private(keyring_file, _written(tenant, wrapped, data_keys))
    return Keyring(tenant, keys, ids)


def open_keyring(provider: KeyProvider, keyring_file: Path, ids: Ids) -> Keyring:
    """Unwrap a keyring; raises NotSetUp for a missing or wrong key, else as the provider does, Tampered never.

    A keyring that was re-wrapped meanwhile is read again.
    """
    document = _read(keyring_file)
    while True:
        try:
            return _open(provider, keyring_file, document, ids)
        except (NotSetUp, KeyRefused):
            tried, document = document, _read(keyring_file)
            if document == tried:
                raise


def read_head(keyring_file: Path) -> KeyringHead:
    """Return what the file says in clear; raises NotSetUp where there is none or it is no keyring."""
    return _head(_read(keyring_file), keyring_file)


def rewrap(before: KeyProvider, after: KeyProvider, keyring_file: Path) -> Wrapped:
    """Wrap the tenant key anew, under the newest version of `after`; the data keys and all data stay as they are.

    Raises as `open_keyring` does; the file then stays as it was. One process at a time.
    """
    document = _read(keyring_file)
    head = _head(document, keyring_file)
    tenant_key = _unwrapped(before, keyring_file, document)
    _data_keys(tenant_key, before, keyring_file, document)
    wrapped = _wrap(after, head.tenant, tenant_key)
    replace_private(keyring_file, _written(head.tenant, wrapped, document["data_keys"]))
    return wrapped


def _open(provider: KeyProvider, keyring_file: Path, document: Mapping[str, Any], ids: Ids) -> Keyring:
    tenant_key = _unwrapped(provider, keyring_file, document)
    keys = _data_keys(tenant_key, provider, keyring_file, document)
    missing = [purpose for purpose in PURPOSES if purpose not in keys]
    if missing:
        raise NotSetUp(f"{keyring_file} lacks the key for {missing[0]}.", fix="Restore it from a backup.")
    return Keyring(str(document["tenant"]), keys, ids)


def _read(keyring_file: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_private(keyring_file)[0])
    except FileNotFoundError as error:
        raise NotSetUp(f"No keyring at {keyring_file}.", fix="Run `muniment init` first.") from error
    except OSError as error:
        raise NotSetUp(
            f"{keyring_file} cannot be read ({error.strerror}).", fix="Mend its permissions."
        ) from error
    except ValueError as error:
        raise _no_keyring(keyring_file) from error
    if not isinstance(document, dict) or not isinstance(document.get("data_keys"), dict):
        raise _no_keyring(keyring_file)
    found = cast("dict[str, Any]", document)
    if found.get("format") not in (1, FORMAT):
        raise NotSetUp(
            f"{keyring_file} has a format that this version does not know.",
            fix="Use the newer muniment that wrote it.",
        )
    return found


def _head(document: Mapping[str, Any], keyring_file: Path) -> KeyringHead:
    try:
        by = document["wrapped_by"] if document["format"] == FORMAT else _FIRST
        sealed = base64.b64decode(document["tenant_key"], validate=True)
        provider, key, version = (str(by[name]) for name in ("provider", "key", "version"))
        identity = hashlib.sha256(json.dumps(document["data_keys"], sort_keys=True).encode()).hexdigest()
        return KeyringHead(str(document["tenant"]), Wrapped(provider, key, version, sealed), identity)
    except (ValueError, KeyError, TypeError) as error:
        raise _no_keyring(keyring_file) from error


def _unwrapped(provider: KeyProvider, keyring_file: Path, document: Mapping[str, Any]) -> bytes:
    head = _head(document, keyring_file)
    if head.wrapped.provider != provider.name:
        raise NotSetUp(
            f"{keyring_file} was wrapped by the provider {head.wrapped.provider[:20]}, and the settings name "
            f"{provider.name}.",
            fix="Run `muniment keys rewrap` to go over to it, or set keys.provider back.",
        )
    try:
        return provider.unwrap(_context(head.tenant), head.wrapped)
    except Tampered as error:
        raise _does_not_open(provider, keyring_file) from error


def _data_keys(
    tenant_key: bytes, provider: KeyProvider, keyring_file: Path, document: Mapping[str, Any]
) -> dict[str, bytes]:
    tenant = str(document["tenant"])
    try:
        return {
            purpose: unseal(tenant_key, {"tenant": tenant, "key": purpose}, base64.b64decode(wrapped))
            for purpose, wrapped in document["data_keys"].items()
        }
    except Tampered as error:
        raise _does_not_open(provider, keyring_file) from error
    except (ValueError, TypeError) as error:
        raise _no_keyring(keyring_file) from error


def _wrap(provider: KeyProvider, tenant: str, tenant_key: bytes) -> Wrapped:
    wrapped = provider.wrap(_context(tenant), tenant_key)
    if not hmac.compare_digest(provider.unwrap(_context(tenant), wrapped), tenant_key):
        raise KeyRefused(f"{provider.place} gave back another key than it wrapped.", fix="Nothing was kept.")
    try:
        provider.unwrap(_context(f"{tenant}.other"), wrapped)
    except Tampered:
        return wrapped
    raise KeyRefused(
        f"{provider.place} opens a key for another tenant than it was wrapped for; nothing was kept.",
        fix="Use a key of an authenticated type, such as aes256-gcm96, and a service that binds additional data.",
    )


def _context(tenant: str) -> dict[str, str]:
    return {"tenant": tenant, "key": "tenant"}


def _written(tenant: str, wrapped: Wrapped, data_keys: Mapping[str, str]) -> bytes:
    document = {
        "format": FORMAT,
        "tenant": tenant,
        "wrapped_by": {"provider": wrapped.provider, "key": wrapped.key, "version": wrapped.version},
        "tenant_key": base64.b64encode(wrapped.sealed).decode(),
        "data_keys": dict(data_keys),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _does_not_open(provider: KeyProvider, keyring_file: Path) -> NotSetUp:
    return NotSetUp(
        f"The key in {provider.place} does not open {keyring_file}.",
        fix="Put back the key that this workspace was made with (settings under [keys]).",
    )


def _no_keyring(keyring_file: Path) -> NotSetUp:
    return NotSetUp(f"{keyring_file} is not a keyring.", fix="Restore it from a backup.")
