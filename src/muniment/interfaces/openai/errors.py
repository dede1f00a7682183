"""Errors in OpenAI's form, under the statuses by which its clients tell them apart."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from muniment.foundation.errors import BadInput, MunimentError, TooMany, Unauthenticated, Unavailable
from muniment.interfaces import problems
from muniment.interfaces.rest.models import NoSuchModel

LONGEST_RETRY = 60
"""Seconds that clients wait by themselves; what takes longer they are told not to try again."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class ErrorBody(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid")

    message: str
    type: str
    """Such as `invalid_request_error`."""
    param: str | None = None
    """The parameter that does not fit."""
    code: str
    """Stable machine-readable name."""


class ErrorResponse(BaseModel):
    """An error, as OpenAI's clients read it."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorBody


class Unfit(BadInput):
    """A parameter that cannot be taken as it stands."""

    def __init__(self, public: str, param: str, code: str = "unsupported_value", fix: str = "") -> None:
        super().__init__(public, fix=fix)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """What ends a stream that fails in its middle."""

    body: ErrorResponse

    def encoded(self) -> bytes:
        """Return the event as it goes over the wire."""
        return f"data: {json.dumps(self.body.model_dump(), ensure_ascii=False)}\n\n".encode()


def failed(error: MunimentError) -> ErrorEvent:
    """Return the event that tells of an error."""
    return ErrorEvent(_told(error)[1])


def refused(error: MunimentError) -> Response:
    """Return what a caller is told of an error."""
    status, body = _told(error)
    headers: dict[str, str] = {}
    if isinstance(error, TooMany):
        headers["retry-after"] = str(error.retry_after)
        if error.retry_after > LONGEST_RETRY:
            headers["x-should-retry"] = "false"
    return _response(status, body, headers)


def plain_refusal(status: int) -> Response:
    """Return the error for a bare HTTP status."""
    code = problems.plain_code(status)
    # What does not fit is a bad request here.
    status = 400 if status == BadInput.status else status
    return _response(status, _error(status, problems.phrase(status), code))


def misfit(error: RequestValidationError) -> Response:
    """Name the parameter and the rule of the first thing that does not fit, never the value that was sent."""
    first: Mapping[str, Any] = next(iter(error.errors()), {})
    kind, place = str(first.get("type", "")), _place(first.get("loc", ()))
    if kind == "json_invalid" or not place:
        return _response(400, _error(400, "The body is no JSON object.", "invalid_json"))
    if kind == "extra_forbidden":
        said, code = f"Unknown parameter: {place}.", "unknown_parameter"
    elif kind == "missing":
        said, code = f"Missing parameter: {place}.", "missing_required_parameter"
    else:
        said, code = f"{place}: {first.get('msg', 'not valid')}.", "invalid_value"
    return _response(400, _error(400, said, code, place))


class InTheWordsOfOpenAI(APIRoute):
    """Answers every error in OpenAI's form, those of authentication included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except MunimentError as error:
                return refused(error)
            except RequestValidationError as error:
                return misfit(error)
            except HTTPException as error:
                return plain_refusal(error.status_code)

        return told


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": text}
    for status, text in {
        400: "The request does not fit; `param` says what.",
        401: "No credential, or one that does not hold.",
        403: "Not allowed.",
        404: "No such model that you may use.",
        413: "Too large.",
        421: "Not a host name of this server.",
        429: "A limit is reached; `Retry-After` says for how long.",
        503: "Cannot be done now; nothing was done.",
    }.items()
}
"""What the OpenAPI document says of errors in this form."""


def _told(error: MunimentError) -> tuple[int, ErrorResponse]:
    body = problems.problem_of(error)
    said = f"{body.title} {body.detail}".strip()
    if isinstance(error, NoSuchModel):
        return 404, _error(404, said, "model_not_found", "model")
    if isinstance(error, Unauthenticated):
        return 401, _error(401, said, "invalid_api_key")
    if isinstance(error, Unfit):
        return 400, _error(400, said, error.code, error.param)
    status = 400 if isinstance(error, BadInput) else body.status
    return status, _error(status, said, body.code)


def _error(status: int, message: str, code: str, param: str | None = None) -> ErrorResponse:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status == TooMany.status:
        kind = "rate_limit_error"
    return ErrorResponse(error=ErrorBody(message=message, type=kind, param=param, code=code))


def _response(status: int, body: ErrorResponse, headers: Mapping[str, str] | None = None) -> Response:
    made = JSONResponse(body.model_dump(), status, headers)
    if status == Unauthenticated.status:
        made.headers["www-authenticate"] = "Bearer"
    if status == Unavailable.status:
        made.headers["retry-after"] = "5"
    return made


def _place(where: tuple[object, ...]) -> str:
    """Name a place in the body, down to the first name that no client may know or that is no name."""
    named: list[str] = []
    for part in where[1:]:
        if not isinstance(part, int) and not _NAME.fullmatch(str(part)):
            named.append("…")
        else:
            named.append(str(part))
        if part == "content":
            break
    return ".".join(named)
