"""A suite is read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.errors import BadInput

CASES = [
    {
        "id": "c1",
        "asker": "alice",
        "question": "How much is the on-call engineer paid for each weekend?",
        "relevant": ["engineering/oncall.md"],
        "facts": [["300 crowns", "CZK 300"]],
        "forbidden": ["engineering/secret/keys.md"],
    },
    {
        "id": "c2",
        "asker": "carol",
        "question": "Where is the key ceremony held?",
        "relevant": [],
        "abstain": True,
        "forbidden": ["engineering/secret/keys.md"],
    },
    {
        "id": "c3",
        "asker": "carol",
        "question": "When does the canteen open?",
        "relevant": ["sales/prices.csv"],
        "facts": ["midnight"],
    },
]


def suite(folder: Path, cases: list[dict[str, object]] | str, about: str = 'name = "small"\n') -> Path:
    folder.mkdir()
    text = cases if isinstance(cases, str) else "\n".join(map(json.dumps, cases))
    (folder / "cases.jsonl").write_text(text)
    (folder / "suite.toml").write_text(about)
    return folder


@pytest.mark.parametrize(
    ("cases", "about", "says"),
    [
        ("{", "", "cases.jsonl:1"),
        ("", "", "no case"),
        ('{"id": "a", "asker": "alice", "question": "x"}', "", "no relevant"),
        (
            '{"id": "a", "asker": "alice", "question": "x", "abstain": true, "fact": []}',
            "",
            "unknown key fact",
        ),
        ('{"id": "a", "asker": "", "question": "x", "abstain": true}', "", "asker"),
        ('{"id": "a", "asker": "b", "question": "x", "abstain": "yes"}', "", "abstain"),
        ('{"id": "a", "asker": "b", "question": "x", "abstain": true}\n' * 2, "", "twice"),
        ('{"id": "a", "asker": "b", "question": "x", "abstain": true}', "[targets]\nspeed = 1\n", "targets"),
        ('{"id": "a", "asker": "b", "question": "x", "abstain": true}', "name = ", "suite.toml"),
    ],
)
def test_a_broken_suite_is_refused_with_the_place(tmp_path: Path, cases: str, about: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_suite(suite(tmp_path / "suite", cases, about))


def test_a_file_of_cases_is_a_suite_whose_unnamed_askers_are_given(tmp_path: Path) -> None:
    file = tmp_path / "house.jsonl"
    named, unnamed = {**CASES[0]}, {key: value for key, value in CASES[2].items() if key != "asker"}
    file.write_text("\n".join(map(json.dumps, [named, unnamed])))
    with pytest.raises(BadInput, match=r"house.jsonl:2: asker is missing"):
        read_suite(file)
    read = read_suite(file, asker="bob")
    assert read.name == "house" and [case.asker for case in read.cases] == ["alice", "bob"]
    assert read.digest != read_suite(file, asker="carol").digest
    assert read.digest == read_suite(file, asker="bob").digest
