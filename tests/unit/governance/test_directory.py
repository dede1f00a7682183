"""The directory: what a file may say, what changes with it, and who is in which group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.directory import (
    Directory,
    directory_group,
    directory_membership,
    directory_user,
    grants,
)
from muniment.governance.identity.principal import OPERATOR, Principal

ALICE = Principal("user", "alice")
COMPANY = """
[users.alice]
name = "Alice Moreau"
groups = ["platform"]
[users.bob]
[users.carol]
active = false
groups = ["platform"]
[groups.platform]
members_of = ["engineering"]
[groups.engineering]
members_of = ["technology"]
[groups.technology]
[services.helpdesk-bot]
groups = ["technology"]
"""


class Entries:
    """Keeps what is appended, as long as the transaction that it came in succeeds."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.broken = False

    def append(self, connection: sa.Connection, entries: Sequence[Entry]) -> None:
        if self.broken:
            raise OSError("no space left on device")
        self.kept += entries


@pytest.fixture
def database(tmp_path: Path):
    made = SqlCipherDatabase(tmp_path / "m.db", bytes(32))
    made.create()
    yield made
    made.close()


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def directory(database: SqlCipherDatabase, entries: Entries) -> Directory:
    return Directory(database, entries)


def put(directory: Directory, tmp_path: Path, text: str):
    file = tmp_path / "directory.toml"
    file.write_bytes(text.encode())
    return directory.import_file(file, OPERATOR)


def held(database: SqlCipherDatabase, principal: Principal) -> frozenset[str]:
    with database.read() as connection:
        return grants(connection, principal)


def test_members_of_a_group_are_members_of_every_group_above_it(directory, database, tmp_path):
    put(directory, tmp_path, COMPANY)
    assert held(database, ALICE) == {
        "user:alice",
        "group:platform",
        "group:engineering",
        "group:technology",
        "group:everyone",
    }
    assert held(database, Principal("user", "bob")) == {"user:bob", "group:everyone"}
    assert held(database, Principal("service", "helpdesk-bot")) == {
        "service:helpdesk-bot",
        "group:technology",
        "group:everyone",
    }


@pytest.mark.parametrize(
    "principal",
    [
        Principal("user", "nobody"),
        Principal("user", "carol"),
        Principal("user", "helpdesk-bot"),
        Principal("service", "alice"),
        Principal("user", "group:platform"),
        Principal("group", "platform"),  # type: ignore[arg-type]
        Principal("user", ""),
        Principal("user", "alice\x00"),
        Principal("user", "\ud800"),
    ],
)
def test_an_unknown_or_inactive_account_is_granted_nothing(directory, database, tmp_path, principal):
    put(directory, tmp_path, COMPANY)
    with pytest.raises(Denied):
        held(database, principal)


def test_an_import_says_what_changed_bumps_the_revision_and_is_logged(directory, database, entries, tmp_path):
    first = put(directory, tmp_path, COMPANY)
    assert (first.users, first.groups, first.services) == (3, 3, 1)
    assert "user:alice" in first.added and not first.removed
    second = put(directory, tmp_path, COMPANY.replace("[users.bob]", "[users.dave]").replace("Moreau", "M."))
    assert second.added == ("user:dave",)
    assert second.removed == ("user:bob",)
    assert second.changed == ("user:alice",)
    with database.read() as connection:
        assert revisions.current(connection).directory == 2
    assert [e.kind for e in entries.kept] == ["directory.imported"] * 2
    assert entries.kept[1].about["removed"] == ["user:bob"]
    assert entries.kept[1].about["revision"] == 2


