"""Whom the mirrored lists of a source let read, against a plain reading of what the source states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.app import Workspace
from muniment.governance.identity import outside
from muniment.governance.identity.outside import Lease
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources.connector import (
    EVERYONE_THERE,
    Account,
    People,
    Stated,
    Team,
    account,
    team,
)
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing import people, scopes

USERS = ("alice", "bob", "carol")
GROUPS = {"group:sales": {"bob"}, "group:all": set(USERS)}
"""Groups of ours."""
ACCOUNTS, TEAMS = ("a1", "a2", "a3", "a4"), ("t1", "t2", "t3")
THEIRS = (EVERYONE_THERE, *map(account, ACCOUNTS), *map(team, TEAMS))
OURS = ("user:alice", *GROUPS)
ENTRIES = (*THEIRS, *OURS, account("unlisted"), team("unlisted"))


@dataclass(frozen=True)
class World:
    """A source, and whose accounts are whose."""

    accounts: tuple[Account, ...]
    teams: tuple[Team, ...]
    whose: dict[str, str]
    stated: Stated

    def held_by(self, one: Account) -> set[str]:
        """Return what an account holds, worked out the slow way."""
        if not one.active:
            return set()
        held = {account(one.id)} | (set() if one.guest else {EVERYONE_THERE})
        for _ in TEAMS:
            held |= {team(of.id) for of in self.teams if held & set(of.members)}
        return held

    def knows(self, entry: str) -> bool:
        listed = {EVERYONE_THERE, *(account(one.id) for one in self.accounts)}
        return entry in listed | {team(one.id) for one in self.teams} | set(OURS)

    def lets(self, held: set[str]) -> bool:
        stated = self.stated
        if not stated.clauses or not all(map(self.knows, stated.deny)):
            return False
        return all(held & clause for clause in stated.clauses) and not held & stated.deny

    def reads(self, user: str) -> tuple[bool, bool]:
        """Return whether one of the user's accounts reads, and whether that has to be found out here."""
        ours = {f"user:{user}"} | {name for name, members in GROUPS.items() if user in members}
        mine = [self.held_by(one) for one in self.accounts if self.whose.get(one.id) == user]
        return any(self.lets(ours | one) for one in mine or [set()]), len(mine) < 2


@st.composite
def worlds(draw: st.DrawFn) -> World:
    accounts = tuple(
        Account(one, active=draw(st.integers(0, 5)) > 0, guest=draw(st.integers(0, 3)) == 0)
        for one in draw(st.sets(st.sampled_from(ACCOUNTS)))
    )
    members = st.lists(st.sampled_from(THEIRS), max_size=3)
    teams = tuple(Team(one, draw(members)) for one in draw(st.sets(st.sampled_from(TEAMS))))
    whose = {one.id: draw(st.sampled_from(USERS)) for one in accounts if draw(st.integers(0, 4)) > 0}
    # Groups of ours in some, so that clauses of both kinds meet.
    entries = st.sampled_from(ENTRIES if draw(st.booleans()) else THEIRS)
    clause = st.frozensets(entries, max_size=3)
    clauses = tuple(draw(st.lists(clause, max_size=3)))
    return World(accounts, teams, whose, Stated(clauses, draw(st.frozensets(entries, max_size=2))))


class Undone(Exception):
    """Ends a transaction that is not to stay."""


def found_by_lists(workspace: Workspace, world: World) -> dict[str, bool]:
    """Return who reads by what is mirrored, all of it taken through the tables and undone."""
    known = people.known(
        [People(world.accounts, world.teams)], SourceSettings(match="table", accounts=world.whose)
    )
    found: dict[str, bool] = {}
    try:
        with workspace.database.write() as connection:
            scopes.put(connection, "wiki", {"s": world.stated}, 1)
            depending = scopes.depending(connection, "wiki", scopes.PEOPLE)
            outside.put_entries(connection, "wiki", scopes.held(scopes.Holders(known), depending.values()))
            outside.put_ours(connection, "wiki", scopes.ours_of([world.stated]))
            now = workspace.clock.now().timestamp()
            outside.renew(connection, "wiki", Lease(now, now + 60))
            listed = scopes.access_list("wiki", world.stated, known)
            for user in USERS:
                ours = {f"user:{user}"} | {name for name, members in GROUPS.items() if user in members}
                held = ours | outside.held_outside(connection, f"user:{user}", ours)
                found[user] = listed.permits(frozenset(held))
            raise Undone
    except Undone:
        return found


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    from tests.simulators.sources.memory_source import KIND

    from muniment.knowledge.sources import kinds

    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    made = make_workspace()
    made.sources.add("wiki", KIND.name, {"root": "nowhere"}, OPERATOR)
    return made


def agree(workspace: Workspace, world: World) -> None:
    found = found_by_lists(workspace, world)
    for user in USERS:
        reads, exact = world.reads(user)
        assert reads or not found[user], f"{user} reads what the source lets no account of theirs read"
        assert not exact or found[user] == reads, f"{user} is kept from what the source lets them read"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds())
def test_the_lists_let_read_whom_the_source_does(workspace: Workspace, world: World) -> None:
    agree(workspace, world)


@pytest.mark.prove
@settings(max_examples=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds())
def test_the_lists_let_read_whom_the_source_does_at_full_size(workspace: Workspace, world: World) -> None:
    agree(workspace, world)


@pytest.mark.parametrize("also", [frozenset[str](), frozenset({"group:sales"})])
def test_two_accounts_of_one_user_are_not_put_together(workspace: Workspace, also: frozenset[str]) -> None:
    """One is let into the space, the other onto the page: neither reads the page."""
    accounts = (Account("a1"), Account("a2"))
    stated = Stated((frozenset({account("a1")}) | also, frozenset({account("a2")})))
    world = World(accounts, (), {"a1": "alice", "a2": "alice"}, stated)
    assert world.reads("alice") == (False, False)
    assert found_by_lists(workspace, world)["alice"] is False
