"""The npm package `oidc-provider`, a certified OpenID Connect provider that is not ours, and muniment.

Runs where Node and the package are: `make node` puts what its lock pins in `.node`; MUNIMENT_OIDC_PROVIDER names
another folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2
import pytest
from tests.simulators.issuer import AUDIENCE, SECRET
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.web_client import ORIGIN, client

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests" / "simulators" / "oidc_provider" / "server.mjs"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Return the address of the running provider."""
    node = shutil.which("node")
    folder = Path(os.environ.get("MUNIMENT_OIDC_PROVIDER") or ROOT / ".node").resolve()
    if node is None:
        pytest.skip("Node is not installed")
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        pytest.skip(f"the npm package oidc-provider is not in {folder}: `make node` fetches it")
    running = subprocess.Popen(
        [node, str(SERVER), str(folder), AUDIENCE, SECRET, ORIGIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), f"the provider did not start with {node}"
        yield address
    finally:
        running.kill()
        running.communicate()


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], provider: str, tmp_path: Path) -> Workspace:
    """Return a workspace that takes this provider's word, by the clock of this machine as it does."""
    from muniment import settings

    corp = {
        "issuer": provider,
        "audience": AUDIENCE,
        "client_id": "muniment-web",
        "client_secret": "file:client-secret",
        "redirect_url": ORIGIN,
        "services": {"robot": "helpdesk"},
        "leeway_seconds": 0,
    }
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "client-secret").write_text(SECRET)
    chosen = settings.parse({"identity": {"mode": "oidc", "issuers": {"corp": corp}}})
    return make_workspace(settings=chosen)


class Person(ProviderBrowser):
    """A browser whose person fills in the provider's forms, and which the provider knows from then on."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        super().__init__(workspace)
        self.name = name
        self.cookies = httpx2.Cookies()
        self.passwords = 0
        """How often the person proved who they are."""

    def at_provider(self, address: str) -> str:
        with httpx2.Client(follow_redirects=False, trust_env=False, cookies=self.cookies) as http:
            for _ in range(15):
                if address.startswith(ORIGIN):
                    self.cookies = http.cookies
                    back = urlsplit(address)
                    return f"{back.path}?{back.query}"
                page = http.get(address)
                if page.status_code == 200:
                    page = self._fill_in(http, address, page.text)
                address = urljoin(address, page.headers["location"])
        raise AssertionError("the provider does not come to an end")

    def proved(self) -> float:
        """Return when they proved who they are, as their session has it."""
        session = self.workspace.sessions.session(self.http.cookies["muniment"])
        assert session is not None
        return session.proved.timestamp()

    def _fill_in(self, http: httpx2.Client, address: str, page: str) -> httpx2.Response:
        action = re.search(r'action="([^"]+)"', page)
        prompt = re.search(r'name="prompt" value="(\w+)"', page)
        assert action is not None and prompt is not None, page
        self.passwords += prompt[1] == "login"
        form = {"prompt": prompt[1], "login": self.name, "password": "x"}
        return http.post(urljoin(address, action[1]), data=form)


def client_token(provider: str) -> str:
    form = {"grant_type": "client_credentials", "scope": "api:read", "resource": AUDIENCE}
    reply = httpx2.post(f"{provider}/token", data=form, auth=("robot", SECRET), trust_env=False)
    assert reply.status_code == 200, reply.text
    return reply.json()["access_token"]


def test_a_person_signs_in_with_the_code_flow(workspace: Workspace) -> None:
    alice = Person(workspace, "alice")
    done = alice.through()
    assert (done.status_code, done.headers["location"]) == (303, "/"), done.text
    assert "Alice Moreau" in alice.http.get("/").text


def test_a_person_who_signs_in_again_is_asked_again_and_the_session_says_when(workspace: Workspace) -> None:
    alice = Person(workspace, "alice")
    alice.through()
    alice.through()
    assert (alice.passwords, alice.proved()) == (1, 0), "known, and no time is stated unless it is asked for"
    began = int(time.time())
    assert alice.through(again=True).status_code == 303
    assert alice.passwords == 2 and began <= alice.proved() <= time.time()


@pytest.mark.parametrize(
    ("asks", "passwords", "reason"),
    [
        ({"prompt": "login"}, 2, ""),
        ({"max_age": "1000"}, 1, "auth_time is of before this sign-in"),
        ({}, 1, "no auth_time"),
    ],
    ids=["prompt alone", "an older sign-in", "nothing"],
)
def test_what_the_browser_changed_of_the_request_opens_nothing_unless_the_person_was_asked(
    workspace: Workspace, asks: dict[str, str], passwords: int, reason: str
) -> None:
    alice = Person(workspace, "alice")
    alice.through()
    signed_in = int(time.time())
    while int(time.time()) == signed_in:
        time.sleep(0.05)
    place, _, query = alice.begin(again=True).partition("?")
    rest = [(name, value) for name, value in parse_qsl(query) if name not in ("prompt", "max_age")]
    done = alice.come_back(alice.at_provider(f"{place}?{urlencode([*rest, *asks.items()])}"))
    assert (done.status_code, alice.passwords) == (401 if reason else 303, passwords)
    if reason:
        assert workspace.audit.tail(1)[0].about["reason"] == f"ID token: {reason}"


def test_whom_the_directory_does_not_hold_is_not_signed_in(workspace: Workspace) -> None:
    done = Person(workspace, "zoe").through()
    assert done.status_code == 401 and "You have no account here" in done.text


def test_a_clients_access_token_is_its_service(workspace: Workspace, provider: str) -> None:
    headers = {"authorization": f"Bearer {client_token(provider)}"}
    assert client(workspace).post("/v1/search", json={"query": "x"}, headers=headers).status_code == 200
    assert workspace.audit.tail(1)[0].actor == "service:helpdesk"


def test_a_clients_token_ends_with_its_service(workspace: Workspace, provider: str) -> None:
    headers = {"authorization": f"Bearer {client_token(provider)}"}
    assert client(workspace).get("/v1/models", headers=headers).status_code == 200
    (workspace.home / "without.toml").write_text("[users.alice]\n")
    workspace.directory.import_file(workspace.home / "without.toml", OPERATOR)
    assert client(workspace).get("/v1/models", headers=headers).status_code == 401


def test_a_changed_access_token_is_refused(workspace: Workspace, provider: str) -> None:
    head, _, signature = client_token(provider).split(".")
    claims = client_token(provider).split(".")[1]
    headers = {"authorization": f"Bearer {head}.{claims}.{signature}"}
    assert client(workspace).get("/v1/models", headers=headers).status_code == 401
