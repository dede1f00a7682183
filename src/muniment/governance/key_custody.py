"""What an operator does with the key above all keys: rotate, re-wrap, switch off, destroy. All of it is recorded.

Invariants:
- the intent is durable in the log before the key changes, and the outcome after;
- a keyring is re-wrapped before the version that wrapped it is taken away, so readers never stand without a key;
- one process at a time changes keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from muniment.foundation.database import Database
from muniment.foundation.errors import MunimentError
from muniment.foundation.key_provider import KeyProvider, Wrapped
from muniment.foundation.keyring_file import read_head, rewrap
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog

_WORK = "keys"


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What wraps the tenant key now, and what did before."""

    before: Wrapped
    after: Wrapped
    left: str
    """What keeps the former key or version usable, and how to end that; empty where it is useless."""


class KeyCustody:
    """Changes the key of one open workspace."""

    def __init__(
        self, database: Database, audit: AuditLog, provider: KeyProvider, keyring_file: Path
    ) -> None:
        """`provider` keeps the key that wraps now."""
        self._database = database
        self._audit = audit
        self._provider = provider
        self._keyring_file = keyring_file

    def rotate(
        self, by: Actor, keep_old: bool = False, stated: Mapping[str, Json] = MappingProxyType({})
    ) -> Rewrapped:
        """Make a new version of the key, wrap the tenant key under it, and retire the old versions.

        `stated` goes into the log with the intent: the decision that let somebody, and why.
        """
        with self._database.alone(_WORK):
            self._record("keys.rotate", by, stated)
            version = self._provider.rotate()
            self._record("keys.rotated", by, {"version": version})
            return self._rewrap(self._provider, by, keep_old)

    def rewrap(self, after: KeyProvider, by: Actor, keep_old: bool = False) -> Rewrapped:
        """Wrap the tenant key anew under the newest version of `after`, which may be another key or provider."""
        with self._database.alone(_WORK):
            return self._rewrap(after, by, keep_old)

    def disable(self, by: Actor) -> str:
        """Switch the key off; return how, in a sentence."""
        with self._database.alone(_WORK):
            self._record("keys.disable", by)
            return self._done("keys.disabled", by, self._provider.disable(self._wrapped()))

    def destroy(self, by: Actor) -> str:
        """Destroy the key; return how, in a sentence."""
        with self._database.alone(_WORK):
            self._record("keys.destroy", by)
            return self._done("keys.destroyed", by, self._provider.destroy())

    def enabled(self, by: Actor) -> None:
        """Record that the key was switched on again, without which this could not be written."""
        self._record("keys.enabled", by)

    def _rewrap(self, after: KeyProvider, by: Actor, keep_old: bool) -> Rewrapped:
        before = self._wrapped()
        self._record("keys.rewrap", by, {"to": after.name})
        wrapped = rewrap(self._provider, after, self._keyring_file)
        left = self._retired(before, wrapped, after, keep_old)
        about: dict[str, Json] = {
            "from": [before.provider, before.key, before.version],
            "to": [wrapped.provider, wrapped.key, wrapped.version],
            "former_usable": bool(left),
        }
        self._record("keys.rewrapped", by, about)
        return Rewrapped(before, wrapped, left)

    def _retired(self, before: Wrapped, wrapped: Wrapped, after: KeyProvider, keep_old: bool) -> str:
        if keep_old:
            return "the former versions were left as they are, as was asked; end that with `muniment keys rewrap`"
        if (before.provider, before.key) != (wrapped.provider, wrapped.key):
            return f"the former key ({before.provider}, {before.key}) was left as it is: switch it off at its keeper"
        try:
            return after.retire(wrapped.version)
        except MunimentError as error:
            return str(error)

    def _wrapped(self) -> Wrapped:
        return read_head(self._keyring_file).wrapped

    def _record(self, kind: str, by: Actor, about: Mapping[str, Json] | None = None) -> None:
        self._audit.record([Entry(kind, by, {"provider": self._provider.name, **(about or {})})])

    def _done(self, kind: str, by: Actor, said: str) -> str:
        """The key is off by now: where the log cannot be written any more, the intent stands there."""
        try:
            self._record(kind, by)
        except MunimentError:
            return f"{said} The log could not be told that it was done."
        return said
