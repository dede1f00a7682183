"""Refusals, as RFC 9457 problem details. Every 404 has the same bytes: what is forbidden looks like what is absent."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"


class ProblemBody(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    status: int
    title: str
    code: str
    """Stable machine-readable name."""
    detail: str = ""
    """What to do about it."""
    check: str = ""
    """With 401: the claim or header that did not match."""


class Problem(Exception):
    """A refusal that the caller is told of."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", check: str = "") -> None:
        super().__init__(title)
        self.body = ProblemBody(status=status, title=title, code=code, detail=detail, check=check)

    def response(self) -> Response:
        """Return the refusal as it is sent."""
        body = self.body
        headers = {"www-authenticate": 'Bearer error="invalid_token"'} if body.status == 401 else {}
        return JSONResponse(body.model_dump(), body.status, headers, MEDIA_TYPE)


def absent() -> Problem:
    """Return the one answer for what does not exist and for what the caller may not see."""
    return Problem(404, "not-found", "There is nothing here that you may see.")


def forbidden(detail: str) -> Problem:
    """Return the refusal of an operation that this person may not do."""
    return Problem(403, "forbidden", "This person may not do that.", detail)


def bad_input(detail: str) -> Problem:
    """Return the refusal of a request that does not fit."""
    return Problem(422, "bad-input", "The request does not fit.", detail)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of these refusals."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
    return {s: {"description": _SAID[s], "content": {MEDIA_TYPE: schema}} for s in sorted(statuses)}


_SAID = {
    400: "The request cannot be read.",
    401: "The token does not fit this request.",
    403: "This person may not do that.",
    404: "There is nothing here that this person may see.",
    405: "This address does not take that method.",
    409: "The state of the thing does not allow that.",
    412: "The thing has changed since it was read.",
    413: "The body is larger than 64 KiB.",
    422: "The request does not fit, or the key was used for another one.",
    428: "The request must say which version it was made for.",
    503: "The systems cannot be used now.",
}


def unavailable() -> Problem:
    """Return the answer while the database fails: the transaction was rolled back."""
    return Problem(503, "unavailable", "The systems cannot be used now; nothing was done.")


def complaint(error: Mapping[str, Any]) -> str:
    """Name the place and the rule, never the value that was sent."""
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""

    async def told(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def http(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404:
            return absent().response()
        return Problem(status, "refused", _SAID.get(status, "The request was refused.")).response()

    async def invalid(_request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else ()
        return bad_input("; ".join(complaint(each) for each in found[:8])).response()

    async def broken(_request: Request, _error: Exception) -> Response:
        return unavailable().response()

    async def failed(_request: Request, _error: Exception) -> Response:
        return Problem(500, "failed", "Something failed inside the server; nothing was done.").response()

    app.add_exception_handler(Problem, told)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(sqlite3.Error, broken)
    app.add_exception_handler(Exception, failed)
