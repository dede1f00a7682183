"""Nothing of Slack is mirrored wider than it is there, whatever changes: against a simulator of its API."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.simulators.sources.slack_scene import settings_for
from tests.simulators.sources.slack_server import BOT, SlackServer, World
from tests.unit.knowledge.sources.reading import Reading, connected

from muniment.foundation.clock import FixedClock

PEOPLE = ["alice", "bob", "carol", "gina"]
NOW = FixedClock().now()


@pytest.mark.parametrize("changes", [pytest.param(10_000, marks=pytest.mark.prove)])
def test_nothing_is_wider_than_the_workspace_through_random_changes(tmp_path: Path, changes: int) -> None:
    server, drawn = SlackServer(), random.Random(11)
    world = server.world
    for name in PEOPLE:
        world.add_user(name, restricted=name == "gina")
    for number in range(4):
        world.add_channel(f"c{number}", int(NOW.timestamp()) - 86400)
    stated = settings_for(server, tmp_path, accounts={one: one for one in PEOPLE})
    slack = Reading(connected("slack", stated, tmp_path))
    try:
        for at in range(changes):
            _change(world, drawn)
            if at % 4 == 3:
                slack.access()
                _compare(world, slack)
    finally:
        server.close()


def _compare(world: World, slack: Reading) -> None:
    """See that who reads here reads there, and the other way round where no other workspace is concerned."""
    for channel in world.channels.values():
        here = slack.readers(f"{channel.id}/{NOW.date().isoformat()}")
        there = {one for one in PEOPLE if world.reads(one, channel)}
        assert here <= there, f"{channel.name}: wider by {here - there}"
        if BOT in channel.members and not channel.extra:
            assert here == there


def _change(world: World, drawn: random.Random) -> None:
    name = drawn.choice(list(world.channels))
    channel, user = world.channels[name], world.users[drawn.choice(PEOPLE)]
    what = drawn.choice(["member", "member", "member", "open", "shared", "person", "app", "anew"])
    if what == "member":
        channel.members ^= {user.id}
    elif what == "open":
        channel.private = not channel.private
    elif what == "shared":
        channel.extra = {} if channel.extra else {"is_ext_shared": True}
    elif what == "person":
        user.deleted, user.restricted = drawn.random() < 0.3, drawn.random() < 0.4
    elif what == "app":
        channel.members ^= {BOT}
    else:
        del world.channels[name]
        world.add_channel(name, int(NOW.timestamp()) - 86400)
