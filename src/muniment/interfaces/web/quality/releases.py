"""Pages of releases: the list, and one of them with what it is made of and what stands against it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from muniment.app.releasing import Releasing, releasing_of
from muniment.assurance.release.manifest import COMPONENTS, leaves
from muniment.assurance.release.promotions import LARGEST_SHARE
from muniment.assurance.release.releases import Standing, resource_of
from muniment.foundation.errors import BadInput
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.interfaces.authenticate import Caller, PageSession, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.quality.standing import as_checked, gone
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 50
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
PAGE = "quality.releases"


@router.get("/quality/releases")
async def releases(request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """List releases, newest first."""

    def shown() -> str:
        admitted(request, session, PAGE)
        rooms = releasing_of(workspace_of(request))
        found, running = rooms.releases.listing(LISTED + 1), rooms.canary.running()
        values = {
            "here": PAGE,
            "releases": found[:LISTED],
            "cut": len(found) > LISTED,
            "gone": gone(rooms.releases, running),
            "signals": rooms.canary.signals(running) if running else (),
            "minute": minute,
        }
        title = say("releases.title")
        return render_report("quality/releases.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))


@router.get("/quality/releases/{name}")
async def release(
    name: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    against: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Show a release."""
    return HTMLResponse(await threads.run(lambda: release_page(request, session, name, against)))


def standing_of(rooms: Releasing, name: str) -> Standing:
    """Return a release; raises NotFound for none."""
    try:
        return rooms.releases.find(name)
    except BadInput as error:
        raise NOTHING_HERE from error


def release_page(request: Request, session: Session, name: str, against: str = "", trouble: str = "") -> str:
    """Return the page of a release, with what was refused."""
    who, workspace = admitted(request, session, PAGE), workspace_of(request)
    rooms = releasing_of(workspace)
    found, listing = standing_of(rooms, name), rooms.releases.listing(LISTED + 1)
    now = gone(rooms.releases, rooms.canary.running())
    if against:
        standing_of(rooms, against)
    made = found.release
    values = {
        "here": PAGE,
        "found": found,
        "gone": now,
        "has_canary": now.canary is not None and now.canary.release.id == made.id,
        "difference": rooms.releases.difference(made.name, against or None),
        "left": rooms.releases.remaining(made) if found.in_force else (),
        "verdict": rooms.checks.verdict(made, who.principal.ref),
        "checks": [as_checked(one, made.name) for one in found.stages if one.stage == "checked"],
        "others": [one.release.name for one in listing if one.release.id != made.id][:LISTED],
        "against": against,
        "components": [
            (one, made.manifest.digests[one], list(leaves(made.manifest.components[one])))
            for one in COMPONENTS
        ],
        "may": _may(request, who, made.id),
        "trouble": trouble,
        "longest": LONGEST_REASON,
        "largest": LARGEST_SHARE,
        "short": short,
        "minute": minute,
    }
    return render_report("quality/release.html", made.name, person=person(request, session), **values)


def short(text: str) -> str:
    """Return a text with its digests by their first digits."""
    return _DIGEST.sub(r"\1…", text)


def _may(request: Request, who: Caller, release_id: str) -> bool:
    workspace = workspace_of(request)
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, who.principal)
        return standing.decide("promote_release", resource_of(release_id, who.principal.ref)).allowed
