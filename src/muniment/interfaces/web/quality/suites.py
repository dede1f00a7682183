"""Pages of suites: which there are, and one of them with its cases and how its runs went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from muniment.app.evaluating import run_reading, suite_reading
from muniment.assurance.evaluation.reports import charts
from muniment.assurance.evaluation.suites.finding import Checked
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.quality.figures import trends
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

CASES = 25
"""On one page."""
RUNS = 12
"""Shown over time."""
FINDINGS = 100


@router.get("/quality/suites")
async def suites(request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """List the suites."""

    def shown() -> str:
        who, workspace = admitted(request, session, "quality.suites"), workspace_of(request)
        newest = run_reading(workspace).newest(who.principal, who.actor)
        values = {
            "here": "quality.suites",
            "suites": suite_reading(workspace).listing(who.principal, who.actor),
            "newest": {one.run.suite: one for one in newest},
            "minute": minute,
        }
        title = say("suites.title")
        return render_report("quality/suites.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))


@router.get("/quality/suites/{name}")
async def suite(
    name: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    begin: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    """Show a suite."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, name, begin)))


@router.post("/quality/suites/{name}/check")
async def check(name: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Look a suite through, and show what is wrong with it."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))

    def checked() -> Response:
        who = admitted(request, session, "quality.suites")
        try:
            found = suite_reading(workspace_of(request)).check(who.principal, who.actor, name)
        except (BadInput, Denied) as error:
            told = problem_of(error)
            trouble = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_page(request, session, name, 0, trouble=trouble), told.status)
        return HTMLResponse(_page(request, session, name, 0, found))

    return await threads.run(checked)


def _page(
    request: Request,
    session: Session,
    name: str,
    begin: int,
    checked: Checked | None = None,
    trouble: str = "",
) -> str:
    who, workspace = admitted(request, session, "quality.suites"), workspace_of(request)
    read = suite_reading(workspace).read(who.principal, who.actor, name, begin, CASES)
    runs = run_reading(workspace).newest(who.principal, who.actor, name, RUNS)
    end = begin + len(read.cases)
    values = {
        "here": "quality.suites",
        "read": read,
        "runs": runs,
        "trends": trends(runs),
        "checked": checked,
        "most": FINDINGS,
        "trouble": trouble,
        "earlier": None if not begin else max(0, begin - CASES),
        "later": end if end < len(read.suite.cases) else None,
        "minute": minute,
        "charts": charts,
    }
    return render_report("quality/suite.html", read.suite.name, person=person(request, session), **values)
