"""Carries out the commands of a runbook as the page has them, its placeholders filled."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from tests.journeys.command import Command

PAGES = Path(__file__).resolve().parents[2] / "docs" / "guide" / "incidents"
_BLOCK = re.compile(r"```\n(.*?)```", re.DOTALL)
_PLACEHOLDER = re.compile(r"[A-Z][A-Z-]*[A-Z]")
_EXIT = re.compile(r"\s+# exit (\d+)$")


class Rehearsal:
    """One page, whose blocks are run one after the other; what commands print fills what comes later."""

    def __init__(self, command: Command, page: str, **filled: object) -> None:
        self._command = command
        self._blocks = _BLOCK.findall((PAGES / f"{page}.md").read_text("utf-8"))
        self.filled = {name.replace("_", "-"): str(value) for name, value in filled.items()}
        self.ran = 0
        """Blocks."""

    def step(self) -> list[Any]:
        """Run the next block; each command ends as the page says. Return what each printed, as JSON."""
        block = self._blocks[self.ran]
        self.ran += 1
        return [self._run(line) for line in block.splitlines()]

    @property
    def is_done(self) -> bool:
        return self.ran == len(self._blocks)

    def _run(self, line: str) -> Any:
        ends = _EXIT.search(line)
        first, *words = shlex.split(line[: ends.start()] if ends else line)
        assert first == "muniment", line
        given = [self._given(word) for word in words]
        ran = self._command(*given, "--json")
        assert ran.code == (int(ends[1]) if ends else 0), (line, given, ran.out, ran.err)
        document = ran.document if ran.out else None
        if words[:2] in (["incident", "open"], ["incident", "detect"]):
            self._remember(document)
        if words[:2] == ["actions", "stop"]:
            self.filled["STOP-ID"] = document["id"]
        return document

    def _remember(self, document: Any) -> None:
        made = (
            document["id"] if "id" in document else next((one.get("id") for one in document["found"]), None)
        )
        if made is not None:
            if "INCIDENT" in self.filled:
                self.filled["FIRST"] = self.filled["INCIDENT"]
            self.filled["INCIDENT"] = made

    def _given(self, word: str) -> str:
        """Fill a word; a text in quotes is as it stands, and whatever else looks like a placeholder is one."""
        return word if " " in word else _PLACEHOLDER.sub(lambda found: self.filled[found[0]], word)
