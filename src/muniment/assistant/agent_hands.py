"""What an agent reads, acts and searches by: the workspace's own, or those of a trial, which change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from muniment.actions.bound import Agent
from muniment.actions.context import Context
from muniment.actions.labels import Label
from muniment.actions.proposals import Call, Outcome
from muniment.actions.reading import Reading
from muniment.governance.identity.principal import Actor, Principal
from muniment.knowledge.passage import Retrieval
from muniment.knowledge.retrieval.retrieve import Purpose


class Reads(Protocol):
    """Calls that only read."""

    def read(
        self,
        principal: Principal,
        by: Actor,
        tool: str,
        arguments: Mapping[str, object],
        asked: Label,
        agent: Agent | None,
    ) -> Reading:
        """Return what a reading tool gives this caller."""
        ...


class Acts(Protocol):
    """Calls that act."""

    def propose(self, principal: Principal, by: Actor, call: Call, context: Context | None) -> Outcome:
        """Propose a call; an outcome without an action, though not denied, says that it was only tried."""
        ...

    def result(self, made: str, principal: Principal) -> Reading:
        """Return what an action of this requester gave."""
        ...


class Searches(Protocol):
    """Search over what a principal may read."""

    def retrieve(self, principal: Principal, query: str, k: int, by: Actor, purpose: Purpose) -> Retrieval:
        """Return passages, best first."""
        ...
