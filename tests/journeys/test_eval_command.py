"""Suites from the command line: run, killed and gone on with, shown, compared, gated, reported."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.command import Command

from benchmarks.reader import Reader, reading
from muniment.inference import prompts

PEOPLE = ("alice", "bob")
ROOMS = (
    "canteen",
    "library",
    "workshop",
    "laundry",
    "garage",
    "archive",
    "gym",
    "studio",
    "chapel",
    "cellar",
)
CASES = [
    {
        "id": f"{room}-{who}",
        "asker": who,
        "question": f"When does the {room} open in the morning?",
        "relevant": [f"{room}.md"],
        "facts": [f"{at + 5} o'clock"],
        "tags": [who],
    }
    for who in PEOPLE
    for at, room in enumerate(ROOMS)
]
WITHOUT_RULE = prompts.load("answer").content.replace(
    "first copy the words that prove it: letter for letter", "say the words that prove it"
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reading(Reader(invents=0)) as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, reader: Reader) -> Command:
    root = tmp_path_factory.mktemp("house")
    documents = root / "documents"
    documents.mkdir()
    (documents / "access.toml").write_text('allow = ["group:everyone"]\n')
    for at, room in enumerate(ROOMS):
        text = f"# The {room}\n\nThe {room} opens at {at + 5} o'clock in the morning for all.\n"
        (documents / f"{room}.md").write_text(text)
    settings = (
        f'[retrieval]\nvectors = false\n[answers]\nmodel = "house"\n'
        f'[models.house]\nbase_url = "{reader.url}"\nmodel = "reader"\n'
    )
    command = Command(root / "home", settings).with_people("[users.alice]\n[users.bob]\n")
    assert command("ingest", documents, "--source", "house").code == 0
    suite = command.home / "evals" / "house"
    suite.mkdir(parents=True)
    (suite / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    (suite / "suite.toml").write_text('name = "house"\nreason = "It is tried."\n[targets]\nall_facts = 0.9\n')
    return command


@pytest.fixture
def home(house: Command, tmp_path: Path) -> Command:
    return house.copy(tmp_path / "home")


@pytest.fixture(scope="module")
def run_once(house: Command, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A home that one run was made in, which is only read."""
    made = house.copy(tmp_path_factory.mktemp("run") / "home")
    assert made("eval", "run", "house").code == 0
    return made


def test_a_run_shows_figures_with_intervals_and_is_taken_over_by_the_next(
    home: Command, reader: Reader
) -> None:
    ran = home("eval", "run", "house")
    assert ran.code == 0 and "The target is met" in ran.out
    before = reader.asked
    again = home("--json", "eval", "run", "house").document
    assert reader.asked == before and again["suite"] == "house"
    listed = home("--json", "eval", "runs").document["runs"]
    assert [one["results"] for one in listed] == [20, 20]


def test_a_killed_run_goes_on_and_puts_no_case_twice(home: Command, reader: Reader) -> None:
    reader.seconds, reader.asked = 0.1, 0
    try:
        process = home.start("eval", "run", "house", "--workers", "2")
        deadline = time.monotonic() + 60
        while reader.asked < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.communicate()
    finally:
        reader.seconds = 0.0
    (cut,) = home("--json", "eval", "runs").document["runs"]
    assert not cut["finished"] and 0 < cut["results"] < 20
    put = reader.asked
    reader.asked = 0
    assert home("eval", "run", "house").code == 0
    (whole,) = home("--json", "eval", "runs").document["runs"]
    assert (whole["id"], whole["results"]) == (cut["id"], 20) and whole["finished"]
    # What its two workers had under way when it was killed is put again, and nothing else.
    assert reader.asked == 20 - cut["results"] and put - cut["results"] <= 2


def test_the_gate_names_a_damaged_prompt_and_lets_the_same_one_pass(home: Command, tmp_path: Path) -> None:
    home("eval", "run", "house")
    (first,) = home("--json", "eval", "runs").document["runs"]
    same = home("eval", "gate", "house", "--baseline", first["id"])
    assert same.code == 0 and "passed" in same.out
    (home.home / "prompts").mkdir(exist_ok=True)
    (home.home / "prompts" / "answer.md").write_text(WITHOUT_RULE)
    for _ in range(2):
        assert home("prompts", "promote", "answer", "--reason", "Shorter").code == 0
    assert home("eval", "run", "house").code == 1
    ran = home("--json", "eval", "gate", "house", "--baseline", first["id"])
    assert ran.code == 1
    blocks = ran.document["blocks"]
    assert {one["component"] for one in blocks} == {"prompts"}
    assert {"answered", "all_facts"} <= {one["metric"] for one in blocks}
    compared = home("eval", "compare", first["id"], "house")
    assert compared.code == 0 and "Changed: prompts" in compared.out and "canteen-alice" in compared.out


def test_floors_are_asked_for_by_name_and_wrong_ones_are_refused(run_once: Command) -> None:
    assert run_once("eval", "gate", "house", "--floor", "success@1=.5").code == 0
    missed = run_once("eval", "gate", "house", "--floor", "precision@5=.99")
    assert missed.code == 1 and "precision@5" in missed.out
    assert "METRIC=VALUE" in run_once("eval", "gate", "house", "--floor", "facts").line
    assert "There is no one run 'nothing'" in run_once("eval", "show", "nothing").line


def test_a_report_is_written_for_its_owner_alone(run_once: Command, tmp_path: Path) -> None:
    made = run_once(
        "--json", "eval", "report", "house", "--to", tmp_path / "out", "--baseline", "house"
    ).document
    names = sorted(Path(path).name for path in made["files"])
    assert names == ["junit.xml", "report.html", "report.json", "report.md"]
    assert all(Path(path).stat().st_mode & 0o077 == 0 for path in made["files"])
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "canteen" in page and "default-src" in page


def test_whoever_may_run_no_suite_is_shown_no_run(run_once: Command) -> None:
    shown, absent = (run_once("eval", "show", which, "--by", "alice") for which in ("house", "nothing"))
    assert shown.code == absent.code != 0
    assert shown.line.replace("house", "nothing") == absent.line
