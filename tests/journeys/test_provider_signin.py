"""A person signs in through the organisation's own provider."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient
from tests.simulators.issuer import AUDIENCE, CLIENT, SECRET, Issuer, rsa_key, segment, serving
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.web_client import ORIGIN, client, kinds

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity import code_flow
from muniment.governance.identity.attempts import MOST_ATTEMPTS, signin_attempt
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.server import create_server

Through = Callable[..., Workspace]


def newest(workspace: Workspace, kind: str) -> Any:
    return next(entry for entry in reversed(workspace.audit.tail(50)) if entry.kind == kind)


def refused(workspace: Workspace, response: Any, reason: str) -> None:
    assert response.status_code == 401
    assert "You could not be signed in" in response.text and "/signin?issuer=corp" in response.text
    assert cookie(response, "muniment") is None
    entry = newest(workspace, "signin.refused")
    assert entry.about == {"issuer": "corp", "reason": reason}
    assert (entry.actor, entry.via) == ("anonymous", "web")


def cookie(response: Any, name: str) -> str | None:
    found = [one for one in response.headers.get_list("set-cookie") if one.startswith(f"{name}=")]
    return found[0].lower() if found else None


def test_a_person_signs_in_and_is_who_the_provider_says(provided: Workspace) -> None:
    browser = ProviderBrowser(provided)
    assert browser.http.get("/").headers["location"] == "/signin"
    page = browser.http.get("/signin").text
    assert 'href="/signin?issuer=corp"' in page and "Continue with corp" in page
    done = browser.through()
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert kinds(provided)[-2:] == ["signin.signed_in", "session.created"]
    assert "Alice Moreau" in browser.http.get("/").text
    entry = newest(provided, "signin.signed_in")
    assert (entry.actor, entry.via, entry.about) == ("user:alice", "web", {"issuer": "corp"})
    assert browser.http.get("/signin").headers["location"] == "/"


def test_the_provider_is_asked_with_pkce_state_and_nonce(provided: Workspace, issuer: Issuer) -> None:
    browser = ProviderBrowser(provided)
    address = urlsplit(browser.begin())
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{issuer.url}/authorize"
    first = browser.asked
    assert (
        first.items()
        >= {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": f"{ORIGIN}/signin/callback",
            "scope": "openid",
            "code_challenge_method": "S256",
        }.items()
    )
    browser.begin()
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43 and first[name] != browser.asked[name]
    assert len({first[name] for name in ("state", "nonce", "code_challenge")}) == 3


def test_the_code_is_exchanged_with_the_secret_in_the_header_and_the_verifier(
    provided: Workspace, issuer: Issuer
) -> None:
    ProviderBrowser(provided).through()
    form, headers = issuer.forms[0], issuer.headers[0]
    assert base64.b64decode(headers["authorization"].split()[1]).decode() == f"{CLIENT}:{SECRET}"
    assert form.keys() == {"grant_type", "code", "redirect_uri", "code_verifier"}
    assert SECRET not in json.dumps(form)


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(
    provided: Workspace, issuer: Issuer
) -> None:
    issuer.about = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    ProviderBrowser(provided).through()
    assert (issuer.forms[0]["client_id"], issuer.forms[0]["client_secret"]) == (CLIENT, SECRET)
    assert "authorization" not in issuer.headers[0]


def test_a_public_client_proves_itself_by_the_verifier_alone(
    sign_in_through: Through, issuer: Issuer
) -> None:
    public = sign_in_through({"corp": issuer.settings(client_secret=...)})
    assert ProviderBrowser(public).through().status_code == 303
    assert issuer.forms[0]["client_id"] == CLIENT and "authorization" not in issuer.headers[0]


def test_the_cookies_of_signing_in(provided: Workspace) -> None:
    browser = ProviderBrowser(provided)
    begun = browser.http.get("/signin", params={"issuer": "corp"})
    bound = cookie(begun, "muniment-signin")
    assert bound is not None
    assert all(part in bound for part in ("httponly", "samesite=lax", "max-age=600", "path=/"))
    done = browser.come_back(browser.at_provider(begun.headers["location"]))
    opened, ended = cookie(done, "muniment"), cookie(done, "muniment-signin")
    assert opened is not None and "httponly" in opened and "samesite=lax" in opened
    assert ended is not None and "max-age=0" in ended


def test_over_tls_the_cookies_are_secure_and_bound_to_the_host(
    sign_in_through: Through, issuer: Issuer
) -> None:
    office = sign_in_through({"corp": issuer.settings(redirect_url="https://localhost")})
    browser = ProviderBrowser(office)
    browser.http = TestClient(
        create_server(office),
        base_url="https://localhost",
        follow_redirects=False,
        headers={"accept": "text/html"},
    )
    begun = browser.http.get("/signin", params={"issuer": "corp"})
    bound = cookie(begun, "__Host-muniment-signin")
    assert bound is not None and "secure" in bound and "domain" not in bound
    done = browser.come_back(browser.at_provider(begun.headers["location"]))
    opened = cookie(done, "__Host-muniment")
    assert opened is not None and "secure" in opened


def test_an_answer_is_taken_once(provided: Workspace) -> None:
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    bound = browser.http.cookies["muniment-signin"]
    assert browser.come_back(back).status_code == 303
    again = client(provided, cookies={"muniment-signin": bound}).get(back)
    assert again.status_code == 401 and cookie(again, "muniment") is None


def test_an_answer_is_taken_only_in_the_browser_that_began(provided: Workspace) -> None:
    mallory, alice = ProviderBrowser(provided), ProviderBrowser(provided)
    back = mallory.at_provider(mallory.begin())
    alice.begin()
    refused(provided, alice.come_back(back), "another browser")
    assert mallory.come_back(back).status_code == 401


def test_an_answer_without_the_cookie_is_refused(provided: Workspace) -> None:
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    browser.http.cookies.clear()
    refused(provided, browser.come_back(back), "another browser")


def test_an_answer_after_ten_minutes_is_refused(provided: Workspace, clock: FixedClock) -> None:
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    clock.advance(minutes=10)
    refused(provided, browser.come_back(back), "expired")


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?state=&code=", "?state=%00&code=x", "?code=y"])
def test_an_answer_that_nobody_asked_for_opens_nothing(provided: Workspace, query: str) -> None:
    before = len(kinds(provided))
    response = ProviderBrowser(provided).come_back(f"/signin/callback{query}")
    assert response.status_code == 401 and cookie(response, "muniment") is None
    assert len(kinds(provided)) == before


ELSEWHERE = "the answer of another issuer"
ANSWERS: dict[str, tuple[Callable[[str], str], str]] = {
    "another code": (lambda back: re.sub(r"code=[^&]+", "code=x", back), "the code was not taken, status 400"),
    "no code": (lambda back: re.sub(r"code=[^&]+", "c=x", back), "the provider gave no code"),
    "two codes": (lambda back: back + "&code=x", "the provider gave no code"),
    "an endless code": (lambda back: back.replace("code=", "code=" + "x" * 9000), "the provider gave no code"),
    "another issuer": (lambda back: re.sub(r"iss=[^&]+", "iss=https://evil.example", back), ELSEWHERE),
    "no issuer": (lambda back: re.sub(r"&?iss=[^&]+", "", back), ELSEWHERE),
    "an error too": (lambda back: back + "&error=x", "the provider gave no code"),
}  # fmt: skip


@pytest.mark.parametrize("why", ANSWERS)
def test_an_answer_that_was_changed_on_the_way_is_refused(provided: Workspace, why: str) -> None:
    change, reason = ANSWERS[why]
    browser = ProviderBrowser(provided)
    refused(provided, browser.come_back(change(browser.at_provider(browser.begin()))), reason)


def test_a_code_of_another_sign_in_is_worth_nothing(provided: Workspace) -> None:
    mallory, alice = ProviderBrowser(provided), ProviderBrowser(provided)
    stolen = re.search(r"code=([^&]+)", alice.at_provider(alice.begin()))
    assert stolen is not None
    back = mallory.at_provider(mallory.begin())
    injected = re.sub(r"code=[^&]+", stolen[0], back)
    refused(provided, mallory.come_back(injected), "the code was not taken, status 400")


def test_what_the_provider_says_of_an_error_is_not_repeated(provided: Workspace, issuer: Issuer) -> None:
    issuer.fault = "consent-denied"
    browser = ProviderBrowser(provided)
    response = browser.through()
    refused(provided, response, "the provider gave no code")
    assert "access_denied" not in response.text and "<b>no" not in response.text


ID_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"nonce": "x"}, "of another sign-in"),
    "no nonce": ({"nonce": ...}, "no nonce"),
    "a nonce that is none": ({"nonce": 7}, "no nonce"),
    "another audience": ({"aud": "other"}, "for another client"),
    "the audience of the API": ({"aud": AUDIENCE}, "for another client"),
    "no audience": ({"aud": ...}, "no audience"),
    "several audiences and no party": ({"aud": [CLIENT, "other"]}, "issued to another client"),
    "another party": ({"azp": "other"}, "issued to another client"),
    "another access token": ({"at_hash": "x"}, "beside another access token"),
    "another issuer": ({"iss": "https://evil.example"}, "of another issuer"),
    "expired": ({"exp": 1, "iat": 0}, "expired"),
    "no expiry": ({"exp": ...}, "exp is no time"),
    "issued in the future": ({"iat": 1 << 39}, "not yet valid"),
    "no subject": ({"sub": ...}, "no sub"),
}


@pytest.mark.parametrize("why", ID_CLAIMS)
def test_an_id_token_that_does_not_fit_signs_nobody_in(provided: Workspace, issuer: Issuer, why: str) -> None:
    issuer.id_claims, reason = ID_CLAIMS[why]
    refused(provided, ProviderBrowser(provided).through(), f"ID token: {reason}")


def test_an_id_token_for_several_with_us_as_party_is_taken(provided: Workspace, issuer: Issuer) -> None:
    issuer.id_claims = {"aud": [CLIENT, "other"], "azp": CLIENT, "at_hash": ...}
    assert ProviderBrowser(provided).through().status_code == 303


SIGNING: dict[str, Callable[[Issuer, dict[str, Any]], object]] = {
    "an access token": lambda i, c: i.sign(c),
    "another key": lambda i, c: i.sign(c, rsa_key(9), typ="JWT"),
    "no algorithm": lambda i, c: f"{segment({'alg': 'none', 'kid': i.kid})}.{segment(c)}.",
    "a key by address": lambda i, c: i.sign(c, typ="JWT", jku=i.url),
    "nothing": lambda i, c: None,
    "a list": lambda i, c: ["x"],
}


@pytest.mark.parametrize("why", SIGNING)
def test_an_id_token_of_a_hostile_form_signs_nobody_in(
    provided: Workspace, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    exchange = issuer.exchange

    def changed(form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        status, body = exchange(form, authorization)
        claims = json.loads(base64.urlsafe_b64decode(body["id_token"].split(".")[1] + "=="))
        return status, body | {"id_token": SIGNING[why](issuer, claims)}

    monkeypatch.setattr(issuer, "exchange", changed)
    response = ProviderBrowser(provided).through()
    assert response.status_code == 401 and cookie(response, "muniment") is None
    assert newest(provided, "signin.refused").about["reason"].startswith("ID token: ")


@pytest.mark.parametrize("who", ["zoe", "Alice", "helpdesk", "service:helpdesk", "user:alice"])
def test_whom_the_directory_does_not_hold_is_told_so_and_gets_nothing(
    provided: Workspace, issuer: Issuer, who: str
) -> None:
    issuer.user = who
    before = provided.directory.listing()
    response = ProviderBrowser(provided).through()
    assert response.status_code == 401 and "You have no account here" in response.text
    assert cookie(response, "muniment") is None
    reason = newest(provided, "signin.refused").about["reason"]
    assert reason.startswith("no active account ") and who not in reason
    assert provided.directory.listing() == before


def test_an_account_that_is_switched_off_meanwhile_gets_no_session(
    provided: Workspace, tmp_path: Path
) -> None:
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    file = tmp_path / "off.toml"
    file.write_text("[users.alice]\nactive = false\n")
    provided.directory.import_file(file, OPERATOR)
    assert browser.come_back(back).status_code == 401


def test_a_session_ends_with_the_account_and_on_signing_out(
    provided: Workspace, issuer: Issuer, tmp_path: Path
) -> None:
    alice, bob = ProviderBrowser(provided), ProviderBrowser(provided)
    alice.through()
    issuer.user = "bob"
    bob.through()
    out = bob.post("/signout", csrf=bob.csrf)
    assert "You are signed out" in out.text and "/signin?issuer=corp" in out.text
    assert bob.http.get("/").status_code == 303
    file = tmp_path / "off.toml"
    file.write_text("[users.alice]\nactive = false\n")
    provided.directory.import_file(file, OPERATOR)
    assert alice.http.get("/").status_code == 303


def test_with_several_providers_the_person_chooses(
    sign_in_through: Through, issuer: Issuer, clock: FixedClock
) -> None:
    with serving(clock, user="bob") as second, serving(clock) as machines:
        only_tokens = machines.settings(client_id=..., client_secret=..., redirect_url=...)
        office = sign_in_through({"corp": issuer.settings(), "sub-co": second.settings(), "ci": only_tokens})
        browser = ProviderBrowser(office)
        page = browser.http.get("/signin").text
        assert re.findall(r"/signin\?issuer=([a-z-]+)", page) == ["corp", "sub-co"]
        browser.through("sub-co")
        assert "Bob Okafor" in browser.http.get("/").text
        for name in ("ci", "nobody", "../corp"):
            assert browser.http.get("/signin", params={"issuer": name}).status_code == 404


def test_one_providers_answer_does_not_finish_anothers_sign_in(
    sign_in_through: Through, issuer: Issuer, clock: FixedClock
) -> None:
    with serving(clock, user="bob") as second:
        office = sign_in_through({"corp": issuer.settings(), "other": second.settings()})
        browser = ProviderBrowser(office)
        address = browser.begin().replace(issuer.url, second.url)
        refused(office, browser.come_back(browser.at_provider(address)), ELSEWHERE)
        assert issuer.forms == second.forms == []


def test_while_the_provider_is_down_the_page_says_so_and_nothing_is_begun(
    provided: Workspace, issuer: Issuer
) -> None:
    issuer.fault = "down"
    browser = ProviderBrowser(provided)
    response = browser.http.get("/signin", params={"issuer": "corp"})
    assert response.status_code == 503 and "identity provider does not answer" in response.text
    with provided.database.read() as connection:
        assert connection.execute(signin_attempt.select()).all() == []


def test_a_provider_that_goes_down_before_the_code_is_exchanged(provided: Workspace, issuer: Issuer) -> None:
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    issuer.fault = "down"
    refused(provided, browser.come_back(back), "the code was not taken, status 503")


def test_a_provider_that_drips_while_the_code_is_exchanged(
    provided: Workspace, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_flow, "EXCHANGE_SECONDS", 0.3)
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    issuer.fault = "slow"
    began = time.monotonic()
    response = browser.come_back(back)
    assert time.monotonic() - began < 5.0
    assert response.status_code in (401, 503)
    assert (
        newest(provided, "signin.refused").about["issuer"] == "corp" and cookie(response, "muniment") is None
    )


def test_nothing_secret_of_a_sign_in_is_stored_or_logged(provided: Workspace, issuer: Issuer) -> None:
    browser = ProviderBrowser(provided)
    back = browser.at_provider(browser.begin())
    bound = browser.http.cookies["muniment-signin"]
    with provided.database.read() as connection:
        (row,) = connection.execute(signin_attempt.select()).all()
    kept = " ".join(map(str, row))
    browser.come_back(back)
    verifier = issuer.forms[0]["code_verifier"]
    for secret in (bound, browser.asked["state"], browser.asked["nonce"], verifier):
        assert secret not in kept
    logged = json.dumps([dict(entry.about) for entry in provided.audit.tail(100)])
    for secret in (bound, browser.asked["state"], verifier, issuer.forms[0]["code"], SECRET):
        assert secret not in logged


def test_only_so_many_sign_ins_may_be_open(
    provided: Workspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_ATTEMPTS == 10_000
    monkeypatch.setattr("muniment.governance.identity.attempts.MOST_ATTEMPTS", 3)
    browser = ProviderBrowser(provided)
    for _ in range(3):
        browser.begin()
    assert browser.http.get("/signin", params={"issuer": "corp"}).status_code == 503
    clock.advance(minutes=10)
    browser.begin()


def test_in_local_use_there_is_no_provider_and_no_way_back_from_one(workspace: Workspace) -> None:
    browser = ProviderBrowser(workspace)
    assert browser.http.get("/signin", params={"issuer": "corp"}).status_code == 404
    assert browser.come_back("/signin/callback?state=x&code=y").status_code == 404


def test_a_link_of_local_use_is_not_taken_where_there_is_a_provider(provided: Workspace) -> None:
    browser = ProviderBrowser(provided)
    assert 'name="token"' not in browser.http.get("/signin", params={"token": "x"}).text
    assert browser.post("/signin", token="x").status_code == 403
