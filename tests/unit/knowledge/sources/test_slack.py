"""Slack, as it is read: against a simulator of its public API."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulators.sources.slack_scene import settings_for
from tests.simulators.sources.slack_server import BOT, TEAM, Message, SlackServer, World
from tests.unit.knowledge.sources.reading import Reading, connected

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import CursorLost, Gone, Throttled, Unreadable

NOW = FixedClock().now().timestamp()
DAY = 86400


@pytest.fixture(scope="module")
def server() -> Iterator[SlackServer]:
    made = SlackServer()
    yield made
    made.close()


@pytest.fixture
def world(server: SlackServer) -> World:
    server.renew()
    for name in ("alice", "bob"):
        server.world.add_user(name)
    server.world.add_user("gina", restricted=True)
    server.world.add_user("sam", stranger=True)
    return server.world


def reading(server: SlackServer, place: Path, clock: FixedClock | None = None, **more: object) -> Reading:
    """Return a connection whose accounts are users here by their name."""
    stated = {"match": "name", "accounts": {"gina": "gina", "sam": "sam"}, **more}
    return Reading(connected("slack", settings_for(server, place, **stated), place, clock))


def readers(slack: Reading, channel: str) -> set[str]:
    """Return who reads what was written in a channel today."""
    return slack.readers(f"{channel}/{FixedClock().now().date().isoformat()}")


def test_an_open_channel_is_every_full_members_and_its_guests(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("general", int(NOW - DAY), private=False)
    channel.members |= {world.users["gina"].id}
    slack = reading(server, tmp_path)
    slack.access()
    assert readers(slack, channel.id) == {"alice", "bob", "gina"}


@pytest.mark.parametrize(
    "mark",
    [
        {"is_private": True},
        {"is_private": None},
        {"is_ext_shared": True},
        {"is_org_shared": True},
        {"is_shared": True},
        {"is_pending_ext_shared": "T1"},
    ],
)
def test_a_channel_that_is_not_plainly_open_is_its_members_alone(
    server: SlackServer, world: World, tmp_path: Path, mark: dict[str, object]
) -> None:
    channel = world.add_channel("both", int(NOW - DAY), private=False)
    channel.members |= {world.users["bob"].id, world.users["sam"].id}
    channel.extra = mark
    slack = reading(server, tmp_path)
    slack.access()
    assert readers(slack, channel.id) == {"bob", "sam"}


def test_who_was_deactivated_or_left_reads_nothing(server: SlackServer, world: World, tmp_path: Path) -> None:
    channel = world.add_channel("inner", int(NOW - DAY))
    channel.members |= {world.users["alice"].id, world.users["bob"].id}
    slack = reading(server, tmp_path)
    slack.access()
    assert readers(slack, channel.id) == {"alice", "bob"}
    world.users["alice"].deleted = True
    channel.members.remove(world.users["bob"].id)
    slack.access()
    assert readers(slack, channel.id) == set()


@pytest.mark.parametrize("field", ["deleted", "is_restricted", "is_ultra_restricted", "team_id"])
def test_an_account_that_does_not_plainly_belong_here_is_no_full_member(
    server: SlackServer, world: World, tmp_path: Path, field: str
) -> None:
    channel = world.add_channel("general", int(NOW - DAY), private=False)
    said = world.user(world.users["alice"])
    del said[field]
    world.faults["users.list"] = {"ok": True, "members": [said]}
    slack = reading(server, tmp_path)
    slack.access()
    assert readers(slack, channel.id) == set()


def test_a_channel_without_the_app_is_not_read(server: SlackServer, world: World, tmp_path: Path) -> None:
    channel = world.add_channel("general", int(NOW - DAY), private=False)
    channel.members.remove(BOT)
    world.say(channel, NOW, "alice", "hello")
    slack = reading(server, tmp_path, channels=[channel.id])
    slack.access()
    assert (slack.items, slack.content()) == ({}, {})
    assert slack.connector.check().warnings


def test_a_day_holds_its_messages_in_order_with_the_threads_that_began_on_it(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("plans", int(NOW - 5 * DAY))
    world.say(channel, NOW - 2 * DAY, "bob", "older")
    for number in range(7):
        said = world.say(
            channel, NOW - 10 + number, "alice", f"note {number} &lt;b&gt; <@U0BOB> <#C9|secret>"
        )
    said.replies = [
        Message(f"{int(NOW)}.5", world.users["bob"].id, "answer", extra={"files": [{"title": "Sums.pdf"}]})
    ]
    unfolded = {"from_url": "https://acme.slack.com/archives/C9/p1", "text": "hidden words"}
    said.extra = {"attachments": [unfolded, {"fallback": "build failed"}]}
    slack = reading(server, tmp_path)
    found = slack.content()
    days = sorted(found)
    assert len(days) == 2
    text = slack.connector.fetch(found[days[-1]]).content.decode()
    places = [text.index(f"note {number} <b> @bob #channel") for number in range(7)]
    assert places == sorted(places)
    assert text.index("answer") > places[-1]
    assert "Sums.pdf" in text
    assert "build failed" in text
    assert "hidden" not in text
    assert "secret" not in text
    assert "older" not in text


def test_comings_and_answers_shown_in_the_channel_make_no_day(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("plans", int(NOW - DAY))
    world.say(channel, NOW - 20, "alice", "joined").extra = {"subtype": "channel_join"}
    world.say(channel, NOW - 10, "alice", "answer").extra = {"thread_ts": "1700000000.000001"}
    assert reading(server, tmp_path).content() == {}


def test_the_revision_of_a_day_moves_when_anything_of_it_does(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("plans", int(NOW - DAY))
    first = world.say(channel, NOW - 20, "alice", "one")
    slack = reading(server, tmp_path)

    def revision() -> str:
        (found,) = slack.content().values()
        return found.revision

    seen = [revision()]
    assert revision() == seen[0]
    world.edit(first, "one, mended")
    seen.append(revision())
    first.replies.append(Message(f"{int(NOW)}.7", world.users["bob"].id, "answer"))
    seen.append(revision())
    extra = world.say(channel, NOW - 10, "alice", "two")
    seen.append(revision())
    channel.messages.remove(extra)
    first.replies.clear()
    seen.append(revision())
    assert len(set(seen)) == 4
    assert seen[4] == seen[1]


def test_a_recent_thread_is_read_again_now_and_then(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("plans", int(NOW - DAY))
    said = world.say(channel, NOW - 20, "alice", "one")
    said.replies.append(Message(f"{int(NOW)}.7", world.users["bob"].id, "answer"))
    clock = FixedClock()
    slack = reading(server, tmp_path, clock)
    (before,) = slack.content().values()
    clock.advance(seconds=21600)
    (after,) = slack.content().values()
    assert before.revision != after.revision


def test_a_later_pass_looks_back_some_days_and_tells_of_those_that_became_empty(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("plans", int(NOW - 90 * DAY))
    world.say(channel, NOW - 60 * DAY, "alice", "old")
    new = world.say(channel, NOW - 20, "alice", "new")
    slack = reading(server, tmp_path)
    first = slack.connector.changes("")
    assert len(first.items) == 2
    assert not first.more
    channel.messages.remove(new)
    second = slack.connector.changes(first.cursor)
    assert not second.items
    assert first.items[0].id in second.gone
    assert first.items[1].id not in second.gone


def test_what_is_older_than_is_read_is_in_no_scope_and_not_listed(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("plans", int(NOW - 90 * DAY))
    world.say(channel, NOW - 60 * DAY, "alice", "old")
    world.say(channel, NOW - 20, "alice", "new")
    slack = reading(server, tmp_path, history_days=30)
    slack.access()
    listed = {one.id for one in slack.content().values()}
    assert len(listed) == 1
    assert listed <= slack.items.keys()
    assert len(slack.items) == 32


def test_later_passes_over_access_ask_for_no_message_and_another_channel_begins_anew(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    world.add_channel("one", int(NOW - 90 * DAY))
    slack = reading(server, tmp_path)
    slack.access()
    slack.access()
    assert not [one for one in world.asked if "history" in one]
    assert slack.restarts == 0
    world.add_channel("two", int(NOW - 90 * DAY))
    slack.access()
    assert slack.restarts == 1
    assert len(set(slack.items.values())) == 2


def test_a_channel_that_is_lost_in_the_middle_of_a_pass_begins_it_anew(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channels = [world.add_channel(name, int(NOW - DAY)) for name in ("one", "two")]
    slack = reading(server, tmp_path)
    access, content = slack.connector.access(""), slack.connector.changes("")
    channels[1].members.remove(BOT)
    with pytest.raises(CursorLost):
        slack.connector.access(access.cursor)
    with pytest.raises(CursorLost):
        slack.connector.changes(content.cursor)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("conversations.list", {"ok": True}),
        ("conversations.list", {"ok": True, "channels": [{"id": "C1", "is_member": True}]}),
        ("users.list", {"ok": True, "members": []}),
        ("users.list", {"ok": True, "members": [], "response_metadata": {"next_cursor": "again"}}),
        ("users.list", {"ok": False, "error": "fatal_error"}),
        ("users.list", {"members": []}),
        ("conversations.members", {"ok": False, "error": "fatal_error"}),
    ],
)
def test_an_answer_that_cannot_be_understood_raises_and_is_no_empty_listing(
    server: SlackServer, world: World, tmp_path: Path, at: str, said: object
) -> None:
    world.add_channel("one", int(NOW - DAY))
    world.faults[at] = said
    with pytest.raises(Unavailable):
        reading(server, tmp_path).access()


def test_members_that_cannot_be_read_shut_the_channel(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    channel = world.add_channel("one", int(NOW - DAY), private=False)
    world.faults["conversations.members"] = {"ok": True, "members": [{"id": "U1"}]}
    slack = reading(server, tmp_path)
    slack.access()
    assert readers(slack, channel.id) == set()


@pytest.mark.parametrize(
    "said",
    [
        {"ok": True, "messages": "none"},
        {"ok": True, "messages": [{"ts": "tomorrow"}]},
        {"ok": True, "messages": [{"ts": "1.0"}, {"ts": f"{int(NOW - 90000)}.0"}, {"ts": f"{int(NOW)}.0"}]},
        {"ok": True, "messages": [], "has_more": True},
    ],
)
def test_a_history_that_cannot_be_understood_raises(
    server: SlackServer, world: World, tmp_path: Path, said: object
) -> None:
    world.add_channel("one", int(NOW - 5 * DAY))
    world.faults["conversations.history"] = said
    with pytest.raises(Unavailable):
        reading(server, tmp_path).content()


def test_what_cannot_be_fetched_is_told_apart(server: SlackServer, world: World, tmp_path: Path) -> None:
    channel = world.add_channel("one", int(NOW - DAY))
    message = world.say(channel, NOW - 5, "alice", "x")
    slack = reading(server, tmp_path)
    (item,) = slack.content().values()
    assert slack.connector.fetch(item).scope == channel.id
    channel.members.clear()
    with pytest.raises(Unreadable) as caught:
        slack.connector.fetch(item)
    assert caught.value.why == "refused"
    channel.members.add(BOT)
    channel.messages.remove(message)
    with pytest.raises(Gone):
        slack.connector.fetch(item)
    channel.id = "C9"
    with pytest.raises(Gone):
        slack.connector.fetch(item)
    world.throttled = 1
    with pytest.raises(Throttled):
        slack.connector.fetch(item)


def test_a_token_of_another_workspace_or_none_is_named(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="workspace"):
        reading(server, tmp_path, workspace="T0OTHER").access()
    slack = reading(server, tmp_path)
    (tmp_path / "slack-token").write_text("xoxb-wrong")
    with pytest.raises(BadInput, match="token"):
        slack.access()


def call(body: bytes, secret: str = "hush", at: float = NOW) -> dict[str, str]:
    """Return the headers of a call that Slack signed."""
    signed = hmac.new(secret.encode(), f"v0:{int(at)}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(int(at)), "X-Slack-Signature": f"v0={signed}"}


def test_only_a_call_that_slack_signed_just_now_is_taken(
    server: SlackServer, world: World, tmp_path: Path
) -> None:
    secret = tmp_path / "signing"
    secret.write_text("hush\n")
    slack = reading(server, tmp_path, signing_secret=f"file:{secret}").connector
    shake = json.dumps({"type": "url_verification", "challenge": "3eZbrw1"}).encode()
    answered = slack.notice(call(shake), {}, shake)
    assert (answered.status, answered.reply, answered.access) == (200, "3eZbrw1", False)
    left = {"type": "event_callback", "team_id": TEAM, "event": {"type": "member_left_channel"}}
    body = json.dumps(left).encode()
    assert slack.notice(call(body), {}, body).access
    said = json.dumps({**left, "event": {"type": "message"}}).encode()
    told = slack.notice(call(said), {}, said)
    assert (told.access, told.content) == (False, True)
    other = json.dumps({**left, "team_id": "T0OTHER"}).encode()
    assert slack.notice(call(other), {}, other) is None
    assert slack.notice(call(body, "push"), {}, body) is None
    assert slack.notice(call(body), {}, body + b" ") is None
    assert slack.notice(call(body, at=NOW - 301), {}, body) is None
    assert slack.notice(call(body, at=NOW + 301), {}, body) is None
    assert slack.notice({}, {}, body) is None
    unset = reading(server, tmp_path).connector
    assert unset.notice(call(body, ""), {}, body) is None
