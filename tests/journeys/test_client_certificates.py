"""A service comes with a certificate over TLS; no other certificate and no header makes anybody a service."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from tests.simulators.certificates import Authority
from tests.simulators.web_client import api_key, bearer

from muniment import settings
from muniment.app import Workspace
from muniment.foundation import thumbprint
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.listening import listening
from muniment.interfaces.server import server_of

NETWORK = {"certificate": "server.pem", "key": "server.key", "client_ca": "clients.pem"}


class Site:
    """A served workspace, its authorities, and clients with certificates of their own."""

    def __init__(self, place: Path, house: Authority) -> None:
        self.place, self.house, self.clients = place, house, Authority("clients")
        self.port = 0

    def issue(self, name: str, by: Authority | None = None, **options: Any) -> str:
        """Make a client's certificate; return its SHA-256."""
        file = self.place / f"{name}.pem"
        (by or self.clients).issue(file, self.place / f"{name}.key", name, **options)
        return x509.load_pem_x509_certificate(file.read_bytes()).fingerprint(_SHA256).hex()

    def call(self, name: str = "", path: str = "/v1/models", headers: dict[str, str] | None = None) -> Any:
        """Return status and body of a call over a new connection, with a certificate or without."""
        context = ssl.create_default_context(cafile=self.house.write(self.place / "house.pem"))
        if name:
            context.load_cert_chain(self.place / f"{name}.pem", self.place / f"{name}.key")
        client = http.client.HTTPSConnection("localhost", self.port, context=context)
        try:
            if path.endswith("search"):
                sent = {"content-type": "application/json", **(headers or {})}
                client.request("POST", path, json.dumps({"query": "price"}), sent)
            else:
                client.request("GET", path, headers=headers or {})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()


_SHA256 = hashes.SHA256()


@contextmanager
def serving(workspace: Workspace, site: Site) -> Iterator[None]:
    where = listening(workspace, "127.0.0.1")
    running = server_of(workspace, where, 0)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    site.port = running.servers[0].sockets[0].getsockname()[1]
    assert where.served is not None
    try:
        with where.served.followed(0.02):
            yield
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    home = tmp_path / "home"
    home.mkdir()
    made = Site(tmp_path, Authority())
    made.house.issue(home / "server.pem", home / "server.key", "localhost")
    made.clients.write(home / "clients.pem")
    return made


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], site: Site, folder: Path) -> Callable[..., Workspace]:
    """Return a function that makes a workspace that knows these certificates."""

    def make(known: dict[str, Any], **network: Any) -> Workspace:
        stated = {"network": {**NETWORK, **network}, "identity": {"client_certificates": known}}
        made = make_workspace(settings=settings.parse(stated))
        made.ingest(folder, "docs")
        return made

    return make


def test_a_service_is_known_by_its_certificate_and_opens_its_scopes(
    office: Callable[..., Workspace], site: Site, tmp_path: Path
) -> None:
    digest = site.issue("bot")
    site.issue("named.example")
    site.issue("nobody.example")
    known = {
        "bot": {"service": "helpdesk", "sha256": digest, "scopes": ["search"]},
        "named": {"service": "helpdesk", "dns": "named.example", "scopes": ["models"]},
    }
    workspace = office(known)
    with serving(workspace, site):
        status, body = site.call("bot", "/v1/search")
        assert status == 200 and [one["title"] for one in json.loads(body)["passages"]] == ["Prices"]
        entry = workspace.audit.tail(1)[0]
        assert (entry.actor, entry.via) == ("service:helpdesk", f"http:cert_{digest[:16]}")
        assert site.call("bot")[0] == 403 and site.call("named.example")[0] == 200
        assert site.call("bot", "/scim/v2/Users")[0] == 403
        assert site.call("nobody.example")[0] == 401 and site.call()[0] == 401
        assert site.call("bot", "/")[0] in (303, 401)
        # The bearer that is shown counts, whatever the connection came with.
        assert site.call("bot", headers=bearer(workspace, "alice"))[0] == 200
        assert site.call("bot", headers={"authorization": "Bearer nonsense"})[0] == 401
        assert site.call("", headers={"authorization": f"Bearer {api_key(workspace, 'models')}"})[0] == 200
        (tmp_path / "off.toml").write_text("[users.alice]\n[services.helpdesk]\nactive = false\n")
        workspace.directory.import_file(tmp_path / "off.toml", OPERATOR)
        assert site.call("bot", "/v1/search")[0] == 401


