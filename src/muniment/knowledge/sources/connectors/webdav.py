"""A WebDAV server (RFC 4918), as Apache, Nextcloud and Jackrabbit are: its files, folder by folder.

An item is known by its path: what is moved is another item. Each pass asks every folder for what lies in it, one
request a folder. Names that no address can hold are reported and not read.

Who may read is either what the operator states by path (`access = "readers"`), or what the server's own lists say
(`access = "acl"`, RFC 3744), as webdav_acl tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Self
from urllib.parse import unquote

from pydantic import Field, field_validator, model_validator

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import (
    AccessPage,
    Checked,
    Content,
    ContentPage,
    Gone,
    Item,
    People,
    Stated,
    Unreadable,
)
from muniment.knowledge.sources.connectors.webdav_acl import PROPERTIES, inherited_from, stated_of
from muniment.knowledge.sources.connectors.webdav_api import DAV, Path, Resource, WebdavApi, links
from muniment.knowledge.sources.connectors.webdav_people import Principals
from muniment.knowledge.sources.connectors.webdav_walk import Walk
from muniment.knowledge.sources.http_api import (
    Credentials,
    FixedToken,
    NameAndPassword,
    origin_for_secrets,
)
from muniment.knowledge.sources.item_path import path_of
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.reader_sets import scope_of
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.sources.stated_readers import PathReaders, StatedReaders

_FACTS = ("resourcetype", "getetag", "getcontentlength", "getlastmodified")
_ACCESS = (*_FACTS, *PROPERTIES)
_FRESH_SECONDS = 2.0


class Settings(SourceSettings):
    """Of this kind."""

    url: str = Field(min_length=1)
    """Address of the folder to read."""
    user: str = ""
    """Who signs in with a password; empty: nobody, or whoever holds the token."""
    password: str = ""
    """Reference."""
    token: str = ""
    """Reference to a bearer token, in place of user and password."""
    access: Literal["readers", "acl"] = "readers"
    readers: tuple[PathReaders, ...] = ()
    """Who may read what, by path from the address down."""
    principals: tuple[str, ...] = ()
    """Paths of the server at which its principals lie; empty: those that it names."""
    people_below: str = ""
    """Path of the server below which principals are people, and beside which they are groups; empty: what has members
    is a group."""
    private_network: bool = False

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        if "?" in url or "#" in url:
            raise ValueError("write the address without ? and #")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.user) != bool(self.password) or (self.user and self.token):
            raise ValueError("state user and password, or token, or none")
        if self.readers and self.access != "readers":
            raise ValueError('readers are read with access = "readers" only')
        return self


def connect(settings: SourceSettings, doors: Doors) -> Webdav:
    """Return a connection."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return Webdav(settings, doors)


