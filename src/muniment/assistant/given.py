"""Passages in the place of a search."""

from __future__ import annotations

from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.knowledge.passage import Retrieval
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters


class Given:
    """Passages that were found, for an assistant that is to search no more."""

    def __init__(self, found: Retrieval) -> None:
        self._found = found

    def retrieve(
        self,
        principal: Principal,
        query: str,
        k: int,
        by: Actor,
        purpose: str = "answer",
        filters: Filters = EVERYTHING,
    ) -> Retrieval:
        """Return them."""
        return self._found
