"""A credential of a call says all of that call, and nothing else can be done with it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from muniment.actions.runners.credentials import CallCredentials, Request
from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import Ids, SeededIds
from muniment.foundation.keys import PURPOSES, Keyring

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
REQUEST = Request("POST", "/refunds?dry_run=true", b'{"order":"A-17"}')


def credentials(tenant: str = "acme", seed: bytes = b"k") -> CallCredentials:
    keys = {purpose: (seed * 32)[:32] for purpose in PURPOSES}
    return CallCredentials(
        Keyring(tenant, keys, Ids()), "https://muniment.example", FixedClock(AT), SeededIds(1)
    )


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_it_is_for_one_caller_one_system_one_request_and_a_minute() -> None:
    made = credentials()
    token = made.mint("marrowby", "user:alice", "refunds:write", REQUEST).reveal()
    key = OKPKey.import_key(dict(made.public_jwk()))
    signed = jws.deserialize_compact(token, key, algorithms=["EdDSA"])
    claims = json.loads(signed.payload)
    now = int(AT.timestamp())
    assert claims.pop("jti").startswith("call_")
    assert claims == {
        "iss": "https://muniment.example",
        "aud": "marrowby",
        "sub": "user:alice",
        "scope": "refunds:write",
        "iat": now,
        "exp": now + 60,
        "htm": "POST",
        "htu": "/refunds?dry_run=true",
        "bsh": hashlib.sha256(REQUEST.body).hexdigest(),
    }
    assert signed.headers() == {"alg": "EdDSA", "typ": "JWT", "kid": made.public_jwk()["kid"]}


def test_no_two_are_the_same() -> None:
    made = credentials()
    tokens = {made.mint("marrowby", "user:alice", "s", REQUEST).reveal() for _ in range(20)}
    assert len(tokens) == 20


def test_its_key_is_known_by_its_thumbprint_and_shows_nothing_private() -> None:
    jwk = credentials().public_jwk()
    assert jwk == credentials().public_jwk() and "d" not in jwk
    assert jwk["kid"] == OKPKey.import_key({k: jwk[k] for k in ("kty", "crv", "x")}).thumbprint()


@pytest.mark.parametrize("other", [credentials("another"), credentials(seed=b"x")])
def test_another_workspace_has_another_key(other: CallCredentials) -> None:
    assert other.public_jwk()["x"] != credentials().public_jwk()["x"]


def test_it_does_not_show_itself() -> None:
    assert "ey" not in repr(credentials().mint("marrowby", "user:alice", "s", REQUEST))
