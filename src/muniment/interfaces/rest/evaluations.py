"""Runs of suites over HTTP: read by whoever policy lets run the suite, and by their API keys.

Invariants:
- a run that its caller may not read answers as one that there is not;
- nothing is begun here: runs are begun where their suites are, on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Security

from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.evaluation_bodies import (
    ComparisonResponse,
    RunResponse,
    RunsResponse,
    comparison_response,
    run_response,
    runs_response,
)

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.assurance.evaluation.run_reading import RunReading

ALL = "/v1/evaluations"
ONE = "/v1/evaluations/{evaluation_id}"
MOST = 1_000
router = APIRouter(tags=["evaluations"])
Reader = Annotated[Caller, Security(api_caller, scopes=["evaluations"])]
Id = Annotated[str, Query(max_length=200)]


@router.get(ALL)
async def runs(
    request: Request,
    caller: Reader,
    threads: Threads,
    after: Id = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> RunsResponse:
    """List runs of the suites that you may run, newest first; `after` goes on behind the run of that id."""
    workspace = workspace_of(request)
    found = await threads.run(
        lambda: _reading(workspace).listing(caller.principal, caller.actor, limit, after)
    )
    return runs_response(found)


@router.get(ONE)
async def run(evaluation_id: str, request: Request, caller: Reader, threads: Threads) -> RunResponse:
    """Return a run: every figure with its cases and interval, and how each case went, without a word of an answer.

    Paths of documents that you may not read now are left out, and counted.
    """
    workspace = workspace_of(request)

    def read() -> RunResponse:
        from muniment.assurance.evaluation.summary import summary

        found = _reading(workspace).read(caller.principal, caller.actor, evaluation_id)
        return run_response(found, summary(found.run))

    return await threads.run(read)


@router.get(f"{ONE}/comparison")
async def comparison(
    evaluation_id: str,
    request: Request,
    caller: Reader,
    threads: Threads,
    baseline: Annotated[str, Query(min_length=1, max_length=200)],
) -> ComparisonResponse:
    """Say what changed from a baseline to this run, over the cases that both have."""
    workspace = workspace_of(request)

    def compare() -> ComparisonResponse:
        from muniment.assurance.evaluation.comparison import compared

        reading = _reading(workspace)
        after = reading.read(caller.principal, caller.actor, evaluation_id).run
        before = reading.read(caller.principal, caller.actor, baseline).run
        return comparison_response(before, after, compared(before, after))

    return await threads.run(compare)


def _reading(workspace: Workspace) -> RunReading:
    from muniment.app.evaluating import run_reading

    return run_reading(workspace)
