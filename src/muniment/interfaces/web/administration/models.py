"""The model endpoints: who may use which for what, how they fare, and what was used of them today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment import settings as settings_file
from muniment.foundation.errors import Conflict
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.inference.catalog import Endpoint
from muniment.inference.spending import EVERYBODY, MILLION, Most, Use
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.changes import allowed, changed_on, told
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.models"
PAGE = "/administration/models"
_TOLD_APART = frozenset({"base_url", "api_key"})
"""Settings of an endpoint that are not shown as they are written: an address may hold a name and a password."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What was used of something that is limited."""

    name: str
    used: str
    limit: str
    """Empty where nothing limits it."""
    share: float
    """Per cent of the limit, at most 100."""


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint as it stands."""

    endpoint: Endpoint
    default: bool
    frozen: bool
    rests: bool
    stopped: bool
    settings: list[tuple[str, str]]


@router.get(PAGE)
async def models(request: Request, session: PageSession, threads: Threads, done: str = "") -> Response:
    """Show the endpoints and today's use."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, done=done)))


@router.post(f"{PAGE}/freeze")
async def freeze(request: Request, session: PageSession, threads: Threads) -> Response:
    """Freeze an endpoint for a new incident, from the next question on."""
    fields = await form_of(request, "csrf", "name", "reason")
    check_change(request, session, fields.get("csrf"))
    name, reason = fields.get("name", ""), fields.get("reason", "")

    def work(who: Caller) -> None:
        workspace = workspace_of(request)
        incidents, known = workspace.incidents, workspace.catalog.get(name)
        with workspace.database.read() as connection:
            if known.name in incidents.frozen_names(connection).get("endpoint", ()):
                raise Conflict(say("models.is_frozen", name=known.name), fix=say("models.is_frozen_fix"))
        made = incidents.open(f"endpoint:{name}"[:200], "medium", reason, who.principal, who.actor)
        incidents.freeze(made.id, "endpoint", name, reason, who.principal, who.actor)

    return await threads.run(lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="frozen"))


@router.post(f"{PAGE}/thaw")
async def thaw(request: Request, session: PageSession, threads: Threads) -> Response:
    """End the freeze of an endpoint."""
    fields = await form_of(request, "csrf", "name", "reason")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> None:
        name, reason = fields.get("name", ""), fields.get("reason", "")
        workspace_of(request).incidents.thaw("endpoint", name, reason, who.principal, who.actor)

    return await threads.run(lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="thawed"))


def _page(request: Request, session: Session, trouble: str = "", done: str = "") -> str:
    admitted(request, session, HERE)
    workspace = workspace_of(request)
    values = {
        "here": HERE,
        "rows": _rows(workspace),
        "file": workspace.home / settings_file.FILE_NAME,
        "tokens": _bars(workspace, cost=False),
        "costs": _bars(workspace, cost=True),
        "may": allowed(request, session, {"freeze": ("manage_incident", WORKSPACE)}),
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("models", done),
    }
    return render(
        "administration/models.html", say("models.title"), person=person(request, session), **values
    )


def _rows(workspace: Workspace) -> list[Row]:
    stated = cast("dict[str, dict[str, object]]", settings_file.described(workspace.settings)["models"])
    with workspace.database.read() as connection:
        frozen = workspace.incidents.frozen_names(connection).get("endpoint", frozenset[str]())
    stops = workspace.stops.lasting()
    held = {one.name for one in stops if one.kind == "model"}
    gateway, default = workspace.gateway, workspace.catalog.default
    return [
        Row(
            one,
            one.name == default,
            one.name in frozen,
            gateway.rests(one.name),
            one.name in held,
            _settings(one, stated.get(one.name, {})),
        )
        for one in workspace.catalog.endpoints()
    ]


def _settings(endpoint: Endpoint, stated: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the effective settings of an endpoint by their keys: of its key, where it comes from and no more."""
    if not stated:
        return []
    named = f"models.{endpoint.name}"
    found = [(f"{named}.base_url", place(endpoint.base_url))]
    if reference := str(stated.get("api_key", "")):
        found.append((f"{named}.api_key", reference))
    for name, value in stated.items():
        if name not in _TOLD_APART and value not in ("", [], {}, None):
            found.append((f"{named}.{name}", _written(value)))
    return [(name, value) for name, value in found if value]


def place(address: str) -> str:
    """Return an address without a name and password that it may hold, in front or behind."""
    scheme, between, rest = address.rpartition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{between}{host.rpartition('@')[2]}{slash}{path}"


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in cast("list[object]", value))
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return ", ".join(f"{name} = {one}" for name, one in items if one not in ("", [], None)) or ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bars(workspace: Workspace, *, cost: bool) -> list[Bar]:
    """Return what all together and each team used today: of single people it is not told."""
    limits = settings_file.spending_limits(workspace.settings)
    used = {line.who: line.use for line in workspace.spending.lines(1)}
    asked = [(say("models.everybody"), EVERYBODY, limits.tenant)]
    asked += [(name, f"group:{name}", limit) for name, limit in sorted(limits.teams.items())]
    return [
        bar
        for name, who, limit in asked
        if (bar := _bar(name, used.get(who, Use()), limit, cost)) is not None
    ]


def _bar(name: str, use: Use, limit: Most, cost: bool) -> Bar | None:
    number, most = (use.cost, limit.cost) if cost else (use.tokens, limit.tokens)
    if cost and not number and most is None:
        return None
    share = 0.0 if not most else min(100.0, 100.0 * number / most)
    return Bar(name, _said(number, cost), "" if most is None else _said(most, cost), round(share, 2))


def _said(number: int, cost: bool) -> str:
    return f"{number / MILLION:,.2f}" if cost else f"{number:,}"
