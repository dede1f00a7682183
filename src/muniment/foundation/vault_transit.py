"""The key-encryption key in HashiCorp Vault or OpenBao: the transit engine, by its plain HTTP interface.

The tenant travels as additional data, and as derivation context for keys that derive. What the service wrote in
its errors goes to the operator's detail only.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from muniment.foundation.canonical import canonical
from muniment.foundation.egress import Reply
from muniment.foundation.errors import MunimentError, NotSetUp, Tampered
from muniment.foundation.key_endpoint import KeyEndpoint
from muniment.foundation.key_provider import KeyRefused, KeyState, KeyUnreachable, ProviderName, Wrapped

_PASSING = frozenset({408, 412, 429, 472, 473, 500, 502, 503, 504})
"""Throttled, sealed, standby, not yet replicated, or broken at that moment."""
_NOT_BOUND = ("message authentication failed", "invalid ciphertext", "could not decode", "no prefix")
_SWITCHED_OFF = ("too old", "disallowed by policy", "soft-deleted", "soft deleted")
_SEALED = re.compile(rb"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/=]+")


class VaultTransit:
    """Fills `KeyProvider` on one key of a transit engine."""

    def __init__(
        self,
        address: str,
        mount: str,
        key: str,
        token: Callable[[], str],
        endpoint: KeyEndpoint,
        namespace: str = "",
    ) -> None:
        """`token` is asked at every call, so that one which is renewed on disk is taken up."""
        self._base = f"{address.rstrip('/')}/v1/{mount}"
        self._mount = mount
        self._key = key
        self._token = token
        self._namespace = namespace
        self._endpoint = endpoint
        self.place = f"{address.rstrip('/')} ({mount}/{key})"

    @property
    def name(self) -> ProviderName:
        return "vault"

    def ensure(self) -> None:
        """Leave the key to the service: whoever runs it makes the key and says who may use it."""

    def wrap(self, context: Mapping[str, str], plaintext: bytes) -> Wrapped:
        """Encrypt under the key's newest version."""
        said = self._ask(f"encrypt/{self._key}", {"plaintext": _text(plaintext), **_bound(context)})
        sealed = str(said.get("ciphertext")).encode()
        found = _SEALED.fullmatch(sealed)
        if found is None:
            raise KeyRefused(f"{self.place} gave no ciphertext.", fix="See that it is a transit engine.")
        return Wrapped(self.name, f"{self._mount}/{self._key}", found[1].decode(), sealed)

    def unwrap(self, context: Mapping[str, str], wrapped: Wrapped) -> bytes:
        """Decrypt; the ciphertext names its version."""
        if wrapped.key != f"{self._mount}/{self._key}":
            raise NotSetUp(
                f"The keyring was wrapped by the key {wrapped.key[:200]}, not by {self._mount}/{self._key}.",
                fix="Run `muniment keys rewrap` to go over to this one, or set keys.vault back.",
            )
        if _SEALED.fullmatch(wrapped.sealed) is None:
            raise Tampered("The wrapped key is no ciphertext of a transit engine.")
        said = self._ask(f"decrypt/{self._key}", {"ciphertext": wrapped.sealed.decode(), **_bound(context)})
        try:
            return base64.b64decode(str(said["plaintext"]), validate=True)
        except (KeyError, ValueError) as error:
            raise KeyRefused(
                f"{self.place} gave no plaintext.", fix="See that it is a transit engine."
            ) from error

    def describe(self) -> KeyState:
        """Ask for the key's versions, which the token need not be allowed."""
        key = f"{self._mount}/{self._key}"
        try:
            reply = self._call("GET", f"keys/{self._key}", None)
        except KeyUnreachable as error:
            return KeyState(self.name, key, "unreachable", note=error.public)
        except MunimentError as error:
            return KeyState(self.name, key, "unknown", note=str(error))
        if reply.status == 404:
            return KeyState(self.name, key, "absent")
        said = _inner(reply)
        newest, oldest = said.get("latest_version"), said.get("min_decryption_version", 1)
        if reply.status != 200 or not isinstance(newest, int) or not isinstance(oldest, int):
            note = f"the service does not say ({reply.status}); let the token read {self._mount}/keys/{self._key}"
            return KeyState(self.name, key, "unknown", note=note)
        versions = tuple(str(version) for version in range(max(1, oldest), newest + 1))
        return KeyState(self.name, key, "enabled", str(newest), versions)

    def rotate(self) -> str:
        """Let the service make a new version."""
        self._ask(f"keys/{self._key}/rotate", {})
        return self.wrap({"purpose": "version"}, b"\x00").version

    def retire(self, newest: str) -> str:
        """Raise the least version that decrypts."""
        try:
            self._least(int(newest))
        except KeyRefused:
            return (
                f"the token may not change the key: let an administrator run "
                f"`vault write {self._mount}/keys/{self._key}/config min_decryption_version={newest}`"
            )
        return ""

    def disable(self, wrapped: Wrapped) -> str:
        """Make a version that wrapped nothing, and let only that one decrypt."""
        least = int(self.rotate())
        self._least(least)
        return f"{self.place} decrypts nothing before version {least} (min_decryption_version)."

    def enable(self, wrapped: Wrapped) -> str:
        """Let the version that wrapped the key decrypt again."""
        self._least(int(wrapped.version))
        return f"{self.place} decrypts from version {wrapped.version} on again (min_decryption_version)."

    def destroy(self) -> str:
        """Allow the key's deletion and delete it with all its versions."""
        self._ask(f"keys/{self._key}/config", {"deletion_allowed": True})
        self._checked(self._call("DELETE", f"keys/{self._key}", None))
        return f"The key {self._mount}/{self._key} and all its versions were deleted at the service."

    def _least(self, version: int) -> None:
        self._ask(f"keys/{self._key}/config", {"min_decryption_version": version})

    def _ask(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return self._checked(self._call("POST", path, body))

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        return self._endpoint.call(
            method, f"{self._base}/{path}", self._headers, content, lambda reply: reply.status in _PASSING
        )

    def _headers(self) -> dict[str, str]:
        token = self._token()
        if not token or not token.isascii() or not token.isprintable():
            raise KeyRefused("keys.vault.token leads to no usable token.", fix="Put one there.")
        headers = {"x-vault-token": token, "x-vault-request": "true", "content-type": "application/json"}
        return headers | ({"x-vault-namespace": self._namespace} if self._namespace else {})

    def _checked(self, reply: Reply) -> dict[str, Any]:
        if reply.status in (200, 204):
            return _inner(reply)
        errors = reply.document().get("errors")
        said = json.dumps(errors)[:500] if errors else f"status {reply.status}"
        raise self._refusal(reply.status, said)

    def _refusal(self, status: int, said: str) -> MunimentError:
        if status == 400 and any(words in said for words in _NOT_BOUND):
            return Tampered("The wrapped key does not open with this key in this place.", detail=said)
        if status in (401, 403):
            return KeyRefused(
                f"The key service {self.place} refuses our token.",
                fix="Renew the token that keys.vault.token names, or let its policy allow this (docs/guide/keys.md).",
                detail=said,
            )
        if any(words in said for words in _SWITCHED_OFF):
            return KeyRefused(
                f"The version of the key that wrapped this workspace is switched off at {self.place}.",
                fix="Switch it on again (min_decryption_version), or leave the workspace closed.",
                detail=said,
            )
        if status == 404 or "not found" in said:
            return KeyRefused(
                f"There is no key {self._mount}/{self._key} at {self.place}.",
                fix="Check keys.vault (address, namespace, mount, key); a deleted key is gone for ever.",
                detail=said,
            )
        return KeyRefused(
            f"The key service {self.place} refuses ({status}).", fix="See --debug for its words.", detail=said
        )


def _bound(context: Mapping[str, str]) -> dict[str, str]:
    place = _text(canonical(dict(context)))
    return {"associated_data": place, "context": place}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _inner(reply: Reply) -> dict[str, Any]:
    found = reply.document().get("data")
    return found if isinstance(found, dict) else {}
