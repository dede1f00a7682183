"""The feeds of a Slack workspace: who reads which channel, and on which days something was written there.

Invariants:
- a pass over access states every channel anew and asks for no message;
- a pass over content behind a whole one looks back some days, and tells of days that became empty;
- where other channels are read than before, a whole pass begins.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from muniment.foundation.clock import Clock
from muniment.knowledge.sources.connector import AccessPage, ContentPage, CursorLost, Item
from muniment.knowledge.sources.connectors.slack_api import SlackApi, SlackRefusal, next_cursor
from muniment.knowledge.sources.connectors.slack_channels import Channel, channels, stated
from muniment.knowledge.sources.connectors.slack_days import (
    DAY,
    Day,
    begin_of,
    day_of,
    days,
    is_read,
    item_of,
    seconds_of,
)
from muniment.knowledge.sources.http_api import Malformed, Object, objects_in, stated_in

_PAGE = 200


@dataclass(slots=True)
class Place:
    """Where a pass stands, as its cursor carries it."""

    whole_at: float
    """When the last whole pass began."""
    began: float
    channels: list[list[Any]]
    whole: bool = True
    at: int = 0
    page: str = ""
    day: str = ""
    digest: str = ""
    latest: str = ""
    seen: list[str] = field(default_factory=list[str])
    """Days of this channel that something was written on; not kept in a whole pass."""
    ended: bool = False

    def text(self) -> str:
        """Return it as a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def channel(self) -> Channel:
        """Return the channel that comes next."""
        return Channel(*self.channels[self.at])

    def go_on(self) -> bool:
        """Step to the next channel; return whether there is one."""
        self.at, self.page, self.day, self.digest, self.latest, self.seen = self.at + 1, "", "", "", "", []
        self.ended = self.at >= len(self.channels)
        return not self.ended


class Feeds:
    """The passes over the channels of a workspace."""

    def __init__(
        self,
        api: SlackApi,
        clock: Clock,
        chosen: Sequence[str],
        history_days: int,
        recent_days: int,
        whole_seconds: float,
    ) -> None:
        self._api = api
        self._clock = clock
        self._chosen = chosen
        self._history_days = history_days
        self._recent_days = recent_days
        self._whole_seconds = whole_seconds

    def access(self, cursor: str) -> AccessPage:
        """Return the readers of the next channel, and the days that are in it; raises CursorLost."""
        place = self._place(cursor)
        if not place.channels:
            place.ended = True
            return AccessPage({}, {}, (), place.text(), False)
        channel = place.channel()
        try:
            found = stated(self._api, channel)
        except SlackRefusal as error:
            if place.at:
                raise CursorLost("Channels changed while they were read.") from error
            raise
        first = self._first(channel, place) if place.whole else max(channel.created, place.began - 3 * DAY)
        # Tomorrow's is known too, so that what is written after midnight waits for nothing.
        items = {item_of(channel.id, one): channel.id for one in days(first, place.began + DAY)}
        more = place.go_on()
        return AccessPage({channel.id: found}, items, (), place.text(), more)

    def content(self, cursor: str) -> ContentPage:
        """Return the days of the next page of a channel's history; raises CursorLost."""
        place = self._place(cursor)
        if not place.channels:
            place.ended = True
            return ContentPage((), (), place.text(), False)
        channel = place.channel()
        oldest = begin_of(next(days(self._first(channel, place), place.began)))
        query: dict[str, str | int] = {
            "channel": channel.id,
            "oldest": oldest,
            "inclusive": "true",
            "limit": _PAGE,
        }
        if place.page:
            query["cursor"] = place.page
        try:
            said = self._api.call("conversations.history", query)
        except SlackRefusal as error:
            if place.at or place.page:
                raise CursorLost("Channels changed while they were read.") from error
            raise
        found = self._taken(channel, place, objects_in(said, "messages"), oldest)
        onward = next_cursor(said)
        if onward and onward == place.page:
            raise Malformed("The pages of Slack go round in circles.")
        if onward:
            place.page = onward
            return ContentPage(found, (), place.text(), True)
        if place.day:
            found.append(self._item(channel, place))
        gone = [] if place.whole else self._emptied(channel, oldest, place)
        more = place.go_on()
        return ContentPage(found, gone, place.text(), more)

    def _taken(self, channel: Channel, place: Place, messages: Sequence[Object], oldest: int) -> list[Item]:
        """Take messages in, from the latest to the first; return the days that they made whole."""
        found = list[Item]()
        for message in messages:
            day = day_of(stated_in(message, "ts"))
            if not is_read(message) or begin_of(day) < oldest:
                continue
            if place.day and day > place.day:
                raise Malformed("The history of Slack is out of order.")
            if place.day and day != place.day:
                found.append(self._item(channel, place))
            if day != place.day:
                place.day, place.digest, place.latest = day, "", ""
            bucket = Day(place.digest, place.latest)
            bucket.take(message, place.began)
            place.digest, place.latest = bucket.digest, bucket.latest
        return found

    def _place(self, cursor: str) -> Place:
        now = self._clock.now().timestamp()
        if not cursor:
            return Place(now, now, self._channels())
        try:
            place = Place(**cast("dict[str, Any]", json.loads(cursor)))
        except (ValueError, TypeError) as error:
            raise CursorLost("The cursor is none of ours.") from error
        if not place.ended:
            return place
        found = self._channels()
        if now - place.whole_at >= self._whole_seconds or _ids(found) != _ids(place.channels):
            raise CursorLost("It is time for a whole pass.")
        return Place(place.whole_at, now, found, whole=False)

    def _channels(self) -> list[list[Any]]:
        self._api.home()
        return [[one.id, one.name, one.created, one.is_open] for one in channels(self._api, self._chosen)]

    def _first(self, channel: Channel, place: Place) -> float:
        """Return the moment behind which a pass looks for what was written."""
        back = self._history_days if place.whole else min(self._recent_days, self._history_days)
        return max(channel.created, place.began - back * DAY)

    def _item(self, channel: Channel, place: Place) -> Item:
        if not place.whole:
            place.seen.append(place.day)
        at = datetime.fromtimestamp(seconds_of(place.latest), UTC)
        name = channel.name.replace("/", "_") or channel.id
        return Item(
            id=item_of(channel.id, place.day),
            path=f"{name}/{place.day}.md",
            revision=place.digest,
            modified_at=at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            link=f"{self._api.home()}/archives/{channel.id}",
            title=f"#{name} on {place.day}",
        )

    def _emptied(self, channel: Channel, oldest: int, place: Place) -> list[str]:
        return [item_of(channel.id, one) for one in days(oldest, place.began) if one not in place.seen]


def _ids(found: Sequence[Sequence[Any]]) -> list[str]:
    return [one[0] for one in found]
