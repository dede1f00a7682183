"""Starting workflows over HTTP, following one's own, and ending them; tasks for a model with tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from muniment.assistant.workflows.runs import as_json
from muniment.foundation.workflows.runs import Run
from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.rest.actions import ALSO, context_of, exact_body
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.shared_paths import SharesItsPath
from muniment.interfaces.rest.tools import ToolUser
from muniment.interfaces.rest.workflow_bodies import (
    RunBody,
    RunsResponse,
    StartRequest,
    TaskRequest,
    TaskResponse,
)

ALL = "/v1/workflows"
ONE = "/v1/workflows/{run_id}"
router = APIRouter(tags=["workflows"], route_class=SharesItsPath, responses=ALSO)


@router.post(ALL)
async def start_run(
    body: StartRequest,
    request: Request,
    caller: ToolUser,
    threads: Threads,
    sent: Annotated[Mapping[str, object], Depends(exact_body)],
) -> RunBody:
    """Start a workflow; it works for you, and each of its steps is decided as if you asked for it then.

    What a program gives is taken for the word of anybody.
    """
    runs = workspace_of(request).workflow_runs
    given = cast("Mapping[str, object]", sent["given"])
    found = await threads.run(
        lambda: runs.start(
            body.workflow,
            given,
            caller.principal,
            caller.actor,
            body.model,
            body.key,
            own_words=caller.in_person,
        )
    )
    return _body(found)


@router.get(ALL)
async def list_runs(
    request: Request,
    caller: ToolUser,
    threads: Threads,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> RunsResponse:
    """List your runs, the youngest first."""
    runs = workspace_of(request).workflow_runs
    found = await threads.run(lambda: runs.listing(caller.principal, most=limit))
    return RunsResponse(runs=[_body(one) for one in found])


@router.get(ONE)
async def show_run(run_id: str, request: Request, caller: ToolUser, threads: Threads) -> RunBody:
    """Return a run of yours, as it stands."""
    return _body(
        await threads.run(lambda: workspace_of(request).workflow_runs.show(run_id, caller.principal))
    )


@router.post(f"{ONE}/cancel")
async def cancel_run(run_id: str, request: Request, caller: ToolUser, threads: Threads) -> RunBody:
    """End a run of yours after the step that it is at, and undo what it gave to be undone."""
    runs = workspace_of(request).workflow_runs
    return _body(await threads.run(lambda: runs.cancel(run_id, caller.principal, caller.actor)))


@router.post(f"{ONE}/resume")
async def resume_run(run_id: str, request: Request, caller: ToolUser, threads: Threads) -> RunBody:
    """Let a run go on that is held or in quarantine; for whoever runs the installation."""
    runs = workspace_of(request).workflow_runs
    return _body(await threads.run(lambda: runs.resume(run_id, caller.principal, caller.actor)))


@router.post("/v1/agent")
async def do_task(body: TaskRequest, request: Request, caller: ToolUser, threads: Threads) -> TaskResponse:
    """Have a language model do a task by the tools that you may use; what is consequential waits for a person.

    What a program asks for is taken for the word of anybody.
    """
    doing = workspace_of(request).agent
    found = await threads.run(
        lambda: doing.run(caller.principal, body.task, caller.actor, body.model, context=context_of(caller))
    )
    return TaskResponse.model_validate(found.as_json())


def _body(found: Run) -> RunBody:
    return RunBody.model_validate(as_json(found))
