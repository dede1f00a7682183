"""What a judge is shown, what it says, and the name by which people label the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from muniment.assurance.evaluation.observation import Observation, SeenClaim
from muniment.foundation import canonical

Preference = Literal["first", "second", "tie"]
NO_ANSWER = "I do not know."
"""Stands for whatever a subject says instead of an answer, so that no subject is known by its words."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as a judge reads it: its words, and nothing of who wrote it."""

    text: str
    paths: frozenset[str]
    """Of the documents that its words come from."""
    traced: bool
    """Whether that is known of all of its words."""


def shown(seen: Observation) -> Shown:
    """Return an answer as a judge reads it; of one that has statements these, without numbers and quotes."""
    if seen.status != "answered":
        return Shown(NO_ANSWER, frozenset(), traced=True)
    if not seen.claims:
        return Shown(" ".join(seen.answer.split()), frozenset(seen.cited), traced=False)
    text = " ".join(" ".join(claim.text.split()) for claim in seen.claims)
    paths = frozenset(quote.path for claim in seen.claims for quote in claim.quotes)
    return Shown(text, paths | frozenset(seen.cited), all(map(traced, seen.claims)))


def traced(claim: SeenClaim) -> bool:
    """Return whether a statement has quotes and all of them stand."""
    return bool(claim.quotes) and all(quote.stands for quote in claim.quotes)


def pair_item(question: str, one: Shown, other: Shown) -> str:
    """Return the name of a pair of answers in this order: a digest of its words, so that a label fits no others."""
    return canonical.digest({"question": question, "answers": [one.text, other.text]})


def statement_item(claim: SeenClaim) -> str:
    """Return the name of a statement with its quotes: a digest of their words."""
    return canonical.digest({"statement": claim.text, "quotes": [quote.quote for quote in claim.quotes]})


def turned(preference: Preference) -> Preference:
    """Return a preference as it reads where the answers change places."""
    places: Mapping[Preference, Preference] = {"first": "second", "second": "first", "tie": "tie"}
    return places[preference]
