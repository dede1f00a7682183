"""A workspace as the rungs of a ladder ask it, and what keeps their runs."""

from __future__ import annotations

from functools import cache

from muniment.app.evaluating import runner
from muniment.app.gathering import gathering_of
from muniment.app.workspace import Workspace
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.release.ladder import asking
from muniment.assurance.release.ladder.ladder import Put


def laddered(workspace: Workspace) -> asking.Workspace:
    """Return what the rungs ask of a workspace."""
    return asking.Workspace(
        clock=workspace.clock,
        database=workspace.database,
        catalog=workspace.catalog,
        local_models=workspace.local_models,
        cross_encoder=workspace.cross_encoder,
        rerank_seconds=workspace.settings.retrieval.rerank_budget_ms / 1000,
        versions=cache(lambda: gathering_of(workspace).live().lineage),
        alone=workspace.alone,
        prompts=workspace.prompts,
        usable_tools=workspace.usable_tools,
        reads=workspace.reads,
        actions=workspace.actions,
        principal=workspace.principal,
        retriever_with=workspace.retriever_with,
        assistant_with=lambda retriever: workspace.assistant_with(workspace.prompts.live, retriever),
        agent_with=workspace.agent_with,
    )


def putting(workspace: Workspace, commission: Commission, resume: bool = False, workers: int = 1) -> Put:
    """Return what puts a suite to one rung after the other, and keeps each as a run.

    Without `resume` nothing of an earlier run is taken over: times that were taken on another day, or beside other
    work, are not to be compared. One case at a time is put for the same reason.
    """
    runs = runner(workspace)
    return lambda suite, subject, on_progress: runs.run(
        suite, subject, commission, workers=workers, fresh=not resume, on_progress=on_progress
    )
