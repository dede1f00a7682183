"""`muniment eval new` to `eval split`: suites of nothing, of a table and of drafts, looked through and parted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents

ROOT = Path(__file__).resolve().parents[2]
WHY = ("--reason", "To test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Command:
    base = tmp_path_factory.mktemp("made")
    write_documents(base / "documents")
    command = Command(base / "home").with_people()
    assert command("ingest", base / "documents", "--source", "docs").code == 0
    return command


@pytest.fixture
def ready(made: Command, tmp_path: Path) -> Command:
    return made.copy(tmp_path / "home")


def test_a_suite_from_nothing_is_added_to_checked_and_run(ready: Command) -> None:
    assert ready("eval", "new", "support", *WHY).code == 0
    again = ready("eval", "new", "support")
    assert again.code == 1 and "already exists" in again.line
    added = ready(
        *("eval", "add", "support", "--asker", "alice", "--question", "How much is a weekend on call?"),
        *("--relevant", "engineering/oncall.md=2", "--fact", "300 crowns|CZK 300", "--tag", "pay"),
    )
    assert added.code == 0 and "c001" in added.out
    hidden = ("--forbidden", "engineering/keys.md", "--abstain")
    assert (
        ready("eval", "add", "support", "--asker", "bob", "--question", "Where are keys made?", *hidden).code
        == 0
    )
    file = ready.home / "evals" / "support" / "cases.jsonl"
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {
            "id": "c001",
            "asker": "alice",
            "question": "How much is a weekend on call?",
            "relevant": {"engineering/oncall.md": 2},
            "facts": [["300 crowns", "CZK 300"]],
            "tags": ["pay"],
        },
        {"id": "c002", "asker": "bob", "question": "Where are keys made?", "abstain": True,
         "forbidden": ["engineering/keys.md"]},
    ]  # fmt: skip
    wrong = ready("eval", "add", "support", "--asker", "bob", "--question", "Why?")
    assert wrong.code == 2 and "no relevant document" in wrong.line
    checked = ready("eval", "check", "support", "--json")
    assert checked.code == 0 and checked.document["ok"] and checked.document["cases"] == 2
    assert ready("eval", "run", "support").code in (0, 1)
    listed = {one["suite"]: one for one in ready("eval", "list", "--json").document["suites"]}
    assert (
        listed["support"]["digest"] == checked.document["digest"] and listed["sample"]["where"] == "shipped"
    )
    assert "support" in ready("eval", "list").out


def test_what_the_check_finds_is_shown_with_its_place_and_fails(ready: Command, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(
        '{"id": "x1", "asker": "bob", "question": "Keys?", "relevant": ["engineering/keys.md"]}\n'
    )
    found = ready("eval", "check", tmp_path / "cases.jsonl")
    assert found.code == 1 and "not readable for bob" in found.out and "1 error," in found.out
    assert ready("eval", "check", tmp_path / "cases.jsonl", "--by", "bob").code == 3


def test_a_table_is_taken_whole_or_not_at_all(ready: Command, tmp_path: Path) -> None:
    table = tmp_path / "faq.csv"
    table.write_text(
        "Frage;relevant;facts\nHow much?;engineering/oncall.md;300 crowns\n;a.md;\n", "utf-8-sig"
    )
    given = (
        "eval",
        "import",
        "faq",
        table,
        "--format",
        "csv",
        "--asker",
        "alice",
        "--columns",
        "question=Frage",
    )
    shown = ready(*given, "--dry-run")
    assert shown.code == 0 and "faq.csv:3" in shown.out and "nothing was changed" in shown.out
    assert ready(*given).code == 1 and not (ready.home / "evals" / "faq").exists()
    taken = ready(*given, "--skip-bad", "--json")
    assert taken.code == 0 and taken.document["cases"] == 1 and len(taken.document["refused"]) == 1
    assert ready("eval", "check", "faq").code == 0
    more = ready(*given, "--skip-bad", "--json")
    assert more.document["taken"] and ready("eval", "list", "--json").document["suites"][0]["cases"] == 2


def test_a_beir_folder_becomes_a_suite_and_its_documents(ready: Command, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    texts = {f"d{at}": f"The {word} is kept in the {room}." for at, (word, room) in enumerate(
        (("heron", "attic"), ("sedge", "cellar"), ("tarn", "hall"), ("osprey", "barn")))}  # fmt: skip
    (folder / "corpus.jsonl").write_text(
        "\n".join(json.dumps({"_id": name, "title": name, "text": text}) for name, text in texts.items())
    )
    (folder / "queries.jsonl").write_text(
        "\n".join(
            json.dumps({"_id": f"q{name}", "text": f"Where is {text.split()[1]}?"})
            for name, text in texts.items()
        )
    )
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"q{name}\t{name}\t1\n" for name in texts)
    )
    out = tmp_path / "out"
    given = ("eval", "import", "birds", folder, "--format", "beir", "--documents", out)
    assert "--asker" in ready(*given).line
    assert ready(*given, "--asker", "bob").code == 0
    assert ready("ingest", out, "--source", "birds").code == 0
    assert ready("eval", "check", "birds", *WHY).code == 0
    found = ready("search", "Where is the osprey?", "--as", "bob", "--json").document["passages"]
    assert found[0]["text"].endswith("in the barn.")
    assert not ready("search", "osprey", "--as", "alice", "--json").document["passages"]


def test_drafts_wait_for_a_person(ready: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready("eval", "new", "drafted").code == 0
    assert "--reason" in ready("eval", "draft", "drafted", "--as", "alice").line
    drafted = ready("eval", "draft", "drafted", "--as", "alice", "--as", "bob", *WHY)
    assert drafted.code == 0 and "own words" in drafted.out
    shown = ready("eval", "accept", "drafted")
    assert "300 crowns" in shown.out and "wait" in shown.out
    listed = ready("eval", "list", "--json").document["suites"][0]
    assert listed["cases"] == 0 and listed["drafts"] == len(drafted_ids(ready))
    first, second, *_ = drafted_ids(ready)
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\nsed -i "s/\\"question\\": \\"[^\\"]*\\"/\\"question\\": \\"How much, please?\\"/" "$1"\n'
    )
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    assert "$EDITOR" in ready("eval", "accept", "drafted", first, "--edit").line
    monkeypatch.setenv("EDITOR", str(editor))
    assert ready("eval", "accept", "drafted", first, "--edit").code == 0
    case = json.loads((ready.home / "evals" / "drafted" / "cases.jsonl").read_text())
    assert (case["question"], case["source"]) == ("How much, please?", "draft")
    assert ready("eval", "accept", "drafted", second, "--reject").code == 0
    assert not {first, second} & set(drafted_ids(ready))
    assert ready("eval", "accept", "drafted", "--all", first).code == 2


def drafted_ids(command: Command) -> list[str]:
    return [one["id"] for one in command("eval", "accept", "drafted", "--json").document["drafts"]]


def test_the_shipped_suite_is_parted_into_the_home_and_stays_as_it_is(ready: Command) -> None:
    found = ready("eval", "split", "sample", "--json")
    assert found.code == 0 and not found.document["left_out"]
    assert len(found.document["tuning"]["cases"]) + len(found.document["test"]["cases"]) == 100
    assert ready("eval", "split", "sample", "--json").document == found.document
    assert "left out" not in ready("eval", "split", "sample").out
    for words in (("add", "sample", "--asker", "bob", "--question", "Why?", "--abstain"),
                  ("draft", "sample", "--as", "bob")):  # fmt: skip
        refused = ready("eval", *words)
        assert refused.code == 2 and "ships with muniment" in refused.line


@pytest.mark.prove
def test_the_sample_suite_passes_its_check_on_the_sample_company(tmp_path: Path) -> None:
    command = Command(tmp_path / "acme")
    people = ROOT / "examples" / "acme" / "directory.toml"
    assert command("init").code == 0 and command("directory", "import", people).code == 0
    assert command("ingest", ROOT / "examples" / "acme" / "documents", "--source", "acme").code == 0
    found = command("eval", "check", "sample", "--json")
    assert found.code == 0, found.document["findings"]
    assert {one["severity"] for one in found.document["findings"]} <= {"warning", "note"}


def test_an_unknown_suite_tells_which_there_are(ready: Command) -> None:
    found = ready("eval", "check", "nowhere")
    assert found.code == 1 and "sample" in found.line
