"""The recipe of docs/guide/ci.md, run as it stands there in the repository of a made-up customer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.reader import Reader, reading
from muniment.inference.prompts import load

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "ci.md"
FACTS = {
    "bicycles": ("bicycle shed", "holds 44 bicycles", "is locked at 21:30"),
    "canteen": ("canteen", "opens at 07:15", "seats 120 guests"),
    "garage": ("garage", "has 65 parking places", "costs 80 crowns a month"),
    "library": ("library", "lends books for 28 days", "keeps 9000 volumes"),
    "laundry": ("laundry", "takes 16 kilograms", "returns shirts after 48 hours"),
    "nursery": ("nursery", "accepts children from 14 months", "has 36 cots"),
    "workshop": ("workshop", "lends 7 drills", "requires goggles since 2021"),
    "garden": ("garden", "grows 150 roses", "needs 400 litres of water"),
}
UNANSWERED = {
    "canteen": "Which painter decorated the canteen ceiling with angels?",
    "garage": "Which inspector certified the garage sprinklers against earthquakes?",
    "library": "Which novelist donated the library globe and telescope?",
    "laundry": "Which chemist invented the laundry perfume of lavender?",
    "nursery": "Which musician tunes the nursery piano before Christmas?",
    "workshop": "Which blacksmith forged the workshop anvil from meteorites?",
    "garden": "Which sculptor carved the garden fountain out of marble?",
    "bicycles": "Which mechanic stole the bicycle shed whistle and trumpet?",
}


@dataclass
class Repository:
    """The customer's repository."""

    folder: Path
    bin: Path
    reader: Reader

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
        subprocess.run(("git", *who, *words), cwd=self.folder, check=True, capture_output=True)

    def proposes(self, branch: str, change: Callable[[str], str]) -> subprocess.CompletedProcess[str]:
        """Change the prompt on a branch, and run the recipe as its CI would."""
        self.git("switch", "--quiet", "--create", branch, "main")
        prompt = self.folder / "prompts" / "house.md"
        prompt.write_text(change(prompt.read_text("utf-8")), "utf-8")
        self.git("commit", "--quiet", "--all", "--message", branch)
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        ours = {
            "PATH": path,
            "BASE": "main",
            "KEEP": str(self.folder.parent / "kept"),
            "MODEL_KEY": "an-invented-key",
            "TMPDIR": str(self.folder.parent),
        }
        return subprocess.run(
            ("bash", "-c", recipe()),
            cwd=self.folder,
            env={**os.environ, **ours},
            text=True,
            capture_output=True,
            timeout=120,
        )


def recipe() -> str:
    [block] = re.findall(r"```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return block


def shown() -> str:
    """What the guide shows of the pull request that fails."""
    [block] = re.findall(
        r"```\n(Changed: prompts\.\nhouse: BLOCKED .*?)```", GUIDE.read_text("utf-8"), re.DOTALL
    )
    assert "prompts, abstained" in block
    return block


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    top = tmp_path_factory.mktemp("customer")
    folder, bin_ = top / "repository", top / "bin"
    bin_.mkdir()
    command = bin_ / "muniment"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m muniment.interfaces.cli.main "$@"\n')
    command.chmod(0o755)
    with reading(Reader(invents=0.0)) as reader:
        _write(folder, reader.url)
        made = Repository(folder, bin_, reader)
        made.git("init", "--quiet", "--initial-branch", "main")
        made.git("add", "--all")
        made.git("commit", "--quiet", "--message", "As it is")
        yield made


def _write(folder: Path, url: str) -> None:
    for name in ("documents", "prompts", "evals/house"):
        (folder / name).mkdir(parents=True)
    (folder / "settings.toml").write_text(
        '[retrieval]\nvectors = false\n[answers]\nmodel = "house"\n[models.house]\nmodel = "reader"\n'
        f'base_url = "{url}"\napi_key = "env:MODEL_KEY"\nhosting = "self-managed"\nmax_sensitivity = "any"\n'
    )
    (folder / "directory.toml").write_text('[users.ann]\ngroups = ["staff"]\n[groups.staff]\n')
    (folder / ".gitignore").write_text("report/\n")
    (folder / "documents" / "access.toml").write_text('allow = ["group:staff"]\n')
    (folder / "prompts" / "house.md").write_text(
        load("answer").content.replace("name: answer", "name: house"), "utf-8"
    )
    (folder / "evals" / "house" / "suite.toml").write_text(
        'name = "house"\nreason = "Before each merge"\n[targets]\nanswered = 0.9\n'
    )
    cases: list[dict[str, object]] = []
    for name, (thing, *facts) in FACTS.items():
        text = "".join(f"The {thing} {fact}.\n\n" for fact in facts)
        (folder / "documents" / f"{name}.md").write_text(f"# About the {thing}\n\n{text}")
        for number, fact in enumerate(facts):
            words = re.sub(r"\d+(:\d+)?", "how many", fact)
            number_said = re.search(r"\d+(:\d+)?", fact)
            assert number_said
            cases.append(
                {
                    "id": f"{name}-{number}",
                    "asker": "ann",
                    "question": f"The {thing} {words}?",
                    "relevant": [f"{name}.md"],
                    "facts": [number_said[0]],
                }
            )
        cases.append({"id": f"{name}-none", "asker": "ann", "question": UNANSWERED[name], "abstain": True})
    (folder / "evals" / "house" / "cases.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in cases))


def without_its_rule(text: str) -> str:
    """Take out that a question which the passages do not answer gets no answer."""
    return re.sub(r"If the passages do not.*?(?=\n\n)", "", text, flags=re.DOTALL)


def test_a_pull_request_that_damages_the_prompt_fails_and_one_that_words_it_otherwise_passes(
    repository: Repository,
) -> None:
    failed = repository.proposes("damaged", without_its_rule)
    report = repository.folder / "report"
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert shown() in failed.stdout, "the guide shows what is said"
    comment = (report / "comment.md").read_text("utf-8")
    assert comment.startswith("## ⛔ This change is blocked") and "**prompts** (abstained)" in comment
    gate = ElementTree.parse(report / "gate.xml").getroot()
    assert gate.attrib["failures"] == "1" and "prompts" in (gate.findtext(".//failure") or "")
    files = sorted(one.name for one in (report / "house").iterdir())
    assert files == ["junit.xml", "report.html", "report.json", "report.md"]

    asked = repository.reader.asked
    passed = repository.proposes(
        "reworded", lambda text: text.replace("a colleague's question", "what was asked")
    )
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "house: passes (24 cases, 24 compared, 0 taken over)" in passed.stdout
    assert (report / "comment.md").read_text("utf-8").startswith("## ✅")
    assert repository.reader.asked - asked <= 26, "what the base answered is not asked again"
    assert not list(repository.folder.parent.glob("tmp.*/*")), "the base's checkout is removed"
