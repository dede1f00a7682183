"""A release goes out as it was built, on a passing check, and there is always a way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import app
from muniment import settings as settings_file
from muniment.app import Workspace
from muniment.app.releasing import releasing_of
from muniment.assurance.release import records
from muniment.assurance.release.tables import release as release_table
from muniment.assurance.release.tables import release_stage
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict, Tampered
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.governance.policy.gate import NotPermitted
from muniment.governance.policy.rules import shipped
from muniment.interfaces.web.quality.standing import gone
from muniment.knowledge.retrieval.versions import Constants, Learned, Version

WHY = "Because."
FRONT = "---\nname: {name}\npurpose: answer\ninputs: question text, passages passages\noutput: claims\n---\n{text}\n"
CASE = {
    "id": "c1",
    "asker": "alice",
    "question": "When does the canteen open?",
    "relevant": ["all/canteen.txt"],
    "facts": ["eight"],
}
WANTS_MORE = {**CASE, "id": "c2", "facts": ["midnight"]}
LEAK = {**CASE, "id": "c3", "forbidden": ["all/canteen.txt"]}
TARGETS = "[targets]\nall_facts = 1.0\n"


def prompt(home: Path, name: str, text: str = "Be brief.") -> None:
    (home / "prompts").mkdir(exist_ok=True)
    (home / "prompts" / f"{name}.md").write_text(FRONT.format(name=name, text=text))


def suite(home: Path, *cases: Any, kind: str = "quality") -> None:
    folder = home / "evals" / "canteen"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "suite.toml").write_text(f'name = "canteen"\nkind = "{kind}"\n{TARGETS}')
    (folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cases))


@pytest.fixture
def shop(
    copied: Callable[..., Workspace],
    make_workspace: Callable[..., Workspace],
    clock: FixedClock,
    folder: Path,
) -> Workspace:
    """A workspace with one suite, and the release `first` in force."""

    def make() -> Workspace:
        workspace = make_workspace(clock=clock)
        workspace.ingest(folder, "acme")
        suite(workspace.home, CASE)
        out(workspace, "first")
        return workspace

    return copied(make, clock=clock)


def out(workspace: Workspace, name: str, check: bool = True, **more: Any) -> None:
    rooms = releasing_of(workspace)
    rooms.releases.build(name, WHY, OPERATOR)
    if check:
        assert rooms.checks.check(name, WHY, OPERATOR).ok
    rooms.promotions.promote(name, WHY, OPERATOR, **more)


def kinds(workspace: Workspace) -> list[str]:
    return [entry.kind for entry in workspace.audit.query(limit=1000) if entry.kind.startswith("release.")]


def last(workspace: Workspace, kind: str) -> Any:
    found = workspace.audit.last_of(kind)
    assert found is not None
    return found.about


def asked(workspace: Workspace, who: str = "alice") -> Any:
    return workspace.ask(CASE["question"], who).lineage["prompt"]  # type: ignore[arg-type]


def test_a_built_release_changes_nothing_and_a_promoted_one_what_the_next_answer_goes_by(
    shop: Workspace,
) -> None:
    before = asked(shop)
    prompt(shop.home, "mine")
    rooms = releasing_of(shop)
    made = rooms.releases.build("spring", WHY, OPERATOR)
    assert asked(shop) == before
    found = rooms.releases.difference("spring")
    assert found.components == {"prompts"} and found.before and found.before.name == "first"
    assert ("answer.prompt", before, made.prompts["answer"].version) in [
        (one.name, one.before, one.after) for one in found.changes
    ]
    with pytest.raises(Conflict, match="canteen was not run"):
        rooms.promotions.promote("spring", WHY, OPERATOR)
    assert rooms.checks.check("spring", WHY, OPERATOR).ok and asked(shop) == before
    rooms.promotions.promote("spring", WHY, OPERATOR)
    assert asked(shop) == made.prompts["answer"].version != before
    in_force = rooms.releases.in_force()
    assert in_force is not None and in_force.id == made.id
    with pytest.raises(Conflict, match="in force already"):
        rooms.promotions.promote("spring", WHY, OPERATOR)

    went = rooms.promotions.rollback(WHY, OPERATOR)
    assert asked(shop) == before and went.to is not None and went.to.name == "first"
    assert went.put_back == (f"prompt {before} for answer",)
    with pytest.raises(Conflict, match="No release was in force before"):
        rooms.promotions.rollback(WHY, OPERATOR)
    assert kinds(shop) == [
        *("release.built", "release.checked", "release.promoted"),
        *("release.built", "release.refused", "release.checked", "release.promoted", "release.rolled_back"),
    ]
    assert last(shop, "release.refused")["blocks"] == ["canteen:report"]
    assert WHY not in json.dumps([entry.about for entry in shop.audit.query(limit=1000)], default=dict)


def test_a_release_goes_out_only_from_the_files_that_it_was_built_from(shop: Workspace) -> None:
    rooms = releasing_of(shop)
    prompt(shop.home, "mine")
    rooms.releases.build("spring", WHY, OPERATOR)
    assert rooms.checks.check("spring", WHY, OPERATOR).ok
    prompt(shop.home, "mine", "Be long.")
    (shop.home / "risk.toml").write_text("# mine\n")
    with pytest.raises(Conflict, match=r"built from other files: policy: risk\.toml: as shipped ->"):
        rooms.promotions.promote("spring", WHY, OPERATOR)
    assert last(shop, "release.refused")["differing"] == ["policy"]
    (shop.home / "risk.toml").unlink()
    rooms.promotions.promote("spring", WHY, OPERATOR)
    assert shop.prompts.live("answer").text.strip() == "Be brief."


def test_a_check_that_the_days_or_the_documents_left_behind_counts_no_more(
    shop: Workspace, clock: FixedClock, folder: Path
) -> None:
    rooms = releasing_of(shop)
    prompt(shop.home, "mine")
    rooms.releases.build("spring", WHY, OPERATOR)
    assert rooms.checks.check("spring", WHY, OPERATOR).ok
    clock.advance(days=8)
    with pytest.raises(Conflict, match=r"older than release.max_report_age \(7d\)"):
        rooms.promotions.promote("spring", WHY, OPERATOR)
    assert rooms.checks.check("spring", WHY, OPERATOR).ok
    (folder / "all" / "menu.txt").write_text("Soup on Mondays.\n")
    shop.ingest(folder, "acme")
    with pytest.raises(Conflict, match="other documents"):
        rooms.promotions.promote("spring", WHY, OPERATOR)
    assert rooms.checks.check("spring", WHY, OPERATOR).ok
    rooms.promotions.promote("spring", WHY, OPERATOR)


def officers(workspace: Workspace) -> tuple[Principal, Principal, Principal]:
    """Alice may promote, bob and carol may let pass."""
    for role, name in (("curator", "alice"), ("approver", "bob"), ("approver", "carol")):
        workspace.roles.grant(role, f"user:{name}", WHY, OPERATOR)
    return Principal("user", "alice"), Principal("user", "bob"), Principal("user", "carol")


def let_pass(workspace: Workspace, block: str, requester: str, second: Principal) -> None:
    rooms = releasing_of(workspace)
    by = Actor(second.ref, "cli")
    rooms.waivers.waive(
        "spring", block, WHY, requester, second, by, lambda one: rooms.checks.verdict(one, requester)
    )


def test_a_finding_is_let_pass_by_a_second_person_for_a_while(shop: Workspace, clock: FixedClock) -> None:
    alice, bob, carol = officers(shop)
    rooms = releasing_of(shop)
    suite(shop.home, CASE, WANTS_MORE)
    prompt(shop.home, "mine")
    rooms.releases.build("spring", WHY, OPERATOR)
    verdict = rooms.checks.check("spring", WHY, OPERATOR)
    assert [one.name for one in verdict.blocks] == ["canteen:all_facts"]

    for requester, second in ((bob.ref, bob), (OPERATOR.ref, alice)):
        with pytest.raises((Conflict, NotPermitted)):
            let_pass(shop, "canteen:all_facts", requester, second)
    with pytest.raises(BadInput, match="canteen:all_facts"):
        let_pass(shop, "canteen:ndcg", alice.ref, bob)
    let_pass(shop, "canteen:all_facts", alice.ref, bob)
    assert last(shop, "release.waived")["second"] == bob.ref

    release = rooms.releases.find("spring").release
    assert rooms.checks.verdict(release, alice.ref).ok
    assert not rooms.checks.verdict(release, bob.ref).ok
    clock.advance(days=6)
    shop.roles.revoke("approver", bob.ref, WHY, OPERATOR)
    assert not rooms.checks.verdict(release, alice.ref).ok
    let_pass(shop, "canteen:all_facts", alice.ref, carol)
    clock.advance(days=14)
    assert not rooms.checks.check("spring", WHY, OPERATOR).ok
    let_pass(shop, "canteen:all_facts", alice.ref, carol)
    rooms.promotions.promote("spring", WHY, Actor(alice.ref, "cli"), alice)
    assert last(shop, "release.promoted")["waived"] == ["canteen:all_facts"]


def test_whoever_built_a_release_lets_nothing_of_it_pass(shop: Workspace) -> None:
    _, bob, _ = officers(shop)
    prompt(shop.home, "mine")
    releasing_of(shop).releases.build("spring", WHY, Actor(bob.ref, "cli"))
    with pytest.raises(Conflict, match="asked for this or built spring"):
        let_pass(shop, "canteen:report", "operator", bob)


def test_a_breach_or_a_missing_report_is_let_pass_by_nobody(shop: Workspace) -> None:
    _, bob, _ = officers(shop)
    rooms = releasing_of(shop)
    suite(shop.home, LEAK)
    prompt(shop.home, "mine")
    rooms.releases.build("spring", WHY, OPERATOR)
    with pytest.raises(Conflict, match="does not count is never let pass"):
        let_pass(shop, "canteen:report", "operator", bob)
    assert not rooms.checks.check("spring", WHY, OPERATOR).ok
    with pytest.raises(Conflict, match="security failure is never let pass"):
        let_pass(shop, "canteen:authorised", "operator", bob)
    with pytest.raises(Conflict, match="authorised: 1 of 1 cases failed"):
        rooms.promotions.promote("spring", WHY, OPERATOR)


def test_without_the_right_nothing_is_built_promoted_or_rolled_back(shop: Workspace) -> None:
    bob = Principal("user", "bob")
    by, rooms = Actor(bob.ref, "cli"), releasing_of(shop)
    prompt(shop.home, "mine")
    with pytest.raises(NotPermitted):
        rooms.releases.build("his", WHY, by, bob)
    rooms.releases.build("spring", WHY, OPERATOR)
    assert rooms.checks.check("spring", WHY, OPERATOR).ok
    with pytest.raises(NotPermitted):
        rooms.promotions.promote("spring", WHY, by, bob)
    rooms.promotions.promote("spring", WHY, OPERATOR)
    with pytest.raises(NotPermitted):
        rooms.promotions.rollback(WHY, by, bob)
    assert [one.release.name for one in rooms.releases.listing() if one.in_force] == ["spring"]
    assert [
        entry.about["action"] for entry in shop.audit.query(limit=1000) if entry.kind == "policy.refused"
    ] == ["promote_release"] * 3


def test_a_listing_may_end_and_the_release_in_force_and_the_last_check_are_found_beyond_it(
    shop: Workspace, clock: FixedClock
) -> None:
    rooms = releasing_of(shop)
    out(shop, "first-of-all")
    for name in ("second", "third"):
        clock.advance(hours=1)
        prompt(shop.home, "mine", f"Be {name}.")
        rooms.releases.build(name, WHY, OPERATOR)
    whole = rooms.releases.listing()
    assert [one.release.name for one in whole][:2] == ["third", "second"]
    assert rooms.releases.listing(2) == whole[:2]
    found = gone(rooms.releases, None)
    assert found.in_force == next(one for one in whole if one.release.name == "first-of-all")
    assert found.checked is not None and found.checked.release == "first-of-all"
    rooms.checks.check("second", WHY, OPERATOR)
    newest = gone(rooms.releases, None).checked
    assert newest is not None and newest.release == "second"


def test_going_back_puts_back_ranking_and_policy_and_says_which_files_differ(shop: Workspace) -> None:
    rooms = releasing_of(shop)
    shop.rankings.apply(Learned(Constants(), "s", "sha256:s", {}), Version(0), OPERATOR)
    shop.policies.activate(shipped() + "\n// Mine.\n", WHY, OPERATOR)
    out(shop, "spring")
    found = rooms.releases.difference("spring", "first")
    assert found.components == {"retrieval", "policy"}
    (shop.home / "approvals.toml").write_text("# mine\n")
    went = rooms.promotions.rollback(WHY, OPERATOR)
    assert went.to is not None and not went.failed and len(went.put_back) == 2
    assert shop.rankings.in_use().number == 0
    assert [(one.component, one.name) for one in rooms.releases.remaining(went.to)] == [
        ("policy", "approvals.toml")
    ]


def test_a_stored_release_that_was_altered_is_not_used(shop: Workspace) -> None:
    with shop.database.write() as connection:
        files = json.loads(connection.execute(release_table.select()).one().prompts)
        files["answer"]["content"] = files["answer"]["content"].replace("You", "They")
        connection.execute(release_table.update().values(prompts=json.dumps(files)))
    with pytest.raises(Tampered, match="first is not as it was built"):
        releasing_of(shop).releases.find("first")


def test_a_manifest_holds_no_address_and_no_key_and_a_release_no_credential(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    stated = {
        "models": {"house": {"base_url": "https://zebra.example/v1", "model": "m", "api_key": "file:zebra"}}
    }
    home = tmp_path / "home"
    for place in (home, tmp_path / "other"):
        place.mkdir()
        (place / "zebra").write_text("a-key-of-zebras")
    workspace = make_workspace(settings=settings_file.parse(stated))
    made = releasing_of(workspace).releases.build("spring", WHY, OPERATOR)
    said = json.dumps(made.manifest.as_json())
    assert '"model": "m"' in said and "zebra" not in said.lower()
    moved = {"models": {"house": {**stated["models"]["house"], "base_url": "https://other.example/v1"}}}
    other = make_workspace("other", settings=settings_file.parse(moved))
    assert "base_url" in json.dumps(releasing_of(other).releases.build("x", WHY, OPERATOR).manifest.as_json())
    (home / "settings.toml").write_text(f'[models.house]\napi_key = "{"ghp_" + "a1" * 18}"\n')
    with pytest.raises(BadInput, match="line 2, holds what looks like a credential"):
        releasing_of(workspace).releases.build("summer", WHY, OPERATOR)


def test_names_are_checked_and_given_once(shop: Workspace) -> None:
    releases = releasing_of(shop).releases
    for name in ("", "Spring", "rel_x", "live", "a b", "../x"):
        with pytest.raises(BadInput):
            releases.build(name, WHY, OPERATOR)
    with pytest.raises(Conflict, match="already"):
        releases.build("first", WHY, OPERATOR)
    found = releases.find("first").release
    assert releases.find(found.id).release == releases.find(found.manifest.hash[7:15]).release == found
    for unknown in ("none", "abc", "sha256:", found.manifest.hash[7:12], "%%%%%%"):
        with pytest.raises(BadInput, match="no release"):
            releases.find(unknown)


def test_several_prompts_that_wait_for_one_purpose_must_be_chosen_from(shop: Workspace) -> None:
    releases = releasing_of(shop).releases
    prompt(shop.home, "mine")
    prompt(shop.home, "yours", "Be long.")
    with pytest.raises(BadInput, match="Several prompts wait"):
        releases.build("spring", WHY, OPERATOR)
    assert releases.build("spring", WHY, OPERATOR, prompts=["yours"]).prompts["answer"].name == "yours"
    with pytest.raises(BadInput, match="both for the purpose"):
        releases.build("summer", WHY, OPERATOR, prompts=["yours", "mine"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "back", "canary"]), max_size=8))
def test_going_back_always_leads_to_what_was_in_force_before(way: Workspace, moves: list[str]) -> None:
    expected: list[str] = []
    with way.database.write() as connection:
        connection.execute(release_stage.delete())
        for move in moves:
            if move == "back" and expected:
                records.enter(connection, expected.pop(), "rolled_back", WHY, "operator", "", {})
            elif move == "canary" and "d" not in expected:
                for stage in ("canary", "rolled_back"):
                    assert (records.canary_of(connection) is not None) is (stage == "rolled_back")
                    records.enter(connection, "d", stage, WHY, "operator", "", {})  # type: ignore[arg-type]
            elif len(move) == 1:
                expected.append(move)
                records.enter(connection, move, "promoted", WHY, "operator", "", {})
        assert records.line(connection) == expected and records.canary_of(connection) is None


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose releases are names alone."""
    workspace = app.create(tmp_path_factory.mktemp("way") / "home", embedder=lambda: None)
    yield workspace
    workspace.close()
