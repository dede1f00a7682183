"""What Google Drive says of who may read an item, as readers.

Permissions there only grant. Narrower than the source: what is open to whoever has the link lets nobody in; what
anybody on the Internet may find lets in the accounts of the organisation; with limited access only what is granted
on the item itself counts, and its owners and organizers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from muniment.knowledge.sources.connector import EVERYONE_THERE, UNREADABLE, Stated, account, team
from muniment.knowledge.sources.connectors.drive_people import DOMAIN
from muniment.knowledge.sources.http_api import Malformed, Object, objects_in, text_in

_FIELDS = frozenset(
    {
        "kind",
        "id",
        "type",
        "emailAddress",
        "domain",
        "role",
        "view",
        "allowFileDiscovery",
        "displayName",
        "photoLink",
        "expirationTime",
        "teamDrivePermissionDetails",
        "permissionDetails",
        "deleted",
        "pendingOwner",
        "inheritedPermissionsDisabled",
    }
)
_ABOVE_LIMITS = frozenset({"owner", "organizer"})
_READING = _ABOVE_LIMITS | {"fileOrganizer", "writer", "commenter", "reader"}
_SHUT_VIEWS = frozenset({"metadata", "published"})
"""Those of the name alone, and of a copy that was published."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of permissions."""

    allow: frozenset[str] = frozenset()
    understood: bool = True
    until: float = 0.0
    """When a grant ends by itself, the first of them; 0: none does."""

    def stated(self, clauses: Iterable[frozenset[str]] = (), sensitivity: str | None = None) -> Stated:
        """Return what is stated; readers hold something of each of `clauses` too."""
        if not self.understood:
            return UNREADABLE
        return Stated((self.allow, *clauses), sensitivity=sensitivity)


def read(permissions: Iterable[Object], limited: bool, now: datetime) -> Read:
    """Return the readers that all permissions of an item make; `limited`: it takes none from the folder above."""
    allow, until = set[str](), 0.0
    try:
        for one in permissions:
            entry, ends = _entry(one, limited, now)
            if entry:
                allow.add(entry)
                until = min(until or ends, ends or until)
    except (Malformed, ValueError):
        return Read(understood=False)
    return Read(frozenset(allow), True, until)


def _entry(one: Object, limited: bool, now: datetime) -> tuple[str, float]:
    role, kind, view = text_in(one, "role"), text_in(one, "type"), text_in(one, "view")
    if one.keys() - _FIELDS or role not in _READING or (view and view not in _SHUT_VIEWS):
        raise Malformed("A permission that is not understood.")
    whom, ends = _whom(one, kind), _ends(one)
    shut = view or _flag(one, "deleted") or (ends and ends <= now.timestamp())
    limits = limited or _flag(one, "inheritedPermissionsDisabled")
    if shut or (limits and role not in _ABOVE_LIMITS and not _is_direct(one)):
        return "", 0.0
    return whom, ends


def _whom(one: Object, kind: str) -> str:
    address = text_in(one, "emailAddress").lower()
    if kind == "user":
        # A deleted account has no address.
        return account(address) if address else ""
    if kind == "group":
        return team(address) if address else ""
    found = _flag(one, "allowFileDiscovery")
    if kind == "domain":
        name = text_in(one, "domain").lower()
        return team(DOMAIN + name) if found and name else ""
    if kind == "anyone":
        return EVERYONE_THERE if found else ""
    raise Malformed("A permission of a kind that is not known.")


def _ends(one: Object) -> float:
    stated = text_in(one, "expirationTime")
    if not stated:
        return 0.0
    at = datetime.fromisoformat(stated)
    if at.tzinfo is None:
        raise Malformed("expirationTime has no zone.")
    return at.timestamp()


def _is_direct(one: Object) -> bool:
    details = objects_in(one, "permissionDetails") if "permissionDetails" in one else []
    return any(detail.get("inherited") is False and text_in(detail, "role") in _READING for detail in details)


def _flag(one: Object, name: str) -> bool:
    found = one.get(name, False)
    if not isinstance(found, bool):
        raise Malformed(f"{name} is neither true nor false.")
    return found
