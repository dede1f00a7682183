"""Keys changed by people whom policy lets: the key above all keys, and those of services.

Invariants:
- policy is asked in the transaction that changes a key of a service, and before the key above all keys changes;
- each change, and each refusal, is on record with the decision.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from muniment.foundation.database import Database
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.api_keys import ApiKey, ApiKeys, IssuedKey, Permit
from muniment.governance.identity.principal import Principal
from muniment.governance.key_custody import KeyCustody, Rewrapped
from muniment.governance.policy.decision import KEYS
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason


class KeyChanges:
    """Changes of the keys of one workspace.

    In each method `who` is the principal that policy is asked about, None for whoever can open the keys. Raises
    NotPermitted, on record, where policy does not let them.
    """

    def __init__(
        self, database: Database, audit: AuditLog, gate: Gate, custody: KeyCustody, api_keys: ApiKeys
    ) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._custody = custody
        self._api_keys = api_keys

    def rotate(self, reason: str, keep_old: bool, who: Principal | None, by: Actor) -> Rewrapped:
        """Make a new version of the key above all keys; raises as `KeyCustody.rotate`."""
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "manage_keys", KEYS)
        return self._custody.rotate(by, keep_old, {**stated, "reason": self._audit.commitment(why)})

    def create_api_key(
        self, service: Principal, scopes: Collection[str], life: timedelta, who: Principal | None, by: Actor
    ) -> IssuedKey:
        """Make a key for a service; raises as `ApiKeys.create`."""
        with self._gate.recorded(by):
            return self._api_keys.create(service, scopes, by, life, permit=self._permit(who))

    def rotate_api_key(self, key: str, overlap: timedelta, who: Principal | None, by: Actor) -> IssuedKey:
        """Make a key in place of another; raises as `ApiKeys.rotate`."""
        with self._gate.recorded(by):
            return self._api_keys.rotate(key, by, overlap, self._permit(who))

    def revoke_api_key(self, key: str, who: Principal | None, by: Actor) -> ApiKey:
        """End a key from the next request on; raises BadInput for none."""
        with self._gate.recorded(by):
            return self._api_keys.revoke(key, by, self._permit(who))

    def _permit(self, who: Principal | None) -> Permit:
        return lambda connection: self._gate.check(connection, who, "manage_keys", KEYS)
