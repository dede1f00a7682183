"""Nothing of Google Drive is mirrored wider than it is there, whatever changes: against a simulator of its API."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.simulators.sources.drive_scene import address, settings_for
from tests.simulators.sources.drive_server import ADMIN, DOMAIN, DRIVE, DriveServer, Grant, Node, World
from tests.unit.knowledge.sources.reading import Reading, connected

PEOPLE = [address(name) for name in ("alice", "bob", "carol", "gina")]
GROUPS = [address(name) for name in ("red", "blue")]
PATHS = [f"{top}/{inner}/{number}.md" for top in "ab" for inner in "xy" for number in range(3)]


@pytest.mark.parametrize("changes", [pytest.param(10_000, marks=pytest.mark.prove)])
def test_nothing_is_wider_than_the_drive_through_random_changes(tmp_path: Path, changes: int) -> None:
    server, drawn = DriveServer(), random.Random(11)
    world = server.world
    world.users |= {one: False for one in (*PEOPLE[:3], ADMIN)}
    world.groups = {one: [] for one in GROUPS}
    for path in PATHS:
        world.make(path, "x")
    accounts = {one: one for one in PEOPLE}
    drive = Reading(connected("drive", settings_for(server, tmp_path, accounts=accounts), tmp_path))
    try:
        narrower = 0
        for at in range(changes):
            _change(world, drawn)
            if at % 4 == 3:
                drive.access()
                narrower += _compared(world, drive)
        assert narrower == 0
    finally:
        server.close()


def _compared(world: World, drive: Reading) -> int:
    """Return how many readers there are not readers here; the other way round is never so."""
    narrower = 0
    for node in [one for one in world.nodes.values() if one.text is not None]:
        here = drive.readers(node.id) - {ADMIN}
        there = {one for one in PEOPLE if world.reads(one, node)}
        assert here <= there, f"{node.name}: wider by {here - there}"
        narrower += len(there - here)
    return narrower


def _change(world: World, drawn: random.Random) -> None:
    node = drawn.choice([one for one in world.nodes.values() if one.parent])
    what = drawn.choice(
        ["grant", "grant", "grant", "group", "limit", "move", "trash", "person", "drive", "anew"]
    )
    if what == "grant":
        node.grants = [_grant(drawn) for _ in range(drawn.randint(0, 2))]
    elif what == "group":
        world.groups[drawn.choice(GROUPS)] = drawn.sample([*PEOPLE, *GROUPS, "*"], drawn.randint(0, 2))
    elif what == "limit" and node.text is None:
        node.limited = not node.limited
    elif what == "move":
        _move(world, node, drawn)
    elif what == "trash":
        node.trashed = not node.trashed
    elif what == "person":
        one = drawn.choice(PEOPLE[:3])
        world.users[one] = not world.users[one]
    elif what == "drive":
        root = world.nodes[DRIVE]
        root.grants = [
            Grant("user", ADMIN, "organizer"),
            *(_grant(drawn) for _ in range(drawn.randint(0, 1))),
        ]
        world.restrictions = {drawn.choice(["domainUsersOnly", "driveMembersOnly"]): drawn.random() < 0.3}
    elif what == "anew" and node.text is not None:
        world.vanish(node)
        world.make(drawn.choice(PATHS), "x")
        return
    world.touch(node)


def _move(world: World, node: Node, drawn: random.Random) -> None:
    to = drawn.choice([one for one in world.nodes.values() if one.text is None and world.root(one) == DRIVE])
    at = to
    while at.parent:
        if at is node:
            return
        at = world.nodes[at.parent]
    if at is not node:
        node.parent = to.id


def _grant(drawn: random.Random) -> Grant:
    kind = drawn.choice(["user", "user", "group", "group", "domain", "anyone"])
    to = {"user": PEOPLE, "group": GROUPS, "domain": [DOMAIN], "anyone": [""]}[kind]
    role = drawn.choice(["reader", "commenter", "writer", "organizer"])
    until = drawn.choice(["", "", "", "2020-01-01T00:00:00Z"])
    return Grant(kind, drawn.choice(to), role, drawn.random() < 0.5, until)
