"""A workspace's runs before a language model as judge."""

from __future__ import annotations

from muniment.app.evaluating import run_reading
from muniment.app.workspace import Workspace
from muniment.assurance.evaluation.judging.judge import Judge
from muniment.assurance.evaluation.judging.run_judging import OnUsage, RunJudging
from muniment.assurance.evaluation.judging.stored_answers import StoredAnswers
from muniment.governance.audit.entry import Actor


def run_judging(workspace: Workspace) -> RunJudging:
    """Return what has runs of a workspace judged."""

    def answers(by: Actor) -> StoredAnswers:
        return StoredAnswers(workspace.database, workspace.assistant.explain, workspace.principal, by)

    def judge(model: str, on_usage: OnUsage) -> Judge:
        return Judge(
            database=workspace.database,
            policy=workspace.policy,
            gateway=workspace.gateway,
            live=workspace.prompts.live,
            ids=workspace.ids,
            model=model,
            on_usage=on_usage,
        )

    return RunJudging(
        database=workspace.database,
        audit=workspace.audit,
        gate=workspace.gate,
        reading=run_reading(workspace),
        catalog=workspace.catalog,
        answers=answers,
        judge=judge,
    )
