"""What happened lately to the installation, for those who run it: a few kinds of entries that name no document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor, StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import KEYS, SETTINGS
from muniment.governance.policy.gate import Gate

Occurrence = Literal["refused hosts", "reached limits", "keys", "server"]
MOST = 100
_KINDS: dict[Occurrence, tuple[str, ...]] = {
    "refused hosts": ("egress.refused",),
    "reached limits": ("limit.reached",),
    "keys": (
        "keys.lost",
        "keys.recovered",
        "keys.rotated",
        "keys.rewrapped",
        "keys.disabled",
        "keys.enabled",
    ),
    "server": ("server.started", "server.stopped"),
}


class Occurrences:
    """The part of the log of one workspace that goes with its settings, and with how its keys are kept."""

    def __init__(self, database: Database, audit: AuditLog, gate: Gate) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate

    def lately(self, of: Occurrence, count: int, who: Principal | None, by: Actor) -> Sequence[StoredEntry]:
        """Return the last entries, newest first; raises BadInput for too many, NotPermitted on record."""
        if not 1 <= count <= MOST:
            raise BadInput(f"There are 1 to {MOST} at a time.", fix="Read the log for more.")
        with self._gate.recorded(by), self._database.read() as connection:
            action, on = ("read_keys", KEYS) if of == "keys" else ("read_settings", SETTINGS)
            self._gate.check(connection, who, action, on)
        return self._audit.newest(_KINDS[of], count)
