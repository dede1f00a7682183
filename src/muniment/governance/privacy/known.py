"""The sensitive values of several texts that belong together: what one of them gives away holds in all of them.

A password is known by the word before it; the next passage may name it without that word. A person is known by a
label of one passage; the question may name the person too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from muniment.governance.privacy.folding import Folded, fold
from muniment.governance.privacy.kinds import LABELLED, Finding, Kind
from muniment.governance.privacy.recognise import recognise

SHORTEST = 8
"""Characters of a value that is looked for wherever it stands; a shorter one would be found by chance."""
SHORTEST_NAME = 4
"""The same of a name, which is looked for as whole words."""


class _Sought:
    """A value that is looked for: a name as whole words, whatever space is between them."""

    def __init__(self, value: str, one: Finding) -> None:
        self.one = one
        self._is_name = one.kind in LABELLED
        self._words = value.split() if self._is_name else [value]
        self._pattern: re.Pattern[str] | None = None

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield every place in a folded text, also where two lie over each other."""
        # Most texts hold none of most values: finding that out costs less than an expression.
        if not all(word in text for word in self._words):
            return
        if self._pattern is None:
            # One that begins with the words themselves is found fastest; what stands before them is asked later.
            self._pattern = re.compile(
                r"\s+".join(map(re.escape, self._words)) + (r"(?!\w)" if self._is_name else "")
            )
        found = self._pattern.search(text)
        while found is not None:
            if not (self._is_name and _in_word(text, found.start())):
                yield found.span()
            found = self._pattern.search(text, found.start() + 1)


def _in_word(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    return before.isalnum() or before == "_"


class Known:
    """The values of some classes, as far as texts have shown them."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = frozenset(kinds)
        self._values: dict[str, Finding] = {}
        self._sought: list[_Sought] = []
        """What is looked for wherever it stands, the longest first."""
        self._labels: dict[str, tuple[Finding, ...]] = {}
        self._own: dict[str, tuple[Finding, ...]] = {}
        self._folded: dict[str, Folded] = {}
        self._found: dict[str, tuple[Finding, ...]] = {}

    def label(self, text: str, names: Iterable[Finding]) -> None:
        """Take it as given that these names stand in a text."""
        wanted = tuple(one for one in names if one.kind in self._kinds)
        if wanted:
            self._labels[text] = (*self._labels.get(text, ()), *wanted)
            self._own.pop(text, None)
            self._found.pop(text, None)

    def learn(self, *texts: str) -> None:
        """Remember what these texts hold."""
        for text in texts:
            for one in self._shown(text):
                self._values.setdefault(fold(text[one.start : one.end]).text, one)
        self._found.clear()
        values = sorted(self._values.items(), key=lambda one: -len(one[0]))
        self._sought = [_Sought(value, one) for value, one in values if _is_sought(value, one.kind)]

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return the values of a text, in its order: those recognised in it, and those known from elsewhere."""
        if text not in self._found:
            self._found[text] = self._all(text)
        return self._found[text]

    def _all(self, text: str) -> tuple[Finding, ...]:
        found = list(self._shown(text))
        taken = _taken(text, found)
        folded = self._fold(text)
        for sought in self._sought:
            for place in sought.places(folded.text):
                start, end = folded.span(*place)
                found += _take(text, taken, Finding(sought.one.kind, start, end, sought.one.what))
        return tuple(sorted(found, key=lambda one: one.start))

    def _shown(self, text: str) -> tuple[Finding, ...]:
        """Return what is recognised or labelled in a text; of a name that lies over a value, what is left of it."""
        if text not in self._own:
            found = list(recognise(text, self._kinds))
            if labels := self._labels.get(text):
                taken = _taken(text, found)
                for one in labels:
                    found += _take(text, taken, one)
            self._own[text] = tuple(sorted(found, key=lambda one: one.start))
        return self._own[text]

    def _fold(self, text: str) -> Folded:
        if text not in self._folded:
            self._folded[text] = fold(text)
        return self._folded[text]


def _is_sought(value: str, kind: Kind) -> bool:
    return len(value.strip()) >= (SHORTEST_NAME if kind in LABELLED else SHORTEST)


def _taken(text: str, found: Iterable[Finding]) -> bytearray:
    """Return which characters of a text belong to a value."""
    taken = bytearray(len(text))
    for one in found:
        taken[one.start : one.end] = b"\x01" * (one.end - one.start)
    return taken


def _take(text: str, taken: bytearray, one: Finding) -> list[Finding]:
    """Return what of a value belongs to no other one, space left out; from then on all of it is taken."""
    made: list[Finding] = []
    at = taken.find(0, one.start, one.end)
    while at >= 0:
        stop = taken.find(1, at, one.end)
        stop = one.end if stop < 0 else stop
        piece = text[at:stop]
        if piece.strip():
            first = at + len(piece) - len(piece.lstrip())
            made.append(Finding(one.kind, first, at + len(piece.rstrip()), one.what))
        at = taken.find(0, stop, one.end)
    taken[one.start : one.end] = b"\x01" * (one.end - one.start)
    return made
