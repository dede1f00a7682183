"""Evaluation over a workspace: what runs suites, and the workspace as what they are put to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from muniment.app.workspace import Workspace
from muniment.assistant.inquiry import ANSWER
from muniment.assistant.recorded import endpoint_recorded
from muniment.assistant.values import Answer, Event, Finished
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.run import Runner
from muniment.assurance.evaluation.run_store import RunStore
from muniment.assurance.evaluation.suites.snapshot import corpus_digest
from muniment.assurance.evaluation.workspace_subject import WorkspaceSubject
from muniment.foundation.errors import Unavailable
from muniment.foundation.version import source_digest
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import QUOTES
from muniment.knowledge.retrieval.filters import EVERYTHING

if TYPE_CHECKING:
    from muniment.inference.prompt_file import Prompt

Live = Callable[[str, "str | None"], "Prompt"]
"""Gives the prompt of a purpose for an endpoint."""


def run_store(workspace: Workspace) -> RunStore:
    """Return the runs of a workspace."""
    return RunStore(workspace.database, workspace.clock, workspace.ids)


def runner(workspace: Workspace) -> Runner:
    """Return what runs suites for a workspace."""

    def corpus() -> str:
        with workspace.database.read() as connection:
            return corpus_digest(connection)

    return Runner(
        database=workspace.database,
        audit=workspace.audit,
        gate=workspace.gate,
        store=run_store(workspace),
        corpus=corpus,
    )


def subject(
    workspace: Workspace, by: Actor, model: str | None = None, live: Live | None = None
) -> WorkspaceSubject:
    """Return a workspace as it answers with an endpoint, its own by default, with the prompts that `live` gives."""
    endpoint = workspace.catalog.get(model)
    dialogue = workspace.dialogue if live is None else workspace.dialogue_with(live)

    def answering(principal: Principal, case: Case, actor: Actor) -> Answer:
        last: Event | None = None
        for event in dialogue.after(
            principal, case.question, case.earlier, actor, endpoint.name, EVERYTHING, case.schema
        ):
            last = event
        if not isinstance(last, Finished):
            raise Unavailable("The answer did not come to its end.")
        return last.answer

    return WorkspaceSubject(
        workspace,
        answering,
        by,
        name="workspace",
        lineage=lineage(workspace, endpoint.name, live or workspace.prompts.live),
        clock=workspace.clock,
    )


def lineage(workspace: Workspace, endpoint: str, live: Live) -> dict[str, Json]:
    """Return the versions of all that answers come from, with the endpoint that answers."""
    model = workspace.catalog.get(endpoint)
    return {
        "model": endpoint,
        "endpoint": endpoint_recorded(model),
        "settings": workspace.recorded_settings.about(model),
        "prompt": live(ANSWER, None if model.kind == QUOTES else endpoint).digest,
        "source": source_digest(),
    }
