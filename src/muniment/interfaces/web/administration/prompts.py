"""The prompts: which is live for what, their texts, what differs between two, and the way forward and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from muniment.foundation.errors import BadInput
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.inference.prompt_file import PURPOSES
from muniment.inference.prompt_registry import Staged
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.changes import allowed, changed, told
from muniment.interfaces.web.administration.differences import differences
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.prompts"
PAGE = "/administration/prompts"
LISTED = 50
"""Promotions on one page."""
SHOWN = 16
"""Digits of a digest in an address."""
Digits = Annotated[str, Query(max_length=64)]


@router.get(PAGE)
async def prompts(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show what is live for each purpose, what could be, and what was promoted."""

    def shown() -> str:
        admitted(request, session, HERE)
        workspace, trouble = workspace_of(request), ""
        try:
            found = workspace.prompts.all()
        except BadInput as error:
            # One draft that is no prompt hides them all: it is named, and the live ones are in the database.
            found, trouble = [], f"{error.public} {error.fix}".strip()
        history = workspace.prompts.history(limit=LISTED + 1)
        order = list(PURPOSES)
        live = [one for one in found if one.stage == "live"]
        values = {
            "here": HERE,
            "live": sorted(live, key=lambda one: order.index(one.prompt.purpose)),
            "others": [one for one in found if one.stage != "live"],
            "history": history[:LISTED],
            "more": len(history) > LISTED,
            "since": workspace.prompts.since(),
            "digits": digits,
            "minute": minute,
            "trouble": trouble,
        }
        return render(
            "administration/prompts.html", say("prompts.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))


@router.get(PAGE + "/{prompt_id}")
async def prompt(
    prompt_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    version: Digits = "",
    against: Digits = "",
    done: str = "",
) -> Response:
    """Show one prompt in a version, and what differs from another."""
    return HTMLResponse(
        await threads.run(lambda: _page(request, session, prompt_id, version, against, done=done))
    )


@router.post(PAGE + "/{prompt_id}/promote")
async def promote(prompt_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Bring a version one stage further."""
    fields = await form_of(request, "csrf", "version", "reason")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller, chosen: Staged) -> None:
        workspace_of(request).prompts.promote(
            chosen.prompt.digest, fields.get("reason", ""), who.actor, who.principal
        )

    return await threads.run(
        lambda: _changed(request, session, prompt_id, fields.get("version", ""), work, "promoted")
    )


@router.post(PAGE + "/{prompt_id}/rollback")
async def roll_back(prompt_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Make the prompt of this one's purpose live that was so before."""
    fields = await form_of(request, "csrf", "version", "reason")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller, chosen: Staged) -> None:
        why, one = fields.get("reason", ""), chosen.prompt
        workspace_of(request).prompts.rollback(one.purpose, why, who.actor, who.principal, one.digest)

    return await threads.run(
        lambda: _changed(request, session, prompt_id, fields.get("version", ""), work, "rolled_back")
    )


def digits(one: Staged) -> str:
    """Return what names a version in an address."""
    return one.prompt.digest.removeprefix("sha256:")[:SHOWN]


def _changed(
    request: Request,
    session: Session,
    name: str,
    version: str,
    work: Callable[[Caller, Staged], None],
    done: str,
) -> Response:
    who = admitted(request, session, HERE)
    chosen = _chosen(_versions(request, name), version)
    return changed(
        request,
        session,
        f"{PAGE}/{name}",
        lambda: work(who, chosen),
        lambda trouble: _page(request, session, name, version, trouble=trouble),
        done=done,
        # After a rollback another version is live, which the page shows by itself.
        version=digits(chosen) if done == "promoted" else "",
    )


def _page(
    request: Request,
    session: Session,
    name: str,
    version: str = "",
    against: str = "",
    trouble: str = "",
    done: str = "",
) -> str:
    admitted(request, session, HERE)
    versions = _versions(request, name)
    chosen = _chosen(versions, version)
    other = _chosen(versions, against) if against else None
    registry, purpose = workspace_of(request).prompts, chosen.prompt.purpose
    history = registry.history(purpose, LISTED + 1)
    values = {
        "here": HERE,
        "one": chosen,
        "versions": versions,
        "other": other,
        "lines": differences(other.prompt.content, chosen.prompt.content) if other else [],
        "history": history[:LISTED],
        "more": len(history) > LISTED,
        "goes_back": registry.had_others(purpose),
        "may": allowed(request, session, {"change": ("change_prompt", Resource("Prompt", name))}),
        "digits": digits,
        "minute": minute,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("prompts", done),
    }
    return render("administration/prompt.html", name, person=person(request, session), **values)


def _versions(request: Request, name: str) -> Sequence[Staged]:
    """Return the versions of a prompt, the live one first; raises NotFound for a name that none has."""
    found = [one for one in workspace_of(request).prompts.all() if one.prompt.name == name]
    if not found:
        raise NOTHING_HERE
    order = ("live", "candidate", "draft", "retired")
    return sorted(found, key=lambda one: (order.index(one.stage), one.prompt.version))


def _chosen(versions: Sequence[Staged], given: str) -> Staged:
    """Return the version that digits name, the first of all for none; raises NotFound."""
    found = [one for one in versions if digits(one) == given] if given else versions
    if not found:
        raise NOTHING_HERE
    return found[0]
