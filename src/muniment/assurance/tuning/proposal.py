"""What tuning found, for a person and for a program."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.assurance.evaluation.statistics.interval import CONFIDENCE
from muniment.assurance.tuning.learn import Choice
from muniment.governance.audit.entry import Json
from muniment.knowledge.retrieval.versions import Constants, Learned, Version


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over the cases, as now and as chosen without the case that is judged."""

    ndcg: tuple[float, float]
    recall: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Other constants, and whether they are proven better."""

    suite: str
    suite_digest: str
    cases: int
    present: Version
    best: Constants
    by_fold: tuple[Constants, ...]
    choice: Choice
    measured: Measured

    @property
    def proven(self) -> bool:
        """Return whether the gain is more than noise."""
        return self.choice.proven

    @property
    def learned(self) -> Learned:
        """Return what becomes a version."""
        return Learned(self.best, self.suite, self.suite_digest, self.figures)

    @property
    def figures(self) -> dict[str, Json]:
        """Return what was measured."""
        return {
            "cases": self.cases,
            "folds": len(self.by_fold),
            "ndcg@10_before": round(self.measured.ndcg[0], 4),
            "ndcg@10_after": round(self.measured.ndcg[1], 4),
            "recall@10_before": round(self.measured.recall[0], 4),
            "recall@10_after": round(self.measured.recall[1], 4),
            "gain_low": round(self.choice.low, 4),
            "gain_high": round(self.choice.high, 4),
            "confidence": CONFIDENCE,
        }

    @property
    def changes(self) -> list[tuple[str, float, float, list[float]]]:
        """Return each constant that was tried: its name, value now, best value, and the choice of each fold."""
        now, best = self.present.constants.plain, self.best.plain
        folds = [one.plain for one in self.by_fold]
        tried = [
            name for name in now if now[name] != best[name] or any(one[name] != now[name] for one in folds)
        ]
        return [(name, now[name], best[name], [one[name] for one in folds]) for name in tried]

    @property
    def verdict(self) -> str:
        """Return in words what to make of it."""
        if self.best == self.present.constants:
            return "The settings in use did best on these cases: nothing to propose."
        between = (
            f"between {self.choice.low:+.4f} and {self.choice.high:+.4f} with {CONFIDENCE:.0%} confidence"
        )
        if not self.proven:
            return f"No proposal: held out, the gain lies {between}, which may be noise."
        return f"Proposed: held out, the gain lies {between}."

    def as_json(self) -> dict[str, object]:
        """Return the proposal as JSON values."""
        return {
            "suite": self.suite,
            "suite_digest": self.suite_digest,
            "proven": self.proven,
            "verdict": self.verdict,
            "in_use": {"number": self.present.number, **self.present.constants.plain},
            "best": self.best.plain,
            "best_by_fold": [one.plain for one in self.by_fold],
            "figures": self.figures,
        }
