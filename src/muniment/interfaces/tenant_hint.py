"""Which tenant a request says that it is of: by its credential, and before there is one by what the person typed.

Nothing here is proven: it says who is to verify the credential. Any other tenant would refuse it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Message, Receive

from muniment.governance.identity import api_key_format
from muniment.governance.identity.issuer import CALLBACK
from muniment.governance.identity.signed import MAX_CHARACTERS, json_object
from muniment.governance.identity.tenant_part import tenant_in
from muniment.interfaces.authenticate import attempt_cookie_name, cookie_name
from muniment.interfaces.problems import SIGN_IN

LONGEST_FORM = 4096
"""Bytes of a sign-in form; a longer one is the form of nobody."""
_LOCAL = "muniment:"
_CALL = re.compile("/v1/sources/([^/:]+):[^/]+/notifications")
TenantOf = Callable[[Mapping[str, object]], str | None]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a request says."""

    tenant: str = ""
    """Empty: none, so it is the host's own."""
    asks: bool = False
    """Whether it is of somebody who has yet to say which organisation is theirs."""
    organisation: str = ""
    """What such a person typed."""


async def hint_of(request: Request, receive: Receive, tenant_of: TenantOf) -> tuple[Hint, Receive]:
    """Return what a request says, and where to receive its body from now on."""
    bearer = _bearer(request)
    if bearer is not None:
        return Hint(tenant_of_bearer(bearer, tenant_of)), receive
    if called := _CALL.fullmatch(request.url.path):
        # Of a source, which proves itself to the tenant.
        return Hint(called[1]), receive
    if request.url.path == SIGN_IN:
        return await _of_sign_in(request, receive)
    name = attempt_cookie_name if request.url.path == CALLBACK else cookie_name
    return Hint(tenant_in(request.cookies.get(name(request), ""))), receive


def tenant_of_bearer(token: str, tenant_of: TenantOf) -> str:
    """Return the tenant that a bearer token or an API key names, or nothing."""
    if api_key_format.is_api_key(token):
        return api_key_format.tenant_in(token)
    claims = _claims(token)
    issuer = claims.get("iss")
    if isinstance(issuer, str) and issuer.startswith(_LOCAL):
        return issuer.removeprefix(_LOCAL).partition(":")[0]
    return tenant_of(claims) or ""


async def _of_sign_in(request: Request, receive: Receive) -> tuple[Hint, Receive]:
    if request.method == "POST":
        body, again = await _read(receive)
        fields = parse_qsl(body.decode("latin-1"), max_num_fields=16) if body.count(b"&") < 16 else []
        return Hint(tenant_in(dict(fields).get("token", ""))), again
    asked: QueryParams = request.query_params
    if "token" in asked:
        return Hint(tenant_in(asked["token"])), receive
    cookie = request.cookies.get(cookie_name(request))
    if cookie is not None:
        return Hint(tenant_in(cookie)), receive
    return Hint(asks=True, organisation=asked.get("organisation", "")), receive


def _bearer(request: Request) -> str | None:
    for given in request.headers.getlist("authorization")[:1]:
        scheme, _, token = given.partition(" ")
        return token if scheme.lower() == "bearer" else None
    return None


def _claims(token: str) -> Mapping[str, object]:
    parts = token.split(".") if len(token) <= MAX_CHARACTERS else []
    if len(parts) != 3:
        return {}
    try:
        return json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Return the beginning of a body, and what gives all of it again."""
    messages, body, more = list[Message](), b"", True
    while more and len(body) <= LONGEST_FORM:
        message = await receive()
        messages.append(message)
        body += cast("bytes", message.get("body", b""))
        more = message["type"] == "http.request" and bool(message.get("more_body", False))

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return (body if len(body) <= LONGEST_FORM else b""), again
