"""What scenarios are played in: two scratch workspaces whose models and systems are watched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.assurance.evaluation.hostile_models import Watched
from muniment.assurance.evaluation.people import People
from muniment.assurance.evaluation.scenario import Tenant
from muniment.assurance.evaluation.scripted_systems import ScriptedSystems

if TYPE_CHECKING:
    from muniment.actions.actions import Actions
    from muniment.actions.approvals import Approvals
    from muniment.actions.execution import Execution
    from muniment.actions.reads import Reads
    from muniment.assistant.agent import TaskAgent
    from muniment.assistant.answering import Answering
    from muniment.assistant.conversations import Conversations
    from muniment.assistant.dialogue import Dialogue
    from muniment.assistant.lineage import Lineage
    from muniment.foundation.clock import Clock
    from muniment.foundation.database import Database
    from muniment.governance.identity.principal import Principal
    from muniment.governance.identity.tokens import Tokens
    from muniment.governance.policy.roles import Roles
    from muniment.governance.privacy.handling import Handling
    from muniment.inference.catalog import Catalog
    from muniment.knowledge.access_control import AccessControl
    from muniment.knowledge.reading import Reading
    from muniment.knowledge.retrieval.retrieve import Retriever


@dataclass(frozen=True, slots=True)
class Probed:
    """The rooms of a scratch workspace with hostile models beside its own, and stand-ins for systems."""

    database: Database
    tokens: Tokens
    roles: Roles
    access: AccessControl
    retriever: Retriever
    reading: Reading
    assistant: Answering
    dialogue: Dialogue
    conversations: Conversations
    lineage: Lineage
    agent: TaskAgent
    actions: Actions
    approvals: Approvals
    execution: Execution
    reads: Reads
    catalog: Catalog
    shown_in_answers: Handling
    watched: Watched
    systems: ScriptedSystems
    clock: Clock
    people: People
    principal: Callable[[str], Principal]
    """Tells who somebody is; raises BadInput for nobody."""


class Tenants:
    """Both workspaces; the second one is made when a scenario needs it. Safe to share between threads."""

    def __init__(self, here: Probed, open_there: Callable[[], Probed]) -> None:
        self._here = here
        self._open_there = open_there
        self._there: Probed | None = None
        self._lock = threading.Lock()

    def of(self, tenant: Tenant) -> Probed:
        """Return the workspace of a tenant."""
        if tenant == "here":
            return self._here
        with self._lock:
            if self._there is None:
                self._there = self._open_there()
            return self._there
