"""What was written in a channel on one day, as an item: its messages, and the threads that began on it.

The id of such an item is known without reading a message, so that access needs no history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from muniment.knowledge.sources.http_api import Malformed, Object, object_in, stated_in, text_in

DAY = 86400
_ACTIVE_SECONDS = 30 * DAY
_AGAIN_SECONDS = 21600
_COMINGS = frozenset({"channel_join", "channel_leave", "group_join", "group_leave"})


def item_of(channel: str, day: str) -> str:
    """Return the id of an item."""
    return f"{channel}/{day}"


def parted(name: str) -> tuple[str, str]:
    """Return channel and day of an item."""
    channel, _, day = name.partition("/")
    return channel, day


def day_of(ts: str) -> str:
    """Return the day of a message, in UTC; raises Malformed for no moment of one."""
    return datetime.fromtimestamp(seconds_of(ts), UTC).date().isoformat()


def seconds_of(ts: str) -> float:
    """Return the moment that a message is known by, in seconds since 1970; raises Malformed."""
    whole, dot, rest = ts.partition(".")
    if not (ts.isascii() and whole.isdecimal() and (rest.isdecimal() or not dot)) or len(whole) > 11:
        raise Malformed("ts is no moment.")
    return float(ts)


def begin_of(day: str) -> int:
    """Return when a day begins, in seconds since 1970; raises ValueError."""
    return int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp())


def days(first: float, last: float) -> Iterator[str]:
    """Yield the days from one moment to another."""
    at, end = (datetime.fromtimestamp(one, UTC).date() for one in (first, last))
    while at <= end:
        yield at.isoformat()
        at += timedelta(days=1)


@dataclass(slots=True)
class Day:
    """A day whose messages come from the latest to the first, perhaps over several pages."""

    digest: str = ""
    latest: str = ""

    def take(self, message: Object, now: float) -> None:
        """Take a message in."""
        ts = stated_in(message, "ts")
        self.latest = self.latest or ts
        said: list[object] = [
            self.digest,
            ts,
            text_in(message, "text"),
            text_in(object_in(message, "edited"), "ts"),
        ]
        said += [message.get("reply_count"), message.get("latest_reply"), message.get("files") is not None]
        replied = text_in(message, "latest_reply")
        if replied and now - seconds_of(replied) < _ACTIVE_SECONDS:
            # That an answer was edited shows nowhere else than in it: it is looked at again now and then.
            said.append(int(now // _AGAIN_SECONDS))
        self.digest = hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()[:32]


def is_read(message: Object) -> bool:
    """Return whether a message stands by itself: answers come with their thread, comings and goings are not read."""
    thread = text_in(message, "thread_ts")
    return (not thread or thread == stated_in(message, "ts")) and text_in(message, "subtype") not in _COMINGS


def has_thread(message: Object) -> bool:
    """Return whether a message has answers."""
    return text_in(message, "thread_ts") == stated_in(message, "ts")


def ordered(messages: Iterable[Object]) -> list[Object]:
    """Return messages from the first to the latest, each once."""
    found = {stated_in(one, "ts"): one for one in messages}
    return [found[ts] for ts in sorted(found, key=seconds_of)]
