"""backup and restore through the real command: made, checked with and without the key, restored, refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents


@pytest.fixture
def ready(tmp_path: Path) -> Command:
    command = Command(tmp_path / "home").with_people()
    write_documents(tmp_path / "documents")
    assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
    return command


def test_a_backup_is_made_checked_and_restored(ready: Command, tmp_path: Path) -> None:
    planned = ready("backup", tmp_path / "b", "--dry-run", "--json").document
    assert planned["segments"] == 1 and 0 < planned["bytes"] < planned["free"]
    assert not (tmp_path / "b").exists()
    made = ready("backup", tmp_path / "b", "--json")
    assert made.document["not_in_it"] == ["keys/kek", "keys/subjects.key", "people.toml"]
    assert "Copying segments" in made.err
    checked = ready("backup", "verify", tmp_path / "b")
    assert checked.code == 0 and "can be restored" in checked.out

    kek = Path(shutil.move(ready.home / "keys" / "kek", tmp_path / "kek"))
    new = Command(tmp_path / "new", settings="")
    told = new("restore", tmp_path / "b")
    assert told.code == 4 and "--kek" in told.line
    told = new("restore", tmp_path / "b", "--kek", kek)
    assert told.code == 4 and "--subjects" in told.line
    shutil.move(ready.home / "keys" / "subjects.key", tmp_path / "subjects.key")
    done = new("restore", tmp_path / "b", "--kek", kek)
    assert done.code == 0 and "muniment api-key list" in done.out
    assert len(new("search", "canteen", "--as", "alice", "--json").document["passages"]) == 1
    assert new("audit", "verify").code == 0
    assert new("search", "prices", "--as", "alice", "--json").document["passages"] == []
    again = new("restore", tmp_path / "b", "--kek", kek, "--json")
    assert again.code == 1 and again.document["error"]["code"] == "conflict"


def test_without_the_key_only_digests_are_compared_and_that_is_said(ready: Command, tmp_path: Path) -> None:
    assert ready("backup", "make", tmp_path / "b").code == 0
    (ready.home / "keys" / "kek").rename(tmp_path / "kek")
    blind = ready("backup", "verify", tmp_path / "b")
    assert blind.code == 4 and "could have forged them" in blind.out
    content = ready("backup", "verify", tmp_path / "b", "--hashes-only", "--json")
    assert content.code == 0 and content.document["authentic"] is False
    seeing = ready("backup", "verify", tmp_path / "b", "--kek", tmp_path / "kek", "--json")
    assert seeing.code == 0 and seeing.document["authentic"] is True
    missing = ready("backup", "verify", tmp_path / "b", "--kek", tmp_path / "nowhere")
    assert missing.code == 4 and "cannot be read" in missing.line


def test_what_does_not_verify_is_listed_and_refused(ready: Command, tmp_path: Path) -> None:
    assert ready("backup", tmp_path / "b").code == 0
    (tmp_path / "b" / "settings.toml").write_text("[retrieval]\nvectors = true\n")
    (tmp_path / "b" / "more").write_text("")
    found = ready("backup", "verify", tmp_path / "b", "--json")
    assert found.code == 1
    assert found.document["findings"] == ["more is not in manifest.json", "settings.toml was altered"]
    kek = ready.home / "keys" / "kek"
    new = Command(tmp_path / "new", settings="")
    refused = new("restore", tmp_path / "b", "--kek", kek)
    assert refused.code == 1 and "Nothing was restored" in refused.line
    assert list(new.home.iterdir()) == []
    nothing = ready("backup", "verify", tmp_path / "documents")
    assert nothing.code == 2 and "holds no backup" in nothing.line


def test_other_settings_and_ended_keys_may_be_asked_for(ready: Command, tmp_path: Path) -> None:
    people = ready.home / "people.toml"
    people.write_text(people.read_text() + "[services.robot]\n")
    assert ready("directory", "import", people).code == 0
    assert ready("api-key", "create", "robot", "--scope", "search").code == 0
    assert ready("backup", tmp_path / "b").code == 0
    kek = Path(shutil.copy(ready.home / "keys" / "kek", tmp_path / "kek"))
    shutil.copy(ready.home / "keys" / "subjects.key", tmp_path)
    (tmp_path / "other.toml").write_text(f'[retrieval]\nvectors = false\n[keys]\nkek_file = "{kek}"\n')
    new = Command(tmp_path / "new", settings="")
    words = ("--settings", tmp_path / "other.toml", "--revoke-keys", "--json")
    done = new("restore", tmp_path / "b", *words).document
    assert (done["ended"]["api_keys"], done["api_keys_that_work"]) == (1, 0)
    assert not (new.home / "keys" / "kek").exists()
    assert new("search", "canteen", "--as", "alice").code == 0
