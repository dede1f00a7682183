"""What is counted of answers: how they ended, and which of their statements were left out."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.foundation.telemetry.instruments import Counter
from muniment.foundation.telemetry.labels import Label

_ANSWERS = Counter(
    "muniment.answers",
    "Answers, by how they ended.",
    Label("muniment.answer.status", "answered", "abstained", "refused", "stopped", "failed"),
)
_CLAIMS = Counter(
    "muniment.claims",
    "Statements of answers: given, withheld since rights had moved, or dropped, by what of them did not hold.",
    Label(
        "muniment.claim.outcome",
        *("given", "withheld", "quote", "fact", "inference", "support", "form", "not asked again"),
    ),
)


def answered(status: str, given: int, withheld: int, dropped: Mapping[str, int]) -> None:
    """Count an answer that came to its end."""
    _ANSWERS.add(1, status)
    for outcome, count in (("given", given), ("withheld", withheld), *dropped.items()):
        if count:
            _CLAIMS.add(count, outcome)


def ended(reason: str) -> None:
    """Count an answer that did not: its reader left, or it failed."""
    _ANSWERS.add(1, "stopped" if reason == "stopped" else "failed")
