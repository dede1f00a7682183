"""An operator connects a source, sees how fresh it is and who reads what of it, and what of it failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command
from tests.simulators.sources.memory_source import KIND, MemoryScene

from muniment.knowledge.sources import kinds
from muniment.knowledge.syncing import patience

PEOPLE = "".join(f"[users.{name}]\n" for name in ("alice", "bob", "carol", "gina"))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryScene]:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    monkeypatch.setattr(patience.time, "sleep", lambda _seconds: None)
    made = MemoryScene()
    made.put("files/a.md", "The walnut ledger.\n")
    made.allow("files/a.md", ["@engineering"])
    made.put("files/b.md", "The quince ledger.\n")
    made.allow("files/b.md", ["carol"], ["bob"])
    yield made
    made.close()


@pytest.fixture
def command(tmp_path: Path, scene: MemoryScene) -> Command:
    made = Command(tmp_path / "home", WORDS_ALONE).with_people(PEOPLE)
    added = made("sources", "add", "wiki", "memory", "--set", f"root={scene.name}")
    assert added.code == 0 and "2 items" in added.out
    return made


def test_each_kind_says_what_it_takes_and_what_it_was_proven_against(tmp_path: Path) -> None:
    command = Command(tmp_path / "home")
    assert "folder" in [one["kind"] for one in command("--json", "sources", "kinds").document["kinds"]]
    shown = command("--json", "sources", "kinds", "folder").document
    settings = {one["name"]: one for one in shown["settings"]}
    assert settings["root"]["needed"] and not settings["lease_seconds"]["needed"]
    assert settings["access"]["takes"] == "posix or manifests"
    assert settings["lease_seconds"]["takes"] == "number from 1 to 86400"
    assert all(one["says"] for one in shown["settings"])
    assert "real files" in command("sources", "kinds", "folder").out
    assert "nonsense" in command("sources", "kinds", "nonsense").line


def test_adding_tries_the_connection_and_says_what_would_be_read(tmp_path: Path, scene: MemoryScene) -> None:
    command = Command(tmp_path / "home", WORDS_ALONE).with_people(PEOPLE)
    words = ("sources", "add", "wiki", "memory", "--set", f"root={scene.name}")
    dry = command("--json", *words, "--dry-run").document
    assert (dry["added"], dry["would_read"]["items"], dry["would_read"]["new"]) == (False, 2, 2)
    assert (dry["would_read"]["accounts"], dry["would_read"]["matched"]) == (5, 4)
    assert command("--json", "sources", "list").document["sources"] == []
    scene.world.fails = "check"
    assert command(*words).code == 1
    assert command("--json", "sources", "list").document["sources"] == []
    assert command(*words).code == 0
    listed = command("--json", "sources", "list").document["sources"]
    assert [(one["name"], one["kind"], one["state"], one["served"]) for one in listed] == [
        ("wiki", "memory", "active", False)
    ]
    assert "root" in command("sources", "show", "wiki").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "root"], "not NAME=VALUE"),
        (["--set", "root=x", "--set", "rot=x"], "rot"),
        (["--set", "root=x", "--set", "lease_seconds=soon"], "lease_seconds"),
        (["--set", "root=x", "--set", "accounts=[1"], "accounts"),
        (["--set", "root=x", "--set", "root.x=1"], "root"),
        (["--settings", "/nowhere.toml"], "/nowhere.toml"),
        ([], "root"),
    ],
)
def test_an_error_of_the_settings_names_the_field(
    tmp_path: Path, scene: MemoryScene, words: list[str], said: str
) -> None:
    command = Command(tmp_path / "home", WORDS_ALONE)
    command("init")
    ran = command("sources", "add", "wiki", "memory", *words)
    assert ran.code == 2 and said in ran.line


def test_settings_of_a_file_are_overruled_one_by_one(tmp_path: Path, scene: MemoryScene) -> None:
    command = Command(tmp_path / "home", WORDS_ALONE).with_people(PEOPLE)
    file = tmp_path / "wiki.toml"
    file.write_text(f'root = "{scene.name}"\nlease_seconds = 60\n[accounts]\ngina = "gina"\n')
    given = ("--settings", file, "--set", "lease_seconds=90", "--set", "accounts.zoe=bob")
    assert command("sources", "add", "wiki", "memory", *given).code == 0
    shown = command("--json", "sources", "show", "wiki").document["settings"]
    assert (shown["lease_seconds"], shown["accounts"]) == (90, {"gina": "gina", "zoe": "bob"})


def test_a_dry_run_counts_and_stores_nothing(command: Command, scene: MemoryScene) -> None:
    dry = command("--json", "sources", "sync", "wiki", "--dry-run").document["would_read"]
    assert (dry["new"], dry["changed"], dry["gone"], dry["lists"]) == (2, 0, 0, 2)
    assert command("--json", "sources", "status", "wiki").document["sources"][0]["items"] == {}
    assert command("sources", "sync", "wiki").code == 0
    scene.put("files/a.md", "The walnut ledger, again.\n")
    scene.put("files/c.md", "The medlar ledger.\n")
    scene.remove("files/b.md")
    dry = command("--json", "sources", "sync", "wiki", "--dry-run", "--content").document["would_read"]
    assert (dry["new"], dry["changed"], dry["gone"]) == (1, 1, 1)


def test_sync_reads_and_status_says_how_fresh_it_is(command: Command) -> None:
    before = command("--json", "sources", "status").document["sources"][0]
    assert (before["served"], before["age"], before["access"]["ended_at"]) == (False, None, None)
    assert "not read to the end" in before["why"]
    ran = command("sources", "sync", "wiki")
    assert ran.code == 0 and "2 stored" in ran.out and "Reading access (2) ..." in ran.err
    after = command("--json", "sources", "status", "wiki").document["sources"][0]
    assert (after["served"], after["why"], after["state"]) == (True, "", "active")
    assert 0 <= after["age"] < 60 and 800 < after["left"] <= 900
    assert after["items"] == {"stored": 2}
    assert after["access"]["next_at"] > after["access"]["ended_at"]
    assert after["content"]["cursor"] == "follows changes"
    assert "withheld" not in command("sources", "status").out
    assert "sources list" in command("sources", "status", "nowhere").line


def test_a_source_that_fails_says_why_its_documents_are_withheld(
    command: Command, scene: MemoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TRIES", 1)
    scene.world.fails = "people"
    assert command("sources", "sync", "wiki", "--access").code == 1
    shown = command("--json", "sources", "status").document["sources"][0]
    assert "left alone" in shown["why"] and "left alone" in shown["access"]["problem"]
    assert "withheld" in command("sources", "status").out


def test_pause_and_resume_are_shown(command: Command) -> None:
    command("sources", "sync", "wiki")
    assert command("sources", "pause", "wiki").code == 0
    shown = command("--json", "sources", "status", "wiki").document["sources"][0]
    assert (shown["state"], shown["access"]["next_at"]) == ("paused", None)
    assert "paused" in command("sources", "list").out
    assert command("sources", "resume", "wiki").code == 0
    assert command("--json", "sources", "list").document["sources"][0]["state"] == "active"


def test_what_was_given_up_is_listed_and_read_again(command: Command, scene: MemoryScene) -> None:
    scene.lock("files/a.md", True)
    command("sources", "sync", "wiki")
    found = command("--json", "sources", "failures", "wiki").document["failures"]
    assert [(one["path"], one["attempts"]) for one in found] == [("files/a.md", 1)]
    assert "may not be opened" in command("sources", "failures", "wiki").out
    assert "gave up none" in command("sources", "retry", "wiki", "nothing").line
    scene.lock("files/a.md", False)
    assert command("--json", "sources", "retry", "wiki", found[0]["id"]).document["items"] == 1
    command("sources", "sync", "wiki")
    assert command("--json", "sources", "failures", "wiki").document["failures"] == []


def test_every_reader_is_told_with_the_way_to_what_lets_them_in(command: Command) -> None:
    command("sources", "sync", "wiki")
    found = command("--json", "sources", "who-can-read", "wiki/files/a.md").document
    assert [one["who"] for one in found["readers"]] == ["user:alice", "user:bob"]
    ways = found["readers"][0]["ways"]
    assert ways == {
        "group engineering at wiki": [
            "user:alice",
            "account alice at wiki",
            "group engineering at wiki",
        ]
    }
    assert found["scope"].startswith("id-")
    assert "account bob at wiki > group engineering at wiki" in " ".join(
        command("sources", "who-can-read", "wiki/files/a.md").out.split()
    )
    assert "names 2 documents" in command("sources", "who-can-read", "wiki").line


def test_why_somebody_may_or_may_not_read_is_told_to_the_end(command: Command, scene: MemoryScene) -> None:
    command("sources", "sync", "wiki")

    def steps(path: str, user: str) -> tuple[bool, dict[str, tuple[bool, str]]]:
        shown = command("--json", "sources", "explain", f"wiki/{path}", user).document
        return shown["reads"], {one["what"]: (one["ok"], one["says"]) for one in shown["steps"]}

    reads, said = steps("files/a.md", "alice")
    assert reads and all(ok for ok, _ in said.values())
    assert {"lease", "account", "scope", "list", "policy"} == said.keys()
    reads, said = steps("files/a.md", "carol")
    assert not reads and not said["list"][0] and "group engineering at wiki" in said["list"][1]
    reads, said = steps("files/a.md", "gina")
    assert not reads and not said["account"][0]
    scene.allow("files/b.md", ["bob", "carol"], ["bob"])
    command("sources", "sync", "wiki", "--access")
    reads, said = steps("files/b.md", "bob")
    assert not reads and said["list"][0] and not said["denial"][0]
    assert "No: user:bob" in command("sources", "explain", "wiki/files/b.md", "bob").out
    assert "nobody" in command("sources", "explain", "wiki/files/b.md", "nobody").line


def test_removing_asks_and_then_removes(command: Command) -> None:
    command("sources", "sync", "wiki")
    assert "--yes" in command("sources", "remove", "wiki").line
    dry = command("--json", "sources", "remove", "wiki", "--dry-run").document
    assert (dry["documents"], dry["items"]) == (2, 2)
    assert command("sources", "remove", "wiki", "--yes").code == 0
    assert command("--json", "sources", "list").document["sources"] == []


def test_removing_counts_first_and_never_without_a_word(command: Command) -> None:
    command("sources", "sync", "wiki")
    assert "--yes" in command("sources", "remove", "wiki").line
    dry = command("--json", "sources", "remove", "wiki", "--dry-run").document
    assert (dry["documents"], dry["items"]) == (2, 2)
    assert "nowhere" in command("sources", "remove", "nowhere", "--yes").line
