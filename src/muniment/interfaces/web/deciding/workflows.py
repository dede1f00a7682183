"""The pages of work of several steps: one's runs, each as a line of time, and starting one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from muniment.actions.view import listing_of
from muniment.assistant.workflows.hands import NOT_SAID
from muniment.assistant.workflows.runs import WorkflowRuns
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import MunimentError, NotFound, TooMany
from muniment.foundation.workflows.definition import Definition
from muniment.foundation.workflows.runs import ENDED, Run, State
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE, problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.deciding.names import names_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person
from muniment.interfaces.web.wording import minute, short_span, span

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 30
"""Runs on one page."""
LONGEST = 2_000
"""Characters of one thing that a workflow is given by its form."""


@router.get("/workflows")
async def runs(
    request: Request,
    session: PageSession,
    threads: Threads,
    state: Annotated[str, Query(max_length=20)] = "",
    whose: Annotated[str, Query(max_length=10)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """List the person's runs, or all for whoever runs the installation, and what can be started."""
    workspace, who = workspace_of(request), caller(session)

    def shown() -> str:
        shell = person(request, session)
        if not workspace.can_run_workflows:
            return render("deciding/no_workflows.html", say("workflows.title"), person=shell, here="actions")
        rooms, now = workspace.workflow_runs, workspace.clock.now()
        sees_all = rooms.sees_all(who.principal)

        def lasted(one: Run) -> str:
            return span((one.ended_at or now) - one.started_at)

        chosen = State(state) if state in set(State) else None
        every = sees_all and whose == "all"
        found = list(rooms.listing(who.principal, "", chosen, LISTED + 1, after, own=not every))
        stays = {"state": chosen.value} if chosen else {}
        stays |= {"whose": "all"} if every else {}
        last = found[LISTED - 1].id if len(found) > LISTED else ""
        values = {
            "here": "actions",
            "runs": found[:LISTED],
            "known": rooms.known(),
            "states": list(State),
            "chosen": chosen.value if chosen else "",
            "every": every,
            "sees_all": sees_all,
            "older": "/workflows?" + urlencode({**stays, "after": last}) if last else "",
            "newest": "/workflows?" + urlencode(stays) if after else "",
            "names": names_of(workspace, *(str(one.given.get("requester", "")) for one in found)),
            "lasted": lasted,
            "minute": minute,
            "at": timestamp,
        }
        return render("deciding/workflows.html", say("workflows.title"), person=shell, **values)

    return HTMLResponse(await threads.run(shown))


@router.get("/workflows/new/{workflow_id}")
async def form(workflow_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show the form that starts a workflow."""
    return HTMLResponse(
        await threads.run(lambda: _form(request, session, _known(_rooms(request), workflow_id)))
    )


@router.post("/workflows/new/{workflow_id}")
async def start(workflow_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Start a workflow for the person; the key of the form makes sending it twice one run."""
    known = await threads.run(lambda: _known(_rooms(request), workflow_id))
    stated = [f"given_{one.name}" for one in known.takes]
    fields = await form_of(request, "csrf", "key", *stated)
    check_change(request, session, fields.get("csrf"))
    who = caller(session)
    given = {one.name: fields.get(f"given_{one.name}", "").strip()[:LONGEST] for one in known.takes}

    def work() -> Response:
        try:
            missing = next((one for one in known.takes if not given[one.name]), None)
            if missing is not None:
                said = say("workflows.missing", name=missing.says)
                return HTMLResponse(_form(request, session, known, said, given, fields.get("key", "")), 422)
            key = fields.get("key", "")[:64]
            made = _rooms(request).start(known.name, given, who.principal, who.actor, key=key, own_words=True)
        except (NotFound, TooMany):
            raise
        except MunimentError as error:
            told = problem_of(error)
            said = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_form(request, session, known, said, given), told.status)
        return RedirectResponse(f"/workflows/{made.id}", 303)

    return await threads.run(work)