BAD = {
    "a circle": (
        COMPANY.replace("[groups.technology]", '[groups.technology]\nmembers_of = ["platform"]'),
        "reach themselves",
    ),
    "itself": ('[users.a]\n[groups.g]\nmembers_of = ["g"]', "line 3: groups reach themselves: g -> g"),
    "an unknown group": (
        '[users.alice]\nname = "A"\ngroups = ["nope"]',
        "line 3: user 'alice' names the unknown group 'nope'",
    ),
    "an unknown parent group": ('[users.a]\n[groups.g]\nmembers_of = ["h"]', "line 3: group 'g' names"),
    "an unknown key": ("[users.alice]\nroles = []", "line 2: unknown key 'roles' of user 'alice'"),
    "an unknown table": ("[users.a]\n[people.alice]", "line 2: unknown table 'people'"),
    "broken TOML": ("[users.alice\n", "not valid TOML"),
    "a repeated account": ("[users.alice]\n[users.alice]", "not valid TOML"),
    "an empty name": ('[users.""]', "line 1: the user name '' is empty"),
    "a blank name": ('[users."  "]', "is empty"),
    "a control character": ('[users."a\\u0000b"]', "invisible or control character"),
    "a right-to-left override": (
        '[users."a\\u202eb"]',
        "line 1: the user name 'a\\u202eb' holds an invisible",
    ),
    "a zero-width space": ('[groups."a\\u200bb"]', "invisible"),
    "a colon": ('[users."user:alice"]', "holds a colon"),
    "a very long name": (f'[users."{"a" * 300}"]', "longer than"),
    "the built-in group": ("[users.a]\n[groups.everyone]", "line 2: the group 'everyone' is built in"),
    "membership of everyone": ('[users.a]\ngroups=["everyone"]', "Leave 'everyone' out"),
    "text where a list belongs": ('[users.a]\ngroups = "g"', "line 2: 'groups' of user 'a' must be a list"),
    "a number in a list": ("[users.a]\ngroups = [1]", "must be a list of group names"),
    "text where a switch belongs": ('[users.a]\nactive = "no"', "must be true or false"),
    "a number where a switch belongs": ("[users.a]\nactive = 1", "must be true or false"),
    "an account that is no table": ('users.alice = "x"', "line 1: 'alice' is not a table"),
    "users that are no table": ("users = 3", "line 1: 'users' is not a table"),
    "nobody": ("", "no user and no service"),
    "nested 33 deep": (
        "[users.a]\n"
        + "".join(f'[groups.g{i}]\nmembers_of=["g{i + 1}"]\n' for i in range(32))
        + "[groups.g32]",
        "nested 33 deep",
    ),
    "absurdly nested brackets": ("[users.a]\ngroups = " + "[" * 5000, "not valid TOML"),
}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_file_is_refused_with_file_line_and_fix_and_changes_nothing(
    directory, database, entries, tmp_path, why
):
    put(directory, tmp_path, COMPANY)
    text, said = BAD[why]
    with pytest.raises(BadInput) as caught:
        put(directory, tmp_path, text)
    assert said in str(caught.value)
    assert "directory.toml" in caught.value.public
    assert caught.value.fix
    assert "\n" not in str(caught.value)
    assert len(entries.kept) == 1
    with database.read() as connection:
        assert revisions.current(connection).directory == 1
    assert "group:technology" in held(database, ALICE)


def test_a_missing_or_binary_file_is_refused(directory, tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        directory.import_file(tmp_path / "absent.toml", OPERATOR)
    with pytest.raises(BadInput, match="cannot be read"):
        directory.import_file(tmp_path, OPERATOR)
    (tmp_path / "b.toml").write_bytes(b"[users.a]\n# \xff\xfe")
    with pytest.raises(BadInput, match="line 2: not UTF-8"):
        directory.import_file(tmp_path / "b.toml", OPERATOR)


def test_an_import_whose_entry_cannot_be_written_changes_nothing(directory, database, entries, tmp_path):
    put(directory, tmp_path, COMPANY)
    entries.broken = True
    with pytest.raises(OSError):
        put(directory, tmp_path, "[users.mallory]")
    assert held(database, ALICE)
    with pytest.raises(OSError):
        directory.remove_member("platform", "alice", OPERATOR)
    assert "group:platform" in held(database, ALICE)


def test_names_that_look_alike_are_different_people_and_are_pointed_out(directory, database, tmp_path):
    change = put(directory, tmp_path, '[users.alice]\n[users.Alice]\ngroups=["g"]\n[groups.g]')
    assert len(change.warnings) == 1
    assert "'Alice' and 'alice' look alike" in change.warnings[0]
    assert "group:g" in held(database, Principal("user", "Alice"))
    assert "group:g" not in held(database, ALICE)


def test_a_chain_of_32_groups_is_followed_to_its_end(directory, database, tmp_path):
    chain = "".join(f'[groups.g{i}]\nmembers_of=["g{i + 1}"]\n' for i in range(31)) + "[groups.g31]"
    put(directory, tmp_path, '[users.alice]\ngroups=["g0"]\n' + chain)
    assert len(held(database, ALICE)) == 34


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("group:technology", "engineering")], id="a circle"),
        pytest.param([("group:technology", "technology")], id="a group inside itself"),
        pytest.param([("group:technology", "gone")], id="a group that does not exist"),
        pytest.param(
            [("group:technology", "d0"), *((f"group:d{i}", f"d{i + 1}") for i in range(40))], id="too deep"
        ),
    ],
)
def test_a_broken_group_graph_grants_nothing_to_whom_it_reaches(directory, database, tmp_path, rows):
    put(directory, tmp_path, COMPANY)
    with database.write() as connection:
        names = {group for _, group in rows if group.startswith("d")}
        for name in names:
            connection.execute(sa.insert(directory_group).values(name=name, title=""))
        for member, group in rows:
            connection.execute(sa.insert(directory_membership).values(member=member, group_name=group))
    with pytest.raises(Denied):
        held(database, ALICE)
    assert held(database, Principal("user", "bob")) == {"user:bob", "group:everyone"}


