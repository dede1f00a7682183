"""What every page shares: who looks at it, which pages are open to them, and the refusal of all others."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from muniment.actions.approvals import RECENT
from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.gate import NotPermitted
from muniment.interfaces.authenticate import Caller, workspace_of
from muniment.interfaces.problems import NOTHING_HERE, SIGN_IN
from muniment.interfaces.web.openings import OPENINGS, opening
from muniment.interfaces.web.person import Person
from muniment.interfaces.web.way_back import remember


def caller(session: Session) -> Caller:
    """Return a signed-in person as a caller."""
    return Caller(session.principal, Actor(session.principal.ref, "web"), signed_in=session.proved)


def person(request: Request, session: Session) -> Person:
    """Return who is signed in, with the pages that are open to them now."""
    workspace, who = workspace_of(request), session.principal
    try:
        waiting, acts = workspace.approvals.count(who), workspace.actions.any_of(who)
    except Denied:
        waiting, acts = None, False
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, who)
        asks = standing.decide("ask", WORKSPACE).allowed
        asked = {(action, on.ref): on for one in OPENINGS for action, on in one.asked}
        allowed = {
            (action, ref) for (action, ref), on in asked.items() if standing.decide(action, on).allowed
        }
    openings = tuple(
        (one.key, one.href) for one in OPENINGS if allowed & {(action, on.ref) for action, on in one.asked}
    )
    return Person(workspace.directory.title(who), session.csrf, waiting, acts, asks, openings)


def admitted(request: Request, session: Session, key: str) -> Caller:
    """Return the caller, and put on record that they looked at this page.

    Raises NotFound, on record too, where policy does not open it: it looks like a page that does not exist.
    """
    workspace, who, page = workspace_of(request), caller(session), opening(key)
    try:
        with workspace.gate.recorded(who.actor), workspace.database.read() as connection:
            standing = workspace.policy.standing(connection, who.principal)
            open_by = next((one for one in page.asked if standing.decide(*one).allowed), page.asked[0])
            stated = workspace.gate.check(connection, who.principal, *open_by)
    except NotPermitted as refused:
        raise NOTHING_HERE from refused
    workspace.audit.record([Entry("page.read", who.actor, {"page": key, **stated})])
    return who


def proving_anew(request: Request, session: Session, back: str) -> Response | None:
    """Return the way to sign in again, then to come back to a page, where this sign-in is too old to decide."""
    if workspace_of(request).clock.now() - session.proved <= RECENT:
        return None
    response = RedirectResponse(f"{SIGN_IN}?again=1", 303)
    remember(request, response, back)
    return response
