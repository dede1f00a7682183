"""Sources over HTTP: how fresh they are, for people, and calls of the sources themselves.

Invariants:
- no API key, certificate or exchanged token lists sources;
- a call is taken only where its kind proves that it comes from the source; any other gets the 404 of a source that is
  not there, whatever went wrong, and counts for its address;
- nothing in a call is believed but that there is something to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from muniment.governance.audit.entry import Entry
from muniment.interfaces.authenticate import at_the_door, limits_of, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.approvals import Person
from muniment.interfaces.rest.source_bodies import FreshnessBody, SourceBody, SourcesResponse

if TYPE_CHECKING:
    from muniment.knowledge.source_pages import Listed
    from muniment.knowledge.sources.connector import Notice
    from muniment.knowledge.syncing.freshness import Freshness

ALL = "/v1/sources"
NOTIFICATIONS = "/v1/sources/{source_id}/notifications"
LONGEST_CALL = 256 << 10
router = APIRouter(tags=["sources"])


@router.get(ALL)
async def fresh_sources(request: Request, caller: Person, threads: Threads) -> SourcesResponse:
    """List the sources that you may look at, and how fresh each is."""
    workspace = workspace_of(request)

    def listed() -> list[Listed]:
        workspace.audit.record([Entry("source.listed", caller.actor, {})])
        return workspace.source_pages.listing(caller.principal)

    return SourcesResponse(sources=[_body(one) for one in await threads.run(listed)])


@router.post(
    NOTIFICATIONS,
    status_code=202,
    response_class=PlainTextResponse,
    responses={
        200: {"description": "Taken.", "content": {"text/plain": {}}},
        202: {"description": "Taken.", "content": {"text/plain": {}}},
    },
)
async def notified(source_id: str, request: Request) -> Response:
    """Take a call of a source that something changed there; its kind proves where it comes from."""
    limits, body = limits_of(request), await request.body()

    def taken() -> Notice:
        limits.check_stranger(request)
        found = _proven(request, source_id, body)
        if found is None:
            limits.failed(request)
            raise NOTHING_HERE
        return found

    notice = await at_the_door(request, taken)
    return PlainTextResponse(notice.reply, notice.status)


def _proven(request: Request, source_id: str, body: bytes) -> Notice | None:
    workspace, limits = workspace_of(request), limits_of(request)
    # On a host of several tenants the address names one, which is this.
    name = source_id.removeprefix(f"{workspace.keyring.tenant}:")
    return workspace.sources.notice(
        name, request.headers, request.query_params, body, lambda: limits.admit_source(name)
    )


def _body(one: Listed) -> SourceBody:
    return SourceBody(
        name=one.source.name,
        kind=one.source.kind,
        documents=one.source.documents,
        whole=one.whole,
        synced_at=one.source.synced_at,
        frozen=one.frozen,
        freshness=None if one.freshness is None else _fresh(one.freshness, one.whole),
    )


def _fresh(found: Freshness, whole: bool) -> FreshnessBody:
    return FreshnessBody(
        state=found.state,
        served=found.served,
        cause=found.cause,
        age_seconds=found.age,
        left_seconds=found.left,
        until=found.until,
        waiting=found.items.get("waiting", 0) if whole else None,
        given_up=found.items.get("dead", 0) if whole else None,
    )
