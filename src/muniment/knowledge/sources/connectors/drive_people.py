"""Accounts and groups of a Google Workspace, by their mail addresses, as Drive's permissions name them.

A member of a group who is not of the organisation is a guest; so are addresses that only the operator's table names.
A group of another organisation has no members here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from muniment.knowledge.sources.connector import EVERYONE_THERE, Account, People, Team, account, team
from muniment.knowledge.sources.connectors.drive_api import GoogleApi, part
from muniment.knowledge.sources.http_api import Malformed, Object, stated_in, text_in

DOMAIN = "domain/"
"""Before the name of a domain: the group of all its accounts."""
_PORTION = 500


def people(directory: GoogleApi, customer: str, named: Collection[str]) -> Iterable[People]:
    """Yield all accounts and groups; `named` are addresses that the operator's table holds."""
    known = dict[str, Account]()
    query = {"customer": customer, "maxResults": 500, "projection": "basic"}
    for one in directory.listed("/users", query, "users"):
        found = _account(one)
        known[found.id] = found
    if not known:
        raise Malformed("The directory lists no accounts.")
    guests = {name for one in named if (name := one.lower()) not in known and "@" in name}
    accounts = list(known.values())
    for at in range(0, len(accounts), _PORTION):
        yield People(accounts=accounts[at : at + _PORTION])
    domains = dict[str, list[str]]()
    for one in accounts:
        domains.setdefault(one.id.rpartition("@")[2], []).append(account(one.id))
    yield People(teams=[Team(DOMAIN + name, members, name) for name, members in domains.items()])
    for one in list(directory.listed("/groups", {"customer": customer, "maxResults": 200}, "groups")):
        yield People(teams=[_team(directory, one, known.keys(), guests)])
    yield People(accounts=[Account(one, one, one, guest=True) for one in sorted(guests - known.keys())])


def _account(one: Object) -> Account:
    email = stated_in(one, "primaryEmail").lower()
    # What is not plainly said to be open is shut.
    active = one.get("suspended", False) is False and one.get("archived", False) is False
    return Account(email, email, email, active=active)


def _team(directory: GoogleApi, one: Object, known: Collection[str], guests: set[str]) -> Team:
    email, members = stated_in(one, "email").lower(), list[str]()
    url = f"/groups/{part(stated_in(one, 'id'))}/members"
    for member in directory.listed(url, {"maxResults": 200}, "members"):
        kind, address = text_in(member, "type"), text_in(member, "email").lower()
        if kind == "CUSTOMER":
            members.append(EVERYONE_THERE)
        elif kind == "GROUP" and address:
            members.append(team(address))
        elif kind in ("USER", "EXTERNAL") and address and text_in(member, "status") in ("", "ACTIVE"):
            if address not in known:
                guests.add(address)
            members.append(account(address))
    return Team(email, members, text_in(one, "name"))
