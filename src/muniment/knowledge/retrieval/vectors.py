"""Cosines of a question to the rows that may be seen: estimated for all, exact where it matters.

Every authorised row is estimated and no other is read, so the best are the true ones and are filled from authorised
rows only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval import codes, compiled, scan
from muniment.knowledge.retrieval.codes import Codes, Doubles, Floats
from muniment.knowledge.retrieval.parallel import Work, portion, together
from muniment.knowledge.retrieval.scan import Runs
from muniment.knowledge.retrieval.segment import Integers
from muniment.knowledge.retrieval.view import Selected, Selection


class Cosines:
    """The cosines of one question to a selection (see `certify.Estimated`)."""

    def __init__(self, selection: Selection, vector: Floats, model: str) -> None:
        self._selection = selection
        self._model = model
        self._question = codes.ask(vector)
        self.complete = all(self._codes(part) is not None for part in selection.parts if len(part.places))
        """Whether every place has a vector of this model."""
        # Written to the last place below where it is complete.
        self.rough = (np.empty if self.complete else np.zeros)(selection.size, np.float32)
        self.bound = 0.0
        self._lowest = 0.0
        work: list[Work] = []
        most = portion(selection.size)
        widest = np.zeros(2, np.float32)
        for part, span in selection.spans():
            encoded = self._codes(part)
            if encoded is None or span.start == span.stop:
                continue
            every = part.runs if compiled.ready() else part.runs.joined()
            for runs, place in every.cut(most):
                work.append(
                    self._estimate(encoded, runs, slice(span.start + place.start, span.start + place.stop))
                )
            widest = np.maximum(widest, part.part.segment.widest[part.blocks].max(axis=0))
        if work:
            lost, length = widest.astype(np.float64)[:, None]
            self.bound = float(codes.bounds(lost, length, self._question, self._question.coarse_lost)[0])
        together(work, selection.size)

    @property
    def has(self) -> npt.NDArray[np.bool_]:
        """Which places have a vector of this model."""
        found = np.zeros(self._selection.size, np.bool_)
        for part, span in self._selection.spans():
            found[span] = self._codes(part) is not None
        return found

    def _estimate(self, encoded: Codes, runs: Runs, places: slice) -> Work:
        return lambda: scan.estimates(encoded, runs, self._question, self.rough[places])

    def settle(self, lowest: float) -> None:
        """Give every place without a vector this cosine."""
        self.rough[~self.has] = lowest
        self._lowest = lowest

    def finer(self, places: Integers) -> tuple[Doubles, Doubles]:
        """Return better estimates of these places, and how far each may be from the truth."""
        question = self._question
        found, bounds = np.full(len(places), self._lowest), np.zeros(len(places))
        loops = compiled.ready()
        of_row = np.array(codes.bound(question, question.fine_lost))
        for part, at, rows in self._selection.rows(places):
            held = self._codes(part)
            if held is None:
                continue
            found[at] = self.rough[places[at]]
            if loops is not None:
                loops.refine(
                    *(held.codes, held.scale, held.lost, held.length, rows, question.fine[0]),
                    *(question.fine_scale, of_row, found[at], bounds[at]),
                )
                continue
            fine = scan.products(held.codes, rows, question.fine).astype(np.float64)
            found[at] += held.scale[rows].astype(np.float64) * question.fine_scale * fine
            lost, length = held.lost[rows].astype(np.float64), held.length[rows].astype(np.float64)
            bounds[at] = codes.bounds(lost, length, question, question.fine_lost)
        return found, bounds

    def exact(self, places: Integers) -> Doubles:
        """Return the cosines, computed from the vectors as they were embedded."""
        found = np.full(len(places), self._lowest)
        parts = [one for one in self._selection.rows(places) if self._codes(one[0]) is not None]
        if parts:
            vectors = [part.part.segment.exact(rows) for part, _, rows in parts]
            every = codes.cosines(np.concatenate(vectors), self._question.exact)
            done = 0
            for _, at, rows in parts:
                found[at] = every[done : done + len(rows)]
                done += len(rows)
        return found

    def _codes(self, part: Selected) -> Codes | None:
        segment = part.part.segment
        return segment.codes if segment.model == self._model else None
