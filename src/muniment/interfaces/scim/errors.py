"""Errors in the form of SCIM (RFC 7644, section 3.12)."""

from __future__ import annotations

from fastapi import FastAPI, Request
from pydantic import ValidationError
from scim2_models import Error, SCIMException
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from muniment.foundation.errors import BadInput, MunimentError, TooMany, Unauthenticated, Unavailable
from muniment.governance.identity.provisioning_change import Taken
from muniment.interfaces import problems

MEDIA_TYPE = "application/scim+json"
LONGEST_DETAIL = 500
"""Characters: what was sent may be repeated in an error, and not at any length."""


def refusal(status: int, detail: str, scim_type: str | None = None) -> Response:
    """Return an error."""
    headers: dict[str, str] = {}
    if status == Unauthenticated.status:
        headers["www-authenticate"] = "Bearer"
    if status == Unavailable.status:
        headers["retry-after"] = "5"
    body = Error(status=status, detail=detail[:LONGEST_DETAIL], scim_type=scim_type)
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def refused(error: MunimentError) -> Response:
    """Return what a provider is told of an error."""
    body = problems.problem_of(error)
    detail = f"{body.title} {body.detail}".strip()
    if isinstance(error, BadInput):
        return refusal(400, detail, "invalidValue")
    response = refusal(body.status, detail, "uniqueness" if isinstance(error, Taken) else None)
    if isinstance(error, TooMany):
        response.headers["retry-after"] = str(error.retry_after)
    return response


def plain_refusal(status: int) -> Response:
    """Return the error for a bare HTTP status."""
    if status == 422:
        return refusal(400, problems.phrase(status), "invalidSyntax")
    return refusal(status, problems.phrase(status))


def _misfit(error: ValidationError) -> Response:
    """Name the place and the rule of the first thing that does not fit."""
    found = Error.from_validation_errors(error)[0]
    return refusal(found.status or 400, found.detail or "", found.scim_type)


def install(app: FastAPI) -> None:
    """Answer every error of `app` in this form."""

    async def told(_request: Request, error: Exception) -> Response:
        return refused(error) if isinstance(error, MunimentError) else plain_refusal(500)

    async def scim(_request: Request, error: Exception) -> Response:
        if not isinstance(error, SCIMException):
            return plain_refusal(500)
        if isinstance(error.__cause__, ValidationError):
            return _misfit(error.__cause__)
        return refusal(error.status, error.detail, error.scim_type or None)

    async def invalid(_request: Request, error: Exception) -> Response:
        return _misfit(error) if isinstance(error, ValidationError) else plain_refusal(500)

    async def http(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        response = plain_refusal(status)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    app.add_exception_handler(MunimentError, told)
    app.add_exception_handler(SCIMException, scim)
    app.add_exception_handler(ValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
