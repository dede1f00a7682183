"""Whether questions, scores and abstentions of now are those of a time of reference. Figures, and ids; no text.

For whoever can open the keys. Ids of examples are given for one reviewer, of answers that they may review alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from muniment.assistant.lineage import answer
from muniment.assurance.evaluation.statistics.many import holm
from muniment.assurance.monitoring.divergence import (
    Matrix,
    jensen_shannon,
    kernel_distance,
    mean_difference,
    ratio_difference,
)
from muniment.assurance.monitoring.numbers import ratio
from muniment.assurance.monitoring.population import Given, Period, asked_since, not_waited_for, population
from muniment.assurance.monitoring.reviewable import admitted
from muniment.assurance.monitoring.shares import Estimate, differ, share
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.inference.embedding import Embedder
from muniment.knowledge.retrieval.wording import terms

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

LEAST = 10
"""Answers of each time, below which nothing is tested."""
MOST = 300
"""Questions of each time that are looked at, drawn by chance."""
NOISE = 0.05
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that may have moved."""

    name: str
    how: str
    value: float | None
    """A distance, or how far now lies above the reference."""
    reference: Estimate | None
    now: Estimate | None
    p: float
    """Corrected for all tests together."""
    n: int
    m: int
    """Answers of the reference and of now that it rests on."""

    @property
    def moved(self) -> bool:
        """Return whether that is more than noise."""
        return self.p < NOISE

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "name": self.name,
            "how": self.how,
            "value": None if self.value is None else round(self.value, 6),
            "reference": self.reference.as_json() if self.reference else None,
            "now": self.now.as_json() if self.now else None,
            "p": round(self.p, 6),
            "moved": self.moved,
            "n_reference": self.n,
            "n_now": self.m,
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """What has moved."""

    reference: Period
    now: Period
    tests: tuple[Compared, ...]
    examples: tuple[str, ...]
    """Answers of now whose questions are furthest from the reference, as far as one reviewer may review them."""

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "reference": {"since": self.reference.since, "until": self.reference.until},
            "now": {"since": self.now.since, "until": self.now.until},
            "tests": [one.as_json() for one in self.tests],
            "examples": list(self.examples),
        }


