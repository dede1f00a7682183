"""Putting a policy in force: only what fits and passes, on record, and back in one step."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.attacks.worlds import memory_folder
from tests.conftest import DIRECTORY

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.identity.directory_tables import ACCOUNTS
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.governance.policy import replay
from muniment.governance.policy.cases import duties, failures, read_cases
from muniment.governance.policy.gate import NotPermitted
from muniment.governance.policy.replay import Replayed
from muniment.governance.policy.rules import Rules, Standing, shipped, version_of

WHY = "a test"
NO_BOTS = shipped() + '\n@id("no-bots") forbid(principal is Service, action == Action::"search", resource);\n'
NO_SALES = (
    shipped()
    + '\n@id("no-sales") forbid(principal in Group::"sales", action == Action::"search", resource);\n'
)
CASE = """
[[case]]
name = "a reader searches"
roles = ["reader"]
action = "search"
expect = "allow"
"""


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        made = app.create(folder / "template", embedder=lambda: None)
        (folder / "people.toml").write_text(DIRECTORY)
        made.directory.import_file(folder / "people.toml", OPERATOR)
        made.close()
        yield folder / "template"


@pytest.fixture(scope="module")
def untouched(template: Path) -> Iterator[Workspace]:
    made = app.open(template, embedder=lambda: None)
    yield made
    made.close()


@pytest.fixture
def workspace(template: Path) -> Iterator[Workspace]:
    home = template.parent / "home"
    shutil.copytree(template, home)
    made = app.open(home, embedder=lambda: None)
    yield made
    made.close()
    shutil.rmtree(home)


@pytest.mark.parametrize("kept_in", ["file", "postgres"], indirect=True)
def test_a_draft_that_passes_is_felt_by_the_next_search_and_goes_back_in_one_step(
    make_workspace: Callable[..., Workspace],
) -> None:
    workspace = make_workspace()
    workspace.search("x", "service:helpdesk")
    made = workspace.policies.activate(NO_BOTS, WHY, OPERATOR)
    assert made.version == version_of(NO_BOTS)
    workspace.search("x", "alice")
    with pytest.raises(Denied):
        workspace.search("x", "service:helpdesk")
    assert workspace.audit.query(kind="search.refused")[-1].about["policy"] == made.version
    workspace.policies.rollback(None, WHY, OPERATOR)
    assert workspace.search("x", "service:helpdesk").policy == version_of(shipped())
    assert [one.how for one in workspace.policies.history()] == ["rollback", "activate"]
    assert [(one.how, one.in_force) for one in workspace.policies.history(1)] == [("rollback", True)]
    entered, back = (workspace.audit.query(kind=f"policy.{kind}")[0] for kind in ("activated", "rolled_back"))
    assert (entered.about["before"], entered.about["version"]) == (version_of(shipped()), made.version)
    assert (back.about["before"], back.about["version"]) == (made.version, version_of(shipped()))
    assert WHY not in repr(entered.about)
    alice, carol = workspace.principal("alice"), workspace.principal("carol")
    workspace.roles.grant("approver", "carol", WHY, OPERATOR)
    asked = workspace.emergencies.request(alice, "curator", timedelta(hours=1), WHY, alice, OPERATOR)
    workspace.emergencies.approve(asked.id, carol, OPERATOR)
    workspace.search("x", "alice")
    assert workspace.audit.query(kind="search.request")[-1].about["emergencies"] == asked.id


def test_going_back_twice_goes_back_two_versions(workspace: Workspace) -> None:
    versions = workspace.policies
    versions.activate(NO_BOTS, WHY, OPERATOR)
    versions.activate(NO_SALES, WHY, OPERATOR)
    assert versions.rollback(None, WHY, OPERATOR).version == version_of(NO_BOTS)
    assert versions.rollback(None, WHY, OPERATOR).version == version_of(shipped())
    with pytest.raises(Conflict, match="before this one"):
        versions.rollback(None, WHY, OPERATOR)
    named = version_of(NO_SALES).removeprefix("sha256:")[:12]
    assert versions.rollback(named, WHY, OPERATOR).version == version_of(NO_SALES)
    assert versions.show().policies == NO_SALES
    assert versions.show(version_of(NO_BOTS)).policies == NO_BOTS
    for unknown in ("sha256:", "abc", "f" * 64):
        with pytest.raises(BadInput):
            versions.rollback(unknown, WHY, OPERATOR)


BREAKING = {
    "does not parse": ("permit(principal", BadInput),
    "names what the schema has not": (NO_BOTS.replace("search", "fly"), BadInput),
    "lets operators read": (
        shipped().replace(
            'forbid (principal in Role::"operator", action in Action::"read"',
            'forbid (principal in Role::"operator", action == Action::"read_lineage"',
        ),
        Conflict,
    ),
    "lets auditors change": (
        "\n".join(shipped().split('@id("auditors-change-nothing")')[:1])
        + shipped()[shipped().index('@id("nobody-approves-their-own")') :],
        Conflict,
    ),
    "excuses one operator": (
        shipped().replace(
            'action in Action::"read", resource);',
            'action in Action::"read", resource) unless { principal == User::"root" };',
        ),
        Conflict,
    ),
    "locks every officer out": (
        shipped() + '@id("x") forbid(principal, action == Action::"activate_policy", resource);',
        Conflict,
    ),
    "permits all": ('@id("x") permit(principal, action, resource);', Conflict),
    "is empty": ("", Conflict),
}


@pytest.mark.parametrize("why", BREAKING)
def test_a_draft_that_breaks_a_duty_is_never_put_in_force(untouched: Workspace, why: str) -> None:
    workspace = untouched
    text, kind = BREAKING[why]
    before = workspace.policies.show()
    with pytest.raises(kind, match="policy in force stays"):
        workspace.policies.activate(text, WHY, OPERATOR)
    assert not workspace.policies.trial(text).passed
    assert workspace.policies.show() == before
    assert workspace.policies.history() == []
    assert workspace.audit.query(kind="policy.activated") == []


def test_a_draft_without_a_rule_that_keeps_duties_apart_says_which(untouched: Workspace) -> None:
    excused = untouched.policies.trial(BREAKING["excuses one operator"][0])
    assert (excused.lifted, excused.failures) == (("operators-read-nothing",), ())
    respaced = shipped().replace("forbid (", "forbid(  ").replace("// Reading:", "// Reading, that is:")
    assert untouched.policies.trial(respaced).passed


def test_a_draft_must_pass_the_cases_that_the_one_in_force_was_tested_on(workspace: Workspace) -> None:
    workspace.policies.activate(NO_SALES, WHY, OPERATOR, cases=CASE)
    worse = NO_SALES.replace('principal in Group::"sales"', "principal")
    with pytest.raises(Conflict, match="a reader searches: search gave deny"):
        workspace.policies.activate(worse, WHY, OPERATOR)
    with pytest.raises(Conflict, match="in force already"):
        workspace.policies.activate(NO_SALES, WHY, OPERATOR)
    assert workspace.policies.activate(worse, WHY, OPERATOR, cases="").version == version_of(worse)


def test_policy_itself_says_who_may_change_it(workspace: Workspace) -> None:
    alice, carol = workspace.principal("alice"), workspace.principal("carol")
    workspace.roles.grant("security-officer", "carol", WHY, OPERATOR)
    with pytest.raises(NotPermitted, match="user:alice may not activate_policy"):
        workspace.policies.activate(NO_BOTS, WHY, Actor("user:alice", "cli"), who=alice)
    refused = workspace.audit.query(kind="policy.refused")[-1]
    assert (refused.actor, refused.about["action"]) == ("user:alice", "activate_policy")
    made = workspace.policies.activate(NO_BOTS, WHY, Actor("user:carol", "cli"), who=carol)
    assert made.by == "user:carol"


def test_the_shipped_policy_passes_every_duty() -> None:
    assert failures(Rules(shipped()), duties()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("case", "no TOML"),
        ("[other]", "more than"),
        ('[[case]]\nname = "x"\naction = "search"\n', "neither allow nor deny"),
        ('[[case]]\naction = "search"\nexpect = "deny"\n', "no name"),
        ('[[case]]\nname = "x"\nexpect = "deny"\n', "names no action"),
        (CASE.replace('"search"', '"serch"'), "Did you mean search"),
        (CASE.replace('"reader"', '"raeder"'), "Did you mean reader"),
        (CASE + 'principle = "user:x"\n', "no field 'principle'"),
        (CASE + 'principal = "group:x"\n', "no user:NAME"),
        (CASE + 'with = { onwer = "x" }\n', "none of its resources has 'onwer'"),
        (CASE + 'resource = "planet:x"\n', "names no resource"),
    ],
)
def test_a_case_that_does_not_fit_is_named(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_cases(text, "cases.toml")


def test_cases_without_end_are_refused_at_once() -> None:
    with pytest.raises(BadInput, match="holds 501 cases"):
        read_cases(CASE * 501, "cases.toml")
    many = CASE.replace('"search"', str(["search"] * 9_000).replace("'", '"'))
    with pytest.raises(BadInput, match="names an action more than once"):
        read_cases(many, "cases.toml")
    with pytest.raises(BadInput, match="nests too deep"):
        read_cases("case = " + "[" * 9_000, "cases.toml")


def test_a_case_that_cannot_be_worked_out_has_failed_even_where_a_deny_was_expected() -> None:
    wrong = CASE.replace('"allow"', '"deny"') + 'resource = "audit"\n'
    (failed,) = failures(Rules(shipped()), read_cases(wrong, "cases.toml"))
    assert failed.got == "an error"


def test_everybody_looked_up_at_once_is_judged_as_one_by_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = workspace.directory.listing()
    refs = [
        *(f"user:{one.name}" for one in listing.users),
        *(f"service:{one.name}" for one in listing.services),
    ]
    for ref in [*refs, "user:gone", "group:sales", "nonsense"]:
        about: dict[str, Json] = {"principal": ref, "action": "search", "resource": "Workspace:muniment"}
        workspace.audit.record([Entry("search.request", OPERATOR, about)])
    users = ACCOUNTS["user"]
    with workspace.database.write() as connection:
        connection.execute(sa.update(users).where(users.c.name == listing.users[0].name).values(active=0))
    found: list[Replayed] = []
    for many in (0, 1_000):
        monkeypatch.setattr(replay, "_MANY", many)
        found.append(workspace.replay.changes(Rules(NO_SALES), timedelta(days=1)))
    assert found[0] == found[1] and found[0].changes
    assert (found[0].decisions, found[0].gone) == (len(refs) + 3, 4)


def test_people_are_looked_up_once_however_often_they_decided(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    about: dict[str, Json] = {"principal": "user:alice", "action": "search"}
    workspace.audit.record(
        [
            Entry("search.request", OPERATOR, {**about, "resource": f"Document:doc_{number}"})
            for number in range(30)
        ]
    )
    asked: list[str] = []
    looked_up = workspace.policy.standing

    def counted(connection: sa.Connection, who: Principal, groups: frozenset[str] | None = None) -> Standing:
        asked.append(who.ref)
        return looked_up(connection, who, groups)

    monkeypatch.setattr(workspace.policy, "standing", counted)
    assert workspace.replay.changes(Rules(NO_SALES), timedelta(days=1)).decisions == 30
    assert asked == ["user:alice"]
