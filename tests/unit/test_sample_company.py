"""The sample company and its questions agree, judged by a second, tiny reading of the access rules.

The resolver is written apart from the product on purpose: it tells whether the suite is right, not the code.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ACME = ROOT / "examples" / "acme"
DOCUMENTS = ACME / "documents"
DIRECTORY = tomllib.loads((ACME / "directory.toml").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (ROOT / "evals" / "sample" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
]
FORMATS = {"md", "txt", "html", "pdf", "docx", "pptx", "xlsx", "csv", "eml"}
PLAIN = {".md", ".txt", ".html", ".csv", ".eml"}
ABANDONED = "attic"


def paths() -> list[str]:
    files = (file for file in DOCUMENTS.rglob("*") if file.is_file() and file.name != "access.toml")
    return sorted(file.relative_to(DOCUMENTS).as_posix() for file in files)


def principals(user: str) -> set[str]:
    found, waiting = {f"user:{user}", "group:everyone"}, list(DIRECTORY["users"][user]["groups"])
    while waiting:
        group = waiting.pop()
        if f"group:{group}" not in found:
            found.add(f"group:{group}")
            waiting.extend(DIRECTORY["groups"][group].get("members_of", []))
    return found


def may_read(user: str, path: str) -> bool:
    folder = (DOCUMENTS / path).parent
    while folder != DOCUMENTS.parent:
        manifest = folder / "access.toml"
        if manifest.is_file():
            access = tomllib.loads(manifest.read_text(encoding="utf-8"))
            held = principals(user)
            return bool(held & set(access["allow"])) and not held & set(access.get("deny", []))
        folder = folder.parent
    return False


def words(path: str) -> str:
    text = (DOCUMENTS / path).read_text(encoding="utf-8")
    if path.endswith(".html"):
        text = unescape(re.sub(r"<[^>]+>", " ", text))
    return " ".join(text.split()).casefold()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_case_agrees_with_the_access_lists(case: dict[str, Any]) -> None:
    assert case["asker"] in DIRECTORY["users"]
    assert case["abstain"] == (not case["relevant"])
    assert case["abstain"] == (not case["facts"])
    for path in case["relevant"]:
        assert (DOCUMENTS / path).is_file(), path
        assert may_read(case["asker"], path), path
    for path in case["forbidden"]:
        assert (DOCUMENTS / path).is_file(), path
        assert not may_read(case["asker"], path), path


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c["relevant"] and all(Path(path).suffix in PLAIN for path in c["relevant"])],
    ids=lambda case: case["id"],
)
def test_facts_stand_word_for_word_in_the_right_documents(case: dict[str, Any]) -> None:
    text = " ".join(words(path) for path in case["relevant"])
    for fact in case["facts"]:
        alternatives = fact if isinstance(fact, list) else [fact]
        assert any(" ".join(each.split()).casefold() in text for each in alternatives), fact


def test_facts_in_binary_documents_stand_in_their_authoring_source() -> None:
    sources = authored()
    for case in CASES:
        for path in case["relevant"]:
            if Path(path).suffix in PLAIN:
                continue
            for fact in case["facts"]:
                alternatives = fact if isinstance(fact, list) else [fact]
                assert any(each.casefold() in sources[path] for each in alternatives), (case["id"], fact)


def authored() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted((ROOT / "examples" / "authoring" / "content").glob("*.md")):
        parts = re.split(r"^=== (\S+)\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        found.update(zip(parts[::2], (part.casefold() for part in parts[1::2]), strict=True))
    return found


def test_the_suite_is_a_hundred_distinct_questions_from_everybody() -> None:
    assert len(CASES) == 100
    assert [case["id"] for case in CASES] == [f"q{number:03}" for number in range(1, 101)]
    assert len({(case["asker"], case["question"]) for case in CASES}) == 100
    asked = Counter(case["asker"] for case in CASES)
    assert set(asked) == set(DIRECTORY["users"]) and min(asked.values()) >= 2
    assert 25 <= sum(case["abstain"] for case in CASES) <= 30


def test_at_least_eight_questions_have_answers_that_depend_on_the_asker() -> None:
    answers: dict[str, set[tuple[str, ...]]] = {}
    for case in CASES:
        answers.setdefault(case["question"], set()).add(tuple(case["relevant"]))
    assert sum(len(each) > 1 for each in answers.values()) >= 8


def test_every_department_and_every_format_is_an_answer_at_least_twice() -> None:
    relevant = [path for case in CASES for path in case["relevant"]]
    departments = Counter(path.split("/")[0] for path in relevant)
    formats = Counter(path.rsplit(".", 1)[1] for path in relevant)
    expected = {path.split("/")[0] for path in paths()} - {ABANDONED}
    assert {name for name in expected if departments[name] >= 2} == expected
    assert {name for name in FORMATS if formats[name] >= 2} == FORMATS


def test_the_company_has_the_size_and_shape_that_it_claims() -> None:
    documents = paths()
    formats = Counter(path.rsplit(".", 1)[1] for path in documents)
    assert len(documents) >= 160
    assert set(formats) == FORMATS and min(formats.values()) >= 6
    assert len({path.split("/")[0] for path in documents}) >= 10
    assert len(DIRECTORY["users"]) == 15
    assert len(DIRECTORY["services"]) >= 2
    assert sum((DOCUMENTS / path).stat().st_size for path in documents) < 6_000_000


def test_a_folder_without_manifest_is_readable_by_nobody() -> None:
    left = [path for path in paths() if path.startswith(f"{ABANDONED}/")]
    assert left and not (DOCUMENTS / "access.toml").exists()
    assert not any(may_read(user, path) for user in DIRECTORY["users"] for path in left)


def test_every_name_in_a_manifest_exists() -> None:
    known = {f"{kind}:{name}" for kind in ("user", "group", "service") for name in DIRECTORY[f"{kind}s"]}
    for manifest in DOCUMENTS.rglob("access.toml"):
        access = tomllib.loads(manifest.read_text(encoding="utf-8"))
        assert set(access["allow"]) | set(access.get("deny", [])) <= known | {"group:everyone"}, manifest


def test_the_demo_story_is_possible() -> None:
    demo = tomllib.loads((ACME / "demo.toml").read_text(encoding="utf-8"))
    assert len(demo["questions"]) == 3
    silent = 0
    by_ask = {(case["asker"], case["question"]): case for case in CASES}
    for question in demo["questions"]:
        found = [by_ask.get((asker, question["text"])) for asker in question["askers"]]
        assert len(found) == 3 and all(found), question["text"]
        answers = {tuple(case["relevant"]) for case in found if case}
        assert len(answers) > 1
        silent += sum(case["abstain"] for case in found if case)
    assert silent >= 1
    revocation, poison = demo["revocation"], demo["poison"]
    assert f"group:{revocation['group']}" in principals(revocation["user"])
    before = by_ask[(revocation["user"], revocation["question"])]["relevant"]
    DIRECTORY["users"][revocation["user"]]["groups"].remove(revocation["group"])
    try:
        assert before and not any(may_read(revocation["user"], path) for path in before)
    finally:
        DIRECTORY["users"][revocation["user"]]["groups"].append(revocation["group"])
    assert may_read(poison["asker"], poison["document"])
    assert poison["document"] in by_ask[(poison["asker"], poison["question"])]["relevant"]


def test_the_committed_binary_documents_are_what_their_source_builds() -> None:
    script = ROOT / "examples" / "authoring" / "build.py"
    result = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
