"""What a ladder would ask, before anything is asked: calls, cost and where words would go; no I/O.

The figures are guesses from the lengths of texts, a token for four characters, and are said to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.release.ladder.rung import Name, Rung
from muniment.inference.catalog import QUOTES, Endpoint

_MILLION = 1_000_000
_PASSAGES = 9_000
"""Characters of what stands beside a question."""
_INSTRUCTIONS = 1_500
_REPLY = 150
"""Tokens."""
_TURNS = 4
"""Of a task."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What one rung would ask."""

    rung: Name
    title: str
    calls: int
    """Of a language model, about."""
    prompt_tokens: int
    completion_tokens: int
    cost: float
    place: str
    """Where words would go; empty where nothing is known of it."""
    hosting: str
    most_sensitive: str
    needs: tuple[str, ...]
    missing: str

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


def planned(suite: Suite, rungs: Sequence[Rung]) -> tuple[Planned, ...]:
    """Return what each rung would ask of a suite."""
    return tuple(_planned(suite, rung) for rung in rungs)


def _planned(suite: Suite, rung: Rung) -> Planned:
    privacy = rung.privacy
    calls = read = written = 0
    if rung.subject is not None and rung.endpoint is not None and rung.endpoint.kind != QUOTES:
        each = _TURNS if rung.name == "tools" else 1
        calls = each * len(suite.cases)
        beside = 0 if rung.name in ("prompt", "structured") else _PASSAGES
        asked = sum(len(case.question) for case in suite.cases)
        read = (each * asked + calls * (_INSTRUCTIONS + beside)) // 4
        written = calls * _REPLY
    return Planned(
        rung=rung.name,
        title=rung.title,
        calls=calls,
        prompt_tokens=read,
        completion_tokens=written,
        cost=_cost(rung.endpoint, read, written),
        place="" if privacy is None else privacy.place,
        hosting="" if privacy is None else privacy.hosting,
        most_sensitive="" if privacy is None else privacy.most_sensitive,
        needs=rung.needs,
        missing=rung.missing,
    )


def _cost(endpoint: Endpoint | None, read: int, written: int) -> float:
    if endpoint is None:
        return 0.0
    return (read * endpoint.prompt_price + written * endpoint.completion_price) / _MILLION
