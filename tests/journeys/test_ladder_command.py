"""`muniment eval ladder` and `muniment models compare SUITE`, on a team's own questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command
from tests.simulators.openai_server import Simulator, serving
from tests.simulators.task_server import TaskServer

from benchmarks.task_minds import middling
from muniment import app
from muniment.app.evaluating import run_store

PAPERS = {
    "canteen": "The canteen opens at 07:45 and closes at 14:30 on every day of the week.",
    "bicycles": "A company bicycle costs 12 euros a month and may be kept at home.",
}
OPENS, COSTS = "When does the canteen open?", "What does a company bicycle cost a month?"
CASES = [
    {"id": "a", "asker": "alice", "question": OPENS, "relevant": ["canteen.md"], "facts": ["07:45"]},
    {"id": "b", "asker": "bob", "question": COSTS, "relevant": ["bicycles.md"], "facts": ["12 euros"]},
    {"id": "c", "asker": "bob", "question": "What is the capital of Australia?", "abstain": True},
]


@pytest.fixture(scope="module")
def model() -> Iterator[Simulator]:
    with serving(middling, wire=TaskServer) as running:
        yield running


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, model: Simulator) -> Command:
    """A workspace with two papers, a suite of three questions and a model."""
    base = tmp_path_factory.mktemp("team")
    (base / "papers").mkdir()
    (base / "papers" / "access.toml").write_text('allow = ["group:everyone"]\nsensitivity = "confidential"\n')
    for name, text in PAPERS.items():
        (base / "papers" / f"{name}.md").write_text(f"# About {name}\n\n{text}\n")
    (base / "suite").mkdir()
    (base / "suite" / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    (base / "suite" / "suite.toml").write_text(
        'name = "team"\nreason = "To see what is enough."\n[targets]\nall_facts = 0.9\nabstained = 0.9\n'
    )
    house = f'[models.house]\nbase_url = "{model.url}"\nmodel = "m"\nprompt_price = 2.0\n'
    outside = f'[models.outside]\nbase_url = "{model.url}"\nmodel = "o"\nhosting = "hosted"\n'
    settings = f'{WORDS_ALONE}\n{house}max_sensitivity = "confidential"\n{outside}'
    made = Command(base / "home", settings).with_people()
    assert made("ingest", base / "papers", "--source", "papers").code == 0
    return made


@pytest.fixture
def suite(command: Command) -> Path:
    return command.home.parent / "suite"


def test_a_plan_is_shown_before_anything_is_asked(command: Command, suite: Path, model: Simulator) -> None:
    before = len(model.bodies)
    plan = command("eval", "ladder", suite, "--model", "house", "--plan", "--json").document["plan"]
    by_name = {one["rung"]: one for one in plan}
    assert list(by_name) == ["prompt", "structured", "quotes", "retrieval", "reranked", "tools", "tuned"]
    assert by_name["prompt"]["calls"] == 3 and by_name["prompt"]["cost"] > 0
    assert by_name["prompt"]["most_sensitive"] == "confidential"
    text = command("eval", "ladder", suite, "--plan").out
    assert "not available: a language model" in text and "Nothing was asked" in text
    assert len(model.bodies) == before
    kinds = {one["kind"] for one in command("audit", "query", "-n", "999", "--json").document["entries"]}
    assert "evaluation.started" not in kinds


def test_the_simplest_way_that_is_enough_is_recommended_and_reported(
    command: Command, suite: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    ran = command(
        "eval", "ladder", suite, "--model", "house", "--tuned", "house", "--report", report, "--json"
    )
    found = ran.document
    assert ran.code == 0 and found["recommended"] == "quotes" and found["cases"] == found["of"] == 3
    rungs = {one["rung"]: one for one in found["rungs"]}
    assert rungs["prompt"]["passes"] is False and rungs["quotes"]["passes"] is True
    assert rungs["tuned"]["available"] and not rungs["reranked"]["available"]
    assert rungs["quotes"]["metrics"]["all_facts"]["cases"] == 2
    assert 0 < rungs["prompt"]["cost_per_case"] < rungs["retrieval"]["cost_per_case"]
    assert {point["name"] for point in found["points"]} == {
        one["title"] for one in rungs.values() if one["available"]
    }
    told = json.loads((report / "ways.json").read_text())
    assert (
        told["said"] == found["said"] and "Enough: retrieval with quotes" in (report / "ways.md").read_text()
    )
    page = (report / "ways.html").read_text()
    assert rungs["quotes"]["run"] in page and "<svg" in page
    assert {one.stat().st_mode & 0o777 for one in report.iterdir()} == {0o600}
    text = " ".join(command("eval", "ladder", suite, "--rungs", "quotes,tools").out.split())
    assert "Enough: retrieval with quotes" in text and "6 with tools: not available" in text
    assert "all_facts 100.0 % (" in text and "cannot be told from" in text


def test_where_none_is_enough_the_nearest_is_named(command: Command, suite: Path) -> None:
    ran = command("eval", "ladder", suite, "--model", "house", "--rungs", "prompt", "--limit", "2")
    text = " ".join(ran.out.split())
    assert ran.code == 1 and "None is enough. Nearest: prompt alone, which misses" in text
    assert "Only 2 of 3 cases were asked." in text


def test_the_log_says_that_an_evaluation_asked_and_why(command: Command, suite: Path) -> None:
    assert command("eval", "ladder", suite, "--rungs", "quotes").code == 0
    entries = command("audit", "query", "--kind", "evaluation.started", "-n", "99", "--json").document[
        "entries"
    ]
    about = next(one["about"] for one in entries if one["about"]["subject"] == "quotes")
    assert about["suite"] == "team" and about["askers"] == 2
    with closing(app.open(command.home)) as workspace:
        run = run_store(workspace).find(about["run"])
    assert run.complete and run.subject == "quotes" and run.lineage["policy"]
    unreasoned = command("eval", "ladder", suite / "cases.jsonl", "--rungs", "quotes")
    assert unreasoned.code == 2 and "--reason" in unreasoned.line
    stranger = command("eval", "ladder", suite, "--rungs", "quotes", "--by", "bob")
    assert stranger.code == 3


def test_bad_words_name_the_thing_and_the_fix(command: Command, suite: Path, model: Simulator) -> None:
    rung = command("eval", "ladder", suite, "--rungs", "quotas")
    assert rung.code == 2 and "quotas" in rung.line and "quotes" in rung.line
    assert command("eval", "ladder", suite, "--model", "gone").code == 2
    assert command("eval", "ladder", suite, "--model", "quotes").code == 2
    before = len(model.bodies)
    unwritable = command("eval", "ladder", suite, "--model", "house", "--report", suite / "suite.toml")
    assert unwritable.code == 2 and "no folder" in unwritable.line and len(model.bodies) == before
    nowhere = command("eval", "ladder", "nowhere")
    assert nowhere.code != 0 and "nowhere" in nowhere.line


def test_models_are_compared_on_the_teams_own_questions(
    command: Command, suite: Path, tmp_path: Path
) -> None:
    ran = command(
        "models", "compare", suite, "--model", "house", "--model", "quotes", "--model", "outside", "--json"
    )
    found = ran.document
    models = {one["model"]: one for one in found["models"]}
    assert ran.code == 0 and list(models) == ["house", "quotes", "outside"]
    assert models["outside"]["too_sensitive"] == ["confidential"]
    assert models["house"]["cost_per_1000"] == pytest.approx(models["house"]["cost_per_case"] * 1000)
    assert models["house"]["structured"] == "schema" and models["quotes"]["structured"] == "none"
    assert found["recommended"] == "quotes" and set(found["best"]) == {"house", "quotes"}
    again = command(
        "models", "compare", suite, "--models", "house,quotes", "--resume", "--report", tmp_path / "report"
    )
    text = " ".join(again.out.split())
    assert "quotes: 3 of 3 cases were answered by an earlier run" in text
    assert "Recommended: quotes" in (tmp_path / "report" / "ways.md").read_text()
    assert "Recommended: quotes, the cheapest of those that do best." in text
    assert command("models", "compare", suite, "--model", "gone").code == 2
