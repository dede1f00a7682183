"""The page of ladders: what the runs of each rung came to, and which way is enough."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from muniment.app.evaluating import run_reading
from muniment.assurance.evaluation.reports import charts
from muniment.assurance.evaluation.reports.ways_forms import show_command
from muniment.assurance.release.ladder.reported import reported_ladder
from muniment.assurance.release.ladder.rung import NAMES, TITLES
from muniment.assurance.release.ladder.stored import stored_ladder
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/quality/ladder")
async def ladder(
    request: Request,
    session: PageSession,
    threads: Threads,
    suite: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show the ladder of a suite, else the one whose rung was asked last."""

    def shown() -> str:
        who, workspace = admitted(request, session, "quality.ladder"), workspace_of(request)
        runs = run_reading(workspace).by_subject(who.principal, who.actor, NAMES)
        last = {name: max(run.started for run in rungs.values()) for name, rungs in runs.items()}
        named = suite if suite in runs else max(last, key=lambda name: last[name], default="")
        made = stored_ladder(runs[named]) if named else None
        told = None if made is None else reported_ladder(made)
        values = {
            "here": "quality.ladder",
            "found": told,
            "costs": None if told is None else charts.scatter(told.cost_quality),
            "suites": sorted(runs),
            "show": show_command,
            "minute": minute,
            "rungs": [(n, name, TITLES[name]) for n, name in enumerate(NAMES, 1)],
        }
        title = say("ladder.title")
        return render_report("quality/ladder.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))
