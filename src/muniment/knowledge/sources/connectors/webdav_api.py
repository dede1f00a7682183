"""What a WebDAV server (RFC 4918) says of resources below one address.

Invariants:
- an answer that names what was not asked for, names something twice or cannot be understood raises, and never reads
  as an empty folder;
- credentials go to the configured address only: no redirect is followed, no link elsewhere taken;
- a refusal of our own account is never taken for one of a single resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress, Reply, origin_of
from muniment.foundation.errors import BadInput, MunimentError
from muniment.knowledge.sources.connector import Gone, Unreadable
from muniment.knowledge.sources.http_api import Credentials, Malformed, Refusal, TooLarge, exchanged, heed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251  # the type of what defusedxml returns

SECONDS = 60.0
PLACE = "The server"
DAV = "{DAV:}"
Path = tuple[str, ...]
"""Names from the address of the source down."""
_MOST_PATH_BYTES, _MOST_REPLY_BYTES = 2000, 64 << 20
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True, slots=True)
class Resource:
    """A file or collection."""

    path: Path
    collection: bool
    properties: Mapping[str, Element] = field(default_factory=dict)
    """Those that the server gave, by name in Clark's notation."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """The status of those that it did not give."""
    problem: str = ""
    """Why it cannot be read."""
    told_at: str = ""
    """When the server said so, as its `Date`."""

    def text(self, name: str) -> str:
        """Return the text of a property, empty where there is none."""
        found = self.properties.get(DAV + name)
        return "" if found is None else (found.text or "").strip()


