"""The address of the protocol, and where its clients learn who gives them a token (RFC 9728).

Invariants:
- each message is authenticated by itself: there are no sessions, so nothing outlives a credential;
- what a page of another site sends is refused, whatever credential it brings.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from muniment.foundation.errors import Unauthenticated
from muniment.interfaces.authenticate import Caller, api_caller, at_the_door, check_origin, workspace_of
from muniment.interfaces.mcp import METADATA, PATH
from muniment.interfaces.problems import NOTHING_HERE, problem_of
from muniment.interfaces.problems import problem as told_problem
from muniment.interfaces.rest.answers import Threads


class _SaysWhoGivesTokens(APIRoute):
    """Answers a caller without a credential that holds as MCP has it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except Unauthenticated as error:
                body = problem_of(error)
                response = told_problem(body.status, body.code, body.title, body.detail)
                if workspace_of(request).issuers:
                    place = f"{request.base_url}{METADATA[1:]}{PATH}"
                    response.headers["www-authenticate"] = f'Bearer resource_metadata="{place}"'
                return response

        return told


router = APIRouter(include_in_schema=False, route_class=_SaysWhoGivesTokens)

Agent = Annotated[Caller, Security(api_caller, scopes=["mcp"])]


@router.post(PATH)
async def message(request: Request, caller: Agent, threads: Threads) -> Response:
    """Answer one message of the protocol."""
    if "origin" in request.headers:
        check_origin(request)
    body = await request.body()
    # The library is imported when somebody first calls.
    exchange = await at_the_door(request, _exchange)
    return exchange(request, body, caller, threads)


def _exchange() -> Callable[..., Response]:
    from muniment.interfaces.mcp.exchange import Exchange

    return Exchange


@router.get(METADATA)
@router.get(METADATA + PATH)
async def resource_metadata(request: Request) -> Response:
    """Say which identity providers give tokens for this server; there are none in local use."""
    issuers = workspace_of(request).issuers
    if not issuers:
        raise NOTHING_HERE
    return JSONResponse(
        {
            "resource": f"{request.base_url}{PATH[1:]}",
            "resource_name": "Muniment",
            "authorization_servers": [one.issuer.url for one in issuers],
            "bearer_methods_supported": ["header"],
        }
    )
