"""Answers without a language model: the sentences of the passages that support an answer best, verbatim.

It says what it is. It abstains when nothing reaches the threshold of its calibration, which anyone can repeat
on their own documents with benchmarks/calibrate_quotes.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from muniment.inference.embedding import Embedder
from muniment.inference.messages import Chunk, Draft, Mark, Request, Usage
from muniment.inference.providers.evidence import Weighed, spoken, weigh
from muniment.inference.providers.provider import Budget
from muniment.inference.reranking import Reranker

NOTE = "Quoted from your documents without a language model."
MOST_SENTENCES = 3
JUDGED_PIECES = 8
"""Pieces that a cross-encoder reads; each takes it about as long as a passage takes the embedder."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of a logistic rule over what `evidence` measures, and where to stop."""

    cosine: float
    own: float
    near: float
    around: float
    fits: float
    rank: float
    judged: float
    bias: float
    threshold: float
    """A best piece below this probability is an abstention."""
    further: float
    """A second or third piece must reach this share of the best one's probability."""

    def probability(self, weighed: Weighed) -> float:
        """Return how likely the piece answers the question, from 0 to 1."""
        z = (
            self.cosine * weighed.cosine
            + self.own * weighed.own
            + self.near * weighed.near
            + self.around * weighed.around
            + self.fits * weighed.fits
            + self.rank * weighed.rank
            + self.judged * weighed.judged
            + self.bias
        )
        if weighed.stale:
            z -= _STALE
        if weighed.order:
            z -= _ORDER
        return 1 / (1 + math.exp(-z))


FIRST_LOOK = Calibration(12.0, 2.0, 2.0, 1.0, 1.0, 0.5, 0.0, -13.0, 0.0, 0.75)
"""Chooses the pieces that are put to the cross-encoder."""
WITH_RERANKER = Calibration(3.05, 0.0, 4.16, -0.7, 0.56, 3.12, 2.52, -8.4, 0.74, 0.75)
WITH_VECTORS = Calibration(4.85, 1.39, 5.33, -0.76, 1.07, 4.28, 0.0, -9.68, 0.935, 0.75)
WORDS_ONLY = Calibration(0.0, 1.73, 6.17, -0.98, 1.22, 4.84, 0.0, -7.36, 0.966, 0.75)
"""Fitted by benchmarks/calibrate_quotes.py on the odd cases of evals/sample."""
_STALE = 2.0
"""A superseded document's piece loses to an equal one of a current document."""
_ORDER = 4.0


class Quotes:
    """The built-in provider."""

    def __init__(self, embedder: Embedder | None, reranker: Reranker | None = None) -> None:
        """The cross-encoder takes part only beside vectors."""
        self._embedder = embedder
        self._reranker = reranker if embedder else None
        if embedder is None:
            self._calibration = WORDS_ONLY
        else:
            self._calibration = WITH_RERANKER if reranker else WITH_VECTORS

    def complete(self, request: Request, budget: Budget) -> Iterator[Chunk]:
        """Yield one draft per chosen piece, in the order of `choose`; none is an abstention."""
        weighed = weigh(request.question, request.passages, self._embedder)
        if self._reranker is not None:
            weighed = judge(request.question, weighed, self._reranker)
        for chosen in choose(weighed, self._calibration):
            yield _draft(chosen)
        yield Usage()


def judge(question: str, weighed: Sequence[Weighed], reranker: Reranker) -> list[Weighed]:
    """Return the most promising pieces with the cross-encoder's opinion of each."""
    first = sorted(weighed, key=lambda one: (-FIRST_LOOK.probability(one), one.passage.n, one.piece.start))
    head = first[:JUDGED_PIECES]
    if not head:
        return []
    scores = reranker.score(question, [spoken(one.passage, one.piece, one.text) for one in head])
    opinions = [1 / (1 + math.exp(-(float(score) - 1) / 3)) for score in scores]
    return [replace(one, judged=opinion) for one, opinion in zip(head, opinions, strict=True)]


def choose(weighed: Sequence[Weighed], calibration: Calibration) -> list[Weighed]:
    """Return the pieces to quote; empty when the best is below the threshold.

    The best piece's passage comes first, and within a passage they stand in reading order.
    """
    scored = sorted(
        ((calibration.probability(one), one) for one in weighed),
        key=lambda pair: (-pair[0], pair[1].passage.n, pair[1].piece.start),
    )
    if not scored or scored[0][0] < calibration.threshold:
        return []
    best = scored[0][0]
    chosen: list[Weighed] = []
    for probability, one in scored:
        if probability < max(calibration.threshold, best * calibration.further):
            break
        if not any(_same(one.text, other.text) for other in chosen):
            chosen.append(one)
        if len(chosen) == MOST_SENTENCES:
            break
    return _in_reading_order(chosen)


def _in_reading_order(chosen: Sequence[Weighed]) -> list[Weighed]:
    """Return the pieces by passage, the best one's first, each passage as it is written."""
    best_first = list(dict.fromkeys(one.passage.n for one in chosen))
    return sorted(chosen, key=lambda one: (best_first.index(one.passage.n), one.piece.start))


def _same(one: str, other: str) -> bool:
    """Near-duplicates of a text in another document add nothing."""
    a, b = set(one.casefold().split()), set(other.casefold().split())
    return len(a & b) >= 0.8 * max(1, min(len(a), len(b)))


def _draft(chosen: Weighed) -> Draft:
    passage, piece = chosen.passage, chosen.piece
    if piece.header is None:
        text = "; ".join(_cells(chosen.text)) if piece.kind == "row" else chosen.text
        return Draft(text, (Mark(passage.n, chosen.text),))
    header = passage.text[slice(*piece.header)]
    names, cells = _cells(header), _cells(chosen.text)
    if len(names) != len(cells):
        return Draft(chosen.text, (Mark(passage.n, chosen.text),))
    text = "; ".join(f"{name}: {cell}" for name, cell in zip(names, cells, strict=True) if cell)
    if piece.start - piece.header[1] <= 1:
        return Draft(text, (Mark(passage.n, passage.text[piece.header[0] : piece.end]),))
    return Draft(text, (Mark(passage.n, chosen.text), Mark(passage.n, header)))


def _cells(row: str) -> list[str]:
    separator = "\t" if "\t" in row and "|" not in row else "|"
    return [cell.strip() for cell in row.strip().strip("|").split(separator)]
