"""Reads the JSON of a request: one object, in which nothing stands twice and nothing is too deep to walk."""

from __future__ import annotations

import json
from typing import Any, NoReturn, cast

from fastapi import Request
from scim2_models import InvalidSyntaxException, InvalidValueException
from starlette.exceptions import HTTPException

_TAKEN = frozenset({"application/scim+json", "application/json"})
_DEEPEST = 16


async def document(request: Request) -> dict[str, Any]:
    """Return the object that a request sends; raises InvalidSyntaxException for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TAKEN:
        raise HTTPException(415)
    return parsed(await request.body())


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the object that these bytes are."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidSyntaxException(
            detail="the request is no JSON object, or a name stands twice in it"
        ) from error
    if not isinstance(found, dict) or _too_deep(found):
        raise InvalidSyntaxException(detail="the request is no JSON object, or it is nested too deep")
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidValueException(detail="half of a surrogate pair is no text") from error
    return cast("dict[str, Any]", found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Names of attributes differ by more than case.
    if len({name.casefold() for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_number(_text: str) -> NoReturn:
    raise ValueError("no number")


def _too_deep(found: object) -> bool:
    level: list[Any] = [found]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(cast("dict[str, Any]", one).values())
            elif isinstance(one, list):
                inner.extend(cast("list[Any]", one))
        level = inner
        if not level:
            return False
    return True
