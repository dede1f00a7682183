"""A shop outside of the failing disk, which does what it is asked to as often as it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from muniment.actions.runners.call import ToolCall


class Till:
    """Takes calls, each a line of a file, whether or not it was there before."""

    def __init__(self, journal: Path, tell: Callable[[str], None]) -> None:
        self._journal = journal
        self._tell = tell

    def run(self, call: ToolCall) -> object:
        if call.manifest.name == "get_order":
            return {"id": "A-1", "total": "80.00", "version": 1, "note": "please hurry"}
        self.note(call.key)
        return {"id": "R-1"}

    def once(self, key: str) -> str:
        """Do what a key stands for unless it was done."""
        if key not in self.notes():
            self.note(key)
        return key

    def note(self, key: str) -> None:
        with self._journal.open("ab", buffering=0) as file:
            file.write(f"{key}\n".encode())
        self._tell(f"effect {key}")

    def notes(self) -> list[str]:
        return self._journal.read_text().split() if self._journal.exists() else []
