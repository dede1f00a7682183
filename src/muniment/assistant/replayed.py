"""What came of searching again for an earlier answer, and what is shown of it. Types only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from muniment.assistant.differences import Difference
from muniment.governance.audit.entry import Json
from muniment.inference.catalog import Endpoint

State = Literal["same", "moved", "new", "gone", "not kept", "withheld"]
_SAID: Mapping[State, str] = {
    "same": "the same",
    "moved": "the same, at another place",
    "new": "new",
    "gone": "no longer found",
    "not kept": "the search index does not keep this version any more; its text is stored",
    "withheld": "withheld or no longer there",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A passage of then or of now, and what became of it."""

    state: State
    before: int | None
    """Its number then."""
    after: int | None = None
    """Its number now."""
    document: str = ""
    where: str = ""
    """Source and path; empty for what is withheld."""
    version: int = 0

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "state": self.state,
            "before": self.before,
            "after": self.after,
            "document": self.document or None,
            "where": self.where or None,
            "version": self.version or None,
        }

    @property
    def text(self) -> str:
        """Return it as a line for a person."""
        numbers = {
            "same": f"{self.before}",
            "new": f"- -> {self.after}",
            "moved": f"{self.before} -> {self.after}",
        }
        named = f"{self.where}, version {self.version}: " if self.where else ""
        return f"{numbers.get(self.state, f'{self.before} -> -')}. {named}{_SAID[self.state]}"


@dataclass(frozen=True, slots=True)
class AnsweredAgain:
    """What was answered this time, beside what was then."""

    id: str
    status: str
    answer: str
    kept: int
    """Claims of then that were made again, word for word."""
    gone: int
    new: int

    @property
    def same(self) -> bool:
        """Return whether the claims are those of then."""
        return not (self.gone or self.new)

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "id": self.id,
            "status": self.status,
            "answer": self.answer,
            "same": self.same,
            "kept": self.kept,
            "gone": self.gone,
            "new": self.new,
        }

    @property
    def text(self) -> str:
        """Return it as a line for a person."""
        claims = f"{self.kept} claims as then, {self.gone} gone, {self.new} new"
        return f"Answered again as {self.id}: {'the same' if self.same else claims}."


@dataclass(frozen=True, slots=True)
class Replayed:
    """An earlier search done again: documents as they were then, rights as they are now."""

    answer: str
    moment: str
    """The time that was searched."""
    places: tuple[Place, ...]
    """Passages of then, in their order, and behind them what is new."""
    differences: tuple[Difference, ...]
    """Components that are others now."""
    not_recorded: tuple[str, ...]
    not_kept: int
    """Documents that may be read whose version of then the index does not hold; they took no part."""
    again: AnsweredAgain | None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return how many passages became what."""
        return {state: sum(one.state == state for one in self.places) for state in _SAID}

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "answer": self.answer,
            "as_of": self.moment,
            "passages": [one.as_json() for one in self.places],
            "differences": [one.as_json() for one in self.differences],
            "not_recorded": list(self.not_recorded),
            "not_kept": self.not_kept,
            "again": self.again.as_json() if self.again else None,
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """Return it as lines for a person."""
        lines = [f"Searched again as of {self.moment}, by what may be read now:"]
        lines += [f"  {one.text}" for one in self.places] or ["  Nothing was found then, and nothing is now."]
        if self.not_kept:
            many = "document has" if self.not_kept == 1 else "documents have"
            lines.append(f"{self.not_kept} {many} no version of then in the search index, and took no part.")
        lines += [self.again.text] if self.again else []
        lines.append("What is another now than then:")
        lines += [f"  {one.text}" for one in self.differences] or ["  Nothing."]
        lines += [f"Not recorded then: {', '.join(self.not_recorded)}."] if self.not_recorded else []
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Then:
    """How an earlier answer was asked for."""

    answer: str
    parameters: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def endpoint(self, now: Endpoint) -> Endpoint:
        """Return an endpoint with the parameters of then, within the limits of now."""
        then = self.parameters
        temperature = then.get("temperature", now.temperature)
        most = then.get("max_output_tokens")
        return replace(
            now,
            temperature=temperature if isinstance(temperature, (int, float)) else None,
            max_output_tokens=min(most, now.max_output_tokens)
            if isinstance(most, int)
            else now.max_output_tokens,
        )


def counted_again(
    answer_id: str, status: str, text: str, then: Sequence[str], now: Sequence[str]
) -> AnsweredAgain:
    """Return what was answered this time beside the claims of then."""
    kept = len(set(then) & set(now))
    return AnsweredAgain(answer_id, status, text, kept, len(set(then)) - kept, len(set(now)) - kept)
