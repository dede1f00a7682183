"""Google's REST APIs: their listings by page tokens, and what their refusals mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from muniment.knowledge.sources.connector import Throttled
from muniment.knowledge.sources.http_api import (
    MOST_PAGES,
    HttpApi,
    Malformed,
    Object,
    Refusal,
    object_in,
    object_of,
    objects_in,
    text_in,
)

_TOO_MANY = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "dailyLimitExceeded",
        "quotaExceeded",
        "sharingRateLimitExceeded",
    }
)
Query = Mapping[str, str | int]


class GoogleApi:
    """One API at one origin."""

    def __init__(self, http: HttpApi, place: str) -> None:
        self._http = http
        self._place = place

    def get(self, url: str, query: Query | None = None) -> Object:
        """Return an object; raises Refusal, Throttled for a refusal that means only too many requests."""
        try:
            return self._http.get(url, query)
        except Refusal as error:
            raise self.meant(error) from error

    def bytes_of(self, url: str, most_bytes: int, query: Query) -> bytes:
        """Return the bytes at a path; raises as `get` does, and Unreadable for more than `most_bytes`."""
        try:
            return self._http.content(url, most_bytes, query).body
        except Refusal as error:
            raise self.meant(error) from error

    def listed(self, url: str, query: Query, name: str) -> Iterator[Object]:
        """Yield the whole of a listing; the field `name` is left out where a page is empty."""
        token, seen = "", set[str]()
        while True:
            page = self.get(url, {**query, "pageToken": token} if token else query)
            yield from entries(page, name)
            token = text_in(page, "nextPageToken")
            if not token:
                return
            if token in seen or len(seen) >= MOST_PAGES:
                raise Malformed(f"The pages of {self._place} go round in circles.")
            seen.add(token)

    def meant(self, error: Refusal) -> Refusal | Throttled:
        """Return what a refusal means."""
        return Throttled(0) if error.status == 403 and reason(error) in _TOO_MANY else error


def entries(page: Object, name: str) -> list[Object]:
    """Return the list that a page holds; an empty one is left out there."""
    return objects_in(page, name) if name in page else []


def reason(error: Refusal) -> str:
    """Return the word by which Google says why it refused; empty where it does not."""
    try:
        said = objects_in(object_in(object_of(error.reply.body, "Google"), "error"), "errors")
        return text_in(said[0], "reason") if said else ""
    except Malformed:
        return ""


def part(name: str) -> str:
    """Return an id as a part of a path."""
    return quote(name, safe="")
