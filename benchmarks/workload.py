"""A synthetic company for benchmarks: chunks in folders that share an access list, readers, and hard questions.

Vectors are a mixture of 256 topics in 64 departments, 384 dimensions, normalised. A folder has 50 chunks of one topic
and one access list of 1 to 20 of 1,000 groups: often its department, teams of the department, sometimes others.
Readers hold as many groups as it takes to read about 43, 9, 1 and 0.1 % of all chunks. Each asks questions near what
they may read (correlated) and questions inside topics where they may read least (adversarial), each with three words
that stand in about 17 % down to 0.05 % of the chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

DIMENSIONS = 384
FOLDER = 50
SHARES = (0.43, 0.09, 0.01, 0.001)
_TOPICS, _DEPARTMENTS, GROUPS, _OWN = 256, 64, 1000, 64
_WORDS, _LENGTH = 30_000, 60
_READERS, _QUESTIONS = 4, 6
_ASKED = (30, 75, 200, 540, 1400, 2800, 4700)
"""Ranks of the words that are asked for."""
_AT_ONCE = 200
"""Folders whose chunks are scored at a time."""
_SAME = 1e-6
"""Scores closer than this are one: float32 cannot tell them apart."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with groups, and the share of all chunks that these let them read."""

    name: str
    groups: tuple[int, ...]
    share: float
    aim: float


@dataclass(frozen=True, slots=True)
class Question:
    """A vector and three words that a reader asks with."""

    reader: int
    adversarial: bool
    vector: npt.NDArray[np.float32]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the best rows of a question are."""

    count: int
    """How many there are: k, or fewer where the reader may read fewer."""
    rows: frozenset[int]
    """The best, with every row whose score equals the last one's."""

    def recall(self, found: Sequence[int]) -> float:
        """Return which share of the best was found."""
        return min(self.count, len(self.rows & set(found))) / self.count


