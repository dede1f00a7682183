"""What feedback says of all answers once it is known who gives it and how far it is right. No I/O.

Feedback is self-selected: whoever gives it differs from whoever does not, and `useful` is not `right`. Two things are
mended, one after the other: cells of answers are weighted as they stand in the whole (1 over the share of them that
got feedback), and what reviewers said of answers with feedback turns useful and not useful into right and wrong.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from muniment.assurance.monitoring.population import Given
from muniment.assurance.monitoring.shares import Estimate, share, wilson
from muniment.governance.audit.entry import Json

LEAST_ANCHORS = 10
"""Reviewed answers of each kind, useful and not, below which feedback is not turned into quality."""
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class FeedbackFigures:
    """What feedback says, as it is and mended."""

    given: Estimate
    """Share of answers that got feedback."""
    naive: Estimate
    """Share of feedback that says useful."""
    reweighted: Estimate
    """The same with cells of answers as they stand in the whole."""
    covered: float
    """Part of the answers that lies in cells with feedback."""
    anchored: Estimate
    """Share of right answers that follows from it by what reviewers said of answers with feedback."""
    anchors: tuple[int, int]
    """Reviewed answers that were said to be useful, and not."""

    def as_json(self) -> dict[str, Json]:
        """Return them as one JSON object."""
        return {
            "given": self.given.as_json(),
            "naive": self.naive.as_json(),
            "reweighted": self.reweighted.as_json(),
            "covered": round(self.covered, 6),
            "anchored": self.anchored.as_json(),
            "anchors": {"useful": self.anchors[0], "not_useful": self.anchors[1]},
        }


def feedback_figures(answers: Sequence[Given], right: Mapping[str, float], seed: int) -> FeedbackFigures:
    """Return what feedback on `answers` says; `right` holds how far reviewers found an answer right, by its id."""
    said = [one for one in answers if one.useful is not None]
    useful = sum(bool(one.useful) for one in said)
    cells = Counter(one.cell for one in answers)
    groups: defaultdict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for one in said:
        groups[one.cell].append(bool(one.useful))
    inside = sum(cells[cell] for cell in groups)
    known = [
        (bool(one.useful), cells[one.cell] / len(groups[one.cell]), right[one.id])
        for one in said
        if one.id in right
    ]
    yes, no = (
        [(weight, value) for useful, weight, value in known if useful is kind] for kind in (True, False)
    )
    parts = [(cells[cell] / inside, np.array(votes, float)) for cell, votes in sorted(groups.items())]
    return FeedbackFigures(
        given=share(len(said), len(answers)),
        naive=share(useful, len(said)),
        reweighted=_reweighted(parts, len(said)),
        covered=inside / len(answers) if answers else 0.0,
        anchored=_anchored(parts, yes, no, seed),
        anchors=(len(yes), len(no)),
    )


_Parts = Sequence[tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]]]
"""Of each cell: its part of the answers, and what was said there."""
_Weighted = Sequence[tuple[float, float]]
"""Of each reviewed answer with feedback: for how many of its cell it stands, and how far it is right."""


def _reweighted(parts: _Parts, n: int) -> Estimate:
    if not n:
        return Estimate(None, None, None, 0)
    value = min(1.0, float(sum(weight * votes.mean() for weight, votes in parts)))
    low, high = wilson(value, 1 / sum(weight**2 / len(votes) for weight, votes in parts))
    return Estimate(value, low, high, n)


def _anchored(parts: _Parts, yes: _Weighted, no: _Weighted, seed: int) -> Estimate:
    n = len(yes) + len(no)
    if min(len(yes), len(no)) < LEAST_ANCHORS:
        return Estimate(None, None, None, n)
    random = np.random.default_rng(seed)
    useful = float(sum(weight * votes.mean() for weight, votes in parts))
    value = useful * _mean(yes) + (1 - useful) * _mean(no)
    # Each cell and each kind of anchor is drawn anew by itself, with a half added on either side against certainty.
    drawn = np.zeros(_RESAMPLES)
    for weight, votes in parts:
        drawn += weight * _redrawn(random, float(votes.mean()), len(votes))
    of_yes, of_no = (_redrawn(random, _mean(some), _as_many(some)) for some in (yes, no))
    low, high = np.quantile(drawn * of_yes + (1 - drawn) * of_no, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value), n)


def _redrawn(
    random: np.random.Generator, mean: float, n: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return random.beta(mean * n + 0.5, (1 - mean) * n + 0.5, _RESAMPLES)


def _mean(some: _Weighted) -> float:
    return sum(weight * value for weight, value in some) / sum(weight for weight, _ in some)


def _as_many(some: _Weighted) -> float:
    """Return how many equal cases would be as exact (Kish)."""
    return sum(weight for weight, _ in some) ** 2 / sum(weight**2 for weight, _ in some)
