"""Slack: the channels of one workspace that an app was added to, and who may read them, through its Web API.

An item is what was written in a channel on one day, threads with the day that they began on. Who reads it are the
members of the channel, and of an open channel every full member of the workspace.

Narrower than the source: a channel that is shared with another workspace or organisation is its members' alone;
guests read open channels only where they are members, and only where `accounts` names them. Not read: direct
messages, channels without the app, and what files hold.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from muniment.foundation.errors import BadInput
from muniment.knowledge.sources.connector import (
    AccessPage,
    Checked,
    Content,
    ContentPage,
    Gone,
    Item,
    Notice,
    People,
    Unreadable,
)
from muniment.knowledge.sources.connectors.slack_api import SERVICE, SlackApi, SlackRefusal
from muniment.knowledge.sources.connectors.slack_channels import channels, people
from muniment.knowledge.sources.connectors.slack_days import (
    DAY,
    begin_of,
    day_of,
    has_thread,
    is_read,
    ordered,
    parted,
)
from muniment.knowledge.sources.connectors.slack_feeds import Feeds
from muniment.knowledge.sources.connectors.slack_text import written
from muniment.knowledge.sources.http_api import (
    FixedToken,
    HttpApi,
    Malformed,
    Object,
    object_in,
    object_of,
    origin_for_secrets,
    stated_in,
    text_in,
)
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings

_WINDOW_SECONDS = 300
_REFUSED = frozenset({"not_in_channel", "missing_scope", "access_denied", "restricted_action"})


class Settings(SourceSettings):
    """Of this kind."""

    workspace: Annotated[str, StringConstraints(pattern=r"^T[A-Z0-9]{1,20}$")]
    """Id of the workspace, such as `T0123ABCD`."""
    token: str = Field(min_length=1)
    """Reference to the app's bot token."""
    channels: tuple[str, ...] = ()
    """Ids of channels; none: all that the app was added to."""
    history_days: int = Field(default=730, ge=1, le=7300)
    """How far back messages are read; older ones are removed here."""
    recent_days: int = Field(default=7, ge=1, le=365)
    """How far back a pass over content looks between whole ones."""
    whole_seconds: int = Field(default=21600, ge=60, le=604800)
    """How long passes may build on the last whole one."""
    signing_secret: str = ""
    """Reference to what calls of Slack are signed with; empty: none is taken."""
    api: str = "https://slack.com/api"
    private_network: bool = False


def connect(settings: SourceSettings, doors: Doors) -> Slack:
    """Return a connection."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return Slack(settings, doors)


class Slack:
    """Fills `Connector` and `Notifies`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        egress = doors.egress([origin_for_secrets(settings.api, "api")], settings.private_network)
        token = FixedToken(lambda: doors.secret(settings.token, "token"), "token")
        self._api = SlackApi(HttpApi(egress, settings.api, token, doors.clock, SERVICE), settings.workspace)
        self._feeds = Feeds(
            self._api,
            doors.clock,
            settings.channels,
            settings.history_days,
            settings.recent_days,
            settings.whole_seconds,
        )
        self._names: dict[str, str] | None = None

    def check(self) -> Checked:
        address = self._api.home()
        found = channels(self._api, self._settings.channels)
        missing = set(self._settings.channels) - {one.id for one in found}
        next(iter(people(self._api, self._settings.workspace)))
        if found:
            self._api.call("conversations.history", {"channel": found[0].id, "limit": 1})
            self._api.call("conversations.members", {"channel": found[0].id, "limit": 1})
        warnings = [f"The app is not in {one}: add it there." for one in sorted(missing)]
        if not found:
            warnings.append("The app is in no channel: add it to those that are to be read.")
        return Checked([f"{address}: {len(found)} channels."], warnings)

    def people(self) -> Iterable[People]:
        self._api.home()
        return people(self._api, self._settings.workspace)

    def access(self, cursor: str) -> AccessPage:
        return self._feeds.access(cursor)

    def changes(self, cursor: str) -> ContentPage:
        return self._feeds.content(cursor)

    def fetch(self, item: Item) -> Content:
        channel, day = parted(item.id)
        try:
            text = self._written(channel, day, item.title or day)
        except ValueError as error:
            raise Gone("There is no such day.") from error
        except SlackRefusal as error:
            if error.why in ("channel_not_found", "thread_not_found"):
                raise Gone("It is no more.") from error
            why = "refused" if error.why in _REFUSED else "unreachable"
            raise Unreadable(str(error), why=why) from error
        return Content(text.encode("utf-8", "replace"), scope=channel)

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        if not self._is_signed({name.lower(): value for name, value in headers.items()}, body):
            return None
        try:
            said = object_of(body, SERVICE)
            if text_in(said, "type") == "url_verification":
                return Notice(200, stated_in(said, "challenge")[:1000], access=False, content=False)
            event = text_in(object_in(said, "event"), "type")
            if text_in(said, "team_id") != self._settings.workspace:
                return None
        except Malformed:
            return None
        return Notice(200, access=event != "message")

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        secret = self._doors.secret(self._settings.signing_secret, "signing_secret")
        at = headers.get("x-slack-request-timestamp", "")
        if (
            secret is None
            or not secret.reveal().strip()
            or not (at.isascii() and at.isdecimal() and len(at) < 12)
        ):
            return False
        if abs(self._doors.clock.now().timestamp() - int(at)) > _WINDOW_SECONDS:
            return False
        signed = hmac.new(secret.reveal().strip().encode(), f"v0:{at}:".encode() + body, hashlib.sha256)
        given = headers.get("x-slack-signature", "")
        return hmac.compare_digest(given.encode(), f"v0={signed.hexdigest()}".encode())

    def _written(self, channel: str, day: str, title: str) -> str:
        """Return what was written on a day; raises Gone for nothing, Unreadable for more than is read."""
        begin = begin_of(day)
        query: dict[str, str | int] = {
            "channel": channel,
            "oldest": begin,
            "latest": begin + DAY,
            "inclusive": "true",
            "limit": 200,
        }
        messages = [
            one
            for one in self._api.listed("conversations.history", query, "messages")
            if is_read(one) and day_of(stated_in(one, "ts")) == day
        ]
        if not messages:
            raise Gone("Nothing was written on that day.")
        parts, size = [f"# {title}\n"], 0
        for one in ordered(messages):
            for indent, message in self._with_answers(channel, one):
                parts.append(written(message, self._known(), indent))
                size += len(parts[-1])
                if size > self._doors.max_file_bytes:
                    raise Unreadable("More was written on that day than is read.", why="size")
        return "\n".join(parts)

    def _with_answers(self, channel: str, message: Object) -> Iterable[tuple[str, Object]]:
        yield "", message
        if has_thread(message):
            ts = stated_in(message, "ts")
            query: dict[str, str | int] = {"channel": channel, "ts": ts, "limit": 200}
            replies = self._api.listed("conversations.replies", query, "messages")
            for one in ordered(replies):
                if stated_in(one, "ts") != ts:
                    yield "> ", one

    def _known(self) -> Mapping[str, str]:
        """Return the names of accounts by id."""
        if self._names is None:
            listed = people(self._api, self._settings.workspace)
            self._names = {one.id: one.name for part in listed for one in part.accounts}
        return self._names

    def close(self) -> None:
        """Nothing is held open."""
