"""Runs of small suites that a workspace was really asked."""

from __future__ import annotations

from muniment.app import Workspace
from muniment.app.evaluating import runner, subject
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.results import Run
from muniment.governance.identity.principal import OPERATOR


def asked(workspace: Workspace, *cases: Case, suite: str = "small") -> Run:
    """Ask a workspace these cases."""
    why = Commission("for the test", OPERATOR)
    return runner(workspace).run(Suite(suite, cases), subject(workspace, OPERATOR), why)


def run_of(workspace: Workspace, question: str = "What does the heron cost?") -> str:
    """Return the id of a run of one question of alice's."""
    return asked(workspace, Case("c1", "alice", question, abstain=True)).id
