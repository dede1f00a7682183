"""What was seen when a case was put to a subject: all that graders look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from muniment.assurance.evaluation.case import Case
from muniment.governance.audit.entry import Json

Status = Literal["answered", "abstained", "refused", "failed"]
Outcome = Literal["ran", "proposed", "refused", "invalid"]


@dataclass(frozen=True, slots=True)
class SeenQuote:
    """Words that were shown as evidence."""

    path: str
    """Path of the document that they are said to stand in."""
    version: int
    quote: str
    stands: bool
    """Whether the passage that the subject read, at that version, holds these words."""


@dataclass(frozen=True, slots=True)
class SeenClaim:
    """A statement with the evidence that was shown for it."""

    text: str
    quotes: tuple[SeenQuote, ...] = ()
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A tool that the subject called or wanted to."""

    tool: str
    arguments: Mapping[str, Json] = field(default_factory=dict[str, Json])
    outcome: Outcome = "ran"


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """Which version of a document was found."""

    found: int
    current: int
    age_days: float
    """Since the version that was found was made."""


@dataclass(frozen=True, slots=True)
class Observation:
    """How a subject dealt with a case."""

    status: Status
    answer: str = ""
    claims: tuple[SeenClaim, ...] = ()
    ranked: tuple[str, ...] = ()
    """Paths of documents that the search gave, best first, each once."""
    cited: tuple[str, ...] = ()
    """Paths of documents that the answer cites, each once, in order."""
    nearest: tuple[str, ...] = ()
    """Paths of documents that an abstention names as coming closest."""
    versions: Mapping[str, SeenVersion] = field(default_factory=dict[str, SeenVersion])
    """By path, of what was ranked or cited."""
    result: Json = None
    """Of an answer in a schema."""
    calls: tuple[SeenCall, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict[str, float])
    """Milliseconds by stage: `search`, `answer`, `model`, and those of the main path."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Statements of the model that were not given, by reason."""
    answer_id: str = ""
    """Of the stored answer, whose lineage can be read."""
    endpoint: str = ""
    """Which answered."""
    error: str = ""
    """Why it failed, as the caller was told."""


class Subject(Protocol):
    """What is evaluated: anything that a case can be put to. It is called from several threads at once."""

    @property
    def name(self) -> str:
        """Return what reports call it."""
        ...

    @property
    def lineage(self) -> Mapping[str, Json]:
        """Return the versions of all that its answers come from: equal lineages answer a case alike."""
        ...

    def observe(self, case: Case) -> Observation:
        """Put a case to it, as the case's asker and with that person's rights; failures are observations."""
        ...
