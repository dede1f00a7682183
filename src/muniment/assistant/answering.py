"""What answers questions: an assistant, or whatever chooses one for whoever asks."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Protocol

from muniment.assistant.asking import Keep
from muniment.assistant.lineage import Explanation
from muniment.assistant.values import Answer, Event
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters


class Answering(Protocol):
    """Answers questions over one workspace; see `Assistant`."""

    def ask(
        self,
        principal: Principal,
        question: str,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
        schema: object = None,
    ) -> Answer:
        """Return the whole answer."""
        ...

    def stream(
        self,
        principal: Principal,
        question: str,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
        schema: object = None,
        keep: Keep | None = None,
        rewritten_by: Mapping[str, Json] | None = None,
    ) -> Generator[Event]:
        """Yield the events of an answer."""
        ...

    def explain(self, principal: Principal, answer_id: str, by: Actor | None = None) -> Explanation:
        """Return how an earlier answer came about."""
        ...
