"""The principals of a WebDAV server (RFC 3744): who is somebody, who is a group, and who is in it.

A principal with a `DAV:group-member-set` is a group. For a server that gives one for people too, or hides those of
groups, `people_below` says it: the principals below that path are people, all others are groups.

An account's name is the last part of its address, which people cannot choose as they can a display name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connector import Account, Gone, People, Team, Unreadable, account, team
from muniment.knowledge.sources.connectors.webdav_api import DAV, Path, Resource, WebdavApi, links
from muniment.knowledge.sources.http_api import Malformed

_PROPERTIES = ("resourcetype", "principal-URL", "group-member-set")
_MEMBERS = f"{DAV}group-member-set"
_MOST_DEPTH, _MOST_COLLECTIONS = 8, 100_000


class Principals:
    """Everybody of a server at one moment."""

    def __init__(self, api: WebdavApi, collections: Iterable[Path], people_below: Path | None) -> None:
        """Raises Unavailable where not all of them can be read."""
        self._api = api
        self._below = people_below
        self._found: dict[Path, Resource] = {}
        self._named: dict[Path, Path] = {}
        self._walk(list(collections))
        for path, one in self._found.items():
            self._name(path, one)
        self._whole = self._whole_groups()

    def people(self) -> People:
        """Return accounts and groups."""
        accounts: list[Account] = []
        teams: list[Team] = []
        for path, one in self._found.items():
            if self._is_group(path, one):
                members = [entry for entry in map(self._entry, self._members(path)) if entry]
                teams.append(Team(_id(path), members, path[-1]))
            else:
                accounts.append(Account(_id(path), path[-1]))
        return People(accounts, teams)

    def entry(self, link: str) -> str | None:
        """Return the entry that a link to a principal stands for, None for one that is not known whole."""
        found = self._path(link)
        if found is None or (self._is_group(found, self._found[found]) and found not in self._whole):
            return None
        return self._entry(found)

    def _walk(self, front: list[Path]) -> None:
        visited: set[Path] = set()
        depth_of = dict.fromkeys(front, 0)
        while front:
            path = front.pop()
            if path in visited:
                continue
            visited.add(path)
            if len(visited) > _MOST_COLLECTIONS or depth_of[path] > _MOST_DEPTH:
                raise Malformed("The principals of the server have no end.")
            try:
                found = self._api.below(path, _PROPERTIES)
            except (Gone, Unreadable) as error:
                raise Unavailable(
                    f"The principals of the server cannot be read: {error}",
                    fix="Let the account list them, or state `principals`.",
                ) from error
            for one in found:
                if one.problem:
                    raise Unavailable(f"A principal of the server cannot be read: {one.problem}")
                kinds = {kind.tag for kind in one.properties[f"{DAV}resourcetype"]}
                if f"{DAV}principal" in kinds:
                    self._found[one.path] = one
                if one.collection:
                    depth_of[one.path] = depth_of[path] + 1
                    front.append(one.path)

    def _name(self, path: Path, one: Resource) -> None:
        """Keep by which addresses a principal is named; one that two of them claim names neither."""
        named = [path]
        stated = one.properties.get(f"{DAV}principal-URL")
        for link in links(stated) if stated is not None else ():
            own = self._api.located(link, path)
            if own is not None and own not in self._found:
                named.append(own)
        for alias in named:
            if self._named.setdefault(alias, path) != path:
                self._named[alias] = ()

    def _path(self, link: str) -> Path | None:
        """Return the principal that a link names, None for one that was not listed."""
        located = self._api.located(link, self._api.root)
        return (self._named.get(located) or None) if located is not None else None

    def _is_group(self, path: Path, one: Resource) -> bool:
        if self._below is not None:
            return path[: len(self._below)] != self._below
        if _MEMBERS in one.properties:
            return True
        if one.refused.get(_MEMBERS, 404) != 404:
            raise Unavailable(
                f"The members of the group {path[-1]} cannot be read.", fix="Let the account read them."
            )
        return False

    def _members(self, path: Path) -> list[Path | None]:
        found = self._found[path].properties.get(_MEMBERS)
        return [None] if found is None else [self._path(link) for link in links(found)]

    def _entry(self, path: Path | None) -> str:
        if path is None:
            return ""
        return team(_id(path)) if self._is_group(path, self._found[path]) else account(_id(path))

    def _whole_groups(self) -> set[Path]:
        """Return the groups whose members, through all nesting, are known."""
        members: Mapping[Path, list[Path | None]] = {
            path: self._members(path) for path, one in self._found.items() if self._is_group(path, one)
        }
        broken = {path for path, those in members.items() if None in those}
        while True:
            more = {path for path, those in members.items() if not broken.isdisjoint(those)} - broken
            if not more:
                return members.keys() - broken
            broken |= more


def _id(path: Path) -> str:
    return "/".join(path)
