"""Where the Postgres server lies: under rules of the network, the vetted address is the one connected to."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import exc

from muniment.foundation.addresses import reach
from muniment.foundation.egress import Egress, Resolve, Unreached, look_up
from muniment.foundation.egress_rules import EgressRules
from muniment.foundation.errors import BadInput, Unavailable

PORT = 5432
_SECONDS = 10.0
_ELSEWHERE = ("host", "hostaddr", "port", "service", "servicefile")
"""Parameters that could lead to another server than the address names."""


def place_of(url: str, setting: str = "database.url") -> tuple[str, int] | None:
    """Return host and port of the server, None for a socket of this machine; raises BadInput naming the setting."""
    try:
        address = sa.make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise BadInput(
            f"{setting} does not lead to an address of Postgres.",
            fix="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
        ) from error
    beside = next((name for name in _ELSEWHERE if name in address.query), None)
    if beside == "host" and str(address.query["host"]).startswith("/") and not address.host:
        return None
    if beside is not None or (address.host and "," in address.host):
        raise BadInput(
            f"{setting} names its server {f'by {beside}' if beside else 'twice'}.",
            fix="Name one HOST:PORT before the database, so that it can be compared with network.allow.",
        )
    if not address.host or address.host.startswith("/"):
        return None
    return address.host, address.port or PORT


def reached(url: str, rules: EgressRules, resolve: Resolve = look_up) -> str:
    """Return the address with the vetted network address in it, where rules bind databases.

    The certificate is still compared with the name. Raises Refused, and Unavailable for a name that has none.
    """
    if not (rules.private or "database" in rules.lists):
        return url
    place = place_of(url)
    if place is None:
        return url
    host, port = place
    named = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    door = Egress((), {named}, purpose="database", rules=replace(rules, proxy=None), resolve=resolve)
    try:
        found = door.addresses(("https", host.lower().rstrip("."), port), _SECONDS)
    except Unreached as error:
        raise Unavailable(
            f"The database server {host} has no address.", fix="Mend database.url or the name server."
        ) from error
    first = next((one for one in found if reach(one) == "inside"), found[0])
    vetted = sa.make_url(url).update_query_dict({"hostaddr": str(first)})
    return vetted.render_as_string(hide_password=False)
