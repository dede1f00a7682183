"""Errors as RFC 9457 problem details, or as a page for a browser.

A body holds the public text only. Every 404 has the same bytes, whatever was asked for, so that absent and
forbidden things look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from muniment.foundation.errors import (
    MunimentError,
    NotFound,
    NotSetUp,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from muniment.foundation.key_provider import KeyRefused, KeyUnreachable

MEDIA_TYPE = "application/problem+json"
SIGN_IN = "/signin"
NOTHING_HERE = NotFound("There is nothing here that you may read.")
_CLOSED = Unavailable(
    "The workspace cannot be used now.", fix="Tell whoever runs it; `muniment doctor` says why."
)
_OPERATORS = (NotSetUp, KeyRefused, KeyUnreachable)
"""What only the operator can mend."""
_PHRASES = {
    400: ("bad-request", "The request cannot be read."),
    403: ("refused", "This server is reached over TLS through its proxy only."),
    405: ("method-not-allowed", "This address does not take that method."),
    413: ("too-large", "The request is larger than this server takes."),
    415: ("wrong-type", "The request is not of a media type that this address takes."),
    422: ("limit-depth", "The JSON of the request is nested too deep."),
    421: ("wrong-host", "This server does not answer under that host name."),
    500: ("failed", "Something failed inside muniment; nothing was done."),
    501: ("not-implemented", "This server does not offer that."),
}
_REFUSED = ("refused", "The request was refused.")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    status: int
    title: str
    """What went wrong, for a person."""
    code: str
    """Stable machine-readable name."""
    detail: str = ""
    """What to do about it."""


DOCUMENTED = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
"""What the OpenAPI document says of an answer that is a problem."""


def problem(status: int, code: str, title: str, detail: str = "") -> Response:
    """Return a problem response."""
    body = Problem(status=status, title=title, code=code, detail=detail)
    headers: dict[str, str] = {}
    if status == Unauthenticated.status:
        headers["www-authenticate"] = "Bearer"
    if status == Unavailable.status:
        headers["retry-after"] = "5"
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def problem_of(error: MunimentError) -> Problem:
    """Return what outsiders are told of an error; what only the operator can mend is not described to them."""
    told = error
    if isinstance(error, NotFound):
        told = NOTHING_HERE
    elif isinstance(error, _OPERATORS) or error.status == MunimentError.status:
        told = _CLOSED
    return Problem(status=told.status, title=told.public, code=told.code, detail=told.fix)


def plain_problem(status: int) -> Response:
    """Return the problem for a bare HTTP status."""
    if status == NotFound.status:
        return problem(status, NOTHING_HERE.code, NOTHING_HERE.public, NOTHING_HERE.fix)
    code, title = _PHRASES.get(status, _REFUSED)
    return problem(status, code, title)


def plain_code(status: int) -> str:
    """Return the stable name of a bare HTTP status."""
    return NOTHING_HERE.code if status == NotFound.status else _PHRASES.get(status, _REFUSED)[0]


def phrase(status: int) -> str:
    """Return what a bare HTTP status says in words."""
    return NOTHING_HERE.public if status == NotFound.status else _PHRASES.get(status, _REFUSED)[1]


Page = Callable[[Problem], Response]


def answered(request: Request, error: MunimentError, page: Page) -> Response:
    """Return what the caller is told of an error: a problem, or for a browser a page."""
    body = problem_of(error)
    if not wants_page(request):
        response = problem(body.status, body.code, body.title, body.detail)
    elif isinstance(error, Unauthenticated):
        return RedirectResponse(SIGN_IN, 303)
    else:
        response = page(body)
    if isinstance(error, TooMany):
        response.headers["retry-after"] = str(error.retry_after)
    return response


def install(app: FastAPI, page: Page) -> None:
    """Answer every error of `app` in these forms; `page` shows one to a browser."""

    async def told(request: Request, error: Exception) -> Response:
        return answered(request, error if isinstance(error, MunimentError) else NOTHING_HERE, page)

    async def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == NotFound.status:
            return await told(request, NOTHING_HERE)
        response = plain_problem(status)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    async def invalid(request: Request, error: Exception) -> Response:
        # It is found before anybody is asked who may open the page, which must not show that it is there.
        if wants_page(request) and not getattr(request.scope.get("route"), "include_in_schema", True):
            return await told(request, NOTHING_HERE)
        found = error.errors() if isinstance(error, RequestValidationError) else ()
        return problem(
            422, "bad-input", "The request does not fit.", "; ".join(complaint(e) for e in found[:8])
        )

    app.add_exception_handler(MunimentError, told)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)


def wants_page(request: Request) -> bool:
    """Return whether the caller is a browser that shows a page."""
    return "text/html" in request.headers.get("accept", "")


def complaint(error: Mapping[str, object]) -> str:
    """Name the place and the rule, never the value that was sent."""
    where = error.get("loc")
    place = ".".join(str(part) for part in where) if isinstance(where, tuple) else "body"
    return f"{place}: {error.get('msg', 'not valid')}"
