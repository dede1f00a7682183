"""Access lists of a WebDAV server (RFC 3744), as what they state of readers.

`DAV:read` and `DAV:all` count as reading. Every list of `DAV:inherited-acl-set` has to let somebody in too.

Narrower than the source: a deny goes before every grant, whatever their order; `all` and `authenticated` are every
principal that the server lists; grants to `self`, inverted grants, and those to a property other than the owner give
nothing; a deny of a privilege that the RFC does not name is one of reading. A deny whose principal cannot be told
makes the list nobody's, and so does a list with a part that is not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from muniment.knowledge.sources.connector import EVERYONE_THERE, UNREADABLE, Stated
from muniment.knowledge.sources.connectors.webdav_api import DAV, Resource, links

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251  # the type of what defusedxml returns

PROPERTIES = ("acl", "owner", "inherited-acl-set")
_READS = frozenset({f"{DAV}read", f"{DAV}all"})
_OTHERS = frozenset(
    DAV + name
    for name in (
        "write",
        "write-properties",
        "write-content",
        "unlock",
        "read-acl",
        "read-current-user-privilege-set",
        "write-acl",
        "bind",
        "unbind",
    )
)
_PARTS = frozenset(
    {f"{DAV}{name}" for name in ("principal", "invert", "grant", "deny", "protected", "inherited")}
)
Entry = Callable[[str], str | None]
"""Gives the entry that a link to a principal stands for, None for one that is not known whole."""


class _NotUnderstood(Exception):
    """A part of a list that could keep somebody out."""


def stated_of(resource: Resource, above: Iterable[Resource | None], entry: Entry) -> Stated:
    """Return who reads a resource; `above` are those of its inherited-acl-set, None for one that cannot be read."""
    clauses: list[frozenset[str]] = []
    deny: set[str] = set()
    try:
        for one in (resource, *above):
            acl = None if one is None else one.properties.get(f"{DAV}acl")
            if one is None or acl is None:
                return UNREADABLE
            allowed, denied = _of_list(acl, _owner(one), entry)
            clauses.append(allowed)
            deny |= denied
    except _NotUnderstood:
        return UNREADABLE
    if not all(clauses):
        return UNREADABLE
    return Stated(tuple(dict.fromkeys(clauses)), frozenset(deny))


def inherited_from(resource: Resource) -> Iterable[str] | None:
    """Return links to the lists that have to let somebody in too; None where they cannot be told."""
    name = f"{DAV}inherited-acl-set"
    if name in resource.properties:
        return tuple(links(resource.properties[name]))
    return () if resource.refused.get(name, 404) == 404 else None


def _of_list(acl: Element, owner: str, entry: Entry) -> tuple[frozenset[str], frozenset[str]]:
    allowed: set[str] = set()
    denied: set[str] = set()
    for ace in acl:
        parts = {str(part.tag): part for part in ace}
        if ace.tag != f"{DAV}ace" or not parts.keys() <= _PARTS or len(parts) != len(ace):
            raise _NotUnderstood
        grant, refuse = parts.get(f"{DAV}grant"), parts.get(f"{DAV}deny")
        if (grant is None) == (refuse is None):
            raise _NotUnderstood
        who = _principal(parts, owner, entry)
        if grant is not None and not _READS.isdisjoint(_privileges(grant)):
            allowed |= who or frozenset()
        if refuse is not None and not _OTHERS.issuperset(_privileges(refuse)):
            if who is None:
                raise _NotUnderstood
            denied |= who
    return frozenset(allowed), frozenset(denied)


def _privileges(part: Element) -> set[str]:
    """Return the privileges that a grant or deny names."""
    found: set[str] = set()
    for one in part:
        if one.tag != f"{DAV}privilege" or len(one) != 1:
            raise _NotUnderstood
        found.add(str(one[0].tag))
    return found


def _principal(parts: dict[str, Element], owner: str, entry: Entry) -> frozenset[str] | None:
    """Return the entries of whom an ACE is about, None where that cannot be told."""
    principal = parts.get(f"{DAV}principal")
    if principal is None or f"{DAV}invert" in parts or len(principal) != 1:
        return None
    kind = principal[0]
    if kind.tag in (f"{DAV}all", f"{DAV}authenticated"):
        return frozenset({EVERYONE_THERE})
    if kind.tag == f"{DAV}unauthenticated":
        return frozenset()
    link = ""
    if kind.tag == f"{DAV}href":
        link = kind.text or ""
    elif kind.tag == f"{DAV}property" and [one.tag for one in kind] == [f"{DAV}owner"]:
        link = owner
    found = entry(link) if link else None
    return None if found is None else frozenset({found})


def _owner(resource: Resource) -> str:
    found = resource.properties.get(f"{DAV}owner")
    return "" if found is None else next(iter(links(found)), "")
