"""A caller with the provider's tokens, while its keys change, its clock is off, or it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.simulators.issuer import Issuer, public, rsa_key
from tests.simulators.web_client import client

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity import published


def get(workspace: Workspace, token: str) -> Any:
    return client(workspace).get("/v1/models", headers={"authorization": f"Bearer {token}"})


def test_rotation_is_followed_without_a_restart(
    provided: Workspace, issuer: Issuer, clock: FixedClock
) -> None:
    old = issuer.token(exp=int(clock.now().timestamp()) + 7200)
    assert get(provided, old).status_code == 200
    clock.advance(seconds=31)
    issuer.rotate("key-2", 2)
    assert get(provided, issuer.token()).status_code == 200
    assert get(provided, old).status_code == 401


def test_a_token_that_was_renewed_tells_of_the_sign_in_that_it_came_from(
    provided: Workspace, issuer: Issuer, clock: FixedClock
) -> None:
    now = int(clock.now().timestamp())
    for claims, signed_in in (
        ({}, now),
        ({"auth_time": now - 3600}, now - 3600),
        ({"auth_time": now + 3600}, now),
        ({"iat": now - 60}, now - 60),
        ({"iat": now + 5}, now),
    ):
        assert provided.bearer.subject(issuer.token(**claims)).signed_in == signed_in
    for auth_time in ("yesterday", True, -1, None):
        assert get(provided, issuer.token(auth_time=auth_time)).status_code == 401


def test_both_keys_of_a_slow_rotation_are_taken(
    provided: Workspace, issuer: Issuer, clock: FixedClock
) -> None:
    old = issuer.token()
    issuer.rotate("key-2", 2)
    issuer.keys.append(public(rsa_key(), "key-1", "RS256"))
    assert get(provided, old).status_code == get(provided, issuer.token()).status_code == 200


def test_made_up_key_names_do_not_make_us_ask_the_provider_again_and_again(
    provided: Workspace,
    issuer: Issuer,
    clock: FixedClock,
) -> None:
    assert get(provided, issuer.token()).status_code == 200
    clock.advance(minutes=1)
    for n in range(20):
        assert get(provided, issuer.sign(issuer.claims(), kid=f"made-up-{n}")).status_code == 401
    assert issuer.asked.count("/jwks") == 2


def test_a_token_that_does_not_fit_anyway_makes_us_ask_nobody(provided: Workspace, issuer: Issuer) -> None:
    for token in (
        "nonsense",
        issuer.token(iss="https://evil.example"),
        issuer.sign(issuer.claims(), jku="x"),
    ):
        assert get(provided, token).status_code == 401
    assert issuer.asked == []


def test_while_the_provider_is_gone_known_keys_hold_for_an_hour_and_then_nobody_gets_in(
    provided: Workspace,
    issuer: Issuer,
    clock: FixedClock,
) -> None:
    assert get(provided, issuer.token()).status_code == 200
    issuer.fault = "down"
    clock.advance(minutes=59)
    assert get(provided, issuer.token()).status_code == 200
    clock.advance(minutes=1)
    refused = get(provided, issuer.token())
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["code"] == "unavailable" and issuer.url not in refused.text
    issuer.fault = ""
    clock.advance(seconds=5)
    assert get(provided, issuer.token()).status_code == 200


def test_a_provider_that_drips_is_left_in_time_and_nobody_gets_in_by_it(
    provided: Workspace, issuer: Issuer, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "FETCH_SECONDS", 0.4)
    issuer.fault = "slow"
    began = time.monotonic()
    refused = get(provided, issuer.token())
    took = time.monotonic() - began
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert 0.4 <= took < 5.0, took
    issuer.fault = ""
    clock.advance(seconds=5)
    assert get(provided, issuer.token()).status_code == 200
    # Keys that are known hold on while it drips, and for their hour only.
    issuer.fault = "slow"
    clock.advance(minutes=59)
    assert get(provided, issuer.token()).status_code == 200
    clock.advance(minutes=1)
    assert get(provided, issuer.token()).status_code == 503


@pytest.mark.parametrize(("off", "status"), [(29, 200), (31, 401), (-29, 200), (-31, 401)])
def test_a_clock_may_be_off_by_the_leeway(provided: Workspace, issuer: Issuer, off: int, status: int) -> None:
    now = int(provided.clock.now().timestamp())
    times = {"iat": now + off, "nbf": now + off} if off > 0 else {"exp": now + off}
    assert get(provided, issuer.token(**times)).status_code == status


def test_without_leeway_a_token_ends_on_the_second(
    sign_in_through: Callable[..., Workspace], issuer: Issuer
) -> None:
    strict = sign_in_through({"corp": issuer.settings(leeway_seconds=0)})
    now = int(strict.clock.now().timestamp())
    assert get(strict, issuer.token(exp=now + 1)).status_code == 200
    assert get(strict, issuer.token(exp=now)).status_code == 401


def test_a_read_in_the_log_names_the_account(provided: Workspace, issuer: Issuer) -> None:
    headers = {"authorization": f"Bearer {issuer.token(sub='robot', client_id='robot')}"}
    assert client(provided).post("/v1/search", json={"query": "x"}, headers=headers).status_code == 200
    assert provided.audit.tail(1)[0].actor == "service:helpdesk"
