"""Evaluation over a workspace: what runs suites, and the workspace as what they are put to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.assistant.values import Answer, Event, Finished
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.observation import Subject
from muniment.assurance.evaluation.run import Runner
from muniment.assurance.evaluation.run_reading import RunReading
from muniment.assurance.evaluation.run_store import WORKSPACE, RunStore
from muniment.assurance.evaluation.suites.snapshot import corpus_digest
from muniment.assurance.evaluation.workspace_subject import WorkspaceSubject
from muniment.foundation.errors import Unavailable
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.inference.prompt_file import PURPOSES
from muniment.knowledge.retrieval.filters import EVERYTHING

if TYPE_CHECKING:
    from muniment.app.workspace import Workspace
    from muniment.assurance.evaluation.suites.suite_reading import SuiteReading
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


def run_reading(workspace: Workspace) -> RunReading:
    """Return the readers of a workspace's runs."""
    return RunReading(
        workspace.database, workspace.audit, workspace.policy, workspace.gate, run_store(workspace)
    )


def subject(
    workspace: Workspace,
    by: Actor,
    model: str | None = None,
    live: Live | None = None,
    lineage: Mapping[str, Json] | None = None,
) -> WorkspaceSubject:
    """Return a workspace as it answers with an endpoint, its own by default, with the prompts that `live` gives.

    `lineage` is that of a release, where its prompts are given. Raises BadInput for an endpoint whose key is
    missing: its fallbacks would be judged in its name.
    """
    endpoint = workspace.catalog.keyed(model)
    # Not by way of the workspace's own, which answers some people by the prompts of a canary.
    dialogue = workspace.dialogue_with(live or workspace.prompts.live)

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
        name=WORKSPACE,
        lineage=lineage or _lineage(workspace, endpoint.name, live or workspace.prompts.live),
        clock=workspace.clock,
    )


def suite_reading(workspace: Workspace) -> SuiteReading:
    """Return the readers of a workspace's suites."""
    from muniment.assurance.evaluation.suites.places import Places
    from muniment.assurance.evaluation.suites.suite_reading import SuiteReading
    from muniment.foundation.shipped import shipped

    return SuiteReading(
        database=workspace.database,
        audit=workspace.audit,
        policy=workspace.policy,
        gate=workspace.gate,
        directory=workspace.directory,
        places=Places(workspace.home, shipped("evals")),
        tools=lambda: frozenset(tool.manifest.name for tool in workspace.tools.listing()),
    )


@contextmanager
def judged_subject(
    workspace: Workspace,
    suite: Suite,
    place: Path,
    by: Actor,
    model: str | None = None,
    prompts: Mapping[str, Prompt] | None = None,
    lineage: Mapping[str, Json] | None = None,
) -> Generator[Subject]:
    """Give what a suite is put to: the workspace itself, or of a suite of security, scratch workspaces made like it.

    `place` is where the suite lies; `prompts` and `lineage` are those of a release, where one is judged.
    """
    from muniment.inference.prompt_registry import for_model

    if suite.kind == "security":
        from muniment.app.probing import security_subject

        with security_subject(workspace, place, tuple((prompts or {}).values()), model) as played:
            if lineage is not None:
                played.lineage = lineage
            yield played
        return

    def live(purpose: str, endpoint: str | None) -> Prompt:
        return for_model((prompts or {})[purpose], endpoint)

    yield subject(workspace, by, model, None if prompts is None else live, lineage)


def _lineage(workspace: Workspace, endpoint: str, live: Live) -> Mapping[str, Json]:
    """Return the digests of all that answers come from; of an endpoint that is not the usual one, its name too."""
    from muniment.app.gathering import gathering_of

    prompts = {purpose: live(purpose, None) for purpose in PURPOSES}
    found = gathering_of(workspace).manifest(prompts).lineage
    return found if endpoint == workspace.catalog.default else {**found, "model": endpoint}
