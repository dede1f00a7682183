"""Tokens: only what this workspace signed, for this use, for an account active now (promises ID1, ID3, ID4)."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unauthenticated
from muniment.foundation.ids import Ids
from muniment.foundation.keys import PURPOSES, Keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.identity.tokens import MAX_SECONDS, Tokens

ALICE = Principal("user", "alice")
KEYS = {purpose: bytes([n]) * 32 for n, purpose in enumerate(PURPOSES)}


class NoLog:
    def append(self, connection: object, entries: object) -> None:
        """These tests are not about the log."""


class Office:
    """A directory with its tokens, and a way to sign whatever a forger could."""

    def __init__(self, database: SqlCipherDatabase, folder: Path) -> None:
        self.clock = FixedClock()
        self.folder = folder
        self.directory = Directory(database, NoLog())
        self.keyring = Keyring("acme", KEYS, Ids())
        self.tokens = Tokens(self.keyring, self.directory, self.clock, Ids())
        self.put("[users.alice]\n[users.bob]\n[services.bot]\n")

    def put(self, text: str) -> None:
        file = self.folder / "directory.toml"
        file.write_text(text)
        self.directory.import_file(file, OPERATOR)

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": "muniment:acme",
            "aud": "muniment:acme:api",
            "sub": "user:alice",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": "tok_1",
            "since": 1,
        } | changed
        return {name: value for name, value in claims.items() if value is not ...}

    def sign(self, claims: Any, key: bytes = KEYS["tokens"], algorithm: str = "HS256", **header: Any) -> str:
        head = {"alg": algorithm, "typ": "at+jwt"} | header
        head = {name: value for name, value in head.items() if value is not ...}
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        signed = f"{encoded(json.dumps(head).encode())}.{encoded(payload)}"
        if algorithm == "none":
            return f"{signed}."
        made = hmac.new(key, signed.encode(), f"sha{algorithm[2:]}").digest()
        return f"{signed}.{encoded(made)}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    database = SqlCipherDatabase(tmp_path / "m.db", bytes(32))
    database.create()
    yield Office(database, tmp_path)
    database.close()


def refused(office: Office, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        office.tokens.verify(token)
    assert str(caught.value) == "The token does not hold."


def test_an_issued_token_proves_its_principal_until_it_expires(office: Office) -> None:
    token = office.tokens.issue(ALICE, 60)
    assert office.tokens.verify(token) == ALICE
    office.clock.advance(seconds=59)
    assert office.tokens.verify(token) == ALICE
    office.clock.advance(seconds=1)
    refused(office, token)
    bot = Principal("service", "bot")
    assert office.tokens.verify(office.tokens.issue(bot)) == bot


def test_what_the_tests_sign_is_what_the_workspace_signs(office: Office) -> None:
    """Otherwise every refusal below could have another reason than the one it names."""
    assert office.tokens.verify(office.sign(office.claims())) == ALICE


@pytest.mark.parametrize("ttl", [0, -1, MAX_SECONDS + 1])
def test_no_token_lives_longer_than_the_limit(office: Office, ttl: int) -> None:
    with pytest.raises(BadInput):
        office.tokens.issue(ALICE, ttl)


@pytest.mark.parametrize("principal", [Principal("user", "zoe"), Principal("service", "alice")])
def test_no_token_for_an_unknown_account(office: Office, principal: Principal) -> None:
    with pytest.raises(BadInput, match="no active account"):
        office.tokens.issue(principal)


HOUR = 3600
NOW = int(FixedClock().now().timestamp())
CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "muniment:other"},
    "no issuer": {"iss": ...},
    "another audience": {"aud": "muniment:acme:web"},
    "a list of audiences": {"aud": ["muniment:acme:api", "x"]},
    "a list of the one audience": {"aud": ["muniment:acme:api"]},
    "no audience": {"aud": ...},
    "expired": {"iat": NOW - 2 * HOUR, "nbf": NOW - 2 * HOUR, "exp": NOW - HOUR},
    "expiring this second": {"exp": NOW},
    "no expiry": {"exp": ...},
    "an expiry in words": {"exp": "tomorrow"},
    "an expiry that is a fraction": {"exp": NOW + 60.5},
    "an expiry that is true": {"exp": True},
    "an endless expiry": {"exp": 10**18},
    "a life over the limit": {"exp": NOW + MAX_SECONDS + 1},
    "a life before its issue": {"iat": NOW + 4, "exp": NOW + 2},
    "not yet valid": {"nbf": NOW + 60},
    "no start": {"nbf": ...},
    "issued in the future": {"iat": NOW + 60},
    "no time of issue": {"iat": ...},
    "no subject": {"sub": ...},
    "an empty subject": {"sub": ""},
    "a subject without kind": {"sub": "alice"},
    "a subject without name": {"sub": "user:"},
    "a group as subject": {"sub": "group:everyone"},
    "another case": {"sub": "user:Alice"},
    "a number as subject": {"sub": 7},
    "a list as subject": {"sub": ["user:alice"]},
    "an unknown user": {"sub": "user:zoe"},
    "a service as user": {"sub": "user:bot"},
    "an unknown claim": {"admin": True},
    "another beginning of the account": {"since": 0},
    "no beginning of the account": {"since": ...},
    "no token id": {"jti": ...},
}


@pytest.mark.parametrize("why", CLAIMS)
def test_a_well_signed_token_with_wrong_claims_is_refused(office: Office, why: str) -> None:
    refused(office, office.sign(office.claims(**CLAIMS[why])))


HEADERS: dict[str, dict[str, Any]] = {
    "no type": {"typ": ...},
    "the type of an ID token": {"typ": "JWT"},
    "another case of the type": {"typ": "AT+JWT"},
    "a key by address": {"jku": "https://evil.example/keys"},
    "a certificate by address": {"x5u": "https://evil.example/cert"},
    "a key of its own": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "a certificate of its own": {"x5c": ["AAAA"]},
    "a critical extension": {"crit": ["exp"], "exp": 1},
    "an unknown critical extension": {"crit": ["b64"], "b64": True},
    "a key id that walks the disc": {"kid": "../../../../dev/null"},
    "a key id that asks a database": {"kid": "x' UNION SELECT 'secret"},
    "a content type": {"cty": "JWT"},
}


@pytest.mark.parametrize("why", HEADERS)
def test_a_well_signed_token_with_another_header_is_refused(office: Office, why: str) -> None:
    refused(office, office.sign(office.claims(), **HEADERS[why]))


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused(office: Office, algorithm: str) -> None:
    refused(office, office.sign(office.claims(), algorithm=algorithm))


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "RS256", "EdDSA", None, 5]
)
def test_a_token_that_names_another_algorithm_is_refused_with_and_without_signature(
    office: Office, alg: object
) -> None:
    good = office.sign(office.claims()).split(".")
    head = encoded(json.dumps({"alg": alg, "typ": "at+jwt"}).encode())
    refused(office, f"{head}.{good[1]}.")
    refused(office, f"{head}.{good[1]}.{good[2]}")


@pytest.mark.parametrize("purpose", [p for p in PURPOSES if p != "tokens"])
def test_a_token_signed_by_another_key_is_refused(office: Office, purpose: str) -> None:
    refused(office, office.sign(office.claims(), key=KEYS[purpose]))


def test_a_token_of_another_tenant_is_refused(office: Office) -> None:
    other = Tokens(Keyring("other", KEYS, Ids()), office.directory, office.clock, Ids())
    refused(office, other.issue(ALICE))


REPEATED = {
    "a repeated subject": lambda text: text.replace('"sub"', '"sub": "user:bob", "sub"'),
    "a repeated expiry": lambda text: text.replace('"exp"', '"exp": 99999999999, "exp"'),
    "the same claim twice": lambda text: text[:-1] + ', "jti": "tok_1"}',
}


@pytest.mark.parametrize("why", REPEATED)
def test_a_token_that_says_something_twice_is_refused(office: Office, why: str) -> None:
    change: Callable[[str], str] = REPEATED[why]
    changed = change(json.dumps(office.claims()))
    assert set(json.loads(changed)) == set(office.claims())
    refused(office, office.sign(changed.encode()))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "null", "Bearer x", "\x00", "é.é.é", "x" * 5000, "{}", "eyJ9.eyJ9.", " "],
)
def test_garbage_is_refused(office: Office, token: str) -> None:
    refused(office, token)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"7", b'"x"', b"{", b"\xff", b"[" * 3000])
def test_a_well_signed_token_that_holds_no_claims_is_refused(office: Office, payload: bytes) -> None:
    refused(office, office.sign(payload))


def test_every_changed_character_breaks_a_token(office: Office) -> None:
    token = office.tokens.issue(ALICE)
    for at in range(len(token)):
        if at == len(token) - 1:
            continue  # its two spare bits carry nothing
        for other in "A-.":
            if token[at] != other:
                refused(office, token[:at] + other + token[at + 1 :])
    refused(office, token + "A")
    refused(office, token + ".")
    refused(office, " " + token)
    refused(office, token + "\n")


def test_a_removed_or_deactivated_account_loses_its_tokens_at_once(office: Office) -> None:
    token = office.tokens.issue(ALICE)
    office.put("[users.alice]\n[users.bob]\n[users.zoe]")
    assert office.tokens.verify(token) == ALICE
    office.put("[users.alice]\nactive = false\n[users.bob]")
    refused(office, token)
    office.put("[users.alice]\n[users.bob]")
    refused(office, token)
    again = office.tokens.issue(ALICE)
    assert office.tokens.verify(again) == ALICE
    office.put("[users.bob]")
    refused(office, again)
    office.put("[users.alice]\n[users.bob]")
    refused(office, again)
