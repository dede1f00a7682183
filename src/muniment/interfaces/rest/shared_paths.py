"""Routes of which several stand on one path, and whose paths hold a word where another has an id."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

_TAKEN: dict[str, set[str]] = {}
"""The methods that each path takes, by its routes of this kind."""


class SharesItsPath(APIRoute):
    """A route beside others on the same path, whose id is never the word that another path has in its place."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        _TAKEN.setdefault(path, set()).update(self.methods or ())

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Leave that word to the route that is called so."""
        match, child = super().matches(scope)
        found = cast("dict[str, object]", child.get("path_params", {}))
        if match is not Match.NONE and found and self.path.format(**found) in _TAKEN:
            return Match.NONE, {}
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a method that no route of the path takes is told all those that one does."""
        if scope["method"] not in _TAKEN[self.path]:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(_TAKEN[self.path]))})
        await super().handle(scope, receive, send)
