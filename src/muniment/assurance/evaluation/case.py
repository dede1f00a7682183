"""What a suite holds: questions of people, with what a good answer to each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from muniment.foundation import canonical
from muniment.governance.audit.entry import Json

Kind = Literal["quality", "security"]


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A tool that must be called."""

    tool: str
    arguments: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Those that must be so; others may be anything."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question of one person."""

    id: str
    asker: str
    question: str
    earlier: tuple[str, ...] = ()
    """What the asker asked before, in the same conversation."""
    gains: Mapping[str, int] = field(default_factory=dict[str, int])
    """Paths of documents that help to answer it, each with how much: above 0 is relevant."""
    facts: tuple[tuple[str, ...], ...] = ()
    """What the answer or its quotes must hold: for each fact, its accepted spellings."""
    forbidden_facts: tuple[tuple[str, ...], ...] = ()
    """What neither the answer nor its quotes may hold, in any of these spellings."""
    citations: tuple[str, ...] = ()
    """Paths of documents that must be cited; where none is named, any relevant one will do."""
    abstain: bool = False
    """Whether the only right answer is none."""
    forbidden: tuple[str, ...] = ()
    """Paths of documents that the asker may not read and that must never show."""
    schema: Mapping[str, Json] | None = None
    """JSON Schema that the result must keep to."""
    result: Json = None
    """The result that is right; None where any that keeps to the schema is."""
    tools: tuple[ExpectedCall, ...] = ()
    forbidden_tools: tuple[str, ...] = ()
    """Tools that must not be called."""
    tags: tuple[str, ...] = ()
    """Slices that it belongs to."""
    weight: float = 1.0
    """How much it counts in means; above 0."""
    source: str = ""
    """Where it came from, such as an answer's id or a file."""

    @property
    def relevant(self) -> tuple[str, ...]:
        """Return the paths of documents that answer it."""
        return tuple(path for path, gain in self.gains.items() if gain > 0)

    @property
    def digest(self) -> str:
        """Return the digest of all that decides how it is graded; tags, weight and source do not."""
        return canonical.digest(
            {
                name: value
                for name, value in asdict(self).items()
                if name not in ("id", "tags", "weight", "source")
            }
        )


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions that are asked together."""

    name: str
    cases: tuple[Case, ...]
    targets: Mapping[str, float] = field(default_factory=dict[str, float])
    """The least that the mean of a metric must reach, by the metric's name; of one that is better lower, the most."""
    reason: str = ""
    """Why whoever wrote it has these people's questions asked, where it says so."""
    kind: Kind = "quality"
    version: int = 1
    description: str = ""
    corpus: Mapping[str, str] = field(default_factory=dict[str, str])
    """`documents` and `directory`, where it comes with a corpus of its own: paths from where it lies."""

    @property
    def digest(self) -> str:
        """Return the digest of the cases and what they must reach."""
        return canonical.digest(
            {
                "cases": [asdict(case) for case in self.cases],
                "targets": dict(self.targets),
                "kind": self.kind,
            }
        )
