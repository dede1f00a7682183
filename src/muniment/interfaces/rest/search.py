"""Searching over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response, Security

from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.bodies import PassageBody, SearchRequest, SearchResponse, TwinBody, WhyBody

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(tags=["search"])

Searcher = Annotated[Caller, Security(api_caller, scopes=["search"])]


@router.post("/v1/search", response_model=SearchResponse)
async def search(body: SearchRequest, request: Request, caller: Searcher, threads: Threads) -> Response:
    """Return the best passages among those that you may read."""
    workspace = workspace_of(request)
    answer = await threads.run(lambda: found(workspace, caller, body))
    return Response(answer.model_dump_json(), media_type="application/json")


def found(workspace: Workspace, caller: Caller, body: SearchRequest) -> SearchResponse:
    """Return what a search finds for its caller."""
    made = workspace.retriever.retrieve(
        caller.principal, body.query, body.k, caller.actor, "search", body.filters.filters(), body.explain
    )
    passages = [
        PassageBody(
            document=one.document,
            title=one.title,
            version=one.version,
            chunk=one.chunk,
            page=one.page,
            span=one.span,
            score=one.score,
            text=one.text,
            sensitivity=one.sensitivity,
            why=WhyBody.model_validate(one.why.as_json()) if one.why else None,
            twins=[TwinBody.model_validate(twin.as_json()) for twin in one.twins],
        )
        for one in made.passages
    ]
    return SearchResponse(passages=passages, decision=made.decision(), took_ms=made.took_ms)
