"""What an ask gives back: claims as they are released, and the answer at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from muniment.governance.audit.entry import Json
from muniment.inference.messages import Usage

Status = Literal["answered", "abstained", "refused"]

NOTHING_FOUND = "I found nothing that you may read about this."
"""The same words whether hidden documents hold the answer or none does."""
WITHDRAWN = "Your access changed while this was being answered, so the rest is withheld."

INFERRED = " (inferred)"


@dataclass(frozen=True, slots=True)
class Citation:
    """Words that stand in a document, verbatim."""

    n: int
    """From 1, in order of first appearance in the answer."""
    document: str
    title: str
    version: int
    page: int | None
    span: tuple[int, int]
    """Characters of that version's text, end exclusive; `quote` is exactly these."""
    quote: str
    sensitivity: str | None = None
    """The document's label when the passage was found; None where it had none."""

    def as_json(self) -> dict[str, Json]:
        """Return the citation as the public contract spells it."""
        return {
            "n": self.n,
            "document": self.document,
            "title": self.title,
            "version": self.version,
            "page": self.page,
            "span": list(self.span),
            "quote": self.quote,
            "sensitivity": self.sensitivity,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence whose citations were verified and whose reader may read them at this moment."""

    text: str
    citations: tuple[Citation, ...]
    inferred: bool = False
    """Whether it follows from its citations rather than stands in them."""

    def as_json(self) -> dict[str, Json]:
        """Return the claim with the numbers of its citations."""
        cited: list[Json] = [{"n": n} for n in dict.fromkeys(c.n for c in self.citations)]
        return {"text": self.text, "inferred": self.inferred, "citations": cited}


@dataclass(frozen=True, slots=True)
class Nearest:
    """A document that comes closest to a question without answering it."""

    document: str
    title: str

    def as_json(self) -> dict[str, Json]:
        """Return it as the public contract spells it."""
        return {"document": self.document, "title": self.title}


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole reply to one question."""

    id: str
    status: Status
    answer: str
    """Released claims, each followed by its `[n]`; or the sentence that says why there are none."""
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    lineage: Mapping[str, Json]
    usage: Usage
    took_ms: float
    notes: tuple[str, ...]
    nearest: tuple[Nearest, ...] = ()
    """Where nothing was answered: documents that the reader may open, best first."""
    result: Json = None
    """Of an answer in a schema: what keeps to it; its values are the claims."""
    conversation: str = ""
    """Which one it is a turn of, if any."""
    standalone: str = ""
    """What was answered in the place of a follow-up."""

    def as_json(self) -> dict[str, Json]:
        """Return the answer as the public contract spells it."""
        return {
            "id": self.id,
            "status": self.status,
            "answer": self.answer,
            "claims": [claim.as_json() for claim in self.claims],
            "citations": [citation.as_json() for citation in self.citations],
            "lineage": dict(self.lineage),
            "usage": {
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "cost": self.usage.cost,
            },
            "took_ms": self.took_ms,
            "notes": list(self.notes),
            "nearest": [one.as_json() for one in self.nearest],
            "result": self.result,
            **({"conversation": self.conversation} if self.conversation else {}),
            **({"standalone": self.standalone} if self.standalone else {}),
        }


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of a stream."""

    answer_id: str
    model: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream; the answer is stored and in the log."""

    answer: Answer


Event = Started | Claim | Finished


def numbered(claims: Sequence[Claim]) -> str:
    """Return the claims as one text, each followed by its `[n]`."""
    return " ".join(
        f"{claim.text}{INFERRED if claim.inferred else ''} "
        f"{''.join(f'[{n}]' for n in dict.fromkeys(c.n for c in claim.citations))}"
        for claim in claims
    )
