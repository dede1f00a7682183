"""The operator's rules for what leaves: lists by purpose, a private network, a proxy, authorities of one's own."""

from __future__ import annotations

import contextlib
import http.server
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.simulators import key_service
from tests.simulators.certificates import Authority

from muniment.foundation.addresses import is_odd_spelling
from muniment.foundation.egress import Egress, Refusal, Refused, Unreached
from muniment.foundation.egress_rules import EgressRules, Place
from muniment.foundation.network_settings import NetworkSettings
from muniment.foundation.postgres_address import reached

NAME = "vault.house.example"


def leading_to(*addresses: str):
    """Return a resolver that gives every name these addresses."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def rules(**given: object) -> EgressRules:
    return NetworkSettings.model_validate(given).rules(Path("/home"))


def got(door: Egress, url: str, seconds: float = 5.0) -> int:
    return door.exchange("POST", url, {}, b"{}", seconds).status


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Yield the port of a server whose certificate a private authority signed for NAME, and that authority's file."""
    place, authority = tmp_path_factory.mktemp("tls"), Authority()
    authority.issue(place / "server.pem", place / "server.key", NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem", place / "server.key")

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server.server_address[1], authority.write(place / "authority.pem")
    server.shutdown()
    server.server_close()


def test_a_purpose_that_has_a_list_reaches_nothing_else() -> None:
    with key_service.serving("418 teapot") as service:
        port, told = int(service.url.rpartition(":")[2]), list[Refusal]()
        listed = rules(allow={"keys": [f"127.0.0.1:{port}"]})
        assert got(Egress({service.url}, purpose="keys", rules=listed), service.url) == 418
        for elsewhere in ([], ["127.0.0.1:1"], ["localhost"]):
            door = Egress(
                {service.url},
                purpose="keys",
                rules=rules(allow={"keys": elsewhere}),
                on_refused=told.append,
            )
            with pytest.raises(Refused, match="not on the list") as refused:
                got(door, service.url)
            assert "network.allow.keys" in refused.value.fix
        assert (
            got(Egress({service.url}, purpose="models", rules=rules(allow={"keys": []})), service.url) == 418
        )
        assert told == [Refusal("keys", "127.0.0.1", port, "list")] * 3 and len(service.paths) == 2


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_a_private_network_reaches_no_address_outside_it_though_it_is_listed(address: str) -> None:
    private = rules(private=True, allow={"models": [NAME]})
    door = Egress({f"https://{NAME}"}, rules=private, resolve=leading_to("10.0.0.1", address))
    with pytest.raises(Refused, match="outside your own network"):
        got(door, f"https://{NAME}")


def test_a_private_network_reaches_what_is_listed_and_nothing_without_a_list() -> None:
    with key_service.serving("418 teapot") as service:
        url = f"http://{NAME}:{service.url.rpartition(':')[2]}"
        to = leading_to("127.0.0.1")
        assert got(Egress({url}, rules=rules(private=True, allow={"models": [NAME]}), resolve=to), url) == 418
        with pytest.raises(Refused, match="not on the list"):
            got(Egress({url}, rules=rules(private=True), resolve=to), url)


def test_the_name_is_verified_though_the_address_is_connected_to(tls: tuple[int, Path]) -> None:
    port, authority = tls
    to = leading_to("127.0.0.1")
    by = EgressRules(ca_file=authority)
    url, other = f"https://{NAME}:{port}", f"https://other.example:{port}"
    assert got(Egress((), {url}, rules=by, resolve=to), url) == 200
    with pytest.raises(Unreached):
        got(Egress((), {other}, rules=by, resolve=to), other)
    with pytest.raises(Unreached):
        got(Egress((), {url}, resolve=to), url)


def test_the_next_address_is_tried_where_one_is_dead(tls: tuple[int, Path]) -> None:
    port, authority = tls
    url = f"https://{NAME}:{port}"
    to = leading_to("127.0.0.2" if _refuses("127.0.0.2", port) else "::1", "127.0.0.1")
    assert got(Egress((), {url}, rules=EgressRules(ca_file=authority), resolve=to), url) == 200


def _refuses(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0


class Tunnel:
    """A proxy that takes CONNECT, and leads every tunnel to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                threading.Thread(target=self._lead, args=[caller], daemon=True).start()

    def _lead(self, caller: socket.socket) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            said += caller.recv(4096)
        self.asked.append(said.split()[1].decode())
        with socket.create_connection(("127.0.0.1", self._to)) as inner, caller:
            caller.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            while True:
                for ready in select.select([caller, inner], [], [])[0]:
                    part = ready.recv(65536)
                    if not part:
                        return
                    (inner if ready is caller else caller).sendall(part)


@pytest.fixture
def tunnel(tls: tuple[int, Path]) -> Iterator[Tunnel]:
    """Return a running proxy that leads to the server over TLS."""
    made = Tunnel(tls[0])
    yield made
    made.close()


def test_outside_is_reached_through_the_proxy_by_the_vetted_address_and_the_name_is_verified(
    tls: tuple[int, Path], tunnel: Tunnel
) -> None:
    by = EgressRules(proxy=("127.0.0.1", tunnel.port), ca_file=tls[1])
    url = f"https://{NAME}:8443"
    assert got(Egress({url}, rules=by, resolve=leading_to("93.184.216.34")), url) == 200
    assert tunnel.asked == ["93.184.216.34:8443"]
    other = "https://other.example"
    with pytest.raises(Unreached):
        got(Egress({other}, rules=by, resolve=leading_to("93.184.216.34")), other)


def test_inside_is_reached_past_the_proxy(tls: tuple[int, Path], tunnel: Tunnel) -> None:
    by = EgressRules(proxy=("127.0.0.1", tunnel.port), ca_file=tls[1])
    url = f"https://{NAME}:{tls[0]}"
    assert got(Egress((), {url}, rules=by, resolve=leading_to("127.0.0.1")), url) == 200
    assert tunnel.asked == []


def test_a_proxy_may_look_up_names_where_the_settings_say_so(tls: tuple[int, Path], tunnel: Tunnel) -> None:
    by = EgressRules(proxy=("127.0.0.1", tunnel.port), proxy_resolves=True, ca_file=tls[1])
    url = f"https://{NAME}"
    assert got(Egress({url}, rules=by, resolve=leading_to()), url) == 200
    assert tunnel.asked == [f"{NAME}:443"]
    with pytest.raises(Refused):
        got(Egress({url}, rules=by), "https://elsewhere.example")
    assert len(tunnel.asked) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"allow": {"models": ["*.example"]}},
        {"allow": {"models": ["https://models.example"]}},
        {"allow": {"models": ["0x7f.1"]}},
        {"allow": {"models": ["[::ffff:127.0.0.1]"]}},
        {"allow": {"models": ["a.example:99999"]}},
        {"allow": {"storage": ["a.example"]}},
        {"proxy": "https://proxy.example"},
        {"proxy": "proxy.example:3128"},
        {"proxy": "http://user:word@proxy.example"},
        {"proxy_resolves": True},
        {"proxy": "http://proxy.example", "proxy_resolves": True, "private": True},
    ],
)
def test_rules_that_cannot_be_meant_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        NetworkSettings.model_validate(given)


def test_hosts_of_a_list_may_be_written_with_a_port_and_as_addresses() -> None:
    made = rules(allow={"models": ["Models.Example.", "10.0.0.1:8443", "fd12::1", "[fd12::2]:443"]})
    assert made.lists["models"] == {
        Place("models.example"),
        Place("10.0.0.1", 8443),
        Place("fd12::1"),
        Place("fd12::2", 443),
    }
    assert not is_odd_spelling("models.example")


DATABASE = "postgresql://u:p@db.house.example:6432/muniment"


def test_the_database_is_reached_at_its_vetted_address_only_where_it_is_listed() -> None:
    assert reached(DATABASE, rules()) == DATABASE
    listed = rules(private=True, allow={"database": ["db.house.example"]})
    made = reached(DATABASE, listed, leading_to("10.0.0.7"))
    assert made == DATABASE + "?hostaddr=10.0.0.7"
    with pytest.raises(Refused):
        reached(DATABASE, rules(private=True), leading_to("10.0.0.7"))
    with pytest.raises(Refused):
        reached(DATABASE, listed, leading_to("93.184.216.34"))
    assert reached("postgresql:///muniment", listed) == "postgresql:///muniment"
