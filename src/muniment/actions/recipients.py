"""Whom a call would reach: accounts of ours with what they hold now, or nobody of ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from muniment.actions.decide import Recipient
from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.foundation.database import storable
from muniment.foundation.errors import Denied
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import EVERYONE, Principal


class Recipients:
    """Finds accounts by what arguments name."""

    def __init__(self, mail_domains: Collection[str] = ()) -> None:
        """In these domains, what stands before the @ of an address is the name of an account."""
        self._domains = frozenset(domain.lower() for domain in mail_domains)

    def of(
        self, connection: sa.Connection, manifest: Manifest, arguments: Mapping[str, object]
    ) -> tuple[Recipient, ...]:
        """Return everybody whom a call would reach, as of this snapshot."""
        found: list[Recipient] = []
        for place, namespace in manifest.recipients.items():
            for value in at(arguments, place):
                spelled = value if isinstance(value, str) and storable(value) else ""
                account = self._account(namespace, spelled)
                found.append(Recipient(spelled, None if account is None else _held(connection, account)))
        return (*found, *seers(manifest))

    def _account(self, namespace: str, spelled: str) -> Principal | None:
        if namespace == "email":
            name, _, domain = spelled.rpartition("@")
            return Principal("user", name) if name and domain.lower() in self._domains else None
        if namespace == "account" and spelled:
            kind, colon, name = spelled.partition(":")
            if not colon:
                return Principal("user", spelled)
            return Principal(kind, name) if kind in ("user", "service") and name else None
        return None


def seers(manifest: Manifest) -> tuple[Recipient, ...]:
    """Return who sees what a call changed, as somebody whom it reaches; nobody where the caller alone does."""
    if not manifest.acts or manifest.seen_by == "caller":
        return ()
    held = frozenset({EVERYONE}) if manifest.seen_by == "company" else None
    return (Recipient(f"({manifest.seen_by})", held),)


def _held(connection: sa.Connection, account: Principal) -> frozenset[str] | None:
    try:
        return grants(connection, account)
    except Denied:
        return None