def test_a_removed_member_loses_the_group_at_once(directory, database, entries, tmp_path):
    put(directory, tmp_path, COMPANY)
    directory.remove_member("platform", "alice", OPERATOR)
    assert held(database, ALICE) == {"user:alice", "group:everyone"}
    assert entries.kept[-1].kind == "directory.member_removed"
    assert entries.kept[-1].about == {"revision": 2, "group": "group:platform", "member": "user:alice"}
    directory.remove_member("group:technology", "service:helpdesk-bot", OPERATOR)
    assert "group:technology" not in held(database, Principal("service", "helpdesk-bot"))


def test_removing_someone_who_is_not_a_direct_member_says_where_they_are(directory, tmp_path):
    put(directory, tmp_path, COMPANY)
    with pytest.raises(
        BadInput, match=r"not a direct member of the group 'engineering'. Its own groups: platform"
    ):
        directory.remove_member("engineering", "alice", OPERATOR)
    with pytest.raises(BadInput, match="No user named 'alicia'"):
        directory.remove_member("engineering", "alicia", OPERATOR)


def test_people_and_services_are_found_by_name(directory, tmp_path):
    put(directory, tmp_path, COMPANY)
    assert directory.principal("alice") == directory.principal("user:alice") == ALICE
    assert directory.principal("service:helpdesk-bot") == Principal("service", "helpdesk-bot")
    for name, fix in (
        ("alcie", "Did you mean alice?"),
        ("Alice", "Did you mean alice?"),
        ("helpdesk-bot", "Did you mean service:helpdesk-bot?"),
        ("zzz", "directory list"),
        ("service:alice", ""),
        ("group:platform", ""),
        ("", "directory list"),
        ("\ud800", ""),
    ):
        with pytest.raises(BadInput, match=r"No (user|service) named") as caught:
            directory.principal(name)
        assert fix in caught.value.fix
    assert [p.ref for p in directory.principals()] == ["user:alice", "user:bob", "service:helpdesk-bot"]


def test_the_listing_shows_nesting_and_who_is_inactive(directory, tmp_path):
    put(directory, tmp_path, COMPANY)
    listing = directory.listing()
    assert [(u.name, u.active) for u in listing.users] == [("alice", True), ("bob", True), ("carol", False)]
    platform = next(g for g in listing.groups if g.name == "platform")
    assert platform.members_of == ("engineering",)
    assert platform.members == ("user:alice", "user:carol")
    assert listing.services[0].groups == ("technology",)


def test_an_account_that_went_away_and_came_back_is_a_new_one(directory, database, tmp_path):
    put(directory, tmp_path, COMPANY)
    first = directory.active_since(ALICE)
    put(directory, tmp_path, COMPANY + "\n[users.zoe]")
    assert directory.active_since(ALICE) == first
    put(directory, tmp_path, COMPANY.replace("[users.alice]", "[users.alice]\nactive = false"))
    assert directory.active_since(ALICE) is None
    put(directory, tmp_path, COMPANY)
    assert directory.active_since(ALICE) not in (None, first)


def test_a_directory_row_with_an_odd_state_is_inactive(directory, database, tmp_path):
    put(directory, tmp_path, COMPANY)
    with database.write() as connection:
        connection.execute(sa.update(directory_user).where(directory_user.c.name == "alice").values(active=2))
    with pytest.raises(Denied):
        held(database, ALICE)
