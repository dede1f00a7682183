"""Slack's Web API: its refusals come with status 200, its listings by cursors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import CursorLost, Throttled
from muniment.knowledge.sources.http_api import (
    MOST_PAGES,
    HttpApi,
    Malformed,
    Object,
    object_in,
    objects_in,
    stated_in,
    text_in,
)

SERVICE = "Slack"
_TOKEN_ERRORS = frozenset(
    {
        "not_authed",
        "invalid_auth",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "no_permission",
        "missing_scope",
        "not_allowed_token_type",
        "ekm_access_denied",
        "team_access_not_granted",
    }
)
Query = Mapping[str, str | int]


class SlackRefusal(Unavailable):
    """Slack refused for a reason of its own."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Slack refused: {why}.", fix="See its documentation for what that means.")
        self.why = why


class SlackApi:
    """The Web API of one workspace."""

    def __init__(self, http: HttpApi, workspace: str) -> None:
        self._http = http
        self._workspace = workspace
        self._address = ""

    def call(self, method: str, query: Query | None = None) -> Object:
        """Return an answer; raises SlackRefusal, Throttled, CursorLost, BadInput for a token that is not taken."""
        said = self._http.get(f"/{method}", query)
        if said.get("ok") is True:
            return said
        why = text_in(said, "error")[:80]
        if why in ("ratelimited", "rate_limited"):
            raise Throttled(0)
        if why == "invalid_cursor":
            raise CursorLost("Slack does not know its cursor any more.")
        if why in _TOKEN_ERRORS:
            raise BadInput(
                f"token: Slack says {why}.", fix="Install the app anew with the scopes that the guide names."
            )
        raise SlackRefusal(why or "it did not say why")

    def listed(self, method: str, query: Query, name: str) -> Iterator[Object]:
        """Yield the objects of a whole listing."""
        for page in self._pages(method, query):
            yield from objects_in(page, name)

    def names(self, method: str, query: Query, name: str) -> Iterator[str]:
        """Yield the ids of a whole listing."""
        for page in self._pages(method, query):
            found = page.get(name)
            if not isinstance(found, list):
                raise Malformed(f"{name} is no list.")
            for one in cast("list[object]", found):
                yield stated_in({"id": one}, "id")

    def home(self) -> str:
        """Return the address of the workspace, having seen that the token is of that workspace."""
        if not self._address:
            said = self.call("auth.test")
            if stated_in(said, "team_id") != self._workspace:
                raise BadInput(
                    "workspace: the token is of another one.", fix=f"Write {text_in(said, 'team_id')!r}."
                )
            self._address = text_in(said, "url").rstrip("/")
        return self._address

    def _pages(self, method: str, query: Query) -> Iterator[Object]:
        cursor, seen = "", set[str]()
        while True:
            page = self.call(method, {**query, "cursor": cursor} if cursor else query)
            yield page
            cursor = next_cursor(page)
            if not cursor:
                return
            if cursor in seen or len(seen) >= MOST_PAGES:
                raise Malformed("The pages of Slack go round in circles.")
            seen.add(cursor)


def next_cursor(page: Object) -> str:
    """Return where a listing goes on; empty for its end."""
    onward = text_in(object_in(page, "response_metadata"), "next_cursor")
    if page.get("has_more") is True and not onward:
        raise Malformed("Slack has more, and does not say where.")
    return onward
