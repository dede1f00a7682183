"""Accounts and groups of Entra ID, as Microsoft Graph lists them."""

from __future__ import annotations

from collections.abc import Iterator

from muniment.knowledge.sources.connector import Account, People, Team, account, team
from muniment.knowledge.sources.connectors.graph_permissions import OWNERS
from muniment.knowledge.sources.http_api import HttpApi, Malformed, Object, objects_in, stated_in, text_in

_PAGE = 999
_USERS = {"$select": "id,userPrincipalName,mail,accountEnabled,userType", "$top": _PAGE}
_GROUPS = {"$select": "displayName,members,owners"}


def next_link(page: Object) -> str:
    """Return the link to the next page, empty on the last."""
    return text_in(page, "@odata.nextLink")


def people(api: HttpApi) -> Iterator[People]:
    """Return all accounts, then all groups; one that is not known to be a member is a guest."""
    for page in api.pages("/users", _USERS, next_link):
        yield People([_account(one) for one in objects_in(page, "value")])
    yield People(teams=_teams(api))


def _account(one: Object) -> Account:
    return Account(
        stated_in(one, "id"),
        text_in(one, "userPrincipalName"),
        text_in(one, "mail"),
        active=one.get("accountEnabled") is True,
        guest=one.get("userType") != "Member",
    )


def _teams(api: HttpApi) -> list[Team]:
    """Return groups with members and owners; the feed of changes from its beginning has them in the fewest pages.

    A group may come several times, each time with a part of them.
    """
    names: dict[str, str] = {}
    members: dict[str, dict[str, None]] = {}
    ended = False
    for page in api.pages("/groups/delta", _GROUPS, next_link):
        ended = bool(text_in(page, "@odata.deltaLink"))
        for one in objects_in(page, "value"):
            group = stated_in(one, "id").lower()
            if one.get("@removed") is not None:
                for name in (group, OWNERS + group):
                    members.pop(name, None)
                continue
            names[group] = text_in(one, "displayName") or names.get(group, "")
            for name, field in ((group, "members@delta"), (OWNERS + group, "owners@delta")):
                held = members.setdefault(name, {})
                for entry, stays in _moved(one, field):
                    if stays:
                        held[entry] = None
                    else:
                        held.pop(entry, None)
    if not ended:
        raise Malformed("The list of groups broke off.")
    return [
        Team(name, tuple(held), names.get(name.removeprefix(OWNERS), "")) for name, held in members.items()
    ]


def _moved(group: Object, field: str) -> Iterator[tuple[str, bool]]:
    """Return entries of members, and whether they are in; what is neither account nor group reads nothing."""
    if group.get(field) is None:
        return
    for one in objects_in(group, field):
        kind, name = text_in(one, "@odata.type").removeprefix("#"), stated_in(one, "id")
        stays = one.get("@removed") is None
        if kind == "microsoft.graph.user":
            yield account(name), stays
        elif kind == "microsoft.graph.group":
            yield team(name.lower()), stays
