"""What every rung does alike: ask as the case's asker, time it, and make of a failure an observation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation
from muniment.foundation.clock import Clock
from muniment.foundation.errors import Denied, MunimentError
from muniment.foundation.telemetry.tracing import timed
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal

if TYPE_CHECKING:
    from muniment.actions.actions import Actions
    from muniment.actions.reads import Reads
    from muniment.actions.usable import UsableTools
    from muniment.assistant import agent_hands as hands
    from muniment.assistant.agent import TaskAgent
    from muniment.assistant.alone import Alone
    from muniment.assistant.answer import Assistant
    from muniment.foundation.database import Database
    from muniment.inference.catalog import Catalog
    from muniment.inference.prompt_registry import Prompts
    from muniment.inference.providers.local import LocalModels
    from muniment.inference.reranking import Reranker
    from muniment.knowledge.retrieval.retrieve import Retriever


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the rungs ask, of one workspace."""

    clock: Clock
    database: Database
    catalog: Catalog
    local_models: LocalModels
    cross_encoder: Reranker | None
    """What reranks, where its weights are present."""
    rerank_seconds: float
    """That it may take for one search."""
    versions: Callable[[], Mapping[str, Json]]
    """Of all that answers come from, whichever way is taken."""
    alone: Alone
    prompts: Prompts
    usable_tools: UsableTools
    reads: Reads
    actions: Actions
    principal: Callable[[str], Principal]
    """Who somebody is; raises as the directory does."""
    retriever_with: Callable[[bool], Retriever]
    """A search that reranks or does not."""
    assistant_with: Callable[[Retriever], Assistant]
    """An assistant over a search."""
    agent_with: Callable[[hands.Reads, hands.Acts, hands.Searches], TaskAgent]
    """An agent that reads, acts and searches by these hands."""


class Asking:
    """Asks a case of one way of answering."""

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        by: Actor,
        lineage: Mapping[str, Json],
        ask: Callable[[Case, Principal], Observation],
    ) -> None:
        self._workspace = workspace
        self._name = name
        self._by = by
        self._lineage = lineage
        self._ask = ask

    @property
    def name(self) -> str:
        """Return the rung's name."""
        return self._name

    @property
    def lineage(self) -> Mapping[str, Json]:
        """Return the versions of what answers: what the workspace answers from, and what is this way's own."""
        return {**self._workspace.versions(), **self._lineage}

    def observe(self, case: Case) -> Observation:
        """Ask a case as its asker."""
        clock = self._workspace.clock
        started = clock.seconds()
        stages: Mapping[str, float] = {}
        try:
            with timed() as stages:
                seen = self._ask(case, self._workspace.principal(case.asker))
        except MunimentError as error:
            status = "refused" if isinstance(error, Denied) else "failed"
            seen = Observation(status, error=f"{error.code}: {error}")
        ms = (clock.seconds() - started) * 1000
        model = {"model": stages["model_call"]} if "model_call" in stages else {}
        return replace(seen, stages={**stages, **model, "answer": round(ms, 1)})
