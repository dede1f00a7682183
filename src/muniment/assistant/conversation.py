"""What one person may read of a conversation at this moment, and how it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from muniment.assistant.values import Citation, Claim, Nearest
from muniment.governance.audit.entry import Json

QUESTION_WITHHELD = "[withheld: it may repeat what you may not read]"
"""In the place of another's question or title."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, as far as their reader may read them."""

    number: int
    """From 1."""
    answer_id: str
    at: str
    question: str
    """As it was asked."""
    standalone: str
    """What was answered in its place, where that was another; empty where it was not."""
    status: str
    answer: str
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    withheld: bool
    """Whether some of it may not be read."""
    notes: tuple[str, ...] = ()
    nearest: tuple[Nearest, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the turn as one JSON object."""
        return {
            "number": self.number,
            "answer_id": self.answer_id,
            "at": self.at,
            "question": self.question,
            "standalone": self.standalone or None,
            "status": self.status,
            "answer": self.answer,
            "claims": [claim.as_json() for claim in self.claims],
            "citations": [citation.as_json() for citation in self.citations],
            "withheld": self.withheld,
            "notes": list(self.notes),
            "nearest": [one.as_json() for one in self.nearest],
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of a list of conversations."""

    id: str
    title: str
    owner: str
    mine: bool
    """Whether its reader is its owner."""
    created: str
    changed: str

    def as_json(self) -> dict[str, Json]:
        """Return the line as one JSON object."""
        return {
            "id": self.id,
            "title": self.title,
            "owner": self.owner,
            "mine": self.mine,
            "created": self.created,
            "changed": self.changed,
        }


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as its reader may read it."""

    summary: Summary
    turns: tuple[Turn, ...]

    def as_json(self) -> dict[str, Json]:
        """Return the conversation as one JSON object."""
        return {**self.summary.as_json(), "turns": [turn.as_json() for turn in self.turns]}

    def markdown(self) -> str:
        """Return the conversation as Markdown, with its evidence; what it quotes stays text."""
        about = self.summary
        lines = [f"# {plain(about.title) or 'Conversation'}", "", f"{about.id}, of {plain(about.owner)}"]
        lines[-1] += f", begun {about.created}, last changed {about.changed}"
        for turn in self.turns:
            lines += ["", f"## {turn.number}. {plain(turn.question)}", ""]
            lines += [f"Answered as: {plain(turn.standalone)}", ""] if turn.standalone else []
            lines.append(plain(turn.answer))
            lines += ["", *evidence_lines(turn.citations)] if turn.citations else []
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Hit:
    """A place in a conversation where all the words that are looked for stand."""

    conversation: Summary
    number: int
    """Of the turn; 0 for the title."""
    excerpt: str

    def as_json(self) -> dict[str, Json]:
        """Return the place as one JSON object."""
        return {"conversation": self.conversation.as_json(), "turn": self.number, "excerpt": self.excerpt}


def evidence_lines(citations: Sequence[Citation]) -> list[str]:
    """Return a line of Markdown for each citation."""
    lines: list[str] = []
    for one in citations:
        page = "" if one.page is None else f", page {one.page}"
        lines.append(f"- [{one.n}] {plain(one.title)}, version {one.version}{page}: “{plain(one.quote)}”")
    return lines


def plain(text: str) -> str:
    """Return text on one line that no reader of Markdown takes for a link, an image or markup."""
    flat = " ".join(text.split())
    return "".join(f"\\{one}" if one in "\\`*_<>#|!" else one for one in flat).replace("](", "]\\(")
