"""Cosines of a question to the rows that may be seen: estimated for all, exact where it matters.

Every authorised row is estimated and no other is read, so the best are the true ones and are filled from authorised
rows only.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval import codes, compiled, scan
from muniment.knowledge.retrieval.codes import Codes, Doubles, Floats
from muniment.knowledge.retrieval.compiled import Loops
from muniment.knowledge.retrieval.parallel import Work, portion, together
from muniment.knowledge.retrieval.segment import Integers
from muniment.knowledge.retrieval.view import Selection


class Cosines:
    """The cosines of one question to a selection (see `certify.Estimated`)."""

    def __init__(self, selection: Selection, vector: Floats, model: str) -> None:
        self._selection = selection
        self._question = question = codes.ask(vector)
        segments, edges = selection.layout.segments, selection.edges
        self._codes = [segment.codes if segment.model == model else None for segment in segments]
        """The codes of each segment, None where another model made them."""
        self.complete = all(
            codes is not None or first == last
            for codes, (first, last) in zip(self._codes, pairwise(edges), strict=True)
        )
        """Whether every place has a vector of this model."""
        # Written to the last place below where it is complete.
        self.rough = (np.empty if self.complete else np.zeros)(selection.size, np.float32)
        self._lowest = 0.0
        lost, length = (
            selection.layout.widest[selection.blocks].max(axis=0, initial=0.0).astype(np.float64)[:, None]
        )
        self.bound = float(codes.bounds(lost, length, question, question.coarse_lost)[0])
        """Of a row that loses most and has the greatest length."""
        loops = compiled.ready()
        work = self._in_arrays() if loops is None else self._in_loops(loops)
        together(work, selection.size)

    @property
    def has(self) -> npt.NDArray[np.bool_]:
        """Which places have a vector of this model."""
        found = np.zeros(self._selection.size, np.bool_)
        for held, (first, last) in zip(self._codes, pairwise(self._selection.edges), strict=True):
            found[first:last] = held is not None
        return found

    def _in_loops(self, loops: Loops) -> list[Work]:
        """Return the work of estimating every place, by compiled loops."""
        selection, question = self._selection, self._question
        most = portion(selection.size)
        asked, factor = question.coarse[0].astype(np.int16), question.coarse_scale
        runs = (selection.runs.starts, selection.runs.ends, selection.places)
        return [
            partial(
                loops.estimate, held.codes, held.scale, first_row, *runs, *piece, asked, factor, self.rough
            )
            for held, first_row, first, last in zip(
                self._codes, selection.layout.rows, selection.edges, selection.edges[1:], strict=False
            )
            if held is not None
            for piece in ((start, min(start + most, last)) for start in range(first, last, most))
        ]

    def _in_arrays(self) -> list[Work]:
        most = portion(self._selection.size)
        return [
            partial(scan.estimates, held, runs, self._question, self.rough[part.span][place])
            for held, part in zip(self._codes, self._selection.parts, strict=True)
            if held is not None
            for runs, place in part.runs.joined().cut(most)
        ]

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
        for held, at, rows in self._held(places):
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
        layout = self._selection.layout
        rows = self._selection.rows(places)
        for segment, at in layout.owners(rows):
            if self._codes[segment] is not None:
                vectors = layout.segments[segment].exact(rows[at] - layout.rows[segment])
                found[at] = codes.cosines(vectors, self._question.exact)
        return found

    def _held(self, places: Integers) -> list[tuple[Codes, slice, Integers]]:
        """Return, by segment, its codes, which of ascending `places` it has, and their rows there."""
        layout = self._selection.layout
        rows = self._selection.rows(places)
        return [
            (held, at, rows[at] - layout.rows[segment])
            for segment, at in layout.owners(rows)
            if (held := self._codes[segment]) is not None
        ]
