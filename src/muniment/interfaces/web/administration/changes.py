"""Changes that pages make: after a recent sign-in, and back on the page with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import MunimentError, NotFound, TooMany
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import Resource
from muniment.interfaces.authenticate import Caller, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.web.rendering import sentences
from muniment.interfaces.web.shell import admitted, proving_anew

Asked = tuple[str, Resource]
SURE = "yes"
"""What a form sends whose box was ticked."""


def allowed(request: Request, session: Session, asked: Mapping[str, Asked]) -> dict[str, bool]:
    """Return which of these policy would allow, for a page to leave out what it would refuse."""
    workspace = workspace_of(request)
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, session.principal)
        return {name: standing.decide(action, on).allowed for name, (action, on) in asked.items()}


def changed(
    request: Request,
    session: Session,
    page: str,
    work: Callable[[], str | None],
    shown: Callable[[str], str],
    *,
    done: str,
    anew: bool = True,
    version: str = "",
) -> Response:
    """Do a change and go back to its page, or to the one that `work` returns; where it is refused, show why.

    `shown` renders the page with that. `anew`: a sign-in that is too old is asked for again first. `version` is the
    one to show of a page that has several.
    """
    if anew and (again := proving_anew(request, session, page)):
        return again
    try:
        instead = work()
    except (NotFound, TooMany):
        raise
    except MunimentError as error:
        return refused(error, shown)
    stated = f"version={version}&done={done}" if version else f"done={done}"
    return RedirectResponse(f"{instead or page}?{stated}", 303)


def changed_on(
    request: Request,
    session: Session,
    page: tuple[str, str],
    shown: Callable[[Request, Session, str], str],
    work: Callable[[Caller], str | None],
    *,
    done: str,
    anew: bool = True,
) -> Response:
    """Do a change for whoever may open a page, and go on as `changed` does. `page` is its key and its address."""
    who = admitted(request, session, page[0])
    return changed(
        request,
        session,
        page[1],
        lambda: work(who),
        lambda trouble: shown(request, session, trouble),
        done=done,
        anew=anew,
    )


def refused(error: MunimentError, shown: Callable[[str], str]) -> Response:
    """Return the page with why a change was refused."""
    told = problem_of(error)
    return HTMLResponse(shown(f"{told.title} {told.detail}".strip()), told.status)


def told(section: str, done: str) -> str:
    """Return `done` where the section has a sentence for it, else nothing: an address may say anything."""
    return done if done and f"{section}.done_{done}" in sentences() else ""
