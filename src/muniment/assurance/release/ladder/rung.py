"""A rung: one way of answering, what it needs and where its words go. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from muniment.assurance.evaluation.observation import Subject
from muniment.inference.catalog import QUOTES, REMOTE, Endpoint

Name = Literal["prompt", "structured", "quotes", "retrieval", "reranked", "tools", "tuned"]
TITLES: Mapping[str, str] = {
    "prompt": "prompt alone",
    "structured": "prompt with structured output",
    "quotes": "retrieval with quotes",
    "retrieval": "retrieval with a model",
    "reranked": "retrieval with a model and reranking",
    "tools": "with tools",
    "tuned": "a tuned model",
}
"""Every rung in rising complexity."""
NAMES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True, slots=True)
class Privacy:
    """Where the words of a case go."""

    hosting: str
    most_sensitive: str
    """That it may be sent."""
    place: str
    region: str = ""

    def __str__(self) -> str:
        return f"{self.hosting}, up to {self.most_sensitive}"


@dataclass(frozen=True, slots=True)
class Rung:
    """One way of answering, ready to be asked, or what it lacks."""

    name: Name
    needs: tuple[str, ...]
    subject: Subject | None = None
    """None where it is not available."""
    missing: str = ""
    """What it lacks."""
    endpoint: Endpoint | None = None

    @property
    def title(self) -> str:
        """Return what people call it."""
        return TITLES[self.name]

    @property
    def number(self) -> int:
        """Return its place, from 1."""
        return NAMES.index(self.name) + 1

    @property
    def privacy(self) -> Privacy | None:
        """Return where words go; None where no endpoint is known."""
        return None if self.endpoint is None else privacy_of(self.endpoint)


def privacy_of(endpoint: Endpoint) -> Privacy:
    """Return where the words go that an endpoint is sent."""
    place = endpoint.origin if endpoint.kind in REMOTE else "this machine"
    return Privacy(endpoint.hosting, endpoint.max_sensitivity, place, endpoint.region)


def needs_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Return what an endpoint needs to answer."""
    if endpoint.kind == QUOTES:
        return ()
    return ("language model", "network" if endpoint.kind in REMOTE else "weights of the model")
