"""The page of all that waits for a person: what is overdue apart, and only what they choose to see."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from muniment.actions.approvals import LISTED
from muniment.actions.inbox import Chosen, Order
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.deciding.names import names_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person
from muniment.interfaces.web.wording import minute, span

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

ORDERS = get_args(Order)


@router.get("/approvals")
async def inbox(
    request: Request,
    session: PageSession,
    threads: Threads,
    risk: Annotated[str, Query(alias="class", max_length=20)] = "",
    requester: Annotated[str, Query(max_length=200)] = "",
    tool: Annotated[str, Query(max_length=200)] = "",
    order: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """List what waits for the person; what is overdue first, then what is most consequential."""
    workspace, who = workspace_of(request), caller(session)
    asked = {"class": risk, "requester": requester, "tool": tool, "order": order}
    chosen = Chosen(risk, requester, tool, cast(Order, order if order in ORDERS else ORDERS[0]))

    def shown() -> str:
        found, now = workspace.inbox.listing(who.principal, chosen), workspace.clock.now()

        def since(at: str) -> str:
            return span(now - datetime.fromisoformat(at))

        def until(at: str) -> str:
            return span(datetime.fromisoformat(at) - now)

        people = [one.action.bound.requester for one in found.lines]
        values = {
            "here": "approvals",
            "found": found,
            "chosen": chosen,
            "filtered": bool(risk or requester or tool),
            "orders": ORDERS,
            "most": LISTED,
            "again": "/approvals?" + urlencode({name: value for name, value in asked.items() if value}),
            "names": names_of(
                workspace, *people, *found.requesters, *(one.on_behalf_of for one in found.lines)
            ),
            "since": since,
            "until": until,
            "minute": minute,
        }
        return render(
            "deciding/approvals.html", say("approvals.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))
