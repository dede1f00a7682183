"""`muniment eval judge`: what it would cost, what it says, and when it does not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.command import DOCUMENTS, WORDS_ALONE, Command
from tests.simulators.openai_server import Simulator, serving

CASES = [
    {
        "id": "a",
        "asker": "alice",
        "question": "How much is the on-call engineer paid?",
        "facts": ["300 crowns"],
    },
    {"id": "b", "asker": "bob", "question": "What is the capital of Australia?", "abstain": True},
]


@pytest.fixture
def model() -> Iterator[Simulator]:
    with serving(lambda prompt: '{"supported": true}') as running:
        yield running


@pytest.fixture
def command(tmp_path: Path, model: Simulator) -> Command:
    judge = f'[models.judge]\nbase_url = "{model.url}"\nmodel = "m"\nmax_sensitivity = "any"\nprompt_price = 2.0\n'
    made = Command(tmp_path / "home", WORDS_ALONE + judge).with_people()
    for path, text in DOCUMENTS.items():
        (tmp_path / "documents" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "documents" / path).write_text(text)
    assert made("ingest", tmp_path / "documents", "--source", "docs").code == 0
    suite = tmp_path / "team"
    suite.mkdir()
    (suite / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    (suite / "suite.toml").write_text('name = "team"\nreason = "To see."\n')
    assert made("eval", "run", suite).code == 0
    return made


def test_a_plan_costs_nothing_and_labels_say_whether_the_judge_counts(
    command: Command, model: Simulator, tmp_path: Path
) -> None:
    judge = ("eval", "judge", "team", "--model", "judge", "--reason", "before release 2")
    plan = command(*judge, "--plan", "--json").document
    assert plan["calls"] == len(plan["items"]) >= 1 and plan["cost"] > 0 and model.bodies == []
    assert "300 crowns" not in json.dumps(plan) and {one["case"] for one in plan["items"]} == {"a"}
    assert "Nothing was sent" in command(*judge, "--plan").out
    labels = tmp_path / "labels.jsonl"
    said = [{"item": one["item"], "label": "supported", "by": "ann"} for one in plan["items"]]
    labels.write_text("\n".join(map(json.dumps, said)))
    found = command(*judge, "--labels", labels)
    assert found.code == 1 and found.out.index("Agreement with people: kappa") < found.out.index("left out")
    assert "needed is a kappa of at least 0.6 on at least 50 labels" in " ".join(found.out.split())
    assert len(model.bodies) == len(said) and "tokens, cost" in found.out
    told = command(*judge, "--labels", labels, "--json")
    assert told.code == 1 and told.document["score"] is None and told.document["prompt_tokens"] > 0
    assert "not measured" in command(*judge).out


def test_who_may_not_run_the_suite_has_nothing_judged(command: Command, model: Simulator) -> None:
    refused = command("eval", "judge", "team", "--model", "judge", "--reason", "curious", "--by", "bob")
    assert refused.code != 0 and model.bodies == []
    assert "no one run" in " ".join(refused.err.split())
