"""What the connector to Jira asks of Cloud and of Data Center, which answer alike and not the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connector import Account
from muniment.knowledge.sources.connectors.atlassian_accounts import Group
from muniment.knowledge.sources.http_api import (
    HttpApi,
    Malformed,
    Object,
    Refusal,
    TooLarge,
    as_object,
    object_in,
    objects_in,
    stated_in,
    text_in,
)

SERVICE = "Jira"
REST = "/rest/api/2"
_PAGE = 50
_ROWS = (50, 10, 1)
"""Issues in one answer; fewer where it would be too large."""
_MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Project:
    """A project."""

    id: str
    key: str
    lead: str
    """The account that leads it; empty where it is not told."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of the issues of a project."""

    issues: Sequence[Object]
    next: str
    """Where to go on; empty at the end."""


class Tracker:
    """One Jira."""

    def __init__(self, api: HttpApi, cloud: bool) -> None:
        self.api = api
        self.cloud = cloud

    def projects(self, keys: Sequence[str]) -> list[Project]:
        """Return the projects with these keys, without any all of them, by key."""
        if self.cloud:
            listed = self.values(f"{REST}/project/search", {"expand": "lead"})
        else:
            listed = iter(self.array(f"{REST}/project", {"expand": "lead"}))
        found = [
            Project(stated_in(one, "id"), stated_in(one, "key"), self.person(object_in(one, "lead")))
            for one in listed
        ]
        wanted = {one.key: one for one in found if not keys or one.key in keys}
        if missing := set(keys) - wanted.keys():
            raise Malformed(f"{SERVICE} shows no project {sorted(missing)[0]}.")
        return [wanted[key] for key in sorted(wanted)]

    def groups(self) -> Iterator[Group]:
        """Return all groups with their members."""
        for known, name in self._group_names():
            which: dict[str, str | int] = {"groupId": known} if self.cloud else {"groupname": name}
            query = {**which, "includeInactiveUsers": "true"}
            members = [self._account(one) for one in self.values(f"{REST}/group/member", query)]
            yield Group(known, name, tuple(members))

    def _group_names(self) -> Iterator[tuple[str, str]]:
        if self.cloud:
            for one in self.values(f"{REST}/group/bulk", {}):
                yield stated_in(one, "groupId"), stated_in(one, "name")
            return
        said = self.api.get(f"{REST}/groups/picker", {"maxResults": _MOST_NAMES})
        named = [stated_in(one, "name") for one in objects_in(said, "groups")]
        if number(said, "total") > len(named):
            raise Unavailable(
                f"{SERVICE} does not name all its groups.", fix="Raise jira.ajax.autocomplete.limit there."
            )
        for name in named:
            yield name, name

    def _account(self, one: Object) -> Account:
        active = one.get("active") is True
        if self.cloud:
            active = active and text_in(one, "accountType") == "atlassian"
            return Account(stated_in(one, "accountId"), email=text_in(one, "emailAddress"), active=active)
        return Account(
            stated_in(one, "key"), stated_in(one, "name"), text_in(one, "emailAddress"), active=active
        )

    def person(self, one: Object) -> str:
        """Return the id of an account that is told of, empty where it has none."""
        return text_in(one, "accountId" if self.cloud else "key")

    def group(self, one: Object) -> str:
        """Return the id of a group that is told of, empty where it has none."""
        return text_in(one, "groupId" if self.cloud else "name")

    def optional(self, url: str, query: Mapping[str, str | int] | None = None) -> Object | None:
        """Return what is at an address, None where our account may not ask or there is nothing."""
        try:
            return self.api.get(url, query)
        except Refusal as error:
            if error.status in (403, 404):
                return None
            raise

    def search(self, jql: str, fields: str, at: str) -> Listed:
        """Return a part of the issues that are asked for, with all their comments."""
        for rows in _ROWS[:-1]:
            try:
                return self._search(jql, fields, at, rows)
            except TooLarge:
                continue
        return self._search(jql, fields, at, _ROWS[-1])

    def _search(self, jql: str, fields: str, at: str, rows: int) -> Listed:
        query: dict[str, str | int] = {"jql": jql, "fields": fields, "maxResults": rows}
        if self.cloud:
            said = self.api.get(f"{REST}/search/jql", query | ({"nextPageToken": at} if at else {}))
            after, ended = text_in(said, "nextPageToken"), said.get("isLast")
            if not after and ended is False:
                raise Malformed(f"{SERVICE} breaks off its list.")
            return Listed(objects_in(said, "issues"), "" if ended is True else after)
        said = self.api.get(f"{REST}/search", query | {"startAt": at or "0"})
        found, start = objects_in(said, "issues"), int(at or "0")
        total, reached = number(said, "total"), start + len(found)
        if reached < total and not found:
            raise Malformed(f"{SERVICE} breaks off its list.")
        return Listed(found, str(reached) if reached < total else "")

    def comments(self, issue: Object) -> list[Object]:
        """Return all comments of a listed issue."""
        said = object_in(object_in(issue, "fields"), "comment")
        found = objects_in(said, "comments")
        if "total" in said and number(said, "total") <= len(found):
            return found
        url = f"{REST}/issue/{part(stated_in(issue, 'id'))}/comment"
        return list(self.values(url, {}, "comments"))

    def values(self, url: str, query: Mapping[str, str | int], name: str = "values") -> Iterator[Object]:
        """Return a listing that tells where each part begins and how much there is."""
        start = 0
        while True:
            said = self.api.get(url, {**query, "startAt": start, "maxResults": _PAGE})
            found = objects_in(said, name)
            yield from found
            start += len(found)
            if "total" not in said and said.get("isLast") is None:
                raise Malformed(f"{SERVICE} does not tell how much there is.")
            if said.get("isLast") is True or ("total" in said and start >= number(said, "total")):
                return
            if not found:
                raise Malformed(f"{SERVICE} breaks off its list.")

    def array(self, url: str, query: Mapping[str, str | int] | None = None) -> list[Object]:
        """Return the list at an address; raises as `HttpApi.get` does."""
        try:
            found: object = json.loads(self.api.reply("GET", self.api.address(url, query)).body)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{SERVICE} answered with no JSON.") from error
        if not isinstance(found, list):
            raise Malformed(f"{SERVICE} answered with no list.")
        return [as_object(one, "Something in a list") for one in cast("Sequence[object]", found)]


def part(name: str) -> str:
    """Return a name as a part of an address."""
    return quote(name, safe="")


def number(holder: Object, name: str) -> int:
    """Return a field that has to be a whole number, 0 where it is missing; raises Malformed."""
    found = holder.get(name, 0)
    if isinstance(found, bool) or not isinstance(found, int):
        raise Malformed(f"{name} is no number.")
    return found
