"""Accounts and groups of Atlassian products, which let in whoever is in a group with a licence."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from muniment.foundation.errors import BadInput
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connector import Account, People, Team, account
from muniment.knowledge.sources.http_api import Credentials, FixedToken, NameAndPassword


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the product."""

    id: str
    name: str
    members: tuple[Account, ...] = field(default=())


def people(groups: Iterable[Group], licensed: Collection[str], guests: Collection[str]) -> Iterator[People]:
    """Return all accounts and groups; who is in no group of `licensed` or `guests`, by name, is not active.

    Raises BadInput where a group of those is none.
    """
    accounts: dict[str, Account] = {}
    teams: list[Team] = []
    entitled, outside = set[str](), set[str]()
    missing = {*licensed, *guests}
    for group in groups:
        for one in group.members:
            before = accounts.get(one.id, one)
            accounts[one.id] = replace(
                one, active=one.active and before.active, guest=one.guest or before.guest
            )
        names = {one.id for one in group.members}
        entitled |= names if group.name in licensed or group.name in guests else set()
        outside |= names if group.name in guests else set()
        missing.discard(group.name)
        teams.append(Team(group.id, [account(one) for one in sorted(names)], group.name))
    if missing:
        raise BadInput(
            f"No group is called {sorted(missing)[0]!r}.", fix="Correct licensed_groups or guest_groups."
        )
    yield People(
        [
            replace(one, active=one.active and one.id in entitled, guest=one.guest or one.id in outside)
            for one in accounts.values()
        ]
    )
    yield People(teams=teams)


def credentials(user: str, token: Callable[[], Secret | None]) -> Credentials:
    """Return what proves who asks: a name with its token, or a token alone."""
    return NameAndPassword(user, token, "token") if user else FixedToken(token, "token")


def is_signed(headers: Mapping[str, str], body: bytes, secret: Secret | None) -> bool:
    """Return whether `X-Hub-Signature` proves a call by a secret; without a secret nothing does."""
    stated = headers.get("x-hub-signature", "")
    if secret is None or not secret.reveal():
        return False
    right = "sha256=" + hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(stated.encode(), right.encode())