@router.get("/workflows/{run_id}")
async def run(run_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show a run as a line of time."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, run_id)))


@router.get("/workflows/{run_id}/state")
async def state_of(run_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Tell a page that is open where its run stands now."""
    who = caller(session)

    def told() -> dict[str, str]:
        found = _rooms(request).show(run_id, who.principal)
        return {"state": _stands(found), "says": say(f"workflows.state_{found.state.value}")}

    return JSONResponse(await threads.run(told))


@router.post("/workflows/{run_id}/cancel")
async def cancel(run_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """End a run after the step that it is at, and undo what it gave to be undone."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    who = caller(session)

    def work() -> object:
        return _rooms(request).cancel(run_id, who.principal, who.actor)

    return await threads.run(lambda: _changed(request, session, run_id, work))


@router.post("/workflows/{run_id}/resume")
async def resume(run_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Let a run go on that is held or in quarantine; for whoever runs the installation."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    who = caller(session)

    def work() -> object:
        return _rooms(request).resume(run_id, who.principal, who.actor)

    return await threads.run(lambda: _changed(request, session, run_id, work))


def _rooms(request: Request) -> WorkflowRuns:
    """Return the runs; where nothing is installed that records them, there is nothing at these addresses."""
    workspace = workspace_of(request)
    if not workspace.can_run_workflows:
        raise NOTHING_HERE
    return workspace.workflow_runs


def _known(rooms: WorkflowRuns, name: str) -> Definition:
    found = next((one for one in rooms.known() if one.name == name), None)
    if found is None:
        raise NOTHING_HERE
    return found


def _changed(request: Request, session: Session, run_id: str, work: Callable[[], object]) -> Response:
    try:
        work()
    except (NotFound, TooMany):
        raise
    except MunimentError as error:
        told = problem_of(error)
        said = f"{told.title} {told.detail}".strip()
        return HTMLResponse(_page(request, session, run_id, said), told.status)
    return RedirectResponse(f"/workflows/{run_id}", 303)


def _form(
    request: Request,
    session: Session,
    known: Definition,
    trouble: str = "",
    given: dict[str, str] | None = None,
    key: str = "",
) -> str:
    workspace = workspace_of(request)
    values = {
        "here": "actions",
        "known": known,
        "given": given or {},
        "key": key or workspace.ids.new("key"),
        "longest": LONGEST,
        "trouble": trouble,
    }
    return render(
        "deciding/new_workflow.html",
        say("workflows.new", name=known.name),
        person=person(request, session),
        **values,
    )


def _page(request: Request, session: Session, run_id: str, trouble: str = "") -> str:
    workspace, who, rooms = workspace_of(request), caller(session), _rooms(request)
    found, now = rooms.show(run_id, who.principal), workspace.clock.now()
    moments = rooms.timeline(run_id, who.principal)
    requester = str(found.given.get("requester", ""))
    mine = requester == who.principal.ref
    runs_it = rooms.sees_all(who.principal)
    going_on = found.state not in ENDED

    def took(begun: datetime, ended: datetime | None) -> str:
        return short_span((ended or now) - begun)

    def until(at: datetime) -> str:
        return span(at - now)

    def clock(at: datetime) -> str:
        """Return a time of the day on which the run began, with its day on any other."""
        same = at.date() == found.started_at.date()
        return f"{at:%H:%M:%S} UTC" if same else minute(timestamp(at))

    values = {
        "here": "actions",
        "run": found,
        "mine": mine,
        "going_on": going_on,
        "stands": _stands(found),
        "moments": moments,
        "requester": requester,
        "names": names_of(workspace, requester),
        "given": {k: v for k, v in found.given.items() if k not in NOT_SAID},
        "listing": listing_of,
        "may_cancel": going_on and (mine or runs_it),
        "may_resume": runs_it and found.state in (State.HELD, State.QUARANTINED),
        "took": took,
        "clock": clock,
        "until": until,
        "at": timestamp,
        "minute": minute,
        "trouble": trouble,
    }
    return render("deciding/run.html", found.name, person=person(request, session), **values)


def _stands(run: Run) -> str:
    """Return what changes when a run comes further."""
    return f"{run.state.value} {run.tells.get('stage', '')}"
