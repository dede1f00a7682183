"""The channels of a Slack workspace, their members, and who its accounts are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from muniment.knowledge.sources.connector import (
    EVERYONE_THERE,
    UNREADABLE,
    Account,
    People,
    Stated,
    account,
    readers,
)
from muniment.knowledge.sources.connectors.slack_api import SlackApi
from muniment.knowledge.sources.http_api import Malformed, Object, object_in, stated_in, text_in

_SHARED = ("is_ext_shared", "is_org_shared", "is_shared", "is_pending_ext_shared")
_PORTION = 500


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that the app is in."""

    id: str
    name: str
    created: int
    """In seconds since 1970."""
    is_open: bool
    """Whether every full member of the workspace may read it."""


def channels(api: SlackApi, chosen: Collection[str]) -> list[Channel]:
    """Return the channels that are read, by id: those that the app is a member of, of `chosen` if there are any."""
    query: dict[str, str | int] = {
        "types": "public_channel,private_channel",
        "exclude_archived": "false",
        "limit": 200,
    }
    found = dict[str, Channel]()
    for one in api.listed("conversations.list", query, "channels"):
        name = stated_in(one, "id")
        if one.get("is_member") is True and (not chosen or name in chosen):
            found[name] = _channel(name, one)
    return [found[name] for name in sorted(found)]


def _channel(name: str, one: Object) -> Channel:
    created = one.get("created")
    if not isinstance(created, int) or isinstance(created, bool) or created < 0:
        raise Malformed("created is no moment.")
    shut = one.get("is_private") is not False or any(one.get(flag, False) is not False for flag in _SHARED)
    return Channel(name, text_in(one, "name"), created, not shut)


def stated(api: SlackApi, channel: Channel) -> Stated:
    """Return who may read a channel: its members, and every full member of the workspace where it is open."""
    try:
        members = api.names("conversations.members", {"channel": channel.id, "limit": 200}, "members")
        allow = {account(one) for one in members}
    except Malformed:
        return UNREADABLE
    return readers(allow | {EVERYONE_THERE} if channel.is_open else allow)


def people(api: SlackApi, workspace: str) -> Iterator[People]:
    """Yield all accounts; groups of users let nobody into a channel."""
    portion = list[Account]()
    total = 0
    for one in api.listed("users.list", {"limit": 200}, "members"):
        portion.append(_account(one, workspace))
        total += 1
        if len(portion) >= _PORTION:
            yield People(accounts=portion)
            portion = []
    if not total:
        raise Malformed("Slack lists no accounts.")
    yield People(accounts=portion)


def _account(one: Object, workspace: str) -> Account:
    # What is not plainly said to be a full, active member of this workspace is none.
    full = (
        one.get("is_restricted") is False
        and one.get("is_ultra_restricted") is False
        and one.get("is_stranger", False) is False
        and one.get("is_bot", False) is False
        and text_in(one, "team_id") == workspace
    )
    active = one.get("deleted") is False and one.get("is_invited_user", False) is False
    profile = object_in(one, "profile")
    return Account(
        stated_in(one, "id"),
        text_in(one, "name"),
        text_in(profile, "email").lower(),
        active=active,
        guest=not full,
    )
