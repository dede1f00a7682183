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
from muniment.knowledge.retrieval.codes import Doubles, Floats
from muniment.knowledge.retrieval.compiled import Loops
from muniment.knowledge.retrieval.parallel import Work, portion, together
from muniment.knowledge.retrieval.segment import Integers
from muniment.knowledge.retrieval.view import Selection


class Cosines:
    """The cosines of one question to a selection (see `certify.Estimated`)."""

    def __init__(self, selection: Selection, vector: Floats, model: str) -> None:
        self._selection = selection
        self._question = question = codes.ask(vector)
        self._layout = selection.layout
        self._codes = [one.codes if one.model == model else None for one in selection.layout.segments]
        """The codes of each segment, None where another model made them."""
        self.complete = None not in self._codes or bool(self.has.all())
        """Whether every place has a vector of this model."""
        self.rough = np.empty(selection.size, np.float32)
        self._lowest = 0.0
        lost, length = (
            selection.layout.widest.take(selection.blocks, axis=1).max(axis=1, initial=0.0).tolist()
        )
        self.bound = codes.bounds(lost, length, question, question.coarse_lost)
        """How far `rough` may be from the truth: as far as for a row that loses most and has the greatest length."""
        loops = compiled.ready()
        self._addresses = selection.layout.codes_of(model)
        together(self._in_arrays() if loops is None else self._in_loops(loops), selection.size)

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
        rows = (self._layout.rows, selection.runs.starts, selection.runs.ends, selection.places)
        asked, factor = question.coarse[0].astype(np.int16), question.coarse_scale
        size, most = selection.size, portion(selection.size)
        return [
            partial(
                loops.estimate,
                *(self._addresses, *rows, first, min(first + most, size), asked, factor, self.rough),
            )
            for first in range(0, size, most)
        ]

    def _in_arrays(self) -> list[Work]:
        most = portion(self._selection.size)
        work: list[Work] = []
        for held, part in zip(self._codes, self._selection.parts, strict=True):
            rough = self.rough[part.span]
            if held is None:
                rough[:] = 0
                continue
            for runs, place in part.runs.joined().cut(most):
                work.append(partial(scan.estimates, held, runs, self._question, rough[place]))
        return work

    def settle(self, lowest: float) -> None:
        """Give every place without a vector this cosine."""
        self.rough[~self.has] = lowest
        self._lowest = lowest

    def finer(self, places: Integers) -> tuple[Doubles, Doubles]:
        """Return better estimates of these places, and how far each may be from the truth."""
        question = self._question
        rows = self._selection.rows(places)
        found, bounds = self.rough[places].astype(np.float64), np.empty(len(places))
        loops = compiled.ready()
        if loops is not None:
            of_row = np.array(codes.bound(question, question.fine_lost))
            loops.refine(
                *(self._addresses, self._layout.rows, rows, question.fine[0], question.fine_scale),
                *(of_row, self._lowest, found, bounds),
            )
            return found, bounds
        for segment, at in self._layout.owners(rows):
            held = self._codes[segment]
            if held is None:
                found[at], bounds[at] = self._lowest, 0
                continue
            mine = rows[at] - self._layout.rows[segment]
            fine = scan.products(held.codes, mine, question.fine).astype(np.float64)
            found[at] += held.scale[mine].astype(np.float64) * question.fine_scale * fine
            lost, length = held.lost[mine].astype(np.float64), held.length[mine].astype(np.float64)
            bounds[at] = codes.bounds(lost, length, question, question.fine_lost)
        return found, bounds

    def exact(self, places: Integers) -> Doubles:
        """Return the cosines, computed from the vectors as they were embedded."""
        layout, exact = self._layout, self._question.exact
        rows = self._selection.rows(places)
        vectors = np.empty((len(places), len(exact)), np.float32)
        without: list[slice] = []
        for segment, at in layout.owners(rows):
            if self._codes[segment] is None:
                vectors[at] = 0
                without.append(at)
            else:
                layout.segments[segment].exact(rows[at] - layout.rows[segment], vectors[at])
        found = codes.cosines(vectors, exact)
        for at in without:
            found[at] = self._lowest
        return found
