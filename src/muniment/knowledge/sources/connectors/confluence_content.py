"""What there is to read in Confluence: pages with their comments, blog posts, and what is attached to them.

A change of a comment moves no version of its page, so that comments are listed besides, by space.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Sequence

from muniment.knowledge.sources.connector import Content, ContentPage, Gone, Item, Unreadable
from muniment.knowledge.sources.connectors.atlassian_time import rfc3339
from muniment.knowledge.sources.connectors.confluence_access import Turns, item_id, step
from muniment.knowledge.sources.connectors.confluence_api import SERVICE, Listed, Space, Wiki, number, part
from muniment.knowledge.sources.connectors.confluence_storage import shown
from muniment.knowledge.sources.http_api import (
    Object,
    Refusal,
    TooLarge,
    object_in,
    objects_in,
    stated_in,
    text_in,
)

_BITS = 64


class ContentFeed:
    """The feed of content over all spaces; every pass is whole."""

    def __init__(self, wiki: Wiki, spaces: Callable[[], Sequence[Space]], site: str, within: bool) -> None:
        """With `within`, paths begin in the one space that is read, else with the key of each."""
        self._wiki = wiki
        self._spaces = spaces
        self._site = site.rstrip("/")
        self._within = within
        self._comments: tuple[str, dict[str, int]] = ("", {})
        self._turns = Turns()

    def page(self, cursor: str) -> ContentPage:
        """Return the next part."""
        if not cursor:
            self._comments, self._turns = ("", {}), Turns()
        space, listed, after = step(self._wiki, self._spaces(), cursor)
        if space is None:
            return ContentPage([], (), "", more=False)
        if self._comments[0] != space.key:
            self._comments = (space.key, self._commented(space))
        items = [item for one in listed.pages for item in self._items(space, one)]
        self._turns.take(after)
        return ContentPage(items, (), after, bool(after))

    def _commented(self, space: Space) -> dict[str, int]:
        """Return by page what moves when any of its comments does."""
        found: dict[str, int] = {}
        link, turns = "", Turns()
        while True:
            listed: Listed = self._wiki.listing(space, link, "comment")
            for one in listed.pages:
                name = stated_in(object_in(one, "container"), "id")
                said = f"{stated_in(one, 'id')} {_version(one)}"
                digest = int.from_bytes(hashlib.sha256(said.encode()).digest()[: _BITS // 8])
                found[name] = (found.get(name, 0) + digest) % (1 << _BITS)
            turns.take(listed.next)
            link = listed.next
            if not link:
                return found

    def _items(self, space: Space, page: Object) -> list[Item]:
        names = [] if self._within else [space.key]
        names += [_plain(text_in(one, "title")) for one in objects_in(page, "ancestors")]
        title, commented = text_in(page, "title"), self._comments[1].get(stated_in(page, "id"), 0)
        path = "/".join([*names, _plain(title)])
        at = Item(
            id=item_id(page),
            path=path,
            revision=_version(page) + (f"+{commented:x}" if commented else ""),
            name=f"{_plain(title)}.html",
            modified_at=rfc3339(text_in(object_in(page, "version"), "when")),
            link=self._site + text_in(object_in(page, "_links"), "webui"),
            title=title,
            author=text_in(object_in(object_in(page, "history"), "createdBy"), "displayName"),
        )
        return [at, *(self._attached(at, one) for one in self._wiki.attachments(page))]

    def _attached(self, at: Item, one: Object) -> Item:
        title = text_in(one, "title")
        return Item(
            id=f"{at.id}/{stated_in(one, 'id')}",
            path=f"{at.path}/{_plain(title)}",
            revision=_version(one),
            name=_plain(title),
            size=number(object_in(one, "extensions") or one, "fileSize"),
            modified_at=rfc3339(text_in(object_in(one, "version"), "when")),
            link=at.link,
        )

    def fetch(self, item: Item, most_bytes: int, elsewhere: Sequence[str]) -> Content:
        """Return a page with its comments as a web page, or what is attached to one."""
        try:
            name, _, attached = item.id.partition("/")
            kind, _, page = name.rpartition(":")
            if attached:
                return self._file(page, attached, most_bytes, elsewhere)
            return Content(self._text(page, kind))
        except TooLarge as error:
            raise Unreadable("More than can be asked for at once.", why="size") from error
        except Refusal as error:
            if error.status in (404, 410):
                raise Gone("It is no more.") from error
            if error.status == 401:
                raise
            why = "refused" if error.status == 403 else "unreachable"
            raise Unreadable(f"{SERVICE} answered {error.status}.", why=why) from error

    def _file(self, page: str, attached: str, most_bytes: int, elsewhere: Sequence[str]) -> Content:
        api = self._wiki.api
        link = f"/rest/api/content/{part(page)}/child/attachment/{part(attached)}/download"
        if not self._wiki.cloud:
            said = api.get(f"/rest/api/content/{part(attached)}", {"expand": "container"})
            if stated_in(object_in(said, "container"), "id") != page:
                raise Gone("It lies at another page now.")
            link = stated_in(object_in(said, "_links"), "download")
        return Content(api.content(link, most_bytes, elsewhere=elsewhere).body)

    def _text(self, name: str, kind: str) -> bytes:
        page = self._wiki.body(name, kind)
        if text_in(page, "status") not in ("", "current"):
            raise Gone("It was put aside.")
        title = html.escape(text_in(page, "title"))
        parts = [
            f'<meta charset="utf-8"><title>{title}</title><h1>{title}</h1>',
            f"<div>{_shown(page)}</div>",
        ]
        comments = [f"<div>{_shown(one)}</div>" for one in self._wiki.comments(name, kind)]
        if comments:
            parts += ["<h2>Comments</h2>", *comments]
        return "\n".join(parts).encode()


def _shown(one: Object) -> str:
    storage = object_in(object_in(one, "body"), "storage")
    if "value" not in storage:
        raise Unreadable(f"{SERVICE} gave no body.", why="unreachable")
    return shown(text_in(storage, "value"))


def _version(one: Object) -> str:
    return str(number(object_in(one, "version"), "number"))


def _plain(title: str) -> str:
    """Return a title as a part of a path."""
    return title.replace("/", "_").strip() or "_"