class Drifts:
    """Compares two times of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        clock: Clock,
        embedder: Callable[[], Embedder | None],
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock
        self._embedder = embedder

    def of(self, span: timedelta, reference: timedelta, who: Principal | None, by: Actor) -> Drift:
        """Compare the last `span` with the time `reference` before it; with `who`, give examples for them.

        Raises BadInput where one of the two times has too few answers, NotPermitted where `who` may not review.
        """
        end = self._clock.now()
        now, before = Period.of(end, span), Period.of(end - span, reference)
        others = not_waited_for(asked_since(self._audit, before.since))
        a, b = (population(self._database, one, others) for one in (before, now))
        if min(len(a), len(b)) < LEAST:
            raise BadInput(
                f"There are {len(a)} answers of the reference and {len(b)} of now; each needs {LEAST}.",
                fix="Take longer times with --since and --reference.",
            )
        seed = len(a) * 1_000_003 + len(b)
        some_a, some_b = _some(a, seed), _some(b, seed)
        questions, far = self._questions(some_a, some_b, seed)
        tests = _corrected([questions, *_scores(a, b, seed)])
        examples = self._examples(far, who, by) if who is not None else ()
        about: dict[str, Json] = {"what": "drift", "since": now.since, "examples": list(examples)}
        about |= {"principal": who.ref} if who else {}
        self._audit.record([Entry("monitoring.read", by, about)])
        return Drift(before, now, tests, examples)

    def _questions(self, a: Sequence[Given], b: Sequence[Given], seed: int) -> tuple[Compared, list[str]]:
        """Compare questions, and return the answers of now by how far theirs are from the reference."""
        texts = self._texts([one.id for one in (*a, *b)])
        known_a, known_b = ([one.id for one in some if one.id in texts] for some in (a, b))
        embedder = self._embedder()
        if embedder is not None:
            rows_a, rows_b = (_rows(embedder, [texts[one] for one in ids]) for ids in (known_a, known_b))
            found = kernel_distance(rows_a, rows_b, seed)
            far = list(-(rows_b @ rows_a.mean(axis=0)))
        else:
            words_a, words_b = ([terms(texts[one]) for one in ids] for ids in (known_a, known_b))
            found = jensen_shannon(words_a, words_b, seed)
            usual = {word for text in words_a for word in text}
            far = [sum(word not in usual for word in text) / max(1, len(text)) for text in words_b]
        order = sorted(range(len(known_b)), key=lambda at: (-far[at], known_b[at]))
        test = Compared("questions", found.how, found.value, None, None, found.p, found.n, found.m)
        return test, [known_b[at] for at in order]

    def _texts(self, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._database.read() as connection:
            for start in range(0, len(ids), 500):
                some = answer.c.id.in_(ids[start : start + 500])
                rows = connection.execute(sa.select(answer.c.id, answer.c.question).where(some))
                found |= {row.id: row.question for row in rows}
        return found

    def _examples(self, far: Sequence[str], who: Principal, by: Actor) -> tuple[str, ...]:
        found: list[str] = []
        with self._gate.recorded(by), self._database.read() as connection:
            reviewer = admitted(connection, self._policy, who)
            for one in far:
                if len(found) < _EXAMPLES and reviewer.may_review(one):
                    found.append(one)
        return tuple(found)


def scores_moved(a: Sequence[Given], b: Sequence[Given]) -> tuple[Compared, ...]:
    """Return whether scores and abstentions have moved from `a` to `b`; nothing where either has too few answers."""
    if min(len(a), len(b)) < LEAST:
        return ()
    return _corrected(_scores(a, b, len(a) * 1_000_003 + len(b)))


def _rows(embedder: Embedder, texts: Sequence[str]) -> Matrix:
    return np.stack([embedder.embed_query(text) for text in texts]).astype(np.float64)


def _some(answers: Sequence[Given], seed: int) -> Sequence[Given]:
    return answers if len(answers) <= MOST else random.Random(seed).sample(list(answers), MOST)


def _scores(a: Sequence[Given], b: Sequence[Given], seed: int) -> list[Compared]:
    n, m = len(a), len(b)
    silent_a, silent_b = (sum(one.status == "abstained" for one in some) for some in (a, b))
    dropped_a, dropped_b = (
        [(one.unverified, one.unverified + one.released) for one in some] for some in (a, b)
    )
    best_a, best_b = ([one.score for one in _some(some, seed) if one.score is not None] for some in (a, b))
    shares = share(silent_a, n), share(silent_b, m)
    ratios = ratio(dropped_a), ratio(dropped_b)
    tests = [
        Compared("abstained", "shares", _gap(*shares), *shares, differ(silent_a, n, silent_b, m), n, m),
        Compared(
            "statements left out",
            "ratios",
            _gap(*ratios),
            *ratios,
            ratio_difference(dropped_a, dropped_b, seed),
            n,
            m,
        ),
    ]
    if min(len(best_a), len(best_b)) >= LEAST:
        moved = mean_difference(best_a, best_b, seed)
        tests.insert(0, Compared("best score", moved.how, moved.value, None, None, moved.p, moved.n, moved.m))
    return tests


def _gap(reference: Estimate, now: Estimate) -> float | None:
    return None if reference.value is None or now.value is None else now.value - reference.value


def _corrected(tests: Sequence[Compared]) -> tuple[Compared, ...]:
    corrected = holm([one.p for one in tests])
    return tuple(
        Compared(one.name, one.how, one.value, one.reference, one.now, p, one.n, one.m)
        for one, p in zip(tests, corrected, strict=True)
    )
