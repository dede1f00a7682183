"""The tools that a caller may use. One that a caller may not use is not named to that caller."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Security

from muniment.actions.registry import Tool
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.rest.action_bodies import ToolBody, ToolsResponse
from muniment.interfaces.rest.answers import Threads

SCOPE = "tools:use"
router = APIRouter(tags=["tools"])
ToolUser = Annotated[Caller, Security(api_caller, scopes=[SCOPE])]


@router.get("/v1/tools")
async def tools(request: Request, caller: ToolUser, threads: Threads) -> ToolsResponse:
    """List the tools that you may use."""
    usable = workspace_of(request).usable_tools
    found = await threads.run(lambda: usable.of(caller.principal))
    return ToolsResponse(tools=[body_of(one) for one in found])


@router.get("/v1/tools/{tool_id}")
async def tool(tool_id: str, request: Request, caller: ToolUser, threads: Threads) -> ToolBody:
    """Return a tool that you may use, by its name."""
    usable = workspace_of(request).usable_tools
    return body_of(await threads.run(lambda: usable.get(caller.principal, tool_id)))


def body_of(found: Tool) -> ToolBody:
    """Return a tool as whoever may use it is told of it."""
    return ToolBody.model_validate(found.as_json())
