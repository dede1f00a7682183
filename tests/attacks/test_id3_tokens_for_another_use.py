"""ID3: an ID token is not an access token, and a token for one service is refused by another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.attacks.test_id1_hostile_tokens import get, refused
from tests.simulators.issuer import AUDIENCE, CLIENT, Issuer

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock

ID_TOKENS: dict[str, Callable[[Issuer], str]] = {
    "an ID token": lambda i: i.sign(i.claims(aud=CLIENT, nonce="n"), typ="JWT"),
    "an ID token without a type": lambda i: i.sign(i.claims(aud=CLIENT, nonce="n"), typ=...),
    "an ID token without a nonce": lambda i: i.sign(i.claims(aud=CLIENT), typ="JWT"),
    "an ID token for us too": lambda i: i.sign(i.claims(aud=[CLIENT, AUDIENCE], nonce="n"), typ="JWT"),
    "an ID token that names the API": lambda i: i.sign(i.claims(nonce="n"), typ="JWT"),
    "an ID token that hashes a token": lambda i: i.sign(i.claims(at_hash="x"), typ="JWT"),
    "an ID token that hashes a code": lambda i: i.sign(i.claims(c_hash="x"), typ="JWT"),
    "an ID token marked as access token": lambda i: i.sign(i.claims(nonce="n")),
    "a logout token": lambda i: i.sign(i.claims(aud=CLIENT), typ="logout+jwt"),
    "a logout token that names the API": lambda i: i.sign(i.claims(), typ="logout+jwt"),
    "an introspection answer": lambda i: i.sign(i.claims(), typ="token-introspection+jwt"),
    "a proof of possession": lambda i: i.sign(i.claims(), typ="dpop+jwt"),
    "a request object": lambda i: i.sign(i.claims(), typ="oauth-authz-req+jwt"),
    "another case of the type": lambda i: i.sign(i.claims(), typ="AT+JWT"),
    "a type in a list": lambda i: i.sign(i.claims(), typ=["at+jwt"]),
}


@pytest.mark.parametrize("why", ID_TOKENS)
@pytest.mark.parametrize("required", ["at+jwt", "JWT"])
def test_a_token_for_another_use_is_no_access_token(
    sign_in_through: Callable[..., Workspace], issuer: Issuer, required: str, why: str
) -> None:
    provided = sign_in_through({"corp": issuer.settings(required_typ=required)})
    assert get(provided, issuer.token()).status_code == 200
    refused(provided, ID_TOKENS[why](issuer))


@pytest.mark.parametrize("kind", ["JWT", ...])
def test_a_provider_that_does_not_mark_access_tokens_must_be_named_as_one(
    sign_in_through: Callable[..., Workspace], issuer: Issuer, kind: Any
) -> None:
    token = issuer.sign(issuer.claims(), typ=kind)
    refused(sign_in_through({"corp": issuer.settings()}), token)
    unmarked = sign_in_through({"corp": issuer.settings(required_typ="JWT")}, "unmarked")
    assert get(unmarked, token).status_code == 200


def test_a_token_for_one_service_is_refused_by_another(
    sign_in_through: Callable[..., Workspace], issuer: Issuer
) -> None:
    one = sign_in_through({"corp": issuer.settings(audience="https://one.example")}, "one")
    two = sign_in_through({"corp": issuer.settings(audience="https://two.example")}, "two")
    token = issuer.token(aud="https://one.example")
    assert get(one, token).status_code == 200
    refused(two, token)


def test_the_audience_of_one_issuer_is_none_of_another(
    sign_in_through: Callable[..., Workspace], issuer: Issuer, clock: FixedClock
) -> None:
    from tests.simulators.issuer import serving

    with serving(clock) as second:
        both = sign_in_through({"one": issuer.settings(), "two": second.settings(audience="https://two")})
        assert get(both, second.token(aud="https://two")).status_code == 200
        refused(both, second.token())


def test_a_bearer_token_of_the_provider_opens_no_page(provided: Workspace, issuer: Issuer) -> None:
    from tests.simulators.web_client import client

    got = client(provided).get("/", headers={"authorization": f"Bearer {issuer.token()}"})
    assert got.status_code == 401
