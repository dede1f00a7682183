"""How far a judge agrees with people beyond chance, and whether that is enough for its word to count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from muniment.assurance.kappa import beyond, chance_of

LEAST_KAPPA = 0.6
LEAST_LABELS = 50
_Z = 1.959964
"""Of an interval that holds the truth in 95 of 100."""
_SILENT = "no verdict"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cohen's kappa of a judge and people, with its interval of 95 %."""

    kappa: float
    low: float
    high: float
    labels: int
    """Items that people labelled and that the judge was asked about."""
    alike: int
    """Of these, those on which they agree."""

    @property
    def enough(self) -> bool:
        """Return whether the judge counts."""
        return self.kappa >= LEAST_KAPPA and self.labels >= LEAST_LABELS

    @property
    def said(self) -> str:
        """Return the figures as reports state them."""
        return f"kappa {self.kappa:.2f} ({self.low:.2f} to {self.high:.2f}, {self.labels} labels)"


def agreement(labels: Mapping[str, str], judgements: Mapping[str, str | None]) -> Agreement:
    """Return how far judgements agree with labels, by item; None is a judgement that agrees with no label.

    Only items in both count. Where chance alone would have both agree on everything, kappa is 0: nothing was shown.
    The interval is Wilson's of the share that agrees, at the chance that was seen.
    """
    pairs = [
        (labels[item], judgements[item] or _SILENT) for item in sorted(labels.keys() & judgements.keys())
    ]
    count, alike = len(pairs), sum(label == judged for label, judged in pairs)
    chance = chance_of(pairs)
    if chance >= 1.0:
        return Agreement(0.0, -1.0, 1.0, count, alike)
    low, high = _interval(alike, count)
    kappa, least, most = (beyond(chance, share) for share in (alike / count, low, high))
    return Agreement(kappa, max(least, -1.0), min(most, 1.0), count, alike)


def counted(
    scores: Mapping[str, float], measured: Agreement | None, judge: str
) -> tuple[Mapping[str, float], str]:
    """Return a judge's scores with a note; without the scores until it was measured and agrees with people."""
    if measured is not None and measured.enough:
        return scores, f"{judge} as judge agrees with people: {measured.said}."
    known = "it was not measured" if measured is None else measured.said
    needed = f"at least {LEAST_KAPPA:g} on at least {LEAST_LABELS} labels"
    return {}, f"What {judge} judged is left out: {known}; needed is a kappa of {needed}."


def _interval(alike: int, count: int) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    share, squared = alike / count, _Z**2
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    reach = _Z * math.sqrt(share * (1 - share) / count + squared / (4 * count**2)) / (1 + squared / count)
    # Where all or none agree, rounding must not leave the share outside.
    return max(min(middle - reach, share), 0.0), min(max(middle + reach, share), 1.0)