class Workload:
    """The company of so many chunks; the same for the same number and shares."""

    def __init__(self, rows: int, shares: Sequence[float] = SHARES) -> None:
        self.folders = rows // FOLDER
        self.rows = self.folders * FOLDER
        self._rng = np.random.default_rng(7)
        rng = self._rng
        self._centres = _unit(rng.standard_normal((_TOPICS, DIMENSIONS)))
        self._bases = rng.standard_normal((_DEPARTMENTS, _OWN, DIMENSIONS)) / np.sqrt(DIMENSIONS)
        self._topics = rng.choice(_TOPICS, self.folders, p=_zipf(_TOPICS, 0.7))
        self._home = rng.integers(0, _DEPARTMENTS, GROUPS)
        self.access = [self._access(int(topic) % _DEPARTMENTS) for topic in self._topics]
        self._reads = np.zeros((GROUPS, self.folders), np.bool_)
        for folder, groups in enumerate(self.access):
            self._reads[list(groups), folder] = True
        self.readers = [self._reader(share, number) for share in shares for number in range(_READERS)]
        self.questions = [one for at in range(len(self.readers)) for one in self._ask(at)]

    def folder(self, number: int) -> npt.NDArray[np.float32]:
        """Return the vectors of one folder's chunks."""
        rng = np.random.default_rng([11, number])
        return self._near(int(self._topics[number]), FOLDER, rng).astype(np.float32)

    def texts(self, number: int) -> list[str]:
        """Return the texts of one folder's chunks: words by Zipf's law."""
        rng = np.random.default_rng([13, number])
        words = np.minimum(rng.zipf(1.15, (FOLDER, _LENGTH)), _WORDS)
        return [" ".join(f"w{word}" for word in chunk) for chunk in words.tolist()]

    def readable(self, reader: Reader) -> npt.NDArray[np.bool_]:
        """Return which folders a reader may read."""
        return self._reads[list(reader.groups)].any(axis=0)

    def size(self, reader: Reader) -> int:
        """Return how many chunks a reader may read."""
        return int(self.readable(reader).sum()) * FOLDER

    def store(self, file: Path) -> npt.NDArray[np.float32]:
        """Write every vector to a new file and return them, read from it as needed."""
        vectors = np.lib.format.open_memmap(file, "w+", np.float32, (self.rows, DIMENSIONS))
        for number in range(self.folders):
            vectors[number * FOLDER : (number + 1) * FOLDER] = self.folder(number)
        vectors.flush()
        return vectors

    def truth(self, vectors: npt.NDArray[np.float32], k: int) -> list[Truth]:
        """Return the best `k` readable rows of every question, each score a sum in float64."""
        asked = np.stack([question.vector for question in self.questions]).astype(np.float64)
        reads = np.stack([self.readable(self.readers[question.reader]) for question in self.questions])
        scores = np.full((len(asked), 0), -np.inf)
        rows = np.zeros((len(asked), 0), np.int64)
        for start in range(0, self.folders, _AT_ONCE):
            folders = slice(start, min(start + _AT_ONCE, self.folders))
            first, last = folders.start * FOLDER, folders.stop * FOLDER
            found = asked @ vectors[first:last].astype(np.float64).T
            found[~np.repeat(reads[:, folders], FOLDER, axis=1)] = -np.inf
            scores = np.concatenate([scores, found], axis=1)
            rows = np.concatenate(
                [rows, np.broadcast_to(np.arange(first, last), (len(asked), last - first))], axis=1
            )
            kept = np.argpartition(-scores, 2 * k, axis=1)[:, : 2 * k]
            scores, rows = np.take_along_axis(scores, kept, 1), np.take_along_axis(rows, kept, 1)
        return [_truth(one, which, k) for one, which in zip(scores, rows, strict=True)]

    def _access(self, department: int) -> tuple[int, ...]:
        rng = self._rng
        found = {department} if rng.random() < 0.6 else set()
        teams = _OWN + np.flatnonzero(self._home[_OWN:] == department)
        count = min(len(teams), 18, int(rng.geometric(0.3)))
        if count:
            found |= {int(team) for team in rng.choice(teams, count, replace=False)}
        if rng.random() < 0.25 or not found:
            found |= {int(group) for group in rng.integers(_OWN, GROUPS, rng.integers(1, 3))}
        return tuple(sorted(found))

    def _reader(self, aim: float, number: int) -> Reader:
        best: tuple[float, tuple[int, ...], float] | None = None
        for _ in range(40):
            groups = self._rng.permutation(GROUPS if aim >= 0.05 else np.arange(_OWN, GROUPS))
            held: list[int] = []
            reads = np.zeros(self.folders, np.bool_)
            for group in groups.tolist():
                more = reads | self._reads[group]
                if more.mean() <= aim * 1.15:
                    held.append(group)
                    reads = more
                if reads.mean() >= aim * 0.85 or len(held) >= 400:
                    break
            off = abs(np.log((reads.mean() + 1e-9) / aim))
            if best is None or off < best[0]:
                best = (float(off), tuple(held), float(reads.mean()))
        assert best is not None
        return Reader(f"reader{aim}x{number}", best[1], best[2], aim)

    def _ask(self, at: int) -> Iterator[Question]:
        reads = self.readable(self.readers[at])
        mine = np.flatnonzero(reads)
        total = np.maximum(np.bincount(self._topics, minlength=_TOPICS), 1)
        share = np.bincount(self._topics[mine], minlength=_TOPICS) / total
        far = np.argsort(share, kind="stable")[:20]
        for number in range(2 * _QUESTIONS):
            adversarial = number >= _QUESTIONS
            topic = int(self._rng.choice(far) if adversarial else self._topics[self._rng.choice(mine)])
            vector = self._near(topic, 1, self._rng)[0].astype(np.float32)
            yield Question(at, adversarial, vector, three_words([17, at, number]))

    def _near(self, topic: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        basis = self._bases[topic % _DEPARTMENTS]
        spread = 0.13 * rng.standard_normal((count, _OWN)) @ basis
        return _unit(self._centres[topic] + spread + 0.025 * rng.standard_normal((count, DIMENSIONS)))


def three_words(seed: list[int]) -> tuple[str, ...]:
    """Return three different words, common to rare."""
    return tuple(f"w{rank}" for rank in np.random.default_rng(seed).choice(_ASKED, 3, replace=False).tolist())


def _truth(scores: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], k: int) -> Truth:
    """Return the truth of one question from its best rows, in any order."""
    ranked = np.sort(scores[np.isfinite(scores)])[::-1]
    count = min(k, len(ranked))
    return Truth(count, frozenset(rows[scores >= ranked[count - 1] - _SAME].tolist()))


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _zipf(size: int, power: float) -> npt.NDArray[np.float64]:
    weights = 1 / np.arange(1, size + 1) ** power
    return weights / weights.sum()
