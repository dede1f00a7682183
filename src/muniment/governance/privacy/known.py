"""The sensitive values of several texts that belong together: what one of them gives away holds in all of them.

A password is known by the word before it; the next passage may name it without that word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from muniment.governance.privacy.kinds import Finding, Kind
from muniment.governance.privacy.recognise import recognise

SHORTEST = 8
"""Characters of a value that is looked for wherever it stands; a shorter one would be found by chance."""


class Known:
    """The values of some classes, as far as texts have shown them."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = frozenset(kinds)
        self._values: dict[str, Finding] = {}
        self._own: dict[str, tuple[Finding, ...]] = {}

    def learn(self, *texts: str) -> None:
        """Remember what these texts hold."""
        for text in texts:
            for one in self._recognised(text):
                self._values.setdefault(text[one.start : one.end], one)

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return the values of a text, in its order: those recognised in it, and those known from elsewhere."""
        found = list(self._recognised(text))
        for value, one in self._values.items():
            if len(value) >= SHORTEST:
                found += _elsewhere(text, value, one, found)
        return tuple(sorted(found, key=lambda one: one.start))

    def _recognised(self, text: str) -> tuple[Finding, ...]:
        if text not in self._own:
            self._own[text] = recognise(text, self._kinds)
        return self._own[text]


def _elsewhere(text: str, value: str, known: Finding, taken: Sequence[Finding]) -> list[Finding]:
    found: list[Finding] = []
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not any(one.start < end and at < one.end for one in taken):
            found.append(Finding(known.kind, at, end, known.what))
        at = text.find(value, end)
    return found
