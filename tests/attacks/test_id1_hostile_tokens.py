"""ID1: every hostile form of a bearer token is refused over HTTP, each with the very same body."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.simulators.issuer import AUDIENCE, Issuer, ec_key, public, rsa_key, segment
from tests.simulators.web_client import client

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock

NOW = int(FixedClock().now().timestamp())
HOUR = 3600


def get(workspace: Workspace, token: str) -> Any:
    return client(workspace).get("/v1/models", headers={"authorization": f"Bearer {token}"})


def refused(workspace: Workspace, token: str) -> None:
    response = get(workspace, token)
    assert response.status_code == 401
    assert response.json() == {
        "type": "about:blank",
        "status": 401,
        "title": "The token does not hold.",
        "code": "unauthenticated",
        "detail": "",
    }
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_good_token_is_taken(provided: Workspace, issuer: Issuer) -> None:
    """Otherwise every refusal below could have another reason than the one it names."""
    for token in (
        issuer.token(),
        issuer.sign(issuer.claims(), typ="application/at+jwt"),
        issuer.sign(issuer.claims(), x5t="3q2-7w"),
        issuer.token(aud=["https://other.example", AUDIENCE]),
        issuer.token(nbf=...),
        issuer.token(scope="read", roles=["admin"]),
        issuer.token(sub="robot", client_id="robot"),
    ):
        assert get(provided, token).status_code == 200


def unsigned(issuer: Issuer, algorithm: object, signature: str = "") -> str:
    head = segment({"alg": algorithm, "kid": issuer.kid, "typ": "at+jwt"})
    return f"{head}.{segment(issuer.claims())}.{signature}"


def hmac_with(issuer: Issuer, secret: bytes, algorithm: str = "HS256") -> str:
    signed = unsigned(issuer, algorithm).rstrip(".")
    return f"{signed}.{segment(hmac.new(secret, signed.encode(), f'sha{algorithm[2:]}').digest())}"


def public_key(issuer: Issuer, encoding: Encoding) -> bytes:
    return issuer.key.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def last(token: str) -> str:
    return token.rpartition(".")[2]


def own_key(kid: str = "mine") -> dict[str, Any]:
    return public(rsa_key(9), kid, "RS256")


FORMS: dict[str, Callable[[Issuer], str]] = {
    "nothing": lambda _: "",
    "three dots": lambda _: "...",
    "no JSON": lambda _: "a.b.c",
    "empty objects": lambda _: f"{segment({})}.{segment({})}.{segment(b'x')}",
    "no algorithm": lambda i: unsigned(i, "none"),
    "no algorithm, other case": lambda i: unsigned(i, "NoNe"),
    "no algorithm, but the signature of a good one": lambda i: unsigned(i, "none", last(i.token())),
    "an algorithm that is no text": lambda i: unsigned(i, ["RS256"], last(i.token())),
    "HMAC with the public key": lambda i: hmac_with(i, public_key(i, Encoding.PEM)),
    "HMAC with the public key, stripped": lambda i: hmac_with(i, public_key(i, Encoding.PEM).strip()),
    "HMAC with the public key's bytes": lambda i: hmac_with(i, public_key(i, Encoding.DER)),
    "HMAC with the published key": lambda i: hmac_with(i, json.dumps(i.keys[0]).encode()),
    "HMAC with nothing": lambda i: hmac_with(i, b""),
    "HMAC of another size": lambda i: hmac_with(i, public_key(i, Encoding.PEM), "HS512"),
    "an algorithm that is not allowed": lambda i: i.sign_raw(
        json.dumps({"alg": "PS256", "kid": i.kid, "typ": "at+jwt"}).encode(),
        json.dumps(i.claims()).encode(),
        algorithm="PS256",
    ),
    "a key by address": lambda i: i.sign(i.claims(), rsa_key(9), jku="https://evil.example/jwks"),
    "the right key by address": lambda i: i.sign(i.claims(), jku=f"{i.url}/jwks"),
    "a certificate by address": lambda i: i.sign(i.claims(), rsa_key(9), x5u="https://evil.example/c"),
    "a key of its own": lambda i: i.sign(i.claims(), rsa_key(9), jwk=own_key(), kid="mine"),
    "a key of its own beside a known name": lambda i: i.sign(i.claims(), rsa_key(9), jwk=own_key(i.kid)),
    "the right key brought along": lambda i: i.sign(i.claims(), jwk=i.keys[0]),
    "a certificate of its own": lambda i: i.sign(i.claims(), rsa_key(9), x5c=["MIIB"]),
    "a certificate beside the right key": lambda i: i.sign(i.claims(), x5c=["MIIB"]),
    "a critical extension": lambda i: i.sign(i.claims(), crit=["exp"], exp=NOW),
    "an empty list of critical extensions": lambda i: i.sign(i.claims(), crit=[]),
    "a payload that is not encoded": lambda i: i.sign(i.claims(), b64=False, crit=["b64"]),
    "another content type": lambda i: i.sign(i.claims(), cty="JWT"),
    "compressed": lambda i: i.sign(i.claims(), zip="DEF"),
    "a member nobody knows": lambda i: i.sign(i.claims(), surprise=1),
    "a key by a path": lambda i: i.sign(i.claims(), kid="../../../../dev/null"),
    "a key by an absolute path": lambda i: i.sign(i.claims(), kid="/dev/null"),
    "a key by a question to a database": lambda i: i.sign(i.claims(), kid="x' UNION SELECT 'k"),
    "a key by a command": lambda i: i.sign(i.claims(), kid="key-1|id"),
    "a key name with a NUL": lambda i: i.sign(i.claims(), kid="key-1\x00"),
    "a key name that is a number": lambda i: i.sign(i.claims(), kid=1),
    "a key name in a list": lambda i: i.sign(i.claims(), kid=["key-1"]),
    "an empty key name": lambda i: i.sign(i.claims(), kid=""),
    "an endless key name": lambda i: i.sign(i.claims(), kid="k" * 5000),
    "no key name": lambda i: i.sign(i.claims(), kid=...),
    "an unknown key": lambda i: i.sign(i.claims(), rsa_key(9), kid="key-9"),
    "another case of the key's name": lambda i: i.sign(i.claims(), kid="KEY-1"),
    "another key's signature": lambda i: i.sign(i.claims(), rsa_key(9)),
    "a signature over something else": lambda i: f"{unsigned(i, 'RS256')}{last(i.token(sub='bob'))}",
    "a signature cut short": lambda i: i.token()[:-8],
    "no signature": lambda i: unsigned(i, "RS256"),
    "a fourth part": lambda i: i.token() + ".x",
    "padding": lambda i: i.token() + "==",
    "a space in front": lambda i: " " + i.token(),
    "oversized": lambda i: i.token(note="x" * 20_000),
    "a header that says things twice": lambda i: i.sign_raw(
        b'{"alg":"none","alg":"RS256","kid":"key-1","typ":"at+jwt"}', json.dumps(i.claims()).encode()
    ),
    "a subject stated twice": lambda i: twice(i, "sub", '"bob"'),
    "an expiry stated twice": lambda i: twice(i, "exp", "99999999999"),
    "a name stated twice deep inside": lambda i: raw(i, json.dumps(i.claims())[:-1] + ',"x":{"a":1,"a":2}}'),
    "claims in a list": lambda i: raw(i, "[" + json.dumps(i.claims()) + "]"),
    "claims that are null": lambda i: raw(i, "null"),
    "claims nested without end": lambda i: raw(i, "[" * 5000),
    "claims with a number that is none": lambda i: raw(i, json.dumps(i.claims())[:-1] + ',"x":NaN}'),
    "claims that are no UTF-8": lambda i: i.sign(b'{"sub":"\xff"}'),
}

CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "https://other.example/api"},
    "no audience": {"aud": ...},
    "an empty list of audiences": {"aud": []},
    "an audience inside an object": {"aud": {"x": AUDIENCE}},
    "an audience among what is no text": {"aud": [AUDIENCE, 7]},
    "a part of the audience": {"aud": AUDIENCE[:-1]},
    "another case of the audience": {"aud": AUDIENCE.upper()},
    "another issuer": {"iss": "https://evil.example"},
    "the issuer with a slash": {"iss": "SLASH"},
    "no issuer": {"iss": ...},
    "an issuer in a list": {"iss": ["x"]},
    "expired": {"iat": NOW - 2 * HOUR, "nbf": NOW - 2 * HOUR, "exp": NOW - HOUR},
    "expired past the leeway": {"exp": NOW - 30},
    "no expiry": {"exp": ...},
    "an expiry in words": {"exp": "tomorrow"},
    "an expiry that is true": {"exp": True},
    "an expiry beyond numbers": {"exp": 10**400},
    "not yet valid": {"nbf": NOW + 31},
    "a start that is null": {"nbf": None},
    "issued in the future": {"iat": NOW + HOUR},
    "no time of issue": {"iat": ...},
    "no subject": {"sub": ...},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a subject in a list": {"sub": ["alice"]},
    "an unknown subject": {"sub": "zoe"},
    "another case of the subject": {"sub": "Alice"},
    "a subject with a space": {"sub": "alice "},
    "a subject with a NUL": {"sub": "alice\x00"},
    "half a character": {"sub": "alice\ud800"},
    "a subject that is a reference": {"sub": "user:alice"},
    "a service as a user": {"sub": "helpdesk"},
    "bound to a key that nobody showed": {"cnf": {"jkt": "x"}},
    "a client that is no service": {"sub": "cli", "client_id": "cli"},
    "a client with a user's name": {"sub": "alice", "client_id": "alice"},
    "a party with a user's name": {"sub": "alice", "client_id": ..., "azp": "alice"},
}


def raw(issuer: Issuer, payload: str) -> str:
    return issuer.sign(payload.encode())


def twice(issuer: Issuer, name: str, value: str) -> str:
    changed = json.dumps(issuer.claims()).replace(f'"{name}"', f'"{name}": {value}, "{name}"')
    assert json.loads(changed)[name] == issuer.claims()[name]
    return raw(issuer, changed)


@pytest.mark.parametrize("why", FORMS)
def test_a_token_of_a_hostile_form_is_refused(provided: Workspace, issuer: Issuer, why: str) -> None:
    refused(provided, FORMS[why](issuer))


@pytest.mark.parametrize("why", CLAIMS)
def test_a_well_signed_token_with_wrong_claims_is_refused(
    provided: Workspace, issuer: Issuer, why: str
) -> None:
    changed = dict(CLAIMS[why])
    if changed.get("iss") == "SLASH":
        changed["iss"] = issuer.url + "/"
    refused(provided, issuer.token(**changed))


def test_every_changed_character_breaks_a_token(provided: Workspace, issuer: Issuer) -> None:
    token = issuer.token()
    for at in range(0, len(token), 7):
        for other in "A-.":
            if token[at] != other:
                with pytest.raises(Exception, match="does not hold"):
                    provided.bearer.verify(token[:at] + other + token[at + 1 :])


def test_the_last_character_has_one_spelling(provided: Workspace, issuer: Issuer) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = issuer.token()
    same = base64.urlsafe_b64decode(last(token) + "==")
    spellings = [token[:-1] + letter for letter in alphabet if letter != token[-1]]
    equal = [one for one in spellings if base64.urlsafe_b64decode(last(one) + "==") == same]
    assert equal
    for one in equal:
        refused(provided, one)


KEYS: dict[str, dict[str, Any]] = {
    "for encryption": {"use": "enc"},
    "for no stated use": {"use": ...},
    "for another algorithm": {"alg": "RS512"},
    "for an algorithm without a key": {"alg": "none"},
    "with a name that is a path": {"kid": "../key-1"},
}


@pytest.mark.parametrize("why", KEYS)
def test_a_key_that_is_for_something_else_verifies_nothing(
    provided: Workspace, issuer: Issuer, why: str
) -> None:
    entry = public(issuer.key, issuer.kid, "RS256") | KEYS[why]
    issuer.keys = [
        {name: value for name, value in entry.items() if value is not ...},
        public(rsa_key(2), "other", "RS256"),
    ]
    refused(provided, issuer.sign(issuer.claims(), kid=entry["kid"]))
    assert get(provided, issuer.sign(issuer.claims(), rsa_key(2), kid="other")).status_code == 200


def test_a_key_of_one_kind_does_not_verify_the_algorithm_of_another(
    provided: Workspace, issuer: Issuer
) -> None:
    issuer.keys = [public(issuer.key, "key-1", "RS256"), public(ec_key(), "curve", "ES256")]
    good = issuer.sign_raw(
        json.dumps({"alg": "ES256", "kid": "curve", "typ": "at+jwt"}).encode(),
        json.dumps(issuer.claims()).encode(),
        ec_key(),
        "ES256",
    )
    assert get(provided, good).status_code == 200
    refused(provided, issuer.sign(issuer.claims(), kid="curve"))
    crossed = {"alg": "ES256", "kid": "key-1", "typ": "at+jwt"}
    refused(provided, issuer.sign_raw(json.dumps(crossed).encode(), json.dumps(issuer.claims()).encode()))


def test_one_issuers_key_signs_nothing_for_another(
    sign_in_through: Callable[..., Workspace], issuer: Issuer, clock: FixedClock
) -> None:
    from tests.simulators.issuer import serving

    with serving(clock, key=rsa_key(3)) as second:
        both = sign_in_through({"one": issuer.settings(), "two": second.settings()})
        assert get(both, issuer.token()).status_code == 200
        assert get(both, second.token()).status_code == 200
        refused(both, second.token(iss=issuer.url))
        refused(both, issuer.token(iss=second.url))


def test_a_removed_account_loses_its_tokens_at_the_next_request(
    provided: Workspace, issuer: Issuer, tmp_path: Any
) -> None:
    from muniment.governance.identity.principal import OPERATOR

    token, robot = issuer.token(), issuer.token(sub="robot", client_id="robot")
    assert get(provided, token).status_code == get(provided, robot).status_code == 200
    file = tmp_path / "fewer.toml"
    file.write_text("[users.alice]\nactive = false\n[users.bob]\n")
    provided.directory.import_file(file, OPERATOR)
    refused(provided, token)
    refused(provided, robot)


def test_a_user_may_be_named_by_another_claim_and_never_by_an_unverified_address(
    sign_in_through: Callable[..., Workspace], issuer: Issuer
) -> None:
    named = sign_in_through({"corp": issuer.settings(user_claim="login")})
    assert get(named, issuer.token(sub="8f1", login="alice")).status_code == 200
    for changed in ({"sub": "8f1"}, {"sub": "8f1", "login": "zoe"}, {"sub": "8f1", "login": ["alice"]}):
        refused(named, issuer.token(**changed))
    mailed = sign_in_through({"corp": issuer.settings(user_claim="email")}, "mailed")
    for verified in (..., False, "true", 1):
        refused(mailed, issuer.token(email="alice", email_verified=verified))
    assert get(mailed, issuer.token(email="alice", email_verified=True)).status_code == 200


def test_a_token_of_our_own_from_before_is_refused(
    provided: Workspace, issuer: Issuer, make_workspace: Callable[..., Workspace]
) -> None:
    local = make_workspace("local")
    refused(provided, local.tokens.issue(local.directory.principal("alice")))