class WebdavApi:
    """Requests to one server."""

    def __init__(self, egress: Egress, url: str, credentials: Credentials | None, clock: Clock) -> None:
        """`url` is the address of a collection."""
        self._egress = egress
        self._credentials = credentials
        self._clock = clock
        parts = urlsplit(url)
        self._origin = origin_of(url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self.root = tuple(unquote(one) for one in parts.path.split("/") if one)
        """The path of the source on its server."""

    def below(self, path: Path, properties: Sequence[str]) -> Sequence[Resource]:
        """Return what lies in a collection of the server, in order; raises Gone, Unreadable."""
        found = self._found(path, "1", properties)
        return sorted((one for one in found if one.path != path), key=lambda one: one.path)

    def one(self, path: Path, properties: Sequence[str], collection: bool = False) -> Resource:
        """Return one resource of the server; raises Gone, Unreadable."""
        found = [one for one in self._found(path, "0", properties, collection) if one.path == path]
        if len(found) != 1:
            raise Malformed(f"{PLACE} did not tell of what was asked for.")
        return found[0]

    def content(self, path: Path, most_bytes: int) -> bytes:
        """Return what a file holds; raises Gone, Unreadable."""
        try:
            reply = self._asked("GET", self._address(path, False), {}, b"", most_bytes)
        except TooLarge as error:
            raise Unreadable(f"More than {most_bytes:,} bytes.", why="size") from error
        if reply.status != HTTPStatus.OK:
            raise self._failure(path, reply, fetching=True)
        return reply.body

    def located(self, href: str, at: Path) -> Path | None:
        """Return the path on the server that a link in an answer about `at` leads to; None for one elsewhere."""
        try:
            parts = urlsplit(href.strip())
            named = parts.scheme or parts.netloc
            if named and origin_of(f"{parts.scheme or self._origin[0]}://{parts.netloc}") != self._origin:
                return None
        except (BadInput, ValueError):
            return None
        if parts.query or parts.fragment:
            return None
        absolute = parts.netloc or parts.path.startswith("/")
        names = [unquote(one, errors="surrogateescape") for one in parts.path.split("/") if one]
        return tuple(names) if absolute else (*at, *names)

    def _found(
        self, path: Path, depth: str, properties: Sequence[str], collection: bool = True
    ) -> Sequence[Resource]:
        asked = "".join(f"<{one}/>" for one in properties)
        body = f'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>{asked}</prop></propfind>'
        headers = {"content-type": "application/xml; charset=utf-8", "depth": depth}
        reply = self._asked("PROPFIND", self._address(path, collection), headers, body.encode(), None)
        if reply.status != HTTPStatus.MULTI_STATUS:
            raise self._failure(path, reply)
        root = _parsed(reply.body)
        if root.tag != f"{DAV}multistatus":
            raise Malformed(f"{PLACE} answered with no multistatus.")
        told = reply.headers.get("date", "")
        found = [self._resource(one, path, told) for one in root if one.tag == f"{DAV}response"]
        there = [one for one in found if one is not None]
        if len({one.path for one in there}) != len(there):
            raise Malformed(f"{PLACE} told of something twice.")
        if path not in {one.path for one in there}:
            raise Malformed(f"{PLACE} did not tell of what was asked for.")
        return there

    def _resource(self, response: Element, at: Path, told: str) -> Resource | None:
        """Return what a response tells of; None for what is no more."""
        hrefs = [one.text or "" for one in response if one.tag == f"{DAV}href"]
        path = self.located(hrefs[0], at) if len(hrefs) == 1 else None
        if path is None or (path != at and path[:-1] != at):
            raise Malformed(f"{PLACE} told of what was not asked for.")
        status = _status(response)
        if status in _GONE:
            return None
        properties: dict[str, Element] = {}
        refused: dict[str, int] = {}
        for propstat in (one for one in response if one.tag == f"{DAV}propstat"):
            given = _status(propstat)
            named = [one for prop in propstat if prop.tag == f"{DAV}prop" for one in prop]
            if given == HTTPStatus.OK:
                properties |= {str(one.tag): one for one in named}
            else:
                refused |= {str(one.tag): given or 0 for one in named}
        kind = properties.get(f"{DAV}resourcetype")
        collection = kind is not None and any(one.tag == f"{DAV}collection" for one in kind)
        problem = _problem_of(path)
        if not problem and (kind is None or status not in (None, HTTPStatus.OK)):
            problem = f"{PLACE} refused to tell of it."
        return Resource(path, collection, properties, refused, problem, told)

    def _address(self, path: Path, collection: bool) -> str:
        if _problem_of(path):
            raise Unreadable(_problem_of(path), why="refused")
        said = "/".join(quote(one, safe="-_.~") for one in path)
        return f"{self._base}/{said}{'/' if collection and said else ''}"

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, most: int | None
    ) -> Reply:
        sent = dict(headers)
        if self._credentials is not None:
            sent["authorization"] = self._credentials.header()
        limit = most if most is not None else _MOST_REPLY_BYTES
        return exchanged(self._egress, method, url, sent, body, SECONDS, limit, PLACE)

    def _failure(self, path: Path, reply: Reply, fetching: bool = False) -> MunimentError:
        """Return what an answer means that is none; one that could be about all of the source is told by its root."""
        if path != self.root:
            if reply.status in _GONE:
                return Gone("It is no more.")
            said = f"{PLACE} answered {reply.status}."
            if reply.status in _REFUSED:
                self.one(self.root, ("resourcetype",), collection=True)
                return Unreadable(said, why="refused")
            if fetching and reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                self.one(self.root, ("resourcetype",), collection=True)
                return Unreadable(said, why="unreachable")
            if fetching and 300 <= reply.status < 400:
                return Unreadable(f"{PLACE} leads elsewhere, where it is not followed.", why="refused")
        heed(reply, self._clock, PLACE)
        return Refusal(PLACE, reply, fix="See that address, account and password are right.")


def _problem_of(path: Path) -> str:
    """Return why a path can be no address that means one resource only; empty where it can."""
    whole = "/".join(path)
    if any("/" in one or one in (".", "..") for one in path):
        return "Its name is one that no address can hold."
    if "\0" in whole or any("\ud800" <= one <= "\udfff" for one in whole):
        return "Its name is no text."
    return "Its path is too long." if len(whole.encode()) > _MOST_PATH_BYTES else ""


def _status(one: Element) -> int | None:
    """Return the status that a response or propstat states; raises Malformed for one that is none."""
    found = [child.text or "" for child in one if child.tag == f"{DAV}status"]
    if not found:
        return None
    words = found[0].split()
    if len(found) != 1 or len(words) < 2 or not words[1].isascii() or not words[1].isdecimal():
        raise Malformed(f"{PLACE} states no status.")
    return int(words[1][:9])


def _parsed(body: bytes) -> Element:
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        return fromstring(body)
    except (ParseError, ValueError, LookupError) as error:
        raise Malformed(f"{PLACE} answered with no XML.") from error


def links(one: Element) -> Iterator[str]:
    """Return the links that stand right in an element."""
    return ((child.text or "") for child in one if child.tag == f"{DAV}href")
