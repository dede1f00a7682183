"""ID5: there is no refresh token here to reuse: none is asked for, kept or taken, and sessions are not prolonged."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from tests.simulators.issuer import Issuer
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.web_client import api_key, client

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.database import metadata
from muniment.governance.identity.sessions import SESSION_LIFE

REFRESH = "rt-7f3a9c2e-a-refresh-token-of-the-provider"


class Generous(Issuer):
    """A provider that sends a refresh token unasked."""

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        status, reply = super().exchange(form, authorization)
        return status, {**reply, "refresh_token": REFRESH}


def everything(workspace: Workspace) -> str:
    """Return every row of every table, as text."""
    with workspace.database.read() as connection:
        rows = [list(connection.execute(sa.select(table)).all()) for table in metadata.sorted_tables]
    return repr(rows)


def test_none_is_asked_for_and_one_sent_unasked_is_not_kept(provided: Workspace, issuer: Issuer) -> None:
    issuer.__class__ = Generous
    browser = ProviderBrowser(provided)
    assert browser.through().status_code == 303
    assert "offline_access" not in browser.asked["scope"].split() and "prompt" not in browser.asked
    assert [form["grant_type"] for form in issuer.forms] == ["authorization_code"]
    kept = everything(provided)
    assert "user:alice" in kept
    assert REFRESH not in kept and REFRESH not in json.dumps(dict(browser.http.cookies))


def test_the_providers_own_tokens_are_not_kept_either(provided: Workspace, issuer: Issuer) -> None:
    sent: list[str] = []
    answer = issuer.exchange

    def exchange(form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        status, reply = answer(form, authorization)
        sent.extend(value for value in reply.values() if isinstance(value, str) and len(value) > 100)
        return status, reply

    issuer.exchange = exchange  # type: ignore[method-assign]
    assert ProviderBrowser(provided).through().status_code == 303
    kept = everything(provided)
    assert len(sent) == 2
    assert not any(one in kept or one.split(".")[2] in kept for one in sent)


def test_a_session_ends_after_its_time_however_much_it_is_used(
    provided: Workspace, issuer: Issuer, clock: FixedClock
) -> None:
    browser = ProviderBrowser(provided)
    browser.through()
    asked = len(issuer.asked)
    for _ in range(int(SESSION_LIFE.total_seconds()) // 3600 - 1):
        clock.advance(hours=1)
        assert browser.http.get("/").status_code == 200
    clock.advance(hours=1)
    assert browser.http.get("/").status_code == 303
    assert [path for path in issuer.asked[asked:] if path == "/token"] == []


def test_none_is_taken(provided: Workspace) -> None:
    key = {"authorization": f"Bearer {api_key(provided, 'act', 'search')}"}
    form = {"grant_type": "refresh_token", "refresh_token": REFRESH}
    reply = client(provided).post("/v1/token", data=form, headers=key)
    assert (reply.status_code, reply.json()["error"]) == (400, "unsupported_grant_type")
    bearer = {"authorization": f"Bearer {REFRESH}"}
    assert client(provided).get("/v1/models", headers=bearer).status_code == 401
