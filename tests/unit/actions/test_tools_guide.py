"""The manifest in the guide is one."""

from __future__ import annotations

import re
from pathlib import Path

from muniment.actions.manifest_file import read_manifest

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "tools.md"


def test_the_manifest_in_the_guide_can_be_added_as_it_stands() -> None:
    block = re.search(r"```toml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    made = read_manifest(block[1])
    assert (made.name, made.acts, made.undo and made.undo.tool) == ("refund_order", True, "cancel_refund")