def test_a_bound_key_holds_only_over_a_connection_with_its_certificate(
    office: Callable[..., Workspace], site: Site
) -> None:
    digest = site.issue("bot")
    site.issue("other")
    workspace = office({})
    service = workspace.principal("service:helpdesk")
    scopes = ("search", "act")
    made = workspace.api_keys.create(service, scopes, OPERATOR, certificate=thumbprint.stated(digest))
    key = {"authorization": f"Bearer {made.text}"}
    alice = workspace.tokens.issue(workspace.principal("alice"))
    acting = workspace.delegation.exchange(alice, ["search"], made.key).token
    token = {"authorization": f"Bearer {acting}"}
    with serving(workspace, site):
        for sent in (key, token):
            assert site.call("bot", "/v1/search", sent)[0] == 200
            for name in ("", "other"):
                status, body = site.call(name, "/v1/search", sent)
                assert status == 401 and b"client certificate" in body and b"passages" not in body
        assert site.call("bot", "/v1/search")[0] == 401
        refused = [e.about["reason"] for e in workspace.audit.query(kind="api_key.refused", limit=10)]
        assert refused and set(refused) == {"certificate"}
        newer = workspace.api_keys.rotate(made.key.id, OPERATOR)
        sent = {"authorization": f"Bearer {newer.text}"}
        assert [site.call(name, "/v1/search", sent)[0] for name in ("bot", "other")] == [200, 401]
    created = workspace.audit.query(kind="api_key.created")[-1]
    assert created.about["certificate"] == digest


def test_through_a_proxy_a_bound_key_does_not_hold(office: Callable[..., Workspace], site: Site) -> None:
    """Not with the proxy's own certificate either, and not with the header in which a proxy passes one on."""
    digest = site.issue("proxy")
    workspace = office({}, trusted_proxies=["127.0.0.1"])
    service = workspace.principal("service:helpdesk")
    made = workspace.api_keys.create(service, ["models"], OPERATOR, certificate=digest)
    der = ssl.PEM_cert_to_DER_cert((site.place / "proxy.pem").read_text())
    said = f":{base64.b64encode(der).decode()}:"
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "10.9.8.7", "client-cert": said}
    with serving(workspace, site):
        sent = {"authorization": f"Bearer {made.text}", **forwarded}
        assert site.call("proxy", headers=sent)[0] == 401
        free = {"authorization": f"Bearer {api_key(workspace, 'models')}", **forwarded}
        assert site.call("proxy", headers=free)[0] == 200


def test_a_certificate_is_named_by_its_file_or_its_digest(site: Site, tmp_path: Path) -> None:
    digest = site.issue("bot")
    file = site.place / "bot.pem"
    colons = ":".join(digest[at : at + 2].upper() for at in range(0, 64, 2))
    assert {thumbprint.stated(text) for text in (str(file), digest, digest.upper(), colons)} == {digest}
    site.issue("other")
    (tmp_path / "both.pem").write_bytes(file.read_bytes() + (site.place / "other.pem").read_bytes())
    for text, says in (
        (digest[:-1], "no SHA-256 and no file"),
        (str(tmp_path / "both.pem"), "2 certificates"),
        (str(site.place / "bot.key"), "no certificate in PEM"),
        (str(tmp_path), "no SHA-256 and no file"),
    ):
        with pytest.raises(BadInput, match=says):
            thumbprint.stated(text)


