"""A suite is looked through before its figures are believed: as its askers, and telling nothing hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import DIRECTORY

from muniment.app import Workspace
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.suites.check import check
from muniment.assurance.evaluation.suites.finding import Checked
from muniment.assurance.evaluation.suites.new import about, new_suite
from muniment.assurance.evaluation.suites.places import Place
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted

ONCALL = {
    "asker": "alice",
    "question": "How much is a weekend on call?",
    "relevant": ["engineering/oncall.md"],
    "facts": ["300 crowns"],
}


@pytest.fixture
def ready(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


def suite(tmp_path: Path, *cases: dict[str, Any] | str, name: str = "suite", **described: Any) -> Place:
    place = Place(tmp_path / name, "given")
    new_suite(place, about(name, **{"reason": "To test", "targets": {"authorised": 1.0}} | described))
    lines = (
        one if isinstance(one, str) else json.dumps({"id": f"c{at}"} | one) for at, one in enumerate(cases, 1)
    )
    place.cases.write_text("\n".join(lines))
    return place


def checked(workspace: Workspace, place: Place, by: str | None = None, keep: bool = False) -> Checked:
    who = None if by is None else workspace.principal(by)
    actor = OPERATOR if who is None else Actor(who.ref, "cli")
    return check(
        place,
        Commission("", actor, who),
        database=workspace.database,
        policy=workspace.policy,
        gate=workspace.gate,
        audit=workspace.audit,
        directory=workspace.directory,
        tools=frozenset({"lookup"}),
        keep=keep,
    )


def told(found: Checked, severity: str = "error") -> list[tuple[str, int, str]]:
    return [(one.case, one.line, one.what) for one in found.findings if one.severity == severity]


def test_a_sound_suite_passes_and_says_what_so_few_cases_can_tell(ready: Workspace, tmp_path: Path) -> None:
    found = checked(ready, suite(tmp_path, ONCALL))
    assert found.ok and found.cases == 1 and found.digest
    [(_, _, few)] = told(found, "warning")
    assert few.startswith("1 cases: a share may be off by 98 points")
    assert [entry.kind for entry in ready.audit.tail(1)] == ["check.started"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"relevant": ["gone.md"], "facts": []}, "gone.md is no document of this workspace."),
    ({"citations": ["gone.md"]}, "gone.md is no document of this workspace."),
    ({"forbidden": ["gone.md"]}, "gone.md is no document of this workspace."),
    (
        {"relevant": ["sales/prices.csv"], "facts": ["1200"]},
        "sales/prices.csv is not readable for alice.",
    ),
    ({"relevant": ["attic/old.md"], "facts": []}, "attic/old.md is not readable for alice."),
    ({"forbidden": ["all/canteen.txt"]}, "alice may read all/canteen.txt, which is forbidden."),
    ({"facts": ["400 crowns"]}, "The fact '400 crowns' stands in none of its documents."),
    ({"question": "Is it 300 crowns?"}, "The fact '300 crowns' stands in the question itself."),
    ({"forbidden_facts": ["300 crowns"]}, "The fact '300 crowns' is both wanted and forbidden."),
    ({"forbidden": ["engineering/oncall.md"]}, "engineering/oncall.md is both wanted and forbidden."),
    ({"abstain": True, "relevant": []}, "It must abstain and has facts."),
    ({"abstain": True, "facts": []}, "It must abstain and has relevant."),
    ({"asker": "alcie"}, "asker: No user named 'alcie'."),
    ({"tools": [{"tool": "look"}]}, "The tool look is not registered here."),
    ({"schema": {"type": "integer"}, "result": "no"}, "The result does not keep to the schema."),
    ({"schema": {"type": "wrong"}}, "schema"),
    ({"weight": 0}, "weight is not a number above 0."),
    ({"colour": "red"}, "unknown key colour."),
]


def test_what_makes_figures_wrong_is_an_error_at_its_line(ready: Workspace, tmp_path: Path) -> None:
    numbered = (
        {**ONCALL, "question": f"What of the pay {at}{at}?", **case} for at, (case, _) in enumerate(WRONG)
    )
    found = checked(ready, suite(tmp_path, *numbered, ONCALL))
    assert not found.ok
    errors = told(found)
    for line, (_, says) in enumerate(WRONG, 1):
        assert any(says in what and at == line for _, at, what in errors), (says, errors)
    assert {line for _, line, _ in errors} == set(range(1, len(WRONG) + 1))


def test_every_faulty_line_is_named_at_once(ready: Workspace, tmp_path: Path) -> None:
    found = checked(ready, suite(tmp_path, "{", ONCALL, '{"id": "c2"}', ONCALL | {"id": "c2"}, "[]"))
    assert [line for _, line, _ in told(found)] == [1, 3, 4, 5]
    assert told(found)[2] == ("c2", 4, "Line 2 has the same id.")
    assert found.digest == ""


def test_an_inactive_asker_is_an_error(ready: Workspace, tmp_path: Path) -> None:
    people = tmp_path / "people.toml"
    people.write_text(DIRECTORY.replace("[users.alice]", "[users.dave]"))
    ready.directory.import_file(people, OPERATOR)
    found = checked(ready, suite(tmp_path, ONCALL))
    assert "alice" in told(found)[0][2]


def test_contradictions_are_errors_doubles_are_not_and_another_asker_is_another_question(
    ready: Workspace, tmp_path: Path
) -> None:
    place = suite(
        tmp_path,
        ONCALL,
        ONCALL | {"question": "how much is a  weekend on call"},
        ONCALL | {"question": "How much is a weekend on call today?"},
        {"asker": "alice", "question": ONCALL["question"], "abstain": True},
        {"asker": "carol", "question": ONCALL["question"], "abstain": True},
    )
    found = checked(ready, place)
    assert {case for case, _, _ in told(found)} == {"c4"}
    assert ("c2", 2, "It is the same case as c1, and counts twice.") in told(found, "warning")
    assert ("c3", 3, "It is nearly the question of c1.") in told(found, "note")
    assert all(case != "c5" for kind in ("error", "warning", "note") for case, _, _ in told(found, kind))


def test_small_slices_and_targets_that_nothing_is_measured_for_are_warned_of(
    ready: Workspace, tmp_path: Path
) -> None:
    place = suite(tmp_path, ONCALL | {"tags": ["pay"]}, targets={"abstained": 1.0, "format": 1.0})
    warned = [what for _, _, what in told(checked(ready, place), "warning")]
    assert "Tags with too few cases: pay 1." in warned
    assert "targets.abstained is never given: no case has abstain." in warned
    assert "targets.format is never given: no case has a schema." in warned


def test_a_changed_suite_of_a_recorded_version_is_warned_of(ready: Workspace, tmp_path: Path) -> None:
    place = suite(tmp_path, ONCALL)
    assert "No digest is recorded" in json.dumps(checked(ready, place).as_json())
    checked(ready, place, keep=True)
    assert "recorded" not in json.dumps(checked(ready, place).as_json())
    place.cases.write_text(json.dumps({"id": "c1"} | ONCALL | {"weight": 2}))
    assert "changed since version 1" in json.dumps(checked(ready, place, keep=True).as_json())
    place.about.write_text(about("suite", version=2))
    checked(ready, place, keep=True)
    assert place.versions.read_text().count("sha256:") == 2
    assert "changed since" not in json.dumps(checked(ready, place).as_json())


def test_a_half_that_tells_of_the_other_is_an_error(ready: Workspace, tmp_path: Path) -> None:
    suite(tmp_path, ONCALL, name="x-tuning")
    near = {"question": "And how much is a weekend on call?"}
    fact = {"question": "What are engineers paid?", "facts": [["300  Crowns", "CZK 300"]]}
    found = checked(ready, suite(tmp_path, ONCALL, ONCALL | near, ONCALL | fact, name="x-test"))
    says = [what for _, _, what in told(found)]
    assert "It asks the question of c1 in x-tuning." in says
    assert "It asks nearly the question of c1 in x-tuning." in says
    assert says.count("It wants the fact of c1 in x-tuning, from engineering/oncall.md.") == 3


def test_without_the_keys_a_hidden_document_and_none_are_told_alike_and_no_text_is_tried(
    ready: Workspace, tmp_path: Path
) -> None:
    ready.roles.grant("evaluator", "carol", "To test", OPERATOR)

    def says(path: str, **more: Any) -> str:
        within = tmp_path / path.replace("/", "-") / str(len(more))
        within.mkdir(parents=True)
        found = checked(ready, suite(within, ONCALL | {"relevant": [path]} | more), "carol")
        return json.dumps(found.as_json()["findings"]).replace(path, "PATH")

    assert says("attic/old.md") == says("attic/new.md")
    assert says("attic/old.md", forbidden=["attic/old.md"]) == says(
        "attic/new.md", forbidden=["attic/new.md"]
    )
    for fact in ("300 crowns", "400 crowns"):
        # carol may not read what alice may: whether a fact stands there is not hers to try.
        (tmp_path / fact).mkdir()
        assert not told(checked(ready, suite(tmp_path / fact, ONCALL | {"facts": [fact]}), "carol"))
    of_both = {"question": "When?", "relevant": ["all/canteen.txt"], "facts": ["midnight"]}
    found = checked(ready, suite(tmp_path, ONCALL | of_both), "carol")
    assert "stands in none" in told(found)[0][2]


def test_who_may_not_run_suites_may_not_check_them(ready: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        checked(ready, suite(tmp_path, ONCALL), "bob")
    assert ready.audit.tail(1)[0].kind == "policy.refused"


def test_one_path_in_two_sources_is_warned_of(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> None:
    workspace = make_workspace("two")
    workspace.ingest(folder, "docs")
    workspace.ingest(folder, "more")
    found = checked(workspace, suite(tmp_path, ONCALL))
    assert "engineering/oncall.md is a document of several sources: docs, more." in [
        what for _, _, what in told(found, "warning")
    ]
