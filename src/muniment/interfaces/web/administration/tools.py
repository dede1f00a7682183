"""The tools: what each does in the world, and whose word its fields are; and the switch that stops them."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment.actions.classes import classes_of
from muniment.actions.labels import Integrity
from muniment.actions.manifest import HttpOperation, Manifest, PythonFunction
from muniment.actions.registry import Tool, resource_of
from muniment.foundation.errors import BadInput
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.roles import checked_reason
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.changes import SURE, allowed, changed, changed_on, told
from muniment.interfaces.web.administration.models import place
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.tools"
PAGE = "/administration/tools"
_SECRET = re.compile(r"""(?<=://)[^/\s"'@]*@""")
"""A name and a password in an address."""


@router.get(PAGE)
async def tools(request: Request, session: PageSession, threads: Threads, done: str = "") -> Response:
    """Show what is stopped, and every tool."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, done=done)))


@router.post(f"{PAGE}/stop")
async def stop(request: Request, session: PageSession, threads: Threads) -> Response:
    """Stop everything, a tool or a model, from the next call on: nobody is asked to sign in again for that."""
    fields = await form_of(request, "csrf", "kind", "name", "reason", "sure")
    check_change(request, session, fields.get("csrf"))
    kind, name, reason = (fields.get(one, "") for one in ("kind", "name", "reason"))

    def work(who: Caller) -> None:
        if kind == "everything" and fields.get("sure") != SURE:
            raise BadInput(say("stops.unsure"), fix=say("stops.unsure_fix"))
        workspace_of(request).stops.stop(kind, name, reason, who.principal, who.actor)

    return await threads.run(
        lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="stopped", anew=False)
    )


@router.post(PAGE + "/stops/{stop_id}/end")
async def go_on(stop_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Let go on what a stop held."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> None:
        workspace_of(request).stops.end(stop_id, who.principal, who.actor)

    return await threads.run(lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="resumed"))


@router.get(PAGE + "/{tool_id}")
async def tool(
    tool_id: str, request: Request, session: PageSession, threads: Threads, done: str = ""
) -> Response:
    """Show one tool, in words and as its manifest says it."""
    return HTMLResponse(await threads.run(lambda: _one(request, session, tool_id, done=done)))


@router.post(PAGE + "/{tool_id}/disable")
async def disable(tool_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Let a tool run for nobody."""
    fields = await form_of(request, "csrf", "reason")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> None:
        why = checked_reason(fields.get("reason", ""))
        workspace_of(request).tools.disable(tool_id, why, who.principal, who.actor)

    return await threads.run(lambda: _switched(request, session, tool_id, work, "disabled"))


@router.post(PAGE + "/{tool_id}/enable")
async def enable(tool_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Let a disabled tool run again."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> None:
        workspace_of(request).tools.enable(tool_id, who.principal, who.actor)

    return await threads.run(lambda: _switched(request, session, tool_id, work, "enabled"))


def _page(request: Request, session: Session, trouble: str = "", done: str = "") -> str:
    admitted(request, session, HERE)
    workspace = workspace_of(request)
    lasting = workspace.stops.lasting()
    with workspace.database.read() as connection:
        found = workspace.tools.all(connection)
        frozen = workspace.incidents.frozen_names(connection).get("tool", frozenset[str]())
    held = {one.name for one in lasting if one.kind == "tool"}
    values = {
        "here": HERE,
        "tools": [(one, state_of(one, held, frozen), host(one.manifest)) for one in found],
        "stops": lasting,
        "all_stopped": any(one.kind == "everything" for one in lasting),
        "models": [one.name for one in workspace.catalog.endpoints()],
        "may": allowed(request, session, {"stop": ("administer", WORKSPACE)}),
        "minute": minute,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("stops", done),
    }
    return render("administration/tools.html", say("tools.title"), person=person(request, session), **values)


def _one(request: Request, session: Session, tool_id: str, trouble: str = "", done: str = "") -> str:
    admitted(request, session, HERE)
    workspace = workspace_of(request)
    with workspace.database.read() as connection:
        found = workspace.tools.get(connection, tool_id)
        frozen = workspace.incidents.frozen_names(connection).get("tool", frozenset[str]())
    if found is None:
        raise NOTHING_HERE
    made = found.manifest
    held = {one.name for one in workspace.stops.lasting() if one.kind == "tool"}
    may = allowed(
        request,
        session,
        {"switch": ("manage_tool", resource_of(made)), "stop": ("administer", WORKSPACE)},
    )
    values = {
        "here": HERE,
        "tool": found,
        "made": made,
        "source": _SECRET.sub("", made.source),
        "state": state_of(found, held, frozen),
        "runner": runner(made),
        "origin": origin(made),
        "classes": classes_of(made, workspace.risk),
        "untrusted": Integrity.UNTRUSTED,
        "minute": minute,
        "may": may,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("tools", done),
    }
    return render("administration/tool.html", made.name, person=person(request, session), **values)


def state_of(tool: Tool, held: set[str], frozen: frozenset[str]) -> str:
    """Return `frozen`, `stopped`, `disabled` or `enabled`: what holds a tool most."""
    if tool.manifest.name in frozen:
        return "frozen"
    if tool.manifest.name in held:
        return "stopped"
    return "enabled" if tool.enabled else "disabled"


def runner(made: Manifest) -> str:
    """Return `python`, `http` or `mcp`: how its calls are made."""
    if isinstance(made.runs, PythonFunction):
        return "python"
    return "http" if isinstance(made.runs, HttpOperation) else "mcp"


def origin(made: Manifest) -> str:
    """Return what its calls reach: a function, an operation, or a tool of a server."""
    runs = made.runs
    if isinstance(runs, PythonFunction):
        return runs.function
    if isinstance(runs, HttpOperation):
        return f"{runs.method} {place(runs.url)}"
    return f"{runs.server}: {runs.tool}"


def host(made: Manifest) -> str:
    """Return where its calls go: a package, a host, or a server."""
    runs = made.runs
    if isinstance(runs, PythonFunction):
        return runs.function.partition(":")[0]
    return "/".join(place(runs.url).split("/")[:3]) if isinstance(runs, HttpOperation) else runs.server


def _switched(
    request: Request, session: Session, tool_id: str, work: Callable[[Caller], None], done: str
) -> Response:
    who = admitted(request, session, HERE)
    with workspace_of(request).database.read() as connection:
        if workspace_of(request).tools.get(connection, tool_id) is None:
            raise NOTHING_HERE
    return changed(
        request,
        session,
        f"{PAGE}/{tool_id}",
        lambda: work(who),
        lambda trouble: _one(request, session, tool_id, trouble),
        done=done,
    )
