"""ID3: a service acts for a person by token exchange alone, named beside them, and never gets more by it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.issuer import Issuer, segment
from tests.simulators.web_client import Browser, api_key, bearer, client, document_id

from muniment import settings
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.delegation import SECONDS
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.identity.scopes import SCOPES

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
ID = "urn:ietf:params:oauth:token-type:id_token"
READS = ("search", "ask", "answers", "documents", "models")
PEOPLE = """
[users.alice]
name = "Alice Moreau"
{alice}
groups = ["engineering"]
[users.bob]
[groups.engineering]
[services.helpdesk]
{helpdesk}
[services.other]
"""


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], folder: Path, clock: FixedClock) -> Workspace:
    made = make_workspace(directory=PEOPLE.format(alice="", helpdesk=""), clock=clock)
    made.ingest(folder, "docs")
    return made


def ask(workspace: Workspace, key: str, subject: str, **changed: str) -> Any:
    form = {"grant_type": GRANT, "subject_token": subject, "subject_token_type": ACCESS} | changed
    headers = {"authorization": f"Bearer {key}"}
    return client(workspace).post("/v1/token", data={k: v for k, v in form.items() if v}, headers=headers)


def exchanged(workspace: Workspace, key: str = "", subject: str = "", **changed: str) -> str:
    key = key or api_key(workspace, "act", *READS)
    reply = ask(workspace, key, subject or own(workspace), **changed)
    assert reply.status_code == 200, reply.text
    return reply.json()["access_token"]


def own(workspace: Workspace, name: str = "alice") -> str:
    return bearer(workspace, name)["authorization"].removeprefix("Bearer ")


def search(workspace: Workspace, token: str, query: str = "engineer") -> Any:
    headers = {"authorization": f"Bearer {token}"}
    return client(workspace).post("/v1/search", json={"query": query}, headers=headers)


def refused(reply: Any, error: str, status: int = 400) -> None:
    assert (reply.status_code, reply.json()["error"]) == (status, error), reply.text
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json().keys() == {"error", "error_description"}


def test_a_service_sees_what_the_person_sees_and_both_are_named(office: Workspace) -> None:
    key = api_key(office, "act", *READS)
    assert search(office, key).json()["passages"] == []
    reply = ask(office, key, own(office))
    body = reply.json()
    assert body | {"access_token": ""} == {
        "access_token": "",
        "issued_token_type": ACCESS,
        "token_type": "Bearer",
        "expires_in": SECONDS,
        "scope": "answers ask documents models search",
    }
    assert reply.headers["cache-control"] == "no-store"
    entry = office.audit.tail(1)[0]
    key_id = entry.via.removeprefix("http:")
    assert (entry.kind, entry.actor) == ("token.exchanged", "service:helpdesk")
    assert entry.about["for"] == "user:alice" and entry.about["scopes"] == sorted(READS)
    found = search(office, body["access_token"]).json()
    assert [one["title"] for one in found["passages"]] == ["On call"]
    entry = office.audit.tail(1)[0]
    assert (entry.actor, entry.via) == ("user:alice", f"http:{key_id}:service:helpdesk")
    assert body["access_token"] not in json.dumps([dict(one.about) for one in office.audit.tail(50)])


def test_an_answer_names_both(office: Workspace) -> None:
    headers = {"authorization": f"Bearer {exchanged(office)}"}
    http = client(office)
    made = http.post(
        "/v1/answers", json={"question": "What is the on-call engineer paid?"}, headers=headers
    ).json()
    assert made["status"] == "answered" and made["lineage"]["acted_by"] == "service:helpdesk"
    kept = http.get(f"/v1/answers/{made['id']}/lineage", headers=headers).json()
    assert kept["lineage"]["acted_by"] == "service:helpdesk"
    assert client(office).get(f"/v1/answers/{made['id']}", headers=bearer(office, "alice")).status_code == 200
    key = {"authorization": f"Bearer {api_key(office, *READS)}"}
    assert http.get(f"/v1/answers/{made['id']}", headers=key).status_code == 404


def test_no_scope_is_given_that_the_key_does_not_have_to_hand_on(office: Workspace) -> None:
    key = api_key(office, "act", "search", "provision")
    for wanted in WANTED:
        refused(ask(office, key, own(office), scope=wanted), "invalid_scope")
    assert office.audit.tail(1)[0].about["reason"] == "scope"


def test_a_key_that_may_do_nothing_else_hands_on_nothing(office: Workspace) -> None:
    refused(ask(office, api_key(office, "act", "provision"), own(office)), "invalid_scope")


def test_a_token_opens_the_scopes_asked_for_and_no_other(office: Workspace) -> None:
    token = exchanged(office, scope="search")
    assert search(office, token).status_code == 200
    headers = {"authorization": f"Bearer {token}"}
    http = client(office)
    assert http.get("/v1/models", headers=headers).status_code == 403
    assert http.get("/scim/v2/Users", headers=headers).status_code == 403
    assert http.get("/", headers=headers).status_code == 401
    place = f"/v1/documents/{document_id(office, 'engineering/oncall.md')}"
    assert http.get(place, headers=headers).status_code == 403
    assert office.audit.tail(1)[0].kind == "token.refused"


def test_only_a_key_with_the_scope_exchanges(office: Workspace) -> None:
    for credential in (
        api_key(office, *(SCOPES.keys() - {"act"})),
        own(office, "bob"),
        own(office, "service:helpdesk"),
    ):
        refused(ask(office, credential, own(office)), "unauthorized_client", 403)
    refused(ask(office, "nonsense", own(office)), "invalid_client", 401)
    refused(client(office).post("/v1/token", data={"grant_type": GRANT}), "invalid_client", 401)
    http = Browser(office).sign_in("alice")
    headers = {"x-csrf-token": http.csrf, "origin": "http://localhost"}
    refused(
        http.http.post("/v1/token", data={"grant_type": GRANT}, headers=headers), "unauthorized_client", 403
    )


WANTED = ("documents", "search documents", "act", "provision", "admin", "search act", "*")
SUBJECTS: dict[str, Callable[[Workspace], str]] = {
    "nonsense": lambda _: "a.b.c",
    "an API key": lambda w: api_key(w, *READS),
    "a service's token": lambda w: own(w, "service:other"),
    "an exchanged token": lambda w: exchanged(w),
    "an exchanged token of the same service": lambda w: exchanged(w, scope="search"),
    "a cookie": lambda w: w.sessions.redeem(w.sessions.create_link(w.principal("alice"), OPERATOR)).secret,
}


def test_nothing_but_a_persons_own_access_token_is_exchanged(office: Workspace) -> None:
    key = api_key(office, "act", *READS)
    for made in SUBJECTS.values():
        refused(ask(office, key, made(office)), "invalid_grant")
    assert office.audit.query(kind="token.refused")


def test_a_token_of_another_tenant_is_neither_exchanged_nor_taken(
    office: Workspace, make_workspace: Callable[..., Workspace], clock: FixedClock
) -> None:
    other = make_workspace("other", PEOPLE.format(alice="", helpdesk=""), clock=clock)
    refused(ask(office, api_key(office, "act", *READS), own(other)), "invalid_grant")
    assert search(office, exchanged(other)).status_code == 401
    refused(ask(office, api_key(other, "act", *READS), own(office)), "invalid_client", 401)


def test_an_expired_token_is_not_exchanged(office: Workspace, clock: FixedClock) -> None:
    subject, key = own(office), api_key(office, "act", *READS)
    clock.advance(hours=1)
    refused(ask(office, key, subject), "invalid_grant")


def test_it_lives_no_longer_than_what_it_was_made_from(office: Workspace, clock: FixedClock) -> None:
    subject, key = own(office), api_key(office, "act", *READS)
    clock.advance(seconds=3600 - 20)
    reply = ask(office, key, subject).json()
    assert reply["expires_in"] == 20
    clock.advance(seconds=20)
    assert search(office, reply["access_token"]).status_code == 401


def test_it_ends_after_five_minutes_and_a_clock_that_jumps_back_gives_nothing(
    office: Workspace, clock: FixedClock
) -> None:
    token = exchanged(office)
    clock.advance(seconds=-10)
    assert search(office, token).status_code == 401
    clock.advance(seconds=10 + SECONDS)
    assert search(office, token).status_code == 401


def changed(workspace: Workspace, tmp_path: Path, **said: str) -> None:
    file = tmp_path / "changed.toml"
    file.write_text(PEOPLE.format(**{"alice": "", "helpdesk": ""} | said))
    workspace.directory.import_file(file, OPERATOR)


@pytest.mark.parametrize("who", ["alice", "helpdesk"])
def test_it_ends_at_the_next_request_when_either_is_switched_off_and_stays_ended(
    office: Workspace, tmp_path: Path, who: str
) -> None:
    key, subject = api_key(office, "act", *READS), own(office)
    token = exchanged(office, key, subject)
    changed(office, tmp_path, **{who: "active = false"})
    assert search(office, token).status_code == 401
    assert ask(office, key, subject).status_code in (400, 401)
    changed(office, tmp_path)
    assert search(office, token).status_code == 401


def test_it_ends_when_the_key_is_revoked_and_not_when_it_is_rotated(office: Workspace) -> None:
    key = api_key(office, "act", *READS)
    token = exchanged(office, key)
    office.api_keys.rotate(key, OPERATOR)
    assert search(office, token).status_code == 200
    office.api_keys.revoke(key, OPERATOR)
    assert search(office, token).status_code == 401


def test_it_follows_the_persons_rights_as_they_are_now(office: Workspace) -> None:
    token = exchanged(office)
    assert search(office, token).json()["passages"]
    office.directory.remove_member("engineering", "alice", OPERATOR)
    assert search(office, token).json()["passages"] == []


FORMS: list[tuple[dict[str, str], str]] = [
    ({"grant_type": ""}, "invalid_request"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
    ({"subject_token_type": ID}, "invalid_request"),
    ({"subject_token_type": ""}, "invalid_request"),
    ({"subject_token": ""}, "invalid_request"),
    ({"requested_token_type": ID}, "invalid_request"),
    ({"actor_token": "x"}, "invalid_request"),
    ({"audience": "https://other.example"}, "invalid_target"),
    ({"resource": "https://other.example"}, "invalid_target"),
]


def test_a_request_that_does_not_fit_is_told_why(office: Workspace) -> None:
    key = api_key(office, "act", *READS)
    for form, error in FORMS:
        refused(ask(office, key, own(office), **form), error)


def test_a_parameter_that_stands_twice_and_a_json_body_are_refused(office: Workspace) -> None:
    headers = {"authorization": f"Bearer {api_key(office, 'act', *READS)}"}
    form = {**headers, "content-type": "application/x-www-form-urlencoded"}
    http = client(office)
    twice = f"grant_type={GRANT}&scope=search&scope=ask"
    refused(http.post("/v1/token", content=twice, headers=form), "invalid_request")
    refused(http.post("/v1/token", json={"grant_type": GRANT}, headers=headers), "invalid_request")
    refused(http.post("/v1/token", content=b"\xff=%ff", headers=form), "invalid_request")


CLAIMS: dict[str, dict[str, Any]] = {
    "another person": {"sub": "user:bob"},
    "another service": {"act": {"sub": "service:other"}},
    "a chain of services": {"act": {"sub": "service:helpdesk", "act": {"sub": "service:other"}}},
    "more scopes": {"scope": "search documents provision act"},
    "a longer life": {"exp": 1 << 33},
    "no key": {"key": "key_aaaaaaaaaaaa"},
    "another audience": {"aud": "muniment:default:api"},
    "another issuer": {"iss": "muniment:default"},
    "groups": {"groups": ["people"]},
    "one claim more": {"roles": ["operator"]},
}


def forged(token: str, secret: bytes, header: dict[str, Any] | None = None, /, **changed: Any) -> str:
    import base64

    head, body, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | changed
    head = segment(header) if header else head
    signed = f"{head}.{segment(claims)}"
    return f"{signed}.{segment(hmac.digest(secret, signed.encode(), 'sha256'))}"


def test_a_forged_token_is_refused_whoever_signed_it(office: Workspace) -> None:
    token, real = exchanged(office, scope="search"), office.delegation._key
    assert search(office, forged(token, real)).status_code == 200
    for why, claims in CLAIMS.items():
        for secret in (office.keyring.data_key("tokens"), b"", b"guessed"):
            assert search(office, forged(token, secret, **claims)).status_code == 401, why
        if why not in ("more scopes", "another person", "groups"):
            assert search(office, forged(token, real, **claims)).status_code == 401, why


HEADERS: list[dict[str, Any]] = [
    {"alg": "none", "typ": "muniment-act+jwt"},
    {"alg": "HS256", "typ": "at+jwt"},
    {"alg": "HS512", "typ": "muniment-act+jwt"},
    {"alg": "HS256", "typ": "muniment-act+jwt", "kid": "x"},
    {"alg": "HS256", "typ": "muniment-act+jwt", "crit": ["exp"]},
]


def test_another_header_is_refused(office: Workspace) -> None:
    token = exchanged(office)
    for header in HEADERS:
        assert search(office, forged(token, office.delegation._key, header)).status_code == 401, header


def test_limits_count_the_person_and_the_service(
    make_workspace: Callable[..., Workspace], clock: FixedClock
) -> None:
    few = settings.parse({"limits": {"service_per_minute": 3}})
    office = make_workspace(directory=PEOPLE.format(alice="", helpdesk=""), clock=clock, settings=few)
    http = client(office)
    key = api_key(office, "act", *READS)
    form = {"grant_type": GRANT, "subject_token_type": ACCESS, "subject_token": own(office)}
    token = http.post("/v1/token", data=form, headers={"authorization": f"Bearer {key}"}).json()[
        "access_token"
    ]
    got = [http.get("/v1/models", headers={"authorization": f"Bearer {token}"}).status_code for _ in range(4)]
    assert got == [200, 200, 429, 429]
    refused(
        http.post("/v1/token", data=form, headers={"authorization": f"Bearer {key}"}),
        "temporarily_unavailable",
        429,
    )


def test_with_a_provider_its_access_token_is_exchanged_and_its_id_token_is_not(
    sign_in_through: Callable[..., Workspace], issuer: Issuer, folder: Path
) -> None:
    corp = issuer.settings(group_claim="groups", groups={"s": "claimed"}, services={"robot": "helpdesk"})
    office = sign_in_through({"corp": corp})
    office.ingest(folder, "docs")
    office.access.set("docs/sales", ["group:claimed"], [], OPERATOR)
    key = api_key(office, "act", *READS)
    token = exchanged(office, key, issuer.token(sub="carol", groups=["s"]))
    assert [one["title"] for one in search(office, token, "price").json()["passages"]] == ["Prices"]
    without = exchanged(office, key, issuer.token(sub="carol"))
    assert search(office, without, "price").json()["passages"] == []
    unknown = exchanged(office, key, issuer.token(sub="carol", groups=7))
    assert search(office, unknown, "canteen").status_code == 403
    refused(ask(office, key, issuer.sign(issuer.claims(nonce="n"), typ="JWT")), "invalid_grant")
    refused(ask(office, key, issuer.token(aud="https://other.example")), "invalid_grant")
    refused(ask(office, key, issuer.token(sub="robot", client_id="robot")), "invalid_grant")
    refused(ask(office, key, issuer.token(sub="mallory")), "invalid_grant")
    issuer.fault = "down"
    issuer.kid = "rotated"
    refused(ask(office, key, issuer.token()), "invalid_grant")


def test_another_rule_of_groups_ends_exchanged_tokens(
    sign_in_through: Callable[..., Workspace], issuer: Issuer, clock: FixedClock
) -> None:
    from muniment import app

    office = sign_in_through({"corp": issuer.settings(group_claim="groups", groups={"s": "claimed"})})
    token = exchanged(office, api_key(office, "act", *READS), issuer.token(groups=["s"]))
    assert search(office, token).status_code == 200
    corp = issuer.settings(group_claim="groups", groups={"s": "others"})
    changed = settings.parse({"identity": {"mode": "oidc", "issuers": {"corp": corp}}})
    again = app.open(office.home, settings=changed, clock=clock, embedder=lambda: None)
    assert search(again, token).status_code == 401
    again.close()
