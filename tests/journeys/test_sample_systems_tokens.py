"""The sample company's systems take a token for one call: this person, operation, method, path and body, once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import OKPKey
from tests.simulators.acme_systems import SYSTEMS, AcmeSystems, acme_systems

CLAIMS = ("iss", "aud", "sub", "scope", "iat", "exp", "jti", "htm", "htu", "bsh")
ORDER = "/orders/M-1003"
STARTS = """
import contextlib, io, json, runpy, sys
folder, trials, ended = sys.argv[1], json.loads(sys.argv[2]), []
for arguments in trials:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            sys.argv = ["systems", *arguments]
            runpy.run_path(folder, run_name="__main__")
        except SystemExit as end:
            ended.append((end.code, said.getvalue()))
print(json.dumps(ended))
"""
"""Starts the systems once for each list of arguments in one process, which has to load them but once."""
DRAFT = {"to": ["niaj@marrowby.example"], "subject": "Hello", "body": "Good morning"}


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeSystems]:
    with acme_systems(tmp_path_factory.mktemp("systems")) as running:
        yield running


def read(systems: AcmeSystems, path: str = ORDER, **changed: Any) -> httpx2.Response:
    return systems.call("bob", "orders:read", "GET", path, claims=changed)


def refused(response: httpx2.Response, check: str) -> None:
    assert response.status_code == 401, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["check"] == check


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_good_token_is_let_in(systems: AcmeSystems) -> None:
    assert read(systems).json()["id"] == "M-1003"


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("value", [..., None, "", ["bob"], True], ids=repr)
def test_a_claim_that_is_missing_or_of_another_type_is_refused_by_name(
    systems: AcmeSystems, name: str, value: Any
) -> None:
    refused(read(systems, **{name: value}), name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "https://another.example"),
        ("aud", "marrowby"),
        ("sub", "bob"),
        ("sub", "service:bob"),
        ("sub", "user:nobody"),
        ("sub", "user:user:bob"),
        ("sub", "user:Bob"),
        ("scope", "refunds:read"),
        ("scope", "orders:read refunds:write"),
        ("scope", "orders"),
        ("jti", "x" * 201),
        ("htm", "POST"),
        ("htm", "get"),
        ("htu", "/orders/M-1004"),
        ("htu", "/orders/M-1003?"),
        ("htu", "http://127.0.0.1/orders/M-1003"),
        ("bsh", hashlib.sha256(b"{}").hexdigest()),
        ("bsh", hashlib.sha256(b"").hexdigest().upper()),
    ],
)
def test_a_claim_that_says_something_else_is_refused_by_name(
    systems: AcmeSystems, name: str, value: str
) -> None:
    refused(read(systems, **{name: value}), name)


@pytest.mark.parametrize(
    ("issued", "expires", "check"),
    [(60, 120, "iat"), (-90, -30, "exp"), (0, 121, "exp"), (-5, 0, "exp"), (0, 0, "exp"), (0, -10, "exp")],
)
def test_a_token_of_another_time_is_refused(
    systems: AcmeSystems, issued: int, expires: int, check: str
) -> None:
    now = int(time.time())
    refused(read(systems, iat=now + issued, exp=now + expires), check)


def test_a_token_is_good_for_one_call_also_when_that_call_failed(systems: AcmeSystems) -> None:
    assert read(systems, jti="once").status_code == 200
    refused(read(systems, jti="once"), "jti")
    assert read(systems, "/orders/none", jti="failed").status_code == 404
    refused(read(systems, jti="failed"), "jti")


def test_a_used_token_stays_used_when_the_process_is_killed(tmp_path: Path) -> None:
    with acme_systems(tmp_path) as systems:
        assert read(systems, jti="before").status_code == 200
        systems.restart()
        refused(read(systems, jti="before"), "jti")


def test_a_body_that_was_swapped_after_signing_is_refused_and_has_no_effect(systems: AcmeSystems) -> None:
    signed = hashlib.sha256(json.dumps(DRAFT).encode()).hexdigest()
    swapped = DRAFT | {"to": ["claims@weir-house.example"]}
    response = systems.call("bob", "mail:send", "POST", "/mail", swapped, claims={"bsh": signed})
    refused(response, "bsh")
    assert systems.rows("SELECT * FROM outbox") == [] and systems.effects("sendMail") == []


def test_a_query_that_was_added_after_signing_is_refused(systems: AcmeSystems) -> None:
    refused(read(systems, "/orders?state=open", htu="/orders"), "htu")
    assert read(systems, "/orders?customer=Weir%20House&state=delivered").status_code == 200


def test_a_token_for_one_operation_opens_no_other(systems: AcmeSystems) -> None:
    refused(systems.call("bob", "mail:read", "GET", ORDER), "scope")
    refused(systems.call("bob", "mail:draft", "POST", "/mail", DRAFT), "scope")


def test_only_the_key_that_was_named_signs(systems: AcmeSystems) -> None:
    claims = systems.claims("bob", "orders:read", "GET", ORDER)
    public = json.dumps(systems.key.as_dict(private=False)).encode()
    unsigned = f"{segment({'alg': 'none'})}.{segment(claims)}."
    confused = f"{segment({'alg': 'HS256'})}.{segment(claims)}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, confused.encode(), "sha256")).rstrip(b"=").decode()
    head, body, signature = systems.sign(claims).split(".")
    other = segment(claims | {"sub": "user:carol"})
    tokens = [
        systems.sign(claims, OKPKey.generate_key("Ed25519")),
        unsigned,
        f"{confused}.{mac}",
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        "not a token",
        systems.sign(claims, kid="another"),
    ]
    for token in tokens:
        headers = {"authorization": f"Bearer {token}"}
        refused(systems.call("bob", "", "GET", ORDER, headers=headers), "signature")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic Ym9iOmJvYg==", "bob"])
def test_a_request_without_a_token_is_refused(systems: AcmeSystems, authorization: str) -> None:
    for path in (ORDER, "/nothing-here", "/docs", "/openapi.json/"):
        headers = {"authorization": authorization}
        refused(systems.call("bob", "", "GET", path, headers=headers), "authorization")


def test_a_header_that_decides_something_cannot_be_sent_twice(systems: AcmeSystems) -> None:
    token = systems.sign(systems.claims("bob", "orders:read", "GET", ORDER))
    headers = [("authorization", f"Bearer {token}"), ("if-match", '"1"'), ("if-match", '"2"')]
    response = httpx2.get(systems.url + ORDER, headers=headers, trust_env=False)
    assert (response.status_code, response.json()["code"]) == (400, "repeated-header")


def test_a_body_above_64_kib_is_refused(systems: AcmeSystems) -> None:
    response = systems.call("bob", "mail:send", "POST", "/mail", b"x" * (64 * 1024 + 1))
    assert response.status_code == 413
    assert systems.call("bob", "mail:send", "POST", "/mail", b"x" * (64 * 1024)).status_code == 422


def test_a_set_of_keys_is_chosen_from_by_key_id(tmp_path: Path) -> None:
    old, new = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    listed = [key.as_dict(private=False) | {"kid": kid} for kid, key in (("old", old), ("new", new))]
    tmp_path.mkdir(exist_ok=True)
    systems = AcmeSystems(tmp_path, jwks={"keys": listed})
    systems.start()
    try:
        statuses = []
        for key, header in ((old, {"kid": "old"}), (new, {"kid": "new"}), (old, {"kid": "new"}), (old, {})):
            token = systems.sign(systems.claims("bob", "orders:read", "GET", ORDER), key, **header)
            sent = {"authorization": f"Bearer {token}"}
            statuses.append(systems.call("bob", "", "GET", ORDER, headers=sent).status_code)
        assert statuses == [200, 200, 401, 401]
    finally:
        systems.close()


def test_a_wrong_start_says_what_is_wrong(tmp_path: Path) -> None:
    key = OKPKey.generate_key("Ed25519")
    files = {
        "good.json": json.dumps(key.as_dict(private=False)),
        "private.json": json.dumps(key.as_dict(private=True)),
        "curve.json": json.dumps(OKPKey.generate_key("X25519").as_dict(private=False)),
        "empty.json": '{"keys": []}',
        "text.json": "a key",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "permissions.toml").write_text("everyone may all")
    (tmp_path / "spoilt").mkdir()
    (tmp_path / "spoilt" / "systems.sqlite").write_text(
        "not a database, but long enough to be read as one" * 9
    )
    wrong = [
        (["--key", "private.json"], "private key"),
        (["--key", "curve.json"], "Ed25519"),
        (["--key", "empty.json"], "holds no key"),
        (["--key", "text.json"], "is not a JWK"),
        (["--key", "none.json"], "No such file"),
        (["--folder", "good.json"], "File exists"),
        (["--folder", "broken"], "permissions cannot be read"),
        (["--folder", "spoilt"], "cannot be used as a database"),
        (["--port", "70000"], "--port must be 0 to 65535"),
        (["--host", "203.0.113.7"], "203.0.113.7:0"),
    ]
    trials = [["--folder", f"f{at}", "--key", "good.json", *each] for at, (each, _) in enumerate(wrong)]
    child = [sys.executable, "-c", STARTS, str(SYSTEMS), json.dumps(trials)]
    ran = subprocess.run(child, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    for (arguments, said), (code, text) in zip(wrong, json.loads(ran.stdout), strict=True):
        assert code == 2 and said in text, (arguments, text)
