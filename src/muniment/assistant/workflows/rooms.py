"""What workflows work with. Types only."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.actions.actions import Actions
from muniment.actions.reads import Reads
from muniment.actions.registry import Tools
from muniment.assistant.drafting import Drafting
from muniment.assistant.taking import Taking
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.governance.policy.decide import Policy
from muniment.inference.gateway import Gateway
from muniment.knowledge.retrieval.retrieve import Retriever


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms of one workspace."""

    database: Database
    policy: Policy
    tools: Tools
    reads: Reads
    actions: Actions
    retriever: Retriever
    gateway: Gateway
    taking: Taking
    drafting: Drafting
    clock: Clock
