"""Which accounts a list of a share lets do something, worked out once for equal lists."""

from __future__ import annotations

from muniment.knowledge.sources.connectors.nt_rights import Unclear, granted, parsed
from muniment.knowledge.sources.connectors.smb_people import Directory

_KEPT = 10_000
"""Answers that are remembered."""


class Readers:
    """What lists mean for the accounts of a directory that the share itself lets in."""

    def __init__(self, directory: Directory, share_readers: frozenset[str]) -> None:
        self.directory = directory
        self._share_readers = share_readers
        self._answers: dict[tuple[bytes, int], frozenset[str]] = {}
        self._same: dict[frozenset[str], frozenset[str]] = {}

    def of(self, descriptor: bytes, right: int) -> frozenset[str]:
        """Return who surely has a right; nobody, where the list is not understood."""
        key = (descriptor, right)
        if key not in self._answers:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
                self._same.clear()
            try:
                found = granted(parsed(descriptor), self.directory, right) & self._share_readers
            except Unclear:
                found = frozenset[str]()
            self._answers[key] = self._same.setdefault(found, found)
        return self._answers[key]
