"""Whether the installation is well: what needs somebody first, and what to do about it."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment import __version__
from muniment.foundation.errors import MunimentError
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.examining.check import Check
from muniment.interfaces.examining.standing import at_once
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import capitalised, minute, span

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.health"
_WORST_FIRST = ("fail", "warn", "ok")
_PAGES = {
    "keys": ("administration.keys",),
    "people": ("administration.keys",),
    "listening": ("administration.network",),
    "certificate": ("administration.network",),
    "models": ("administration.models",),
    "stops": ("administration.tools", "administration.incidents"),
    "copies": ("audit.proof",),
    "witnesses": ("audit.proof",),
}
"""Where more is said of a check, or something can be done."""
_COUNTED = {
    "muniment.approvals.waiting": "approvals",
    "muniment.notifications.due": "notifications",
    "muniment.audit.uncovered": "uncovered",
}


@router.get("/administration")
async def health(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show how the installation is, worst first."""

    def shown() -> str:
        who, workspace = admitted(request, session, HERE), workspace_of(request)
        found = sorted(at_once(workspace), key=lambda one: _WORST_FIRST.index(one.state))
        began = workspace.occurrences.lately("server", 10, who.principal, who.actor)
        started = next((one for one in began if one.kind == "server.started"), None)
        values = {
            "here": HERE,
            "version": __version__,
            "python": platform.python_version(),
            "ready": all(one.state != "fail" for one in found if one.name in ("database", "keys")),
            "failing": sum(one.state == "fail" for one in found),
            "needing": [_worded(one) for one in found if one.state != "ok"],
            "well": [_worded(one) for one in found if one.state == "ok"],
            "pages": _PAGES,
            "started": started,
            "lasted": span(workspace.clock.now() - datetime.fromisoformat(started.at)) if started else "",
            "waiting": _waiting(workspace),
            "minute": minute,
        }
        return render(
            "administration/health.html", say("health.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))


def _worded(check: Check) -> Check:
    """Return a check as a sentence; one that begins with the name of something begins with it."""
    return check if check.name == "models" else replace(check, says=capitalised(check.says))


def _waiting(workspace: Workspace) -> dict[str, int]:
    """Return how much waits, by what it is; nothing where that cannot be read."""
    found = dict.fromkeys(_COUNTED.values(), 0)
    try:
        for one in workspace.readings():
            if one.reading.name in _COUNTED:
                found[_COUNTED[one.reading.name]] += int(one.value)
    except MunimentError:
        return {}
    return found
