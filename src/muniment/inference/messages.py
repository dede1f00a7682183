"""What goes to a model and what comes back. Instructions are ours; passages are anybody's, and stay apart.

Everything in a chunk is the model's word: nothing in it may widen what its reader sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from muniment.governance.privacy.names import Names


@dataclass(frozen=True, slots=True)
class NumberedPassage:
    """An untrusted passage under the number that a model cites it by."""

    n: int
    """From 1, in order of relevance."""
    title: str
    heading: str
    text: str
    names: Names | None = None
    """Names of persons and places in it; None: nobody has labelled them, or nobody needed to ask."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A claim of an earlier reply that did not pass, and why; the claim is the model's word."""

    text: str
    """Empty for a reply that was no claim at all."""
    why: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model, over passages that its asker may read."""

    prompt: str
    """`NAME@HASH8` of the prompt file that the instructions come from."""
    instructions: str
    question: str
    passages: tuple[NumberedPassage, ...]
    boundary: str
    """Random text that fences each passage of this request."""
    form: str = ""
    """The JSON Schema of the asker's that the result is to keep to, as text; empty where claims are asked for."""
    refused: tuple[Refused, ...] = ()
    """What of an earlier reply to this request is asked for again."""
    schema: Mapping[str, object] | None = None
    """The JSON Schema that the reply is to keep to; None: any text. No endpoint is trusted to have kept to it."""
    labels: frozenset[str | None] = frozenset({None})
    """Sensitivities of what it holds of the library, None for what has no label; empty where it holds nothing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used; 0 where the endpoint does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    """In the currency of the endpoint's prices; 0 where none are set."""

    def plus(self, other: Usage) -> Usage:
        """Return the use of both."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """A claimed source: a passage's number, and words said to stand in it."""

    n: int
    quote: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence with its claimed sources; nothing about it is verified yet."""

    text: str
    marks: tuple[Mark, ...]
    inferred: bool = False
    """Whether the model says that it follows from its sources rather than stands in them."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next characters of a model's reply."""

    text: str


Chunk = TextDelta | Draft | Usage
