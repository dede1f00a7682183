"""What only the connector to Jira has: schemes, roles, levels, comments shown to some, passes on passes."""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.simulators.sources.jira_scene import JiraScene, settings_for
from tests.simulators.sources.jira_server import GUESTS, LICENSED, Comment, Issue
from tests.simulators.sources.scene import GUEST, PEOPLE
from tests.unit.knowledge.sources.atlassian_mirror import SourceMirror, connected

from muniment.foundation.clock import Clock, FixedClock
from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connector import CursorLost, Gone, Notice, Notifies, Throttled
from muniment.knowledge.sources.http_api import Malformed

WHO = (*PEOPLE, GUEST)


@pytest.fixture(params=[True, False], ids=["cloud", "datacenter"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JiraScene]:
    made = JiraScene(tmp_path, cloud=request.param)
    yield made
    made.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[JiraScene]:
    made = JiraScene(tmp_path)
    yield made
    made.close()


def mirrored(scene: JiraScene, place: Path, **more: object) -> SourceMirror:
    settings = settings_for(scene.server, place / "jira-token", **more)
    return SourceMirror(connected("jira", settings, place, Clock()), "jira", settings)


def agrees(scene: JiraScene, mirror: SourceMirror, issue: Issue) -> set[str]:
    """Return who reads an issue, having compared it and its comments with what the source itself says."""
    found = mirror.readers(issue.id)
    assert found == {who for who in WHO if scene.world.reads(who, issue)}
    for name, one in issue.comments.items():
        there = {who for who in WHO if not one.internal and scene.world.reads(who, issue, one)}
        assert mirror.readers(f"{issue.id}/comment/{name}") == there, one.visible
    return found


def test_holders_of_browse_are_mirrored_each_by_its_kind(scene: JiraScene, tmp_path: Path) -> None:
    scene.project.levels = None
    scene.project.roles = {"10": ("Developers", {"bob", "@everyone-else"})}
    issue = scene.world.add_issue("DOCS", "x", reporter="alice", assignee="bob")
    issue.fields = {"customfield_12": ["carol"], "customfield_13": ["@engineering"]}
    mirror = mirrored(scene, tmp_path)
    for holder, expected in {
        ("anyone", ""): set(PEOPLE),
        ("applicationRole", ""): set(PEOPLE),
        ("applicationRole", "jira-software"): set(PEOPLE),
        ("group", "engineering"): {"alice", "bob"},
        ("group", GUESTS): {GUEST},
        ("user", "carol"): {"carol"},
        ("projectRole", "10"): {"bob", "carol"},
        ("projectLead", ""): {"alice"},
        ("reporter", ""): {"alice"},
        ("assignee", ""): {"bob"},
        ("userCustomField", "customfield_12"): {"carol"},
        ("groupCustomField", "customfield_13"): {"alice", "bob"},
    }.items():
        scene.project.browse = [holder]
        mirror.access()
        assert agrees(scene, mirror, issue) == expected, holder


def test_a_holder_of_an_unknown_kind_lets_nobody_in_and_keeps_nobody_out(
    cloud: JiraScene, tmp_path: Path
) -> None:
    cloud.project.levels = None
    issue = cloud.world.add_issue("DOCS", "x")
    cloud.server.http.faults["permissionscheme"] = (
        b'{"id": 1, "permissions": [{"permission": "BROWSE_PROJECTS", "holder": {"type": "sd.customer.portal'
        b'.only"}}, {"permission": "BROWSE_PROJECTS", "holder": {"type": "user", "parameter": "acc:bob"}}]}'
    )
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    assert mirror.readers(issue.id) == {"bob"}


def test_whoever_reads_an_issue_browses_its_project_and_is_a_member_of_its_level(
    scene: JiraScene, tmp_path: Path
) -> None:
    scene.project.browse = [("group", "engineering"), ("reporter", "")]
    scene.project.levels = {"21": [("user", "bob"), ("user", "carol")], "22": []}
    held = [scene.world.add_issue("DOCS", "x", level=level) for level in ("", "21", "22")]
    mine = scene.world.add_issue("DOCS", "x", level="21", reporter="carol")
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    assert [agrees(scene, mirror, one) for one in held] == [{"alice", "bob"}, {"bob"}, set()]
    assert agrees(scene, mirror, mine) == {"bob", "carol"}


@pytest.mark.parametrize("fault", ["issuesecurityschemes", "permissionscheme", "issuesecuritylevelscheme"])
def test_what_may_not_be_asked_lets_nobody_in(scene: JiraScene, tmp_path: Path, fault: str) -> None:
    scene.project.levels = {"21": [("user", "bob")]}
    issue = scene.world.add_issue("DOCS", "x", level="21")
    scene.server.http.faults[fault] = 403
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    assert mirror.readers(issue.id) == set()


def test_an_issue_that_does_not_tell_its_level_is_nobodys_where_there_are_levels(
    cloud: JiraScene, tmp_path: Path
) -> None:
    cloud.project.levels = {"21": []}
    issue = cloud.world.add_issue("DOCS", "x")
    fields = f'{{"project": {{"id": "{cloud.project.id}"}}, "comment": {{"comments": [], "total": 0}}}}'
    row = f'{{"id": "{issue.id}", "key": "DOCS-1", "fields": {fields}}}'
    cloud.server.http.faults["search/jql"] = f'{{"isLast": true, "issues": [{row}]}}'.encode()
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    assert issue.id in mirror.items
    assert mirror.readers(issue.id) == set()


def test_a_comment_shown_to_some_is_read_by_those_who_read_its_issue_too(
    scene: JiraScene, tmp_path: Path
) -> None:
    scene.project.browse = [("group", "engineering")]
    scene.project.roles = {"10": ("Developers", {"bob", "carol"})}
    issue = scene.world.add_issue("DOCS", "x", description="told")
    issue.comments = {
        "1": Comment("for all"),
        "2": Comment("for developers", ("role", "Developers")),
        "3": Comment("for others", ("group", "everyone-else")),
        "4": Comment("for a role of which nothing is known", ("role", "Elders")),
        "5": Comment("within the desk", internal=True),
    }
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    agrees(scene, mirror, issue)
    assert mirror.readers(f"{issue.id}/comment/2") == {"bob"}
    found = mirror.content()
    assert len(found) == 6
    at = f"DOCS/{issue.key}"
    assert b"for" not in mirror.connector.fetch(found[at]).content
    assert mirror.connector.fetch(found[f"{at}/comment 2"]).content == b"for developers"


def test_a_comment_that_is_shown_to_some_from_now_on_is_withheld_by_the_next_reading(
    scene: JiraScene, tmp_path: Path
) -> None:
    issue = scene.world.add_issue("DOCS", "x")
    issue.comments["1"] = Comment("hm")
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    issue.comments["1"].visible = ("group", "everyone-else")
    scene.world.touch(issue)
    mirror.access()
    assert mirror.restarts == 0
    assert mirror.readers(f"{issue.id}/comment/1") == {"carol"}


def test_names_that_may_mean_two_accounts_mean_none(tmp_path: Path) -> None:
    scene = JiraScene(tmp_path, cloud=False)
    scene.project.levels = None
    scene.project.browse = [("projectRole", "10")]
    scene.project.roles = {"10": ("Developers", {"alice", "bob"})}
    issue = scene.world.add_issue("DOCS", "x")
    scene.world.add_user("JIRAUSER-x")
    scene.world.users["bob2"] = {"active": True, "guest": False}
    kept = scene.server.user
    try:
        scene.server.user = lambda name: {**kept(name), **({"key": "bob"} if name == "zoe" else {})}  # type: ignore[method-assign]
        mirror = mirrored(scene, tmp_path)
        mirror.access()
        assert mirror.readers(issue.id) == {"alice"}
    finally:
        scene.close()


def test_a_pass_asks_for_what_was_updated_and_begins_anew_where_rights_changed(
    scene: JiraScene, tmp_path: Path
) -> None:
    scene.project.levels = {"21": [("user", "bob")]}
    old = [scene.world.add_issue("DOCS", f"{n}", updated=time.time() - 7200) for n in range(5)]
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    scene.server.http.asked.clear()
    old[0].level = "21"
    scene.world.touch(old[0])
    mirror.access()
    assert len([one for one in scene.server.http.asked if "/search" in one and "jql=" in one]) == 1
    assert agrees(scene, mirror, old[0]) == {"bob"}
    scene.project.levels["21"] = [("user", "carol")]
    mirror.access()
    assert mirror.restarts == 1
    assert agrees(scene, mirror, old[0]) == {"carol"}


def test_a_role_with_other_members_needs_no_issue_to_be_read(cloud: JiraScene, tmp_path: Path) -> None:
    cloud.project.browse = [("projectRole", "10")]
    cloud.project.roles = {"10": ("Developers", {"alice"})}
    issue = cloud.world.add_issue("DOCS", "x", updated=time.time() - 7200)
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    cloud.project.roles["10"] = ("Developers", {"@everyone-else"})
    mirror.access()
    assert mirror.restarts == 0
    assert agrees(cloud, mirror, issue) == {"carol"}


def test_everything_is_listed_anew_in_time_and_where_projects_came(cloud: JiraScene, tmp_path: Path) -> None:
    clock = FixedClock()
    settings = settings_for(cloud.server, tmp_path / "jira-token")
    connector = connected("jira", settings, tmp_path, clock)
    cloud.world.add_issue("DOCS", "x")
    cursor = connector.changes("").cursor
    assert connector.changes(cursor).items
    clock.advance(seconds=timedelta(hours=2).total_seconds())
    with pytest.raises(CursorLost, match="whole"):
        connector.changes(cursor)
    cursor = connector.changes("").cursor
    cloud.world.add_project("NEW", [("anyone", "")])
    with pytest.raises(CursorLost, match="projects"):
        connector.changes(cursor)


def test_many_comments_and_what_is_attached_are_read_to_the_end(scene: JiraScene, tmp_path: Path) -> None:
    issue = scene.world.add_issue("DOCS", "x")
    issue.comments = {str(number): Comment(f"remark {number}") for number in range(8)}
    issue.files = {"f1": ("a.txt", b"enclosed")}
    mirror = mirrored(scene, tmp_path, attachments=True)
    mirror.access()
    found = mirror.content()
    assert len(found) == 10
    assert mirror.readers(f"{issue.id}/attachment/f1") == {*PEOPLE, GUEST}
    assert mirror.connector.fetch(found[f"DOCS/{issue.key}/a.txt"]).content == b"enclosed"


def test_what_is_gone_is_gone_and_what_is_no_answer_is_none(cloud: JiraScene, tmp_path: Path) -> None:
    issue = cloud.world.add_issue("DOCS", "x")
    mirror = mirrored(cloud, tmp_path)
    item = mirror.content()[f"DOCS/{issue.key}"]
    cloud.world.issues.clear()
    with pytest.raises(Gone):
        mirror.connector.fetch(item)
    for held in ("/search", "/group/member", "issuesecurityschemes"):
        cloud.server.http.faults = {held: b'{"message": "hello"}'}
        with pytest.raises(Malformed):
            mirror.access()
        mirror.cursor = ""
    cloud.server.http.faults = {"/search": 403}
    with pytest.raises(Unavailable):
        mirrored(cloud, tmp_path).connector.changes("")
    cloud.server.http.faults = {}
    cloud.throttle(1)
    with pytest.raises(Throttled):
        mirror.connector.check()


@pytest.mark.parametrize(
    "said",
    [b'{"issues": [], "isLast": false}', b'{"issues": [], "isLast": false, "nextPageToken": "again"}'],
)
def test_a_listing_that_breaks_off_or_goes_in_circles_ends(
    cloud: JiraScene, tmp_path: Path, said: bytes
) -> None:
    cloud.server.http.faults["search/jql"] = said
    connector = mirrored(cloud, tmp_path).connector
    with pytest.raises((Malformed, CursorLost)):
        connector.access(connector.access("").cursor)
    with pytest.raises(CursorLost):
        connector.access("nonsense")


def test_a_call_counts_only_with_the_right_signature(cloud: JiraScene, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("shared")
    connector = mirrored(cloud, tmp_path, webhook_secret=f"file:{secret}").connector
    assert isinstance(connector, Notifies)
    right = "sha256=" + hmac.new(b"shared", b"{}", hashlib.sha256).hexdigest()
    assert connector.notice({"x-hub-signature": right}, {}, b"{}") == Notice()
    assert connector.notice({"x-hub-signature": right}, {}, b"[]") is None
    assert connector.notice({}, {}, b"{}") is None


def changed(scene: JiraScene, drawn: random.Random, issues: list[Issue]) -> None:
    """Make one change of whatever decides who reads."""
    holders = [("user", one) for one in WHO]
    holders += [("group", "engineering"), ("group", LICENSED), ("projectRole", "10"), ("reporter", "")]
    holders += [("applicationRole", ""), ("assignee", "")]
    issue, what = drawn.choice(issues), drawn.randrange(7)
    assert scene.project.levels is not None
    if what == 0:
        scene.project.browse = drawn.sample(holders, drawn.randint(0, 4))
    elif what == 1:
        scene.project.levels[drawn.choice(["21", "22"])] = drawn.sample(holders, drawn.randint(0, 4))
    elif what == 2:
        scene.project.roles["10"] = ("Developers", set(drawn.sample([*WHO, "@engineering"], 2)))
    elif what == 3:
        scene.team(drawn.choice(["engineering", LICENSED]), drawn.sample(WHO, drawn.randint(0, 4)))
    elif what == 4:
        issue.level = drawn.choice(["", "21", "22"])
        scene.world.touch(issue)
    elif what == 5:
        issue.reporter, issue.assignee = drawn.choice(WHO), drawn.choice(["", *WHO])
        scene.world.touch(issue)
    else:
        seen = drawn.choice([None, ("role", "Developers"), ("group", "engineering")])
        issue.comments["1"] = Comment("x", seen)
        scene.world.touch(issue)


@pytest.mark.parametrize("changes", [40, pytest.param(10_000, marks=pytest.mark.prove)])
def test_after_any_changes_exactly_those_read_whom_the_source_lets_read(
    scene: JiraScene, tmp_path: Path, changes: int
) -> None:
    drawn = random.Random(5)
    scene.project.levels = {"21": [("user", "bob")], "22": []}
    scene.project.roles = {"10": ("Developers", {"alice"})}
    issues = [scene.world.add_issue("DOCS", f"{number}") for number in range(4)]
    mirror = mirrored(scene, tmp_path)
    for _ in range(changes // 4):
        for _ in range(4):
            changed(scene, drawn, issues)
        mirror.access()
        for one in issues:
            agrees(scene, mirror, one)
