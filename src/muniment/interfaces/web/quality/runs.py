"""Pages of runs: the list, one of them whole, and two beside each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from muniment.app.evaluating import run_reading
from muniment.assurance.evaluation.changed import changed
from muniment.assurance.evaluation.comparison import compared
from muniment.assurance.evaluation.remembered import remembered_summary
from muniment.assurance.evaluation.reports import charts
from muniment.assurance.evaluation.reports.from_run import reported
from muniment.assurance.evaluation.reports.from_summary import beside, told
from muniment.assurance.evaluation.reports.page import groups
from muniment.assurance.evaluation.verdict import judged
from muniment.foundation.errors import BadInput
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 30
COMPARABLE = 20
"""Runs of the same suite that a run can be put beside on its page."""
SHOWN = 50
"""Cases of each direction in a comparison."""
Named = Annotated[str, Query(max_length=200)]


@router.get("/quality/runs")
async def runs(
    request: Request, session: PageSession, threads: Threads, suite: Named = "", after: Named = ""
) -> HTMLResponse:
    """List runs, newest first."""

    def shown() -> str:
        who, reading = admitted(request, session, "quality.runs"), run_reading(workspace_of(request))
        found = reading.listing(who.principal, who.actor, LISTED, after, suite)
        newest = reading.newest(who.principal, who.actor)
        values = {
            "here": "quality.runs",
            "runs": found.runs,
            "after": found.after,
            "began": after,
            "suite": suite,
            "suites": sorted({one.run.suite for one in (*newest, *found.runs)}),
            "who": who.principal.name,
            "minute": minute,
        }
        title = say("runs.title")
        return render_report("quality/runs.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))


@router.get("/quality/runs/{evaluation_id}")
async def run(evaluation_id: str, request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """Show a run as its report does."""

    def shown() -> str:
        who, reading = admitted(request, session, "quality.runs"), run_reading(workspace_of(request))
        read = reading.read(who.principal, who.actor, evaluation_id)
        made = told(reported(read.run), remembered_summary(read.run))
        others = reading.listing(who.principal, who.actor, COMPARABLE + 1, "", read.run.suite).runs
        values = {
            "here": "quality.runs",
            "run": made,
            "left_out": read.left_out,
            "groups": groups(made.short),
            "spread": charts.latencies(made.latencies),
            "others": [one.run for one in others if one.run.id != read.run.id][:COMPARABLE],
            "minute": minute,
        }
        return render_report("quality/run.html", made.suite, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))


@router.get("/quality/runs/{evaluation_id}/compare")
async def compare(
    evaluation_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    baseline: Annotated[str, Query(alias="with", min_length=1, max_length=200)],
) -> HTMLResponse:
    """Say what differs between two runs, and what the gate would say of it."""

    def shown() -> str:
        who, reading = admitted(request, session, "quality.runs"), run_reading(workspace_of(request))
        after = reading.read(who.principal, who.actor, evaluation_id).run
        before = reading.read(who.principal, who.actor, baseline).run
        parts = changed(before, after)
        try:
            found = compared(before, after)
            verdict = judged(after, before, {}, parts)
        except BadInput as error:
            raise NOTHING_HERE from error
        values = {
            "here": "quality.runs",
            "run": beside(reported(after), before, found),
            "before": before,
            "found": found,
            "differing": parts,
            "verdict": verdict,
            "questions": {one.case: one.question for one in (*before.results, *after.results)},
            "most": SHOWN,
            "minute": minute,
        }
        title = say("runs.compared", suite=after.suite)
        return render_report("quality/compared.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))
