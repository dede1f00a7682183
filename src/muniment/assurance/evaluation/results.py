"""What came of a run: the scores of each case, and what was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from muniment.assurance.evaluation.observation import Status
from muniment.governance.audit.entry import Json


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went. No text of an answer: who may read that reads it by the answer's id."""

    case: str
    digest: str
    """Of the case as it was put."""
    asker: str
    """Whose rights it was put with, such as `user:alice`."""
    question: str
    tags: tuple[str, ...]
    weight: float
    status: Status
    scores: Mapping[str, float]
    """By metric, those that apply to the case."""
    answer_id: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What explains the scores, such as the paths that were found; for whoever may read the run."""
    error: str = ""
    cached: bool = False
    """Whether an earlier run of the same lineage gave it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A suite that was put to a subject."""

    id: str
    suite: str
    suite_digest: str
    suite_version: int
    kind: str
    subject: str
    lineage: Mapping[str, Json]
    """Versions of all that answered."""
    corpus: str
    """Digest of the documents, their versions and who may read them."""
    targets: Mapping[str, float]
    started: str
    finished: str
    """Empty where it was cut short."""
    by: str
    cases: int
    results: tuple[CaseResult, ...] = ()

    @property
    def complete(self) -> bool:
        """Return whether every case has its result."""
        return bool(self.finished) and len(self.results) == self.cases