def test_another_authority_and_an_expired_certificate_do_not_come_in(
    office: Callable[..., Workspace], site: Site
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    site.issue("stranger.example", Authority("other"))
    site.issue("late.example", ends=past)
    known = {
        name: {"service": "helpdesk", "dns": f"{name}.example", "scopes": ["models"]}
        for name in ("stranger", "late")
    }
    with serving(office(known), site):
        for name in ("stranger.example", "late.example"):
            with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
                site.call(name)
        assert site.call()[0] == 401


def test_a_header_is_no_certificate(office: Callable[..., Workspace], site: Site) -> None:
    site.issue("named.example")
    known = {"named": {"service": "helpdesk", "dns": "named.example", "scopes": ["models"]}}
    workspace = office(known)
    der = x509.load_pem_x509_certificate((site.place / "named.example.pem").read_bytes())
    said = f":{base64.b64encode(der.public_bytes(Encoding.DER)).decode()}:"
    with serving(workspace, site):
        assert site.call("named.example")[0] == 200
        assert site.call(headers={"client-cert": said, "x-forwarded-for": "127.0.0.1"})[0] == 401


def test_a_proxys_own_certificate_is_not_its_callers(office: Callable[..., Workspace], site: Site) -> None:
    site.issue("named.example")
    known = {"named": {"service": "helpdesk", "dns": "named.example", "scopes": ["models"]}}
    with serving(office(known, trusted_proxies=["127.0.0.1"]), site):
        assert site.call("named.example")[0] == 401


def test_no_page_of_another_site_asks_with_a_browsers_certificate(
    office: Callable[..., Workspace], site: Site
) -> None:
    site.issue("named.example")
    known = {"named": {"service": "helpdesk", "dns": "named.example", "scopes": ["search"]}}
    with serving(office(known), site):
        assert site.call("named.example", "/v1/search")[0] == 200
        for sent in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert site.call("named.example", "/v1/search", sent)[0] == 403


def test_where_it_is_required_nothing_comes_in_without(office: Callable[..., Workspace], site: Site) -> None:
    site.issue("named.example")
    known = {"named": {"service": "helpdesk", "dns": "named.example", "scopes": ["models"]}}
    with serving(office(known, client_certificates="required"), site):
        assert site.call("named.example")[0] == 200
        with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
            site.call("", "/healthz")


def test_another_authority_is_taken_up_without_a_restart(
    office: Callable[..., Workspace], site: Site
) -> None:
    site.issue("named.example")
    known = {"named": {"service": "helpdesk", "dns": "named.example", "scopes": ["models"]}}
    workspace = office(known)
    with serving(workspace, site):
        assert site.call("named.example")[0] == 200
        Authority("next").write(workspace.home / "clients.pem")
        until = time.monotonic() + 10
        while not workspace.audit.query(kind="tls.renewed") and time.monotonic() < until:
            time.sleep(0.02)
        with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
            site.call("named.example")


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"network": {"client_ca": "x.pem"}}, "client_ca needs a certificate"),
        (
            {"network": {"certificate": "a", "key": "b", "client_certificates": "required"}},
            "needs a client_ca",
        ),
        ({"service": "s", "scopes": ["search"]}, "one of sha256, uri and dns"),
        ({"service": "s", "dns": "a", "uri": "b", "scopes": ["search"]}, "one of sha256, uri and dns"),
        ({"service": "s", "dns": "a", "scopes": ["act"]}, "only an API key"),
        ({"service": "s", "dns": "a", "scopes": []}, "opens nothing"),
        ({"service": "s", "sha256": "AB", "scopes": ["search"]}, "sha256"),
    ],
)
def test_settings_that_make_no_sense_are_refused(stated: dict[str, Any], says: str) -> None:
    document = stated if "network" in stated else {"identity": {"client_certificates": {"one": stated}}}
    with pytest.raises(BadInput, match=says):
        settings.parse(document)
