"""A provider's keys: fetched seldom, kept for an hour, and no longer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.simulators.issuer import AUDIENCE, Issuer, ec_key, public, rsa_key, serving

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import Unavailable
from muniment.governance.identity import issuer as rules
from muniment.governance.identity.key_set import read_key_set
from muniment.governance.identity.published import LONGEST_REPLY, Published

ALGORITHMS = ("RS256", "ES256")


class Office:
    def __init__(self, provider: Issuer, clock: FixedClock, **changed: Any) -> None:
        self.provider = provider
        self.clock = clock
        self.rules = rules.Issuer("corp", provider.url, AUDIENCE, **changed)
        self.published = Published(self.rules, Egress(self.rules.origins, (), LONGEST_REPLY), clock)

    @property
    def kids(self) -> set[str]:
        return set(self.published.documents().keys.keys)

    @property
    def fetches(self) -> int:
        return self.provider.asked.count("/jwks")


@pytest.fixture
def office() -> Iterator[Office]:
    clock = FixedClock()
    with serving(clock) as provider:
        yield Office(provider, clock)


def test_keys_are_fetched_once_and_then_kept(office: Office) -> None:
    for _ in range(5):
        assert office.kids == {"key-1"}
        office.clock.advance(minutes=5)
    assert office.fetches == 1


def test_old_keys_are_renewed_before_their_time_ends(office: Office) -> None:
    assert office.kids == {"key-1"}
    office.provider.rotate("key-2", 2)
    office.clock.advance(minutes=30)
    assert office.kids == {"key-2"}
    assert office.fetches == 2


def test_while_the_provider_is_down_keys_hold_for_their_hour_and_not_longer(office: Office) -> None:
    assert office.kids == {"key-1"}
    office.provider.fault = "down"
    office.clock.advance(minutes=59, seconds=59)
    assert office.kids == {"key-1"}
    office.clock.advance(seconds=1)
    with pytest.raises(Unavailable) as refused:
        office.published.documents()
    assert "127.0.0.1" not in str(refused.value) and "status 503" in refused.value.detail
    office.provider.fault = ""
    with pytest.raises(Unavailable):
        office.published.documents()
    office.clock.advance(seconds=5)
    assert office.kids == {"key-1"}


def test_another_key_is_asked_for_at_most_every_half_minute(office: Office) -> None:
    held = office.published.documents()
    office.provider.rotate("key-2", 2)
    for _ in range(6):
        assert office.published.newer(held) is held
        office.clock.advance(seconds=4.9)
    assert office.fetches == 1
    office.clock.advance(seconds=0.6)
    newer = office.published.newer(held)
    assert set(newer.keys.keys) == {"key-2"}
    assert office.published.newer(held) is newer
    assert office.fetches == 2


def test_a_provider_that_goes_down_while_it_rotates_takes_no_key_away(office: Office) -> None:
    held = office.published.documents()
    office.provider.fault = "down"
    office.clock.advance(seconds=31)
    assert office.published.newer(held) is held


BAD_SETS: dict[str, Callable[[], list[Any]]] = {
    "two keys of one name": lambda: [
        public(rsa_key(), "key-1", "RS256"),
        public(rsa_key(2), "key-1", "RS256"),
    ],
    "one key twice": lambda: [public(rsa_key(), "key-1", "RS256")] * 2,
    "an encryption key of the same name": lambda: [
        public(rsa_key(), "key-1", "RS256"),
        public(rsa_key(2), "key-1", "RSA-OAEP", use="enc"),
    ],
    "a private key": lambda: [{**rsa_key().as_dict(private=True), "kid": "key-1", "use": "sig"}],
    "a secret": lambda: [
        public(rsa_key(), "key-1", "RS256"),
        {"kty": "oct", "kid": "h", "use": "sig", "k": "c2VjcmV0"},
    ],
    "no key": list,
    "a key that is a name": lambda: ["key-1"],
    "too many keys": lambda: [public(rsa_key(), f"key-{n}", "RS256") for n in range(101)],
}


@pytest.mark.parametrize("why", BAD_SETS)
def test_a_set_that_cannot_be_trusted_is_refused_and_replaces_nothing(office: Office, why: str) -> None:
    held = office.published.documents()
    office.provider.keys = BAD_SETS[why]()
    office.clock.advance(seconds=31)
    assert office.published.newer(held) is held
    office.clock.advance(hours=1)
    with pytest.raises(Unavailable):
        office.published.documents()


DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "of another issuer": {"issuer": "https://evil.example"},
    "of nobody": {"issuer": None},
    "keys elsewhere": {"jwks_uri": "https://evil.example/jwks"},
    "keys on another port": {"jwks_uri": "http://127.0.0.1:9/jwks"},
    "keys in a file": {"jwks_uri": "file:///etc/passwd"},
    "keys in the clear": {"jwks_uri": "http://keys.example/jwks"},
    "keys behind a name": {"jwks_uri": "http://corp@127.0.0.1/jwks"},
    "no keys": {"jwks_uri": ...},
    "PKCE in the clear only": {"code_challenge_methods_supported": ["plain"]},
}


@pytest.mark.parametrize("why", DESCRIPTIONS)
def test_a_description_that_leads_astray_is_refused_before_anything_is_asked_there(
    office: Office, why: str
) -> None:
    office.provider.about = DESCRIPTIONS[why]
    if office.provider.about.get("jwks_uri") is ...:
        office.provider.about = {"jwks_uri": None}
    with pytest.raises(Unavailable):
        office.published.documents()
    assert office.provider.asked == ["/.well-known/openid-configuration"]


def test_keys_may_lie_at_an_origin_that_the_settings_name() -> None:
    clock = FixedClock()
    with serving(clock) as keys, serving(clock, about={"jwks_uri": f"{keys.url}/jwks"}) as provider:
        with pytest.raises(Unavailable):
            Office(provider, clock).published.documents()
        assert keys.asked == []
        assert Office(provider, clock, jwks_origin=keys.url).kids == {"key-1"}
        assert keys.asked == ["/jwks"]


@pytest.mark.parametrize("fault", ["html", "down", "other-issuer"])
def test_what_is_no_description_is_refused(fault: str) -> None:
    clock = FixedClock()
    with serving(clock, fault=fault) as provider, pytest.raises(Unavailable):
        Office(provider, clock).published.documents()


def test_a_provider_that_is_gone_is_told_as_unavailable() -> None:
    clock = FixedClock()
    with serving(clock) as provider:
        office = Office(provider, clock)
    with pytest.raises(Unavailable):
        office.published.documents()


def test_many_threads_fetch_once(office: Office) -> None:
    description = office.provider.description

    def slow() -> dict[str, Any]:
        time.sleep(0.2)
        return description()

    office.provider.description = slow  # type: ignore[method-assign]
    found: list[set[str]] = []
    threads = [threading.Thread(target=lambda: found.append(office.kids)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"key-1"}] * 12
    assert office.fetches == 1


def test_a_weak_key_and_a_key_of_another_curve_verify_nothing() -> None:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    weak = public(RSAKey.generate_key(1024), "weak", "RS256")
    curve = public(ECKey.generate_key("secp256k1"), "curve", "ES256")
    other = public(OKPKey.generate_key("Ed25519"), "other", "EdDSA")
    broken = {**public(ec_key(), "broken", "ES256"), "x": "AAAA"}
    good = public(ec_key(), "good", "ES256")
    found = read_key_set(json.dumps({"keys": [weak, curve, other, broken, good]}).encode(), ALGORITHMS)
    assert set(found.keys) == {"good"}
    assert found.find("good", "RS256") is None and found.find("good", "ES256") is not None


def test_a_key_without_an_algorithm_verifies_only_those_that_are_allowed() -> None:
    key = public(rsa_key(), "key-1", "RS256")
    del key["alg"]
    found = read_key_set(json.dumps({"keys": [key]}).encode(), ALGORITHMS)
    assert found.keys["key-1"].algorithms == {"RS256"}
