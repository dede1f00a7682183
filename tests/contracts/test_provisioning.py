"""Users and groups that an identity provider provisions, on both kinds of database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.postgres import BOTH

from muniment import app, settings
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Denied, NotFound
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.governance.identity.provisioned import Narrowed, ProvisionedUser, WantedGroup, WantedUser
from muniment.governance.identity.provisioning_change import Administers, Taken

PROVIDER = Actor("service:helpdesk", "http", "key_aaaaaaaaaaaa")


def user(name: str, **more: object) -> WantedUser:
    return replace(WantedUser(name, "", True, None, {}), **more)  # type: ignore[arg-type]


def group(name: str, *members: str, **more: object) -> WantedGroup:
    return replace(WantedGroup(name, None, frozenset(members), {}), **more)  # type: ignore[arg-type]


def held(workspace: Workspace, name: str) -> set[str]:
    with workspace.database.read() as connection:
        return {entry for entry in grants(connection, Principal("user", name)) if entry.startswith("group:")}


def same(wanted: WantedUser) -> Callable[[ProvisionedUser], WantedUser]:
    return lambda _: wanted


@BOTH
def test_what_a_provider_writes_is_who_there_is(workspace: Workspace) -> None:
    made = workspace.provisioning
    zoe = made.create_user(user("zoe", title="Zoe", external_id="00u1", attributes={"title": "Ms"}), PROVIDER)
    inner = made.create_group(group("oslo", zoe.id), PROVIDER)
    outer = made.create_group(group("norway", inner.id, external_id="g2"), PROVIDER)
    assert held(workspace, "zoe") == {"group:everyone", "group:oslo", "group:norway"}
    assert [(m.kind, m.name) for m in made.group(outer.id).members] == [("group", "oslo")]
    assert [m.name for m in made.user(zoe.id).groups] == ["oslo"]
    assert made.users(Narrowed(external_ids=frozenset({"00u1"})))[1] == [made.user(zoe.id)]
    listed = workspace.directory.listing()
    assert {u.name: u.provisioned for u in listed.users} == {
        "alice": False, "bob": False, "carol": False, "zoe": True,
    }  # fmt: skip

    made.change_group(outer.id, lambda _: group("nordics", external_id="g2"), PROVIDER)
    assert held(workspace, "zoe") == {"group:everyone", "group:oslo"}
    made.change_group(inner.id, lambda _: group("bergen", zoe.id), PROVIDER)
    assert held(workspace, "zoe") == {"group:everyone", "group:bergen"}
    made.remove_group(inner.id, lambda _: None, PROVIDER)
    assert held(workspace, "zoe") == {"group:everyone"}
    made.change_user(zoe.id, same(user("zoe", active=False)), PROVIDER)
    with pytest.raises(Denied):
        held(workspace, "zoe")
    made.remove_user(zoe.id, lambda _: None, PROVIDER)
    with pytest.raises(NotFound):
        made.user(zoe.id)
    said = [entry for entry in workspace.audit.tail(50) if entry.actor == "service:helpdesk"]
    assert [entry.kind.partition(".")[2] for entry in said] == [
        "user_provisioned", "group_provisioned", "group_provisioned", "group_changed", "group_changed",
        "group_removed", "user_changed", "user_removed",
    ]  # fmt: skip
    assert said[3].about["changed"] == ["members", "name"] and said[3].about["removed"] == ["group:oslo"]
    assert all(entry.via == "http:key_aaaaaaaaaaaa" for entry in said)


@BOTH
def test_names_compare_byte_for_byte_and_are_taken_once(workspace: Workspace) -> None:
    made = workspace.provisioning
    for name in ("zoe", "Zoe", "zoé", "zoe\u0301", "zoе"):
        made.create_user(user(name), PROVIDER)
    for taken in (user("zoe"), user("alice"), user("new", external_id="x"), user("newer", external_id="x")):
        if taken.name == "new":
            made.create_user(taken, PROVIDER)
            continue
        with pytest.raises(Taken):
            made.create_user(taken, PROVIDER)
    for bad in ("", " ", "a:b", "a\0b", "a\u200bb", "x" * 257, "\ud800"):
        with pytest.raises(BadInput):
            made.create_user(user(bad), PROVIDER)
    with pytest.raises(BadInput):
        made.create_group(group("everyone"), PROVIDER)
    with pytest.raises(Taken, match="directory file"):
        made.create_group(group("sales"), PROVIDER)
    one = made.users(Narrowed(names=frozenset({"zoe"})))[1]
    assert [found.name for found in one] == ["zoe"]


def test_what_changes_nothing_writes_nothing(workspace: Workspace) -> None:
    made = workspace.provisioning
    zoe = made.create_user(user("zoe"), PROVIDER)
    team = made.create_group(group("team", zoe.id), PROVIDER)
    before = workspace.audit.tail(1)
    assert made.change_user(zoe.id, same(user("zoe")), PROVIDER).version == made.user(zoe.id).version
    made.change_group(team.id, lambda _: group("team", zoe.id), PROVIDER)
    assert workspace.audit.tail(1) == before
    with pytest.raises(BadInput, match="no user or group"):
        made.change_group(team.id, lambda _: group("team", zoe.id, "usr_nobody"), PROVIDER)
    assert workspace.audit.tail(1) == before and len(made.group(team.id).members) == 1


def test_groups_never_reach_themselves_nor_nest_too_deep(workspace: Workspace) -> None:
    made = workspace.provisioning
    chain = [made.create_group(group("g0"), PROVIDER)]
    for n in range(1, 32):
        chain.append(made.create_group(group(f"g{n}", chain[-1].id), PROVIDER))
    with pytest.raises(BadInput, match="33 deep"):
        made.create_group(group("g32", chain[-1].id), PROVIDER)
    with pytest.raises(BadInput, match="reach themselves: g0 -> g1"):
        made.change_group(chain[0].id, lambda _: group("g0", chain[5].id), PROVIDER)
    with pytest.raises(BadInput, match="reach themselves: g0 -> g0"):
        made.change_group(chain[0].id, lambda _: group("g0", chain[0].id), PROVIDER)
    assert made.group(chain[0].id).members == ()


def test_nobody_is_given_a_group_that_administers(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace()
    made = workspace.provisioning
    with pytest.raises(Administers, match="muniment-admins"):
        made.create_group(group("muniment-admins"), PROVIDER)
    team = made.create_group(group("team"), PROVIDER)
    with pytest.raises(Administers):
        made.change_group(team.id, lambda _: group("muniment-admins"), PROVIDER)
    refused = workspace.audit.query(kind="directory.provisioning_refused")
    assert [(e.actor, e.about["of"]) for e in refused] == [("service:helpdesk", "group:muniment-admins")] * 2

    identity = {"admin_groups": ["muniment-admins", "team", "it"], "scim_admin_groups": ["it"]}
    later = app.open(workspace.home, settings=settings.parse({"identity": identity}))
    made = later.provisioning
    zoe = made.create_user(user("zoe"), PROVIDER)
    made.create_group(group("it", zoe.id), PROVIDER)
    assert "group:it" in held(later, "zoe")
    below = made.create_group(group("below"), PROVIDER)
    with pytest.raises(Administers):
        made.change_group(team.id, lambda _: group("team", below.id), PROVIDER)
    with pytest.raises(Administers):
        made.change_group(team.id, lambda _: group("team", zoe.id), PROVIDER)
    later.close()


def test_nobody_comes_back_into_a_group_that_administers(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace()
    made = workspace.provisioning
    zoe = made.create_user(user("zoe", external_id="1"), PROVIDER)
    made.create_group(group("team", zoe.id), PROVIDER)
    later = app.open(workspace.home, settings=settings.parse({"identity": {"admin_groups": ["team"]}}))
    made = later.provisioning
    for other in (user("eve", external_id="1"), user("zoe", external_id="2")):
        with pytest.raises(Administers):
            made.change_user(zoe.id, same(other), PROVIDER)
    made.change_user(zoe.id, same(user("zoe", external_id="1", active=False)), PROVIDER)
    with pytest.raises(Administers):
        made.change_user(zoe.id, same(user("zoe", external_id="1")), PROVIDER)
    made.remove_user(zoe.id, lambda _: None, PROVIDER)
    later.close()


@BOTH
def test_the_file_and_the_provider_stand_side_by_side(workspace: Workspace, tmp_path: Path) -> None:
    made = workspace.provisioning
    zoe = made.create_user(user("zoe"), PROVIDER)
    team = made.create_group(group("team", zoe.id), PROVIDER)
    file = tmp_path / "people.toml"

    def load(text: str, **more: bool) -> None:
        file.write_text(text)
        workspace.directory.import_file(file, OPERATOR, **more)

    load('[services.helpdesk]\ngroups = ["team", "desk"]\n[groups.desk]\nmembers_of = ["team"]\n')
    assert held(workspace, "zoe") == {"group:everyone", "group:team"}
    with pytest.raises(BadInput):
        workspace.directory.principal("alice")
    listed = {one.name: one.members for one in workspace.directory.listing().groups}
    assert listed["team"] == ("group:desk", "service:helpdesk", "user:zoe")
    assert [m.name for m in made.group(team.id).members] == ["zoe"]
    made.change_group(team.id, lambda _: group("crew"), PROVIDER)
    listed = {one.name: one.members for one in workspace.directory.listing().groups}
    assert listed["crew"] == ("group:desk", "service:helpdesk")
    with pytest.raises(BadInput, match="user:zoe of the file: the identity provider"):
        load("[users.zoe]\n")
    with pytest.raises(BadInput, match="unknown group 'team'"):
        load('[services.helpdesk]\ngroups = ["team"]\n')
    load("[users.zoe]\n", take_over=True)
    assert made.users(Narrowed()) == (0, [])
    assert [u.provisioned for u in workspace.directory.listing().users] == [False]


@BOTH
def test_a_user_in_five_thousand_groups_is_told_in_full(workspace: Workspace) -> None:
    import sqlalchemy as sa

    from muniment.governance.identity.directory_tables import directory_group, directory_membership
    from muniment.governance.identity.provisioned import provisioned

    zoe = workspace.provisioning.create_user(user("zoe"), PROVIDER)
    names = [f"g{n:04}" for n in range(5000)]
    row = {"kind": "group", "attributes": "{}", "created_at": "", "modified_at": "", "version": 1}
    with workspace.database.write() as connection:
        connection.execute(sa.insert(directory_group), [{"name": n, "title": ""} for n in names])
        connection.execute(
            sa.insert(provisioned), [{"id": f"grp_{n}", "ref": f"group:{n}", **row} for n in names]
        )
        connection.execute(
            sa.insert(directory_membership), [{"member": "user:zoe", "group_name": n} for n in names]
        )
    assert len(held(workspace, "zoe")) == 5001
    assert len(workspace.provisioning.user(zoe.id).groups) == 5000
    workspace.provisioning.change_user(zoe.id, same(user("zoe", active=False)), PROVIDER)
    assert workspace.directory.active_since(Principal("user", "zoe")) is None
    workspace.provisioning.remove_user(zoe.id, lambda _: None, PROVIDER)
