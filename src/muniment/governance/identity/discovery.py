"""What a provider says of itself (OpenID Connect Discovery), taken only as far as the operator's settings allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from muniment.foundation.egress import origin_of
from muniment.foundation.errors import BadInput
from muniment.governance.identity.issuer import Issuer, address_problem, origin
from muniment.governance.identity.signed import json_object


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where a provider's doors are."""

    jwks_uri: str
    authorization_endpoint: str
    """Empty where it signs nobody in."""
    token_endpoint: str
    secret_in_form: bool
    """It takes a client's secret among the fields of the form, not in a header."""
    names_itself: bool
    """It says who it is when it sends a browser back (RFC 9207)."""


def read_discovery(raw: bytes, issuer: Issuer) -> Discovery:
    """Return the description; raises ValueError where it is another's or leads where it may not."""
    stated = json_object(raw)
    if stated.get("issuer") != issuer.url:
        raise ValueError("the description is of another issuer")
    methods = _listed(stated, "code_challenge_methods_supported", ["S256"])
    if "S256" not in methods:
        raise ValueError("the provider does not take PKCE with S256")
    ways = _listed(stated, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
    found = Discovery(
        jwks_uri=_within(stated, "jwks_uri", issuer, issuer.jwks_origin),
        authorization_endpoint=_address(stated, "authorization_endpoint") if issuer.client else "",
        token_endpoint=_within(stated, "token_endpoint", issuer, issuer.token_origin)
        if issuer.client
        else "",
        secret_in_form="client_secret_basic" not in ways,
        names_itself=stated.get("authorization_response_iss_parameter_supported") is True,
    )
    return found


def _address(stated: Mapping[str, object], name: str) -> str:
    url = stated.get(name)
    if not isinstance(url, str):
        raise ValueError(f"the description has no {name}")
    problem = address_problem(url)
    if problem:
        raise ValueError(f"{name} {problem}")
    return url


def _within(stated: Mapping[str, object], name: str, issuer: Issuer, also: str) -> str:
    url = _address(stated, name)
    try:
        allowed = {origin_of(one) for one in (origin(issuer.url), also) if one}
        here = origin_of(url)
    except BadInput as error:
        raise ValueError(f"{name} is no address") from error
    if here not in allowed:
        raise ValueError(f"{name} lies at {origin(url)}, which the settings do not name")
    return url


def _listed(stated: Mapping[str, object], name: str, default: list[str]) -> list[str]:
    value = stated.get(name, default)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[object]", value)):
        raise ValueError(f"{name} is no list of names")
    return cast("list[str]", value)
