"""What Microsoft Graph says of who may read an item, as readers.

Permissions there only grant. Narrower than the source: links for anybody or for the organisation open nothing by
themselves, nor does a link with a password, one that shows without letting download, or a person who is known by
address alone; "Everyone" leaves guests out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from muniment.knowledge.sources.connector import (
    EVERYONE_THERE,
    UNREADABLE,
    Stated,
    account,
    readers,
    team,
)
from muniment.knowledge.sources.http_api import Malformed, Object, as_object, object_in, objects_in, text_in

OWNERS, SITE_GROUP = "owners-of/", "site/"
"""Before the ids of groups that are not Entra's: those who own one, and those that the site keeps itself."""
_FIELDS = frozenset(
    {
        "id",
        "roles",
        "shareId",
        "link",
        "invitation",
        "inheritedFrom",
        "expirationDateTime",
        "hasPassword",
        "grantedTo",
        "grantedToIdentities",
        "grantedToV2",
        "grantedToIdentitiesV2",
    }
)
_READING = frozenset({"read", "write", "owner", "sp.owner", "sp.member", "sp.full control"})
_IDENTITIES = frozenset({"application", "device", "user", "group", "siteUser", "siteGroup"})
_OPENING_LINKS = frozenset({"view", "edit", "review"})
_SHUT_SCOPES = frozenset({"anonymous", "organization", "existingAccess"})
_NEVER = datetime.min.replace(tzinfo=UTC)
"""As an end, it says that there is none."""
_GUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_GROUP_CLAIM = re.compile(rf"c:0o\.c\|federateddirectoryclaimprovider\|{_GUID}(_o)?", re.IGNORECASE)
_SECURITY_CLAIM = re.compile(rf"c:0t\.c\|tenant\|{_GUID}", re.IGNORECASE)
_ALL_MEMBERS_CLAIM = re.compile(rf"c:0-\.f\|rolemanager\|spo-grid-all-users/{_GUID}", re.IGNORECASE)
_EVERYONE_CLAIM = "c:0(.s|true"
_PERSON_CLAIM = "i:0#.f|membership|"


@dataclass(frozen=True, slots=True)
class Read:
    """What the permissions of one item come to."""

    stated: Stated
    until: float = 0.0
    """When the first of them ends by itself, in seconds since 1970; 0 for never."""


def read(permissions: Iterable[Object], tenant: str, now: datetime, sensitivity: str | None = None) -> Read:
    """Return who may read; nobody where a permission is not understood."""
    found, until = set[str](), 0.0
    try:
        for one in permissions:
            ends = _ends(one)
            if ends is not None and ends <= now:
                continue
            entries = _readers(one, tenant)
            if entries and ends is not None:
                until = min(until or ends.timestamp(), ends.timestamp())
            found |= entries
    except (Malformed, _NotUnderstood):
        return Read(UNREADABLE)
    return Read(readers(found, sensitivity=sensitivity), until)


class _NotUnderstood(Exception):
    """A permission may mean something that is not known here."""


def _ends(one: Object) -> datetime | None:
    stated = text_in(one, "expirationDateTime")
    if not stated:
        return None
    try:
        at = datetime.fromisoformat(stated)
    except ValueError as error:
        raise _NotUnderstood from error
    whole = at if at.tzinfo else at.replace(tzinfo=UTC)
    return None if whole == _NEVER else whole


def _readers(one: Object, tenant: str) -> frozenset[str]:
    if any(name not in _FIELDS and "@" not in name for name in one):
        raise _NotUnderstood
    roles = one.get("roles", [])
    if not isinstance(roles, list) or any(str(role).lower() not in _READING for role in roles):
        raise _NotUnderstood
    if not roles:
        return frozenset()
    if one.get("link") is not None:
        return _through(object_in(one, "link"), one, tenant)
    sets = [object_in(one, "grantedToV2")] if one.get("grantedToV2") is not None else []
    return _entries([*sets, *_listed(one)], tenant)


def _through(link: Object, one: Object, tenant: str) -> frozenset[str]:
    """Return whom a link lets in: those that it names, and never whoever has it."""
    scope = text_in(link, "scope")
    if scope in _SHUT_SCOPES:
        return frozenset()
    if scope != "users":
        raise _NotUnderstood
    open_ = text_in(link, "type") in _OPENING_LINKS
    if not open_ or link.get("preventsDownload") or one.get("hasPassword"):
        return frozenset()
    return _entries(_listed(one), tenant)


def _listed(one: Object) -> list[Object]:
    return objects_in(one, "grantedToIdentitiesV2") if one.get("grantedToIdentitiesV2") is not None else []


def _entries(sets: Iterable[Object], tenant: str) -> frozenset[str]:
    return frozenset(entry for one in sets if (entry := _entry(one, tenant)))


def _entry(identity: Object, tenant: str) -> str:
    """Return whom a set of identities means, which are names of one and the same; empty for nobody known here."""
    held = {
        name: as_object(value, name)
        for name, value in identity.items()
        if value is not None and "@" not in name
    }
    if held.keys() - _IDENTITIES:
        raise _NotUnderstood
    login = text_in(held.get("siteUser", {}), "loginName")
    user, group = (text_in(held.get(name, {}), "id") for name in ("user", "group"))
    if site_group := held.get("siteGroup"):
        number = text_in(site_group, "id")
        return team(f"{SITE_GROUP}{number}") if number and not (login or user or group) else ""
    if login and not login.startswith(_PERSON_CLAIM):
        return claimed(login, group, tenant)
    if user and not group:
        return account(user)
    return team(group.lower()) if group and not user and not login else ""


def claimed(login: str, group: str, tenant: str) -> str:
    """Return whom a claim of SharePoint means; a group that is named beside it must be the same."""
    if login == _EVERYONE_CLAIM:
        return EVERYONE_THERE
    if found := _ALL_MEMBERS_CLAIM.fullmatch(login):
        return EVERYONE_THERE if found[1].lower() == tenant.lower() else ""
    if (found := _GROUP_CLAIM.fullmatch(login)) and group.lower() in ("", found[1].lower()):
        return team(f"{OWNERS if found[2] else ''}{found[1].lower()}")
    if (found := _SECURITY_CLAIM.fullmatch(login)) and group.lower() in ("", found[1].lower()):
        return team(found[1].lower())
    return ""
