"""AZ9 for the pages: what the access explorer says is what a search's visibility does, whoever asks.

Random small companies: nested groups, accounts that are switched off or frozen, clearances, lists set by hand, frozen
sources, groups that do not exist.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.attacks.oracle import LABELS
from tests.attacks.worlds import SOURCE, File, World, memory_folder, readable_by

from muniment import app
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Denied
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.directory import grants
from muniment.governance.identity.directory_tables import directory_group
from muniment.governance.identity.everybody import Everybody
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.access_preview import preview
from muniment.knowledge.retrieval.visibility import visible

USERS = [f"u{n}" for n in range(6)]
GROUPS = [f"g{n}" for n in range(5)]
PATHS = [f"{folder}{name}.txt" for folder in ("", "a/", "a/b/", "d/") for name in ("one", "two")]
NAMES = [*(f"user:{u}" for u in USERS), *(f"group:{g}" for g in GROUPS), "group:everyone", "service:bot"]
ASKS = Principal("user", "asks")
BY = Actor(ASKS.ref, "web")
AT = "2026-01-05T09:00:00.000Z"


def some(chance: random.Random, most: int) -> list[str]:
    return chance.sample(NAMES, chance.randint(0, most))


def listed(chance: random.Random) -> AccessList:
    return readable_by(
        *some(chance, 3), deny=some(chance, 1), label=chance.choice([None, None, "of another order", *LABELS])
    )


def company(chance: random.Random) -> str:
    lines = ["[users.asks]", "groups = ['g0']", "[services.bot]", f"groups = {chance.sample(GROUPS, 1)!r}"]
    for user in USERS:
        lines += [f"[users.{user}]", f"groups = {chance.sample(GROUPS, chance.randint(0, 3))!r}"]
        lines += [f"active = {str(chance.random() > 0.1).lower()}"]
        if chance.random() < 0.3:
            lines.append(f"clearance = {chance.choice(LABELS)!r}")
    for at, group in enumerate(GROUPS):
        above = chance.sample(GROUPS[:at], chance.randint(0, min(at, 2)))
        lines += [f"[groups.{group}]", f"members_of = {above!r}"]
    return "\n".join(lines)


def made(template: Path, home: Path, seed: int) -> World:
    """Return a company of its own for each seed."""
    chance, world = random.Random(seed), World.copy(template, home, seed)
    workspace = world.workspace
    world.directory(company(chance))
    workspace.roles.grant("auditor", "asks", "asks", OPERATOR)
    if seed % 2:
        workspace.roles.grant("operator", "u0", "runs it", OPERATOR)
    for source in (SOURCE, "other"):
        world.put([File(path, f"About {path}.", listed(chance)) for path in PATHS], source)
    for place in chance.sample(["", "a", "a/b", *PATHS], 3):
        with workspace.database.write() as connection:
            changes.set_override(connection, SOURCE, place, listed(chance), AT)
    if seed % 2 == 0:
        found = workspace.incidents.open("it leaks", "high", "it leaks", None, OPERATOR)
        for kind, name in (("source", "other"), ("user", "u1")):
            workspace.incidents.freeze(found.id, kind, name, "it leaks", None, OPERATOR)
    if seed % 3 == 1:
        with workspace.database.write() as connection:
            connection.execute(sa.delete(directory_group).where(directory_group.c.name == "g4"))
    return world


def reads(world: World, who: Principal) -> set[str]:
    """Return the documents that somebody can open, by the rules of retrieval and of policy."""
    workspace = world.workspace
    with workspace.database.read() as connection:
        rows = library.documents(connection)
        try:
            sees = visible(connection, who)
            allowed = workspace.policy.standing(connection, who).decide("read_document", WORKSPACE).allowed
        except Denied:
            return set()
        return {row.id for row in rows if allowed and sees.may_read(row)}


def check(world: World) -> None:
    explorer = world.workspace.access_explorer
    with world.workspace.database.read() as connection:
        everybody = Everybody(connection)
        rows = {row.id: row for row in library.documents(connection)}
        for account in everybody.accounts.values():
            try:
                held = grants(connection, account.principal)
            except Denied:
                held = frozenset()
            assert account.grants == held, account
            for entry in held:
                way = everybody.way(account.principal.ref, entry)
                assert (way[0], way[-1]) == (account.principal.ref, entry)
    everyone = [account.principal for account in everybody.accounts.values()]
    truth = {who: reads(world, who) for who in everyone}
    mine = truth[ASKS]
    for who in everyone:
        found = explorer.of_person(who.ref, 0, ASKS, BY)
        by_source = {name: sum(rows[one].source == name for one in truth[who]) for name in (SOURCE, "other")}
        assert dict(found.sources) == by_source, who
        assert {one.document.id for one in found.named} == truth[who] & mine
        assert all(one.why.reads for one in found.named)
        assert found.unnamed == len(truth[who] - mine)
    for document in rows:
        told = explorer.of_document(document, ASKS, BY)
        assert {one.account.principal for one in told.readers} == {
            w for w in everyone if document in truth[w]
        }
        assert (told.named is not None) == (document in mine)
        assert not any(one.reads for one in told.kept_out)


def check_preview(world: World, place: str, access: AccessList | None) -> None:
    """What a preview says of gains and losses is what setting the list does, but for what policy adds."""
    workspace = world.workspace
    everyone = workspace.directory.principals()
    with workspace.database.write() as connection:
        said = preview(connection, SOURCE, place, access)
    before = {who: by_lists(world, who) for who in everyone}
    with workspace.database.write() as connection:
        changes.set_override(connection, SOURCE, place, access, AT)
    after = {who: by_lists(world, who) for who in everyone}
    moved = {one.account.principal: (one.gains, one.loses) for one in said.moved}
    assert moved == {
        who: (len(after[who] - before[who]), len(before[who] - after[who]))
        for who in everyone
        if after[who] != before[who]
    }


def by_lists(world: World, who: Principal) -> set[str]:
    with world.workspace.database.read() as connection:
        rows = library.documents(connection)
        try:
            sees = visible(connection, who)
        except Denied:
            return set()
        return {row.id for row in rows if sees.may_read(row)}


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        app.create(folder / "template", clock=FixedClock(), ids=SeededIds(1), embedder=lambda: None).close()
        yield folder / "template"


def worlds(template: Path, seeds: range) -> None:
    for seed in seeds:
        place = Path(tempfile.mkdtemp(dir=template.parent))
        world = made(template, place / "home", seed)
        try:
            check(world)
            chance = random.Random(-seed)
            for _ in range(2):
                target = chance.choice(["", "a", "a/b", *PATHS])
                check_preview(world, target, chance.choice([listed(chance), listed(chance), None]))
        finally:
            world.close()
            shutil.rmtree(place)


def test_the_explorer_says_what_visibility_does(template: Path) -> None:
    worlds(template, range(5))


@pytest.mark.prove
def test_the_explorer_says_what_visibility_does_in_many_worlds(template: Path) -> None:
    worlds(template, range(5, 400))
