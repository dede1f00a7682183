"""`muniment serve` over TLS: what it refuses to start with, and a certificate renewed under open connections."""

from __future__ import annotations

import http.client
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command
from tests.simulators.certificates import Authority
from tests.simulators.web_client import link

from muniment.app import Workspace
from muniment.interfaces.listening import listening
from muniment.interfaces.server import server_of

TLS = '[network]\ncertificate = "server.pem"\nkey = "server.key"\n'


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return who signs."""
    return Authority()


@pytest.fixture
def command(tmp_path: Path, authority: Authority) -> Command:
    command = Command(tmp_path / "home").with_people()
    (command.home / "settings.toml").write_text(WORDS_ALONE + TLS)
    authority.issue(command.home / "server.pem", command.home / "server.key", "localhost", "127.0.0.1")
    return command


def trusting(authority: Authority, place: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.write(place / "authority.pem"))


def test_it_does_not_start_with_a_certificate_that_does_not_fit(
    command: Command, authority: Authority
) -> None:
    authority.issue(command.home / "server.pem", command.home / "other.key", "localhost")
    ran = command("serve", "--port", "0")
    assert ran.code == 2 and "server.key does not belong" in ran.line and ran.out == ""
    (command.home / "server.pem").unlink()
    ran = command("serve", "--port", "0")
    assert ran.code == 2 and "network.certificate" in ran.line and "server.pem" in ran.line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.9.8.7", "muniment.example"])
def test_it_does_not_listen_beyond_this_machine_in_clear(command: Command, host: str) -> None:
    (command.home / "settings.toml").write_text(WORDS_ALONE)
    ran = command("serve", "--host", host, "--port", "0")
    assert ran.code == 2 and host in ran.line
    assert (
        "in clear" in ran.line and "network.certificate" in ran.line and "network.trusted_proxies" in ran.line
    )


@pytest.fixture
def server(
    make_workspace: Callable[..., Workspace], tmp_path: Path, authority: Authority
) -> Iterator[tuple[Workspace, int]]:
    """Yield a workspace, and the port that it is served on over TLS, its files looked at all the time."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(TLS)
    authority.issue(home / "server.pem", home / "server.key", "localhost")
    workspace = make_workspace()
    where = listening(workspace, "127.0.0.1")
    served = where.served
    assert served is not None
    running = server_of(workspace, where, 0)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        with served.followed(0.02):
            yield workspace, running.servers[0].sockets[0].getsockname()[1]
    finally:
        running.should_exit = True
        thread.join()


def test_cookies_and_headers_are_for_tls_alone(
    server: tuple[Workspace, int], authority: Authority, tmp_path: Path
) -> None:
    workspace, port = server
    client = http.client.HTTPSConnection("localhost", port, context=trusting(authority, tmp_path))
    headers = {
        "origin": f"https://localhost:{port}",
        "content-type": "application/x-www-form-urlencoded",
        "x-forwarded-proto": "http",
    }
    client.request("POST", "/signin", f"token={link(workspace, 'alice')}", headers)
    answer = client.getresponse()
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status == 303 and cookie.startswith("__host-muniment=") and "secure" in cookie
    assert "max-age" in answer.headers["strict-transport-security"]


def test_the_address_that_is_printed_is_one_that_the_certificate_is_for(
    make_workspace: Callable[..., Workspace], tmp_path: Path, authority: Authority
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(TLS)
    authority.issue(home / "server.pem", home / "server.key", "other.example", "muniment.example")
    where = listening(make_workspace(), "0.0.0.0")
    assert where.base(443, ("localhost", "muniment.example")) == "https://muniment.example:443"
    assert where.base(443, ("localhost",)) == "https://0.0.0.0:443"


def serial(client: http.client.HTTPSConnection) -> object:
    client.request("GET", "/healthz")
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
    return client.sock.getpeercert()["serialNumber"]  # type: ignore[union-attr, index]


def logged(workspace: Workspace, kind: str) -> dict[str, object]:
    for _ in range(500):
        found = workspace.audit.query(kind=kind)
        if found:
            return dict(found[0].about)
        time.sleep(0.02)
    raise AssertionError(f"no {kind}")


def test_a_renewed_certificate_is_served_and_open_connections_go_on(
    server: tuple[Workspace, int], authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace, port = server
    trusted = trusting(authority, tmp_path)

    def connect() -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", port, context=trusted)

    opened = connect()
    before = serial(opened)
    held = opened.sock
    Authority("stranger").issue(tmp_path / "x.pem", workspace.home / "server.key", "localhost")
    assert "does not belong" in str(logged(workspace, "tls.refused")["reason"])
    assert "not renewed" in caplog.text and "does not belong" in caplog.text
    assert serial(connect()) == before
    authority.issue(tmp_path / "new.pem", tmp_path / "new.key", "localhost")
    shutil.move(tmp_path / "new.pem", workspace.home / "server.pem")
    shutil.move(tmp_path / "new.key", workspace.home / "server.key")
    assert logged(workspace, "tls.renewed")["serving"]
    assert serial(connect()) != before
    assert serial(opened) == before and opened.sock is held


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(server: tuple[Workspace, int], version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionError)):
        http.client.HTTPSConnection("localhost", server[1], context=context).request("GET", "/healthz")
