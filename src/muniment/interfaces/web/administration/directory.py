"""Pages of the directory: people, services and groups, and changing an account or the roles of a member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import BadInput, MunimentError, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.roles import LONGEST_REASON, ROLES
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.refusal import Refusal, refusal_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, caller, person, proving_anew
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

HERE = "administration.directory"
LIST = "/administration/directory"
Of = Literal["user", "service", "group"]
_LONGEST_WORDS = 200
_SAID = frozenset({"given", "taken", "off", "on", "ended"})


@router.get(LIST)
async def directory(
    request: Request,
    session: PageSession,
    threads: Threads,
    of: Of = "user",
    after: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List people, services or groups."""

    def shown() -> str:
        admitted(request, session, HERE)
        return _list(request, session, of, "", after)

    return HTMLResponse(await threads.run(shown))


@router.post(f"{LIST}/search")
async def search(request: Request, session: PageSession, threads: Threads) -> Response:
    """List those whose names hold some words; words of people are not for an address."""
    fields = await form_of(request, "csrf", "of", "words", "after")
    check_change(request, session, fields.get("csrf"))
    of, words = fields.get("of", "user"), fields.get("words", "").strip()
    if of not in ("user", "service", "group"):
        raise BadInput("There is no such list.", fix="Choose users, services or groups.")
    if len(words) > _LONGEST_WORDS:
        raise BadInput(f"That is more than {_LONGEST_WORDS} characters.", fix="Search for fewer words.")

    def shown() -> str:
        admitted(request, session, HERE)
        return _list(request, session, of, words, fields.get("after", ""))

    return HTMLResponse(await threads.run(shown))


@router.post(f"{LIST}/roles")
async def roles(request: Request, session: PageSession, threads: Threads) -> Response:
    """Give a role to a member, or take it back."""
    fields = await form_of(request, "csrf", "member", "role", "reason", "do")
    check_change(request, session, fields.get("csrf"))
    workspace, member = workspace_of(request), fields.get("member", "")

    def change(who: Principal, by: Actor) -> str:
        role, reason = fields.get("role", ""), fields.get("reason", "")
        if fields.get("do") == "give":
            workspace.roles.grant(role, member, reason, by, who)
            return "given"
        if fields.get("do") == "take":
            workspace.roles.revoke(role, member, reason, by, who)
            return "taken"
        raise _unknown()

    return await threads.run(lambda: _changed(request, session, member, change))


@router.post(f"{LIST}/account")
async def account(request: Request, session: PageSession, threads: Threads) -> Response:
    """Switch an account off or on, or end its sessions."""
    fields = await form_of(request, "csrf", "member", "reason", "do")
    check_change(request, session, fields.get("csrf"))
    changes, member = workspace_of(request).account_changes, fields.get("member", "")

    def change(who: Principal, by: Actor) -> str:
        reason, do = fields.get("reason", ""), fields.get("do", "")
        if do == "off":
            changes.switch_off(member, reason, who, by)
        elif do == "on":
            changes.switch_on(member, reason, who, by)
        elif do == "ended":
            changes.end_sessions(member, reason, who, by)
        else:
            raise _unknown()
        return do

    return await threads.run(lambda: _changed(request, session, member, change))


@router.get(f"{LIST}/member")
async def named(
    request: Request,
    session: PageSession,
    threads: Threads,
    ref: Annotated[str, Query(max_length=400)] = "",
    said: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show a user, a service or a group whose name is no part of an address."""
    return await threads.run(lambda: _shown(request, session, ref, said))


@router.get(f"{LIST}/{{kind_id}}/{{member_id}}")
async def member(
    kind_id: str,
    member_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    said: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show a user, a service or a group."""
    return await threads.run(lambda: _shown(request, session, f"{kind_id}:{member_id}", said))


def place_of(ref: str) -> str:
    """Return the address of the page of a user, service or group."""
    kind, _, name = ref.partition(":")
    # A name with a slash, or one that browsers take for a step, cannot stand in a path.
    if "/" in name or name in (".", ".."):
        return f"{LIST}/member?ref={quote(ref, safe='')}"
    return f"{LIST}/{kind}/{quote(name, safe='')}"


def _shown(request: Request, session: Session, ref: str, said: str) -> Response:
    admitted(request, session, HERE)
    return HTMLResponse(_member(request, session, ref, said if said in _SAID else ""))


def _changed(
    request: Request, session: Session, ref: str, change: Callable[[Principal, Actor], str]
) -> Response:
    """Change something of a member, and show it; where the sign-in is too old, have the person sign in first."""
    who = admitted(request, session, HERE)
    place = place_of(ref)
    if anew := proving_anew(request, session, place):
        return anew
    try:
        said = change(who.principal, who.actor)
    except MunimentError as error:
        refused = refusal_of(error)
        return HTMLResponse(_member(request, session, ref, "", refused), refused.status)
    return RedirectResponse(f"{place}{'&' if '?' in place else '?'}said={said}", 303)


def _list(request: Request, session: Session, of: str, words: str, after: str) -> str:
    workspace, who = workspace_of(request), caller(session)
    pages = workspace.directory_pages
    if of == "group":
        found = pages.groups(words, after, who.principal, who.actor)
    else:
        kind: Literal["user", "service"] = "service" if of == "service" else "user"
        found = pages.accounts(kind, words, after, who.principal, who.actor)
    values = {"here": HERE, "of": of, "words": words, "after": after, "found": found, "place_of": place_of}
    return render(
        "administration/directory.html", say("people.title"), person=person(request, session), **values
    )


def _member(request: Request, session: Session, ref: str, said: str, refused: Refusal | None = None) -> str:
    workspace, who = workspace_of(request), caller(session)
    pages = workspace.directory_pages
    kind, _, name = ref.partition(":")
    values: dict[str, object] = {
        "here": HERE,
        "ref": ref,
        "roles": ROLES,
        "longest": LONGEST_REASON,
        "mine": ref == who.principal.ref,
        "said": said,
        "trouble": (refused or Refusal()).said,
        "minute": minute,
        "place_of": place_of,
    }
    try:
        if kind == "group":
            shown = pages.group(name, who.principal, who.actor)
            title, template = shown.title or name, "administration/group.html"
        else:
            shown = pages.account(ref, who.principal, who.actor)
            title, template = shown.account.title or name, "administration/account.html"
    except NotFound as absent:
        raise NOTHING_HERE from absent
    return render(template, title, person=person(request, session), found=shown, name=title, **values)


def _unknown() -> BadInput:
    return BadInput("This form asks for nothing that is known.", fix="Go back and choose again.")
