"""From which networks each API key was used, as keyed digests: enough to tell a new one, and no address."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Actor

MOST_PLACES = 50
"""Of one key; from there on, a new one replaces the oldest."""
_REMEMBERED = 4096

api_key_place = sa.Table(
    "api_key_place",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
)


class KeyPlaces:
    """The networks of the keys of one workspace; safe to share between threads."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def note(self, key: str, owner: str, address: str, by: Actor) -> None:
        """Put on record where a key is used from a network that it was never used from; `address` is not kept."""
        known = (key, network(address))
        with self._lock:
            if known in self._seen:
                return
        place = self._audit.commitment(f"network of {key}: {known[1]}")
        rows = sa.select(api_key_place.c.place).where(api_key_place.c.key == key)
        with self._database.read() as connection:
            held = list(connection.execute(rows.order_by(api_key_place.c.at)).scalars())
        if place not in held:
            self._add(key, owner, place, by)
        with self._lock:
            self._seen[known] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)

    def counts(self, keys: Collection[str]) -> Mapping[str, int]:
        """Return from how many networks each of these keys was used."""
        query = (
            sa.select(api_key_place.c.key, sa.func.count())
            .where(api_key_place.c.key.in_(keys))
            .group_by(api_key_place.c.key)
        )
        with self._database.read() as connection:
            return {key: count for key, count in connection.execute(query)}

    def _add(self, key: str, owner: str, place: str, by: Actor) -> None:
        rows = sa.select(api_key_place.c.place).where(api_key_place.c.key == key)
        with self._database.write() as connection:
            held = list(connection.execute(rows.order_by(api_key_place.c.at)).scalars())
            if place in held:
                return
            for old in held[: len(held) + 1 - MOST_PLACES]:
                here = sa.and_(api_key_place.c.key == key, api_key_place.c.place == old)
                connection.execute(sa.delete(api_key_place).where(here))
            at = timestamp(self._clock.now())
            connection.execute(sa.insert(api_key_place).values(key=key, place=place, at=at))
            about = {"key": key, "for": owner, "place": place, "known": len(held)}
            self._audit.append(connection, [Entry("api_key.new_place", by, about)])


def network(address: str) -> str:
    """Return the network that an address stands for: /24 of IPv4, /48 of IPv6; anything else is one of its own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "elsewhere"
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))
