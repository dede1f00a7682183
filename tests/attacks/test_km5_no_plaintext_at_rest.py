"""KM5: planted plaintext is found nowhere in a home folder, in its temporary files or in what is printed."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace, restore
from muniment.foundation.keys import PURPOSES
from muniment.governance.identity.principal import OPERATOR

CANARY = "xylocarpquagga"
"""A word in a text, a title, a heading, a path, a question, a person's name and a group's name."""

DIRECTORY = f"""
[users.alice]
name = "Alice {CANARY}"
groups = ["{CANARY}"]
[groups.{CANARY}]
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    root = tmp_path / "documents"
    (root / CANARY).mkdir(parents=True)
    (root / CANARY / "access.toml").write_text(f'allow = ["group:{CANARY}"]\n')
    for n, suffix in enumerate((".md", ".txt", ".html", ".csv")):
        text = (
            f"# The {CANARY} plan\n\nThe {CANARY} plan number {n} costs 40 crowns.\n\n"
            + "Filling line.\n" * 400
        )
        (root / CANARY / f"{CANARY}{n}{suffix}").write_text(text)
    return root


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setenv("SQLITE_TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    return place


def spellings(secret: bytes) -> list[bytes]:
    """Return the ways in which bytes commonly lie in a file; base64 at each of the three alignments."""
    encoded = [base64.b64encode(b"\x00" * n + secret)[4 if n else 0 : -4] for n in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *encoded]


def text_spellings(word: str) -> list[bytes]:
    found = [word, word.upper(), word.capitalize()]
    return [s for w in found for s in (*spellings(w.encode()), w.encode("utf-16-le"), w.encode("utf-32-le"))]


def found_in(places: Iterator[Path], needles: list[bytes]) -> list[str]:
    found: list[str] = []
    for path in places:
        content = path.read_bytes() if path.is_file() else b""
        found += [
            f"{path}: {needle!r}" for needle in needles if needle in content or needle in path.name.encode()
        ]
    return found


def test_the_scan_sees_what_lies_in_clear(planted: Path, tmp_path: Path) -> None:
    needles = text_spellings(CANARY)
    assert len(found_in(planted.rglob("*"), needles)) == 6
    for disguise in (base64.b64encode(b"a" + CANARY.encode()), CANARY.encode().hex().encode()):
        (tmp_path / "disguised").write_bytes(disguise)
        assert found_in(iter([tmp_path / "disguised"]), needles)


@pytest.mark.parametrize("dimensions", [0, 64])
def test_no_planted_word_lies_in_clear_at_any_moment(
    make_workspace: Callable[..., Workspace],
    planted: Path,
    temporary: Path,
    tmp_path: Path,
    dimensions: int,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("muniment.knowledge.ingestion.indexing.BATCH_DOCUMENTS", 1)
    embedder = HashedEmbedder(dimensions) if dimensions else None
    workspace = make_workspace(directory=DIRECTORY, embedder=lambda: embedder)
    needles = text_spellings(CANARY)
    found: list[str] = []

    backed_up = tmp_path / "backups"

    def scan(*_: object) -> None:
        for place in (workspace.home, temporary, backed_up):
            found.extend(found_in(place.rglob("*"), needles))

    workspace.ingest(planted, "docs", scan)
    (planted / CANARY / f"{CANARY}0.md").write_text(f"# New {CANARY}\n\nThe {CANARY} plan was given up.\n")
    (planted / CANARY / f"{CANARY}1.txt").unlink()
    workspace.ingest(planted, "docs", scan)
    assert workspace.search(f"{CANARY} plan", "alice").passages
    assert workspace.ask(f"What does the {CANARY} plan cost?", "alice").as_json()
    workspace.access.set(f"docs/{CANARY}", [f"group:{CANARY}"], [], OPERATOR)
    scan()
    assert (workspace.home / "muniment.db-wal").stat().st_size > 0
    backup, restored = backed_up / "backup", backed_up / "restored"
    workspace.backups.make(backup, OPERATOR, scan)
    kek = workspace.home / "keys" / "kek"
    restore(backup, restored, scan, kek=kek)
    scan()
    assert (backup / "muniment.db").stat().st_size > 0 and restored.is_dir()
    workspace.close()
    scan()
    assert found == []
    printed = capfd.readouterr()
    assert CANARY not in printed.out + printed.err + caplog.text


def test_no_key_lies_in_clear(workspace: Workspace, temporary: Path, tmp_path: Path) -> None:
    secrets = [workspace.keyring.data_key(purpose) for purpose in PURPOSES]
    workspace.backups.make(tmp_path / "backup", OPERATOR, lambda *_: None)
    for place in (workspace.home, temporary, tmp_path / "backup"):
        assert found_in(place.rglob("*"), [s for secret in secrets for s in spellings(secret)]) == []
    kek = (workspace.home / "keys" / "kek").read_bytes().strip()
    needles = [*spellings(kek), *spellings(base64.b64decode(kek))]
    assert found_in((tmp_path / "backup").rglob("*"), needles) == []


def test_keys_and_database_are_closed_to_other_accounts(workspace: Workspace) -> None:
    private = [workspace.home / "keys" / "kek", workspace.home / "keys" / "keyring.json"]
    assert [path.stat().st_mode & 0o077 for path in private] == [0, 0]
