"""How it stands with quality, in ten seconds."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from muniment.app.evaluating import run_reading
from muniment.app.releasing import releasing_of
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import Caller, PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.person import Person
from muniment.interfaces.web.quality.figures import headline_chart, interval, value
from muniment.interfaces.web.quality.standing import Gone, gone
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

SETS = 3
"""Newest samples in which what waits for review is counted."""
_SHOWN = ("abstained", "statements without evidence", "failed", "latency p95", "useful, of feedback")


@router.get("/quality")
async def overview(request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """Show the newest run of each suite, what is in force, and how the last days went."""
    return HTMLResponse(await threads.run(lambda: _page(request, session)))


def _page(request: Request, session: Session) -> str:
    who, workspace = admitted(request, session, "quality.overview"), workspace_of(request)
    me = person(request, session)
    newest = run_reading(workspace).newest(who.principal, who.actor)
    live = workspace.monitoring.live.of(who.principal, who.actor)
    values = {
        "here": "quality.overview",
        "runs": [(one, headline_chart(one)) for one in newest],
        "gone": _gone(request) if _opens(me, "quality.releases") else None,
        "waiting": _waiting(request, who) if _opens(me, "quality.review") else None,
        "live": live,
        "lines": [one for one in live.rows if one.name in _SHOWN or one.changed],
        "value": value,
        "interval": interval,
        "minute": minute,
    }
    return render_report("quality/overview.html", say("standing.title"), person=me, **values)


def _opens(me: Person, key: str) -> bool:
    return any(one == key for one, _ in me.openings)


def _gone(request: Request) -> Gone:
    rooms = releasing_of(workspace_of(request))
    return gone(rooms.releases, rooms.canary.running())


def _waiting(request: Request, who: Caller) -> int:
    found = workspace_of(request).monitoring.reviewing.waiting(who.principal, who.actor, SETS)
    return sum(one.left + one.to_settle for one in found)
