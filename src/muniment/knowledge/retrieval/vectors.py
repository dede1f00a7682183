"""Cosines of a question to the rows that may be seen: estimated for all, exact where it matters.

Every authorised row is estimated and no other is read, so the best are the true ones and are filled from authorised
rows only.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from muniment.inference.embedding import cores
from muniment.knowledge.retrieval import codes, compiled, scan
from muniment.knowledge.retrieval.codes import Codes, Doubles, Floats
from muniment.knowledge.retrieval.scan import Runs
from muniment.knowledge.retrieval.segment import Integers
from muniment.knowledge.retrieval.view import Selected, Selection

_PORTION = 1 << 13
"""Rows that a thread estimates at a time: some tenths of a millisecond, in which another can wake."""

_Work = tuple[Codes, Runs, slice]
"""Runs whose estimates belong at these places."""


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "scan")


class Cosines:
    """The cosines of one question to a selection (see `certify.Estimated`)."""

    def __init__(self, selection: Selection, vector: Floats, model: str) -> None:
        self._selection = selection
        self._model = model
        self._question = codes.ask(vector)
        self.rough = np.zeros(selection.size, np.float32)
        self.has = np.zeros(selection.size, np.bool_)
        """Which places have a vector of this model."""
        self.bound = 0.0
        self._lowest = 0.0
        work: list[_Work] = []
        for part, span in selection.spans():
            encoded = self._codes(part)
            if encoded is None or span.start == span.stop:
                continue
            self.has[span] = True
            every = part.runs if compiled.ready() else part.runs.joined()
            for runs, place in every.cut(_PORTION):
                work.append((encoded, runs, slice(span.start + place.start, span.start + place.stop)))
            widest = part.part.segment.widest[part.blocks].max(axis=0).astype(np.float64)
            bound = codes.bounds(widest[:1], widest[1:], self._question, self._question.coarse_lost)
            self.bound = max(self.bound, float(bound[0]))
        if selection.size <= 2 * _PORTION:
            self._estimate(deque(work))
        else:
            self._estimate_together(deque(work))

    def _estimate_together(self, work: deque[_Work]) -> None:
        """Do the work on all cores; this thread does what the others have not begun."""
        others = [_threads().submit(self._estimate, work) for _ in range(cores() - 1)]
        self._estimate(work)
        for other in others:
            if not other.cancel():
                other.result()

    def _estimate(self, work: deque[_Work]) -> None:
        while work:
            try:
                encoded, runs, places = work.popleft()
            except IndexError:
                return
            scan.estimates(encoded, runs, self._question, self.rough[places])

    def settle(self, lowest: float) -> None:
        """Give every place without a vector this cosine."""
        self.rough[~self.has] = lowest
        self._lowest = lowest

    def finer(self, places: Integers) -> tuple[Doubles, Doubles]:
        """Return better estimates of these places, and how far each may be from the truth."""
        question = self._question
        found, bounds = self.rough[places].astype(np.float64), np.zeros(len(places))
        for encoded, at, rows in self._encoded(places):
            fine = scan.products(encoded.codes, rows, question.fine).astype(np.float64)
            found[at] += encoded.scale[rows].astype(np.float64) * question.fine_scale * fine
            lost, length = encoded.lost[rows].astype(np.float64), encoded.length[rows].astype(np.float64)
            bounds[at] = codes.bounds(lost, length, question, question.fine_lost)
        return found, bounds

    def exact(self, places: Integers) -> Doubles:
        """Return the cosines, computed from the vectors as they were embedded."""
        found = np.full(len(places), self._lowest)
        for part, at, rows in self._selection.rows(places):
            if self._codes(part) is not None:
                found[at] = codes.cosines(part.part.segment.exact(rows), self._question.exact)
        return found

    def _encoded(self, places: Integers) -> list[tuple[Codes, Integers, Integers]]:
        return [
            (encoded, at, rows)
            for part, at, rows in self._selection.rows(places)
            if (encoded := self._codes(part)) is not None
        ]

    def _codes(self, part: Selected) -> Codes | None:
        segment = part.part.segment
        return segment.codes if segment.model == self._model else None
