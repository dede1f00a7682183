"""What the connector to Confluence asks of Cloud and of Data Center, which answer alike and not the same.

Invariants:
- who is restricted and to whom is taken from what the service says of that page; where it says nothing, that is
  nobody, never everybody;
- of grants only those to accounts and groups with an id count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlsplit

from muniment.knowledge.sources.connector import EVERYONE_THERE, Account, account, team
from muniment.knowledge.sources.connectors.atlassian_accounts import Group
from muniment.knowledge.sources.http_api import (
    HttpApi,
    Malformed,
    Object,
    Refusal,
    as_object,
    object_in,
    objects_in,
    stated_in,
    text_in,
)

SERVICE = "Confluence"
NOBODY: frozenset[str] = frozenset()
_PAGE = 200
_ROWS = 50
"""Pages with what lies at them in one answer."""
_EXPAND = (
    "version,ancestors,children.attachment.version,history.createdBy,"
    "restrictions.read.restrictions.user,restrictions.read.restrictions.group"
)
_SUBJECTS = frozenset({"user", "group", "_expandable", "_links"})


@dataclass(frozen=True, slots=True)
class Space:
    """A space."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of what is in a space."""

    pages: Sequence[Object]
    next: str
    """The link to go on by; empty at the end."""


class Wiki:
    """One Confluence."""

    def __init__(self, api: HttpApi, site: str, cloud: bool, anonymous: bool) -> None:
        """With `anonymous`, whoever may sign in reads what is open to visitors."""
        self.api = api
        self.cloud = cloud
        self._context = urlsplit(site).path.rstrip("/")
        self._anonymous = anonymous

    def spaces(self, keys: Sequence[str]) -> list[Space]:
        """Return the spaces with these keys, without any all of them, by key."""
        url = "/api/v2/spaces" if self.cloud else "/rest/api/space"
        found = [
            Space(_id(one), stated_in(one, "key"))
            for page in self._pages(url, {"limit": _PAGE, "status": "current"})
            for one in objects_in(page, "results")
        ]
        wanted = {one.key: one for one in found if not keys or one.key in keys}
        if missing := set(keys) - wanted.keys():
            raise Malformed(f"{SERVICE} shows no space {sorted(missing)[0]}.")
        return [wanted[key] for key in sorted(wanted)]

    def readers(self, space: Space) -> frozenset[str]:
        """Return who may see a space; nobody where our account may not ask."""
        try:
            said = self._space_permissions(space)
        except Refusal as error:
            if error.status in (403, 404):
                return NOBODY
            raise
        found = set[str]()
        for one in said:
            operation = object_in(one, "operation")
            done = text_in(operation, "key" if self.cloud else "operationKey")
            if (done, text_in(operation, "targetType")) == ("read", "space"):
                found |= self._subject(object_in(one, "principal" if self.cloud else "subject"))
        return frozenset(found)

    def _space_permissions(self, space: Space) -> list[Object]:
        if self.cloud:
            pages = self._pages(f"/api/v2/spaces/{part(space.id)}/permissions", {"limit": _PAGE})
            return [one for page in pages for one in objects_in(page, "results")]
        return _array(self.api.reply("GET", f"/rest/api/space/{part(space.key)}/permissions").body)

    def _subject(self, said: Object) -> set[str]:
        kind = text_in(said, "type").lower()
        if kind == "user" and (name := text_in(said, "id" if self.cloud else "userKey")):
            return {account(name)}
        if kind == "group" and (name := text_in(said, "id" if self.cloud else "name")):
            return {team(name)}
        return {EVERYONE_THERE} if kind == "anonymous" and self._anonymous else set()

    def listing(self, space: Space, link: str, kind: str = "page,blogpost") -> Listed:
        """Return a part of the pages of a space, or of its comments."""
        comments = kind == "comment"
        expand = "version,container" if comments else _EXPAND
        if link:
            page = self.api.get(link)
        else:
            cql = f'space = "{_quoted(space.key)}" and type in ({kind}) order by created'
            query = {"cql": cql, "expand": expand, "limit": _PAGE if comments else _ROWS}
            page = self.api.get("/rest/api/content/search", query)
        return Listed(objects_in(page, "results"), self._next(page))

    def restriction(self, page: Object) -> frozenset[str] | None:
        """Return to whom a listed page itself is restricted, None where it is not."""
        read = object_in(object_in(page, "restrictions"), "read")
        return self._restricted(stated_in(page, "id"), object_in(read, "restrictions"))

    def restriction_of(self, name: str) -> frozenset[str] | None:
        """Ask to whom something is restricted; nobody where our account may not ask."""
        users, groups, start = list[Object](), list[Object](), 0
        while True:
            query = {"expand": "restrictions.user,restrictions.group", "start": start, "limit": _PAGE}
            try:
                said = self.api.get(f"/rest/api/content/{part(name)}/restriction/byOperation/read", query)
            except Refusal as error:
                if error.status in (400, 403, 404):
                    return NOBODY
                raise
            lists = object_in(said, "restrictions")
            if not _is_known(lists):
                return NOBODY
            more = [objects_in(object_in(lists, kind), "results") for kind in ("user", "group")]
            users += more[0]
            groups += more[1]
            if not any(_is_cut(object_in(lists, kind)) for kind in ("user", "group")):
                return self._named(users, groups)
            if not any(more):
                return NOBODY
            start += max(len(one) for one in more)

    def _restricted(self, name: str, lists: Object) -> frozenset[str] | None:
        if not _is_known(lists):
            return NOBODY
        if any(_is_cut(object_in(lists, kind)) for kind in ("user", "group")):
            return self.restriction_of(name)
        return self._named(*(objects_in(object_in(lists, kind), "results") for kind in ("user", "group")))

    def _named(self, users: Sequence[Object], groups: Sequence[Object]) -> frozenset[str] | None:
        if not users and not groups:
            return None
        who = [text_in(one, "accountId" if self.cloud else "userKey") for one in users]
        which = [text_in(one, "id" if self.cloud else "name") for one in groups]
        return frozenset([*(account(one) for one in who if one), *(team(one) for one in which if one)])

    def attachments(self, page: Object) -> list[Object]:
        """Return what is attached to a listed page."""
        said = object_in(object_in(page, "children"), "attachment")
        if "results" in said and not _is_cut(said):
            return objects_in(said, "results")
        name = part(stated_in(page, "id"))
        url, query = f"/rest/api/content/{name}/child/attachment", {"limit": _PAGE, "expand": "version"}
        if self.cloud:
            kind = "blogposts" if text_in(page, "type") == "blogpost" else "pages"
            url, query = f"/api/v2/{kind}/{name}/attachments", {"limit": _PAGE}
        return [one for part_ in self._pages(url, query) for one in objects_in(part_, "results")]

    def groups(self) -> Iterator[Group]:
        """Return all groups with their members."""
        for page in self._pages("/rest/api/group", {"limit": _PAGE}):
            for one in objects_in(page, "results"):
                name = stated_in(one, "name")
                known = stated_in(one, "id") if self.cloud else name
                url = f"/rest/api/group/{part(known)}/" + ("membersByGroupId" if self.cloud else "member")
                query = {"limit": _PAGE, **({} if self.cloud else {"expand": "status"})}
                members = [
                    self._account(member)
                    for listed in self._pages(url, query)
                    for member in objects_in(listed, "results")
                ]
                yield Group(known, name, tuple(members))

    def _account(self, one: Object) -> Account:
        if self.cloud:
            outside = any(
                one.get(name) not in (None, False) for name in ("isExternalCollaborator", "isGuest")
            )
            return Account(
                stated_in(one, "accountId"),
                email=text_in(one, "email"),
                active=text_in(one, "accountType") == "atlassian",
                guest=outside,
            )
        return Account(
            stated_in(one, "userKey"),
            stated_in(one, "username"),
            text_in(one, "email"),
            active=text_in(one, "status") == "current",
        )

    def body(self, name: str, kind: str) -> Object:
        """Return a page with its body in the storage format."""
        if self.cloud:
            url = f"/api/v2/{'blogposts' if kind == 'blogpost' else 'pages'}/{part(name)}"
            return self.api.get(url, {"body-format": "storage"})
        return self.api.get(f"/rest/api/content/{part(name)}", {"expand": "body.storage,version"})

    def comments(self, name: str, kind: str) -> Iterator[Object]:
        """Return the comments of a page, answers to them included, in the storage format."""
        if not self.cloud:
            url = f"/rest/api/content/{part(name)}/child/comment"
            yield from self._all(url, {"depth": "all", "expand": "body.storage", "limit": _ROWS})
            return
        base = f"/api/v2/{'blogposts' if kind == 'blogpost' else 'pages'}/{part(name)}"
        query = {"body-format": "storage", "limit": _ROWS}
        for which in ("footer-comments", "inline-comments"):
            waiting = [f"{base}/{which}"]
            while waiting:
                for one in self._all(waiting.pop(0), query):
                    yield one
                    waiting.append(f"/api/v2/{which}/{part(stated_in(one, 'id'))}/children")

    def _all(self, url: str, query: Mapping[str, str | int]) -> Iterator[Object]:
        for page in self._pages(url, query):
            yield from objects_in(page, "results")

    def _pages(self, url: str, query: Mapping[str, str | int]) -> Iterator[Object]:
        return self.api.pages(url, query, self._next)

    def _next(self, page: Object) -> str:
        """Return the link to the next part, which is stated within the site or within its host."""
        link = text_in(object_in(page, "_links"), "next")
        if self._context and link.startswith(f"{self._context}/"):
            return link[len(self._context) :]
        return link


def part(name: str) -> str:
    """Return a name as a part of an address."""
    return quote(name, safe="")


def number(holder: Object, name: str) -> int:
    """Return a field that has to be a whole number, 0 where it is missing; raises Malformed."""
    found = holder.get(name, 0)
    if isinstance(found, bool) or not isinstance(found, int):
        raise Malformed(f"{name} is no number.")
    return found


def _id(one: Object) -> str:
    found = one.get("id")
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return stated_in(one, "id")


def _quoted(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')


def _is_known(lists: Object) -> bool:
    """Return whether users and groups are both stated, and nothing else that might restrict."""
    return {"user", "group"} <= lists.keys() <= _SUBJECTS


def _is_cut(said: Object) -> bool:
    """Return whether a list within an answer may go on."""
    if text_in(object_in(said, "_links"), "next"):
        return True
    most = number(said, "limit")
    return bool(most) and len(objects_in(said, "results")) >= most


def _array(body: bytes) -> list[Object]:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{SERVICE} answered with no JSON.") from error
    if not isinstance(found, list):
        raise Malformed(f"{SERVICE} answered with no list.")
    return [as_object(one, "A permission") for one in cast("Sequence[object]", found)]
