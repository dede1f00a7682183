"""How sensitive a document an account may read at most, whatever access lists say.

Invariant: a label that is missing or not one of LEVELS lies above every clearance.
"""

from __future__ import annotations

LEVELS = ("public", "internal", "confidential", "restricted")
"""From least to most sensitive."""


def clears(clearance: str, label: str | None) -> bool:
    """Return whether an account of this clearance may read what has this label; "" is without a ceiling."""
    if not clearance:
        return True
    return clearance in LEVELS and label in LEVELS and LEVELS.index(label) <= LEVELS.index(clearance)


def labels_within(clearance: str) -> tuple[str, ...] | None:
    """Return the labels that an account of this clearance may read; None where it has no ceiling."""
    if not clearance:
        return None
    return LEVELS[: LEVELS.index(clearance) + 1] if clearance in LEVELS else ()


def higher(one: str | None, other: str | None) -> str | None:
    """Return the label that fewer accounts may read; the first where both hold back the same."""
    return other if _rank(other) > _rank(one) else one


def _rank(label: str | None) -> int:
    return LEVELS.index(label) if label in LEVELS else len(LEVELS)
