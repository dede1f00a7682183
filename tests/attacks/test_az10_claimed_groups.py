"""AZ10: groups that a token gives end with it, and neither a clock that jumps nor a second source widens access."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators.issuer import Issuer
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.web_client import client, document_id

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR

GROUPS = {"s": "deals", "x": "barred"}


@pytest.fixture
def office(sign_in_through: Callable[..., Workspace], issuer: Issuer, folder: Path) -> Workspace:
    made = sign_in_through({"corp": issuer.settings(group_claim="groups", groups=GROUPS)})
    made.ingest(folder, "docs")
    made.access.set("docs/sales", ["group:deals"], ["group:barred"], OPERATOR)
    return made


def reads(workspace: Workspace, token: str) -> int:
    place = f"/v1/documents/{document_id(workspace, 'sales/prices.csv')}"
    return client(workspace).get(place, headers={"authorization": f"Bearer {token}"}).status_code


def test_they_end_with_the_token_and_a_clock_set_back_gives_nothing(
    office: Workspace, issuer: Issuer, clock: FixedClock
) -> None:
    token = issuer.token(sub="carol", groups=["s"])
    assert reads(office, token) == 200
    clock.advance(hours=-1)
    assert reads(office, token) == 401
    clock.advance(hours=1, minutes=11)
    assert reads(office, token) == 401
    assert reads(office, issuer.token(sub="carol")) == 404


def test_they_end_with_the_session(office: Workspace, issuer: Issuer, clock: FixedClock) -> None:
    issuer.user, issuer.id_claims = "carol", {"groups": ["s"]}
    browser = ProviderBrowser(office)
    browser.through()
    place = f"/documents/{document_id(office, 'sales/prices.csv')}"
    assert browser.http.get(place).status_code == 200
    clock.advance(hours=3)
    assert browser.http.get(place).status_code == 303
    issuer.id_claims = {}
    browser.through()
    assert browser.http.get(place).status_code == 404


def test_a_deny_wins_whatever_order_the_groups_come_in(office: Workspace, issuer: Issuer) -> None:
    for groups in (["s", "x"], ["x", "s"]):
        assert reads(office, issuer.token(sub="carol", groups=groups)) == 404
