"""What a bucket says, by the few requests of S3's interface that are needed to read it.

Invariants:
- a listing that does not move on, that is out of order or that cannot be understood raises, and never reads as the
  end;
- a refusal of our own key is never taken for one of a single object.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

from muniment.foundation.bucket import Bucket
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.egress import Refused, Reply, Unreached
from muniment.foundation.errors import MunimentError, NotSetUp, Unavailable
from muniment.knowledge.sources.connector import Gone, Throttled, Unreadable
from muniment.knowledge.sources.connectors.s3_keys import is_addressable
from muniment.knowledge.sources.http_api import Malformed, Refusal, heed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251  # the type of what defusedxml returns

SECONDS = 60.0
PLACE = "The bucket"
_SLOWER = frozenset({"SlowDown", "RequestLimitExceeded", "TooManyRequests", "SlowDownRead"})
_OF_ONE_OBJECT = frozenset({"AccessDenied", "InvalidObjectState"})
"""Refusals that another object may not meet."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object, as a listing tells of it."""

    key: str
    revision: str
    size: int
    modified_at: str


@dataclass(frozen=True, slots=True)
class S3Api:
    """Requests to one bucket."""

    bucket: Bucket
    clock: Clock

    def page(self, prefix: str, after: str, most: int) -> tuple[Sequence[Listed], bool]:
        """Return the next objects behind a key, by key, and whether there are more."""
        query = {"encoding-type": "url", "list-type": "2", "max-keys": str(most), "prefix": prefix}
        if after:
            query["start-after"] = after
        root = _parsed(self._ask(f"/?{_query(query)}"))
        if _tag(root) != "ListBucketResult":
            raise Malformed(f"{PLACE} answered with no listing.")
        coded = _text(root, "EncodingType", "") == "url"
        found = [_listed(one, coded) for one in root if _tag(one) == "Contents"]
        _check_order([after, *(one.key for one in found)], prefix)
        more = _text(root, "IsTruncated")
        if more not in ("true", "false") or (more == "true" and not found):
            raise Malformed(f"{PLACE} does not say whether its listing goes on, or where.")
        return found, more == "true"

    def tags(self, key: str) -> Mapping[str, str] | None:
        """Return the tags of an object, None where our key may not see them; raises Gone."""
        try:
            root = _parsed(self._ask(_path(key) + "?tagging="))
        except Unreadable:
            return None
        if _tag(root) != "Tagging":
            raise Malformed(f"{PLACE} answered with no tags.")
        stated = [(_text(one, "Key"), _text(one, "Value")) for one in root.iter() if _tag(one) == "Tag"]
        if len({name for name, _ in stated}) != len(stated):
            raise Malformed(f"{PLACE} gave a tag twice.")
        return dict(stated)

    def content(self, key: str) -> bytes:
        """Return what an object holds now; raises Gone, Unreadable."""
        return self._ask(_path(key)).body

    def _ask(self, path: str) -> Reply:
        try:
            reply = self.bucket.ask("GET", path, SECONDS)
        except Unreached as error:
            if error.how == "size":
                raise Unreadable(
                    "It is larger than the limit of ingestion.max_file_mb.", why="size"
                ) from error
            raise Unavailable(
                f"{PLACE} gave no answer ({error}).", fix="See that it can be reached."
            ) from error
        except (Refused, NotSetUp) as error:
            raise Unavailable(error.public, fix=error.fix) from error
        if reply.status == HTTPStatus.OK:
            return reply
        raise _error(reply, "?" in path and path.startswith("/?"), self.clock)


def _error(reply: Reply, is_listing: bool, clock: Clock) -> MunimentError:
    """Return what an answer that is none means."""
    code = _code(reply)
    if code in _SLOWER:
        return Throttled(0.0)
    heed(reply, clock, PLACE)
    if not is_listing:
        if reply.status == HTTPStatus.NOT_FOUND and code == "NoSuchKey":
            return Gone("It is no more.")
        if reply.status == HTTPStatus.FORBIDDEN and code in _OF_ONE_OBJECT:
            said = "It lies in an archive." if code == "InvalidObjectState" else f"{PLACE} refused it."
            return Unreadable(said, why="refused")
        if reply.status == HTTPStatus.BAD_REQUEST and code == "InvalidRequest":
            # Such as one that is encrypted with a key of its writer.
            return Unreadable(f"{PLACE} cannot give it ({code}).", why="refused")
    fix = "See that endpoint, region, bucket and key are right, and that the key may list and read."
    return Refusal(f"{PLACE} ({code})" if code else PLACE, reply, fix=fix)


def _code(reply: Reply) -> str:
    try:
        root = _parsed(reply)
    except Malformed:
        return ""
    said = _text(root, "Code", "") if _tag(root) == "Error" else ""
    return said if said.isascii() and said.isalnum() and len(said) <= 80 else ""


def _path(key: str) -> str:
    if not is_addressable(key):
        raise Unreadable("Its key has a part . or .., which no address can name.", why="refused")
    return "/" + quote(key, safe="/-_.~")


def _query(stated: Mapping[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(stated.items()))


def _listed(one: Element, coded: bool) -> Listed:
    key, size = _text(one, "Key"), _text(one, "Size")
    if coded:
        try:
            key = unquote_plus(key, errors="strict")
        except UnicodeDecodeError as error:
            raise Malformed(f"{PLACE} lists a key that is no text.") from error
    if not size.isascii() or not size.isdecimal() or len(size) > 18:
        raise Malformed(f"{PLACE} lists an object without a size.")
    etag, modified = _text(one, "ETag").strip('"'), _text(one, "LastModified")
    return Listed(key, f"{etag}-{size}-{modified}", int(size), _moment(modified))


def _check_order(keys: Sequence[str], prefix: str) -> None:
    encoded = [one.encode() for one in keys]
    if any(before >= after for before, after in itertools.pairwise(encoded)):
        raise Malformed(f"{PLACE} does not list its objects in the order of their keys.")
    if not all(one.startswith(prefix) for one in keys[1:]):
        raise Malformed(f"{PLACE} lists what was not asked for.")


def _moment(stated: str) -> str:
    try:
        at = datetime.fromisoformat(stated)
    except ValueError:
        return ""
    return timestamp(at) if at.tzinfo else ""


def _parsed(reply: Reply) -> Element:
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        return fromstring(reply.body)
    except (ParseError, ValueError, LookupError) as error:
        raise Malformed(f"{PLACE} answered with no XML.") from error


def _tag(one: Element) -> str:
    return str(one.tag).rpartition("}")[2]


def _below(one: Element, name: str) -> Iterator[Element]:
    return (child for child in one if _tag(child) == name)


def _text(one: Element, name: str, otherwise: str | None = None) -> str:
    """Return the text of a child; raises Malformed where it is missing and nothing stands for it."""
    found = list(_below(one, name))
    if len(found) != 1:
        if not found and otherwise is not None:
            return otherwise
        raise Malformed(f"{PLACE} answered without {name}.")
    return found[0].text or ""
