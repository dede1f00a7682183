"""What a search may be set to, apart from the ranking itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from muniment.knowledge.retrieval.rank import RankingSettings

MAX_PASSAGES = 100


@dataclass(frozen=True, slots=True)
class RerankSettings:
    """Whether and how far a reranker may reorder the best passages."""

    seconds: float = 0.0
    """Time that it may take; 0 is off."""
    depth: int = 20
    weight: float = 0.5
    """How much its opinion counts beside the first order."""

    @property
    def name(self) -> str:
        """Return the settings as lineage records them."""
        return f"{self.seconds:g} s depth={self.depth} weight={self.weight:g}"


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """What ranks, and how many passages one document may give."""

    ranking: RankingSettings = field(default_factory=RankingSettings)
    rerank: RerankSettings = field(default_factory=RerankSettings)
    per_document: int = MAX_PASSAGES
    join: bool = True
    """Make one passage of neighbouring chunks."""
    fold: bool = True
    """Name copies and other versions beside the passage instead of showing them."""
