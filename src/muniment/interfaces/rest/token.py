"""Exchanging a person's token for one by which a service acts for that person (RFC 8693)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Security
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from muniment.foundation.errors import BadInput, MunimentError, TooMany, Unauthenticated, Unavailable
from muniment.governance.identity.delegation import SCOPE, WrongScope, WrongSubject
from muniment.interfaces import problems
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.rest.answers import Threads

_FORM = "application/x-www-form-urlencoded"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_PARAMETERS = frozenset(
    {
        "grant_type",
        "subject_token",
        "subject_token_type",
        "requested_token_type",
        "scope",
        "audience",
        "resource",
    }
)


class TokenError(BaseModel):
    """Why there is no token (RFC 6749, section 5.2)."""

    model_config = ConfigDict(extra="forbid")

    error: str
    """Such as `invalid_grant`."""
    error_description: str


class TokenResponse(BaseModel):
    """The token (RFC 8693, section 2.2.1)."""

    access_token: str
    issued_token_type: str
    token_type: str
    expires_in: int
    """Seconds."""
    scope: str


class _Refused(BadInput):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class _InTheWordsOfOAuth(APIRoute):
    """Answers every error as RFC 6749 has it, those of authentication included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except MunimentError as error:
                return _told(error)

        return told


router = APIRouter(tags=["token"], route_class=_InTheWordsOfOAuth)
Exchanger = Annotated[Caller, Security(api_caller, scopes=[SCOPE])]
_BODY = {
    "type": "object",
    "required": ["grant_type", "subject_token", "subject_token_type"],
    "properties": {name: {"type": "string"} for name in sorted(_PARAMETERS)},
}
_STATUSES: dict[int | str, dict[str, Any]] = {
    status: {
        "model": TokenError,
        "description": text,
        # While the key is switched off, every route is answered alike, before this one is reached.
        "content": {"application/json": {}} | (problems.DOCUMENTED if status == 503 else {}),
    }
    for status, text in {
        400: "There is no token for this.",
        401: "No API key, or one that does not hold.",
        403: "A credential that does not open this.",
        429: "A limit is reached; `Retry-After` says for how long.",
        503: "Cannot be done now; nothing was done.",
    }.items()
}


@router.post(
    "/v1/token",
    responses=_STATUSES,
    openapi_extra={"requestBody": {"required": True, "content": {_FORM: {"schema": _BODY}}}},
)
async def exchange(
    request: Request, response: Response, caller: Exchanger, threads: Threads
) -> TokenResponse:
    """Exchange a person's access token for one that names the service too."""
    workspace = workspace_of(request)
    form = await _form(request)
    token, scopes = _asked(form, workspace.delegation.audience)
    key = caller.key
    if key is None:
        raise _Refused("unauthorized_client", "Only a service with an API key exchanges tokens.")
    made = await threads.run(lambda: workspace.delegation.exchange(token, scopes, key))
    response.headers["cache-control"] = "no-store"
    return TokenResponse(
        access_token=made.token,
        issued_token_type=_ACCESS,
        token_type="Bearer",  # noqa: S106
        expires_in=made.seconds,
        scope=" ".join(sorted(made.scopes)),
    )


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise _Refused("invalid_request", f"The request is not {_FORM}.")
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=32, errors="strict")
    except ValueError as error:
        raise _Refused("invalid_request", "The form cannot be read.") from error
    if len(dict(pairs)) != len(pairs):
        raise _Refused("invalid_request", "A parameter stands twice.")
    # A parameter without a value counts as left out (RFC 6749, section 3.2).
    return {name: value for name, value in pairs if value}


def _asked(form: dict[str, str], audience: str) -> tuple[str, list[str]]:
    """Return the subject token and the scopes that are asked for."""
    if "grant_type" not in form:
        raise _Refused("invalid_request", "grant_type is missing.")
    if form["grant_type"] != _EXCHANGE:
        raise _Refused("unsupported_grant_type", f"The only grant type is {_EXCHANGE}.")
    if "actor_token" in form or "actor_token_type" in form:
        raise _Refused("invalid_request", "No actor_token is taken: the API key says who acts.")
    if form.get("subject_token_type") not in (_ACCESS, _JWT):
        raise _Refused("invalid_request", f"subject_token_type must be {_ACCESS}.")
    if "subject_token" not in form:
        raise _Refused("invalid_request", "subject_token is missing.")
    if form.get("requested_token_type", _ACCESS) not in (_ACCESS, _JWT):
        raise _Refused("invalid_request", f"requested_token_type can only be {_ACCESS}.")
    if form.get("audience", audience) != audience or "resource" in form:
        raise _Refused("invalid_target", "Tokens are made for this server alone.")
    return form["subject_token"], form.get("scope", "").split()


def _told(error: MunimentError) -> Response:
    code, status = "invalid_request", 400
    headers = {"cache-control": "no-store"}
    if isinstance(error, _Refused):
        code = error.error
    elif isinstance(error, WrongScope):
        code = "invalid_scope"
    elif isinstance(error, WrongSubject):
        code = "invalid_grant"
    elif isinstance(error, Unauthenticated):
        code, status, headers["www-authenticate"] = "invalid_client", 401, "Bearer"
    elif isinstance(error, TooMany):
        code, status, headers["retry-after"] = "temporarily_unavailable", 429, str(error.retry_after)
    elif isinstance(error, Unavailable):
        code, status, headers["retry-after"] = "temporarily_unavailable", 503, "5"
    elif error.status == 403:
        code, status = "unauthorized_client", 403
    elif error.status >= 500:
        raise error
    return JSONResponse(
        {"error": code, "error_description": f"{error.public} {error.fix}".strip()}, status, headers
    )
