"""The limits: what each may ask and use, how much of it is used now, and who reached one lately."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment import settings as settings_file
from muniment.foundation.limit_settings import LimitSettings
from muniment.governance.identity.principal import Principal
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.offload import Offload
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.limits"
LISTED = 50
"""Reached limits on the page."""
_UNLIMITED = "_per_day"
"""Of these, 0 is no limit."""


@router.get("/administration/limits")
async def limits(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show every limit, and who reached one."""

    def shown() -> str:
        who, workspace = admitted(request, session, HERE), workspace_of(request)
        running, waiting = cast(Offload, request.app.state.offload).load()
        reached = workspace.occurrences.lately("reached limits", LISTED, who.principal, who.actor)
        values = {
            "here": HERE,
            "groups": _groups(workspace.settings.limits),
            "teams": sorted(workspace.settings.limits.teams.items()),
            "running": running,
            "waiting": waiting,
            "workers": workspace.settings.server.workers,
            "reached": reached,
            "listed": LISTED,
            "names": {
                ref: workspace.directory.title(Principal(kind, name))
                for ref in {one.actor for one in reached}
                for kind, _, name in [ref.partition(":")]
                if kind in ("user", "service") and name
            },
            "file": workspace.home / settings_file.FILE_NAME,
            "minute": minute,
        }
        return render(
            "administration/limits.html", say("limits.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))


def _groups(settings: LimitSettings) -> dict[str, list[tuple[str, str, bool]]]:
    """Return name, value and whether it is as shipped of each limit, by what it limits."""
    shipped = LimitSettings()  # pyright: ignore[reportCallIssue]
    found: dict[str, list[tuple[str, str, bool]]] = {"rate": [], "at_once": [], "day": [], "size": []}
    for name in LimitSettings.model_fields:
        if name == "teams":
            continue
        value = cast("int | float", getattr(settings, name))
        kind = (
            "rate"
            if name.endswith("_per_minute")
            else "at_once"
            if name.endswith("_concurrent")
            else "day"
            if name.endswith(_UNLIMITED)
            else "size"
        )
        said = "" if kind == "day" and not value else f"{value:,}"
        found[kind].append((name, said, value == getattr(shipped, name)))
    return found
