"""The page of live signals: what is unusual first, then each figure beside the time before."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from muniment.assurance.monitoring.live import MOST, SPAN
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.quality.figures import beside, interval, value
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/quality/live")
async def live(request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """Show how the last days went."""

    def shown() -> str:
        who = admitted(request, session, "quality.live")
        found = workspace_of(request).monitoring.live.of(who.principal, who.actor)
        values = {
            "here": "quality.live",
            "found": found,
            "drawn": [(row, chart) for row in found.rows if (chart := beside(row)) is not None],
            "value": value,
            "interval": interval,
            "days": SPAN.days,
            "most": MOST,
            "minute": minute,
        }
        title = say("signals.title")
        return render_report("quality/live.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))
