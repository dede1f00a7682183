"""An operator writes a rule, sees what it would move, and applies it with one command."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.command import WORDS_ALONE, Command

RULE = """
[[ingestion.sensitivity]]
name = "on call"
label = "restricted"
paths = ["engineering/*"]
"""


def test_relabel_says_what_would_move_and_then_moves_it(tmp_path: Path, folder: Path) -> None:
    (folder / "engineering" / "access.toml").write_text(
        'allow = ["group:everyone"]\nsensitivity = "internal"\n'
    )
    command = Command(tmp_path / "home", WORDS_ALONE)
    command("init")
    assert command("ingest", str(folder), "--source", "docs").code == 0
    (tmp_path / "home" / "settings.toml").write_text(WORDS_ALONE + RULE)
    assert "judged by other rules" in " ".join(command("doctor").out.split())
    dry = command("--json", "sources", "relabel", "--dry-run").document
    assert (dry["dry_run"], dry["raised"], dry["lowered"]) == (True, 1, 0)
    shown = command("--json", "access", "show", "docs/engineering/oncall.md").document["documents"]
    assert (shown[0]["sensitivity"], shown[0]["raised_by"]) == ("internal", [])
    done = command("sources", "relabel")
    assert done.code == 0 and "1 raised, 0 lowered." in done.out
    shown = command("--json", "access", "show", "docs/engineering/oncall.md").document["documents"]
    reason = {"origin": "rule", "name": "on call", "label": "restricted"}
    assert (shown[0]["sensitivity"], shown[0]["raised_by"]) == ("restricted", [reason])
    assert "rule on call" in " ".join(command("access", "show", "docs/engineering/oncall.md").out.split())
