"""What is counted, for Prometheus: for programs of this machine, and for API keys that have the scope for it."""

from __future__ import annotations

import ipaddress
from typing import Annotated, cast

from fastapi import APIRouter, Request, Security
from fastapi.security import SecurityScopes
from starlette.responses import Response

from muniment.foundation.errors import NotFound
from muniment.foundation.telemetry.exposition import MEDIA_TYPE, exposed
from muniment.foundation.telemetry.instruments import KNOWN, Reads
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.forwarded import FORWARDED
from muniment.interfaces.rest.answers import Threads

router = APIRouter(tags=["health"])
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


async def metrics_reader(request: Request, route: SecurityScopes) -> Caller | None:
    """Authenticate a call, unless it comes from this machine and that suffices; raises as `api_caller`."""
    allowed = workspace_of(request).settings.telemetry.metrics
    if allowed == "off":
        raise NotFound("There is nothing here.")
    if allowed == "local" and "authorization" not in request.headers and _is_local(request):
        return None
    return await api_caller(request, route)


def _is_local(request: Request) -> bool:
    """Whether a program of this machine asks for itself; one that names somebody else speaks for them."""
    if request.client is None or getattr(request.state, FORWARDED, False):
        return False
    try:
        found = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


@router.get("/metrics", response_class=Response, responses={200: {"content": _TEXT}})
async def metrics(
    request: Request,
    _caller: Annotated[Caller | None, Security(metrics_reader, scopes=["metrics"])],
    threads: Threads,
) -> Response:
    """Return what is counted, of all processes of this server and of all its tenants together."""
    readings = cast("Reads", request.app.state.readings)
    text = await threads.run(lambda: exposed(KNOWN.collect_with(readings)))
    return Response(text, media_type=MEDIA_TYPE)