class Webdav:
    """Fills `Connector`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        self._stated = StatedReaders(settings.readers)
        egress = doors.egress([origin_for_secrets(settings.url, "url")], settings.private_network)
        self._api = WebdavApi(egress, settings.url, _credentials(settings, doors), doors.clock)
        self._root = self._api.root
        self._content = Walk(self._root, lambda path: self._api.below(path, _FACTS))
        asked = _ACCESS if settings.access == "acl" else _FACTS
        self._access = Walk(self._root, lambda path: self._api.below(path, asked))
        self._principals: Principals | None = None
        self._lists: dict[Path, Resource | None] = {}
        """What other resources' lists hold, in one pass."""

    def check(self) -> Checked:
        """List the folder, and with `acl` the principals and its own list."""
        found = self._api.below(self._root, _FACTS)
        says = [f"{len(found)} files and folders at the address"]
        if self._settings.access == "acl":
            self._needs_lists()
            people = self._read_principals().people()
            says.append(f"{len(people.accounts)} accounts, {len(people.teams)} groups")
            return Checked(says)
        warning = "No readers are stated, so that nobody reads anything. State [[readers]]."
        return Checked(says, [] if self._settings.readers else [warning])

    def people(self) -> Iterable[People]:
        """Return the principals of the server; stated readers are accounts of ours, so that there are none."""
        if self._settings.access == "acl":
            yield self._read_principals().people()

    def access(self, cursor: str) -> AccessPage:
        if not cursor:
            self._lists = {}
            if self._settings.access == "acl":
                self._needs_lists()
        found, at, more = self._access.page(cursor)
        files = [one for one in found if not one.problem]
        stated = {self._id(one.path): self._of(one) for one in files}
        scopes = {scope_of(one): one for one in stated.values()}
        items = {name: scope_of(one) for name, one in stated.items()}
        # Of a server that says neither, nothing can be told.
        revisions = {self._id(one.path): _revision(one) for one in files if _revision(one)}
        return AccessPage(scopes, items, (), at, more, revisions)

    def changes(self, cursor: str) -> ContentPage:
        found, at, more = self._content.page(cursor)
        return ContentPage([self._item(one) for one in found], (), at, more)

    def fetch(self, item: Item) -> Content:
        """Return a file's bytes, and with `acl` the scope in which it was before and after."""
        path = (*self._root, *item.id.split("/"))
        most = self._doors.max_file_bytes
        if self._settings.access == "readers":
            return Content(self._api.content(path, most))
        before = self._scope(path)
        content = self._api.content(path, most)
        if self._scope(path) != before:
            raise Unreadable("Its access changed while it was read.", why="unreachable")
        return Content(content, scope=before)

    def close(self) -> None:
        """Nothing is held open."""

    def _needs_lists(self) -> None:
        """Raise Unavailable where the server shows no access lists to our account."""
        root = self._api.one(self._root, ("acl",), collection=True)
        if f"{DAV}acl" not in root.properties:
            raise Unavailable(
                "The server shows no access lists (RFC 3744).",
                fix='Let the account read them (DAV:read-acl), or use access = "readers".',
            )

    def _read_principals(self) -> Principals:
        self._principals = Principals(
            self._api, self._collections(), _server_path(self._settings.people_below)
        )
        return self._principals

    def _collections(self) -> Sequence[Path]:
        stated = [_server_path(one) or () for one in self._settings.principals]
        if stated:
            return stated
        root = self._api.one(self._root, ("principal-collection-set",), collection=True)
        found = root.properties.get(f"{DAV}principal-collection-set")
        located = [self._api.located(link, self._root) for link in links(found)] if found is not None else []
        paths = [one for one in located if one is not None]
        if not paths or len(paths) != len(located):
            raise Unavailable(
                "The server does not say where its principals are.",
                fix="State `principals`, paths of the server.",
            )
        return paths

    def _scope(self, path: Path) -> str:
        self._lists = {}
        return scope_of(self._of(self._api.one(path, _ACCESS)))

    def _of(self, one: Resource) -> Stated:
        """Return who reads a file, with `acl` by its own list and those of its inherited-acl-set."""
        if self._settings.access == "readers":
            return self._stated.of(self._id(one.path))
        principals = self._principals or self._read_principals()
        hrefs = inherited_from(one)
        above = [None] if hrefs is None else [self._list(each, one.path) for each in hrefs]
        return stated_of(one, above, principals.entry)

    def _list(self, href: str, at: Path) -> Resource | None:
        path = self._api.located(href, at)
        if path is None:
            return None
        if path not in self._lists:
            try:
                self._lists[path] = self._api.one(path, _ACCESS, collection=href.strip().endswith("/"))
            except (Gone, Unreadable):
                self._lists[path] = None
        return self._lists[path]

    def _item(self, one: Resource) -> Item:
        name, size = self._id(one.path), one.text("getcontentlength")
        if one.problem:
            plain = name.encode("utf-8", "replace").decode().replace("\0", "?")
            mark = hashlib.sha256(repr(one.path).encode()).hexdigest()
            return Item(f"{plain[:200]}#{mark}", path_of(plain), "", problem=one.problem)
        modified = one.text("getlastmodified")
        revision = "" if _is_fresh(modified, one.told_at) else _revision(one)
        bytes_ = int(size) if size.isascii() and size.isdecimal() and len(size) <= 15 else 0
        return Item(name, path_of(name), revision, size=bytes_, modified_at=_moment(modified))

    def _id(self, path: Path) -> str:
        return "/".join(path[len(self._root) :])


def _credentials(settings: Settings, doors: Doors) -> Credentials | None:
    if settings.token:
        return FixedToken(lambda: doors.secret(settings.token, "token"), "token")
    if settings.user:
        return NameAndPassword(settings.user, lambda: doors.secret(settings.password, "password"), "password")
    return None


def _server_path(stated: str) -> Path | None:
    return tuple(unquote(one) for one in stated.split("/") if one) if stated else None


def _revision(one: Resource) -> str:
    """Return what moves when a file does; empty where the server says nothing of the kind."""
    etag, modified = one.text("getetag"), one.text("getlastmodified")
    return f"{etag} {one.text('getcontentlength')} {modified}" if etag or modified else ""


def _is_fresh(modified: str, told: str) -> bool:
    """Return whether something may change again within the second that its time, and often its tag, tells."""
    at, then = _time(modified), _time(told)
    return at is not None and then is not None and (then - at).total_seconds() < _FRESH_SECONDS


def _moment(stated: str) -> str:
    at = _time(stated)
    return timestamp(at) if at is not None else ""


def _time(stated: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(stated)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
