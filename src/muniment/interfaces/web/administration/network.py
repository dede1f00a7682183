"""The network: where the server listens, what it may reach and why, and what it was refused."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment import settings as settings_file
from muniment.foundation.egress_rules import EgressRules
from muniment.foundation.errors import MunimentError
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.examining.network import Destination, destinations, listening
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import capitalised, minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.network"
LISTED = 50
"""Refusals on the page."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Something outside that the settings name, and whether the rules let it be reached."""

    purpose: str
    setting: str
    host: str
    why: str
    open: bool
    own: bool
    clear: bool


@router.get("/administration/network")
async def network(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show what comes in and what goes out."""

    def shown() -> str:
        who, workspace = admitted(request, session, HERE), workspace_of(request)
        settings, home = workspace.settings, workspace.home
        outside, trouble = list[Reached](), ""
        rules = settings.network.rules(home)
        try:
            outside = [_reached(one, rules) for one in destinations(settings, home)]
        except MunimentError as error:
            trouble = f"{error.public} {error.fix}".strip()
        values = {
            "here": HERE,
            "checks": list(listening(settings, home, workspace.clock.now())),
            "server": settings.server,
            "network": settings.network,
            "rules": rules,
            "lists": {
                purpose: sorted(f"{p.host}:{p.port}" if p.port else p.host for p in places)
                for purpose, places in sorted(rules.lists.items())
            },
            "outside": outside,
            "refused": workspace.occurrences.lately("refused hosts", LISTED, who.principal, who.actor),
            "listed": LISTED,
            "file": home / settings_file.FILE_NAME,
            "trouble": trouble,
            "minute": minute,
            "capitalised": capitalised,
        }
        return render(
            "administration/network.html", say("network.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))


def _reached(one: Destination, rules: EgressRules) -> Reached:
    scheme, host, port = one.origin
    shown = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    why = "listed" if one.purpose in rules.lists or rules.private else "named"
    return Reached(
        one.purpose,
        one.name,
        shown,
        why,
        rules.lists_host(one.purpose, host, port),
        one.own_network,
        scheme == "http",
    )
