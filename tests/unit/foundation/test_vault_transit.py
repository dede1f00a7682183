"""What a transit engine is asked, and what it may not be asked over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.simulators.key_service import openbao, serving, transit

from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, MunimentError, Tampered
from muniment.foundation.key_endpoint import KeyEndpoint, origin_for_keys
from muniment.foundation.key_provider import KeyRefused, KeyUnreachable, Wrapped
from muniment.foundation.vault_transit import VaultTransit

PLACE = {"tenant": "acme"}


def test_token_and_namespace_travel_as_headers_and_a_renewed_token_is_taken_up() -> None:
    tokens = iter(["first", "second"])
    with serving("403 permission denied") as service:
        endpoint = KeyEndpoint("here", Egress({service.url}), 5.0)
        vault = VaultTransit(service.url, "team/transit", "k", lambda: next(tokens), endpoint, "acme")
        for _ in range(2):
            with pytest.raises(KeyRefused, match="refuses our token"):
                vault.wrap(PLACE, b"key")
        assert service.paths == ["/v1/team/transit/encrypt/k"] * 2
        assert [headers["x-vault-token"] for headers in service.headers] == ["first", "second"]
        assert {headers["x-vault-namespace"] for headers in service.headers} == {"acme"}


@pytest.mark.parametrize("token", ["", "a\nb", "ü", "a\x00"])
def test_a_token_that_cannot_be_a_header_is_not_sent(token: str) -> None:
    with serving() as service:
        endpoint = KeyEndpoint("here", Egress({service.url}), 5.0)
        with pytest.raises(KeyRefused, match="no usable token"):
            VaultTransit(service.url, "transit", "k", lambda: token, endpoint).wrap(PLACE, b"key")
        assert service.paths == []


def test_another_message_than_a_ciphertext_of_the_engine_is_not_sent() -> None:
    with serving() as service:
        endpoint = KeyEndpoint("here", Egress({service.url}), 5.0)
        vault = VaultTransit(service.url, "transit", "k", lambda: "t", endpoint)
        for sealed in (b"", b"vault:v1:", b"vault:v0:AAAA", b"vault:v1:AAAA\n", b"x", b"\xff"):
            with pytest.raises(Tampered):
                vault.unwrap(PLACE, Wrapped("vault", "transit/k", "1", sealed))
        assert service.paths == []


@pytest.mark.parametrize("url", ["http://vault.example:8200", "http://10.0.0.7:8200", "ftp://vault.example"])
def test_a_key_never_crosses_a_network_in_clear(url: str) -> None:
    with pytest.raises(BadInput):
        origin_for_keys(url, "keys.vault.address")


@pytest.mark.parametrize("url", ["https://vault.example:8200", "http://127.0.0.1:8200", "http://localhost:1"])
def test_https_and_this_machine_are_fine(url: str) -> None:
    assert origin_for_keys(f"{url}/v1/", "keys.vault.address").startswith(url)


def test_a_file_of_authorities_that_cannot_be_used_is_named() -> None:
    with serving() as service:
        egress = Egress({service.url}, ca_file=Path("/nowhere/ca.pem"))
        with pytest.raises(MunimentError, match=r"/nowhere/ca\.pem"):
            egress.exchange("GET", service.url, {}, b"", 2.0)


def test_the_policy_of_the_guide_suffices_for_a_server_and_for_nothing_more(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "keys.md").read_text("utf-8")
    policy = re.search(r"<<'EOF'\n(.*?)EOF", guide, re.DOTALL)
    assert policy is not None
    with openbao(tmp_path) as bao:
        bao.make_key("muniment")
        bao.ask("sys/policies/acl/muniment", {"policy": policy[1]})
        token = bao.ask("auth/token/create", {"policies": ["muniment"]})["auth"]["client_token"]
        server = transit(bao, "muniment", token)
        wrapped = server.wrap(PLACE, b"key")
        assert server.unwrap(PLACE, wrapped) == b"key"
        assert server.describe().newest == "1"
        for forbidden in (server.rotate, lambda: server.disable(wrapped), server.destroy):
            with pytest.raises(KeyRefused, match="refuses our token"):
                forbidden()
        assert "min_decryption_version=1" in server.retire("1")
        bao.ask("auth/token/revoke", {"token": token})
        with pytest.raises(KeyRefused, match="refuses our token"):
            server.unwrap(PLACE, wrapped)
        bao.ask("sys/seal", {})
        with pytest.raises(KeyUnreachable):
            server.unwrap(PLACE, wrapped)
