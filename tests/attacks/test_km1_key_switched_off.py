"""KM1: when the customer switches the key off, every read path refuses within 5 seconds; on again, all goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.key_service import openbao
from tests.simulators.keyed import vault_settings, vault_workspace
from tests.simulators.web_client import Browser, bearer, client, document_id, kinds

from benchmarks.openbao import Bao
from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.foundation.key_provider import KeyRefused
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.rest import answers, events

BOUND = 5.0
QUESTION = "When does the canteen open?"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as running:
        yield running


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], folder: Path, clock: FixedClock) -> Workspace:
    made = make_workspace(clock=clock)
    made.ingest(folder, "docs")
    return made


def switch_off(workspace: Workspace, clock: FixedClock) -> None:
    """Switch the key off and let five seconds pass, in which nobody asks."""
    workspace.key_provider.disable(wrapped(workspace))
    clock.advance(seconds=BOUND)


def wrapped(workspace: Workspace) -> Any:
    from muniment.foundation.keyring_file import read_head
    from muniment.settings import keyring_file

    return read_head(keyring_file(workspace.home)).wrapped


def read_paths(workspace: Workspace, answer: str, place: Path) -> dict[str, Callable[[], object]]:
    """Every way in which this version gives something out of a workspace, from Python."""
    alice = workspace.principal("alice")
    found = document_id(workspace, "all/canteen.txt")
    token = workspace.tokens.issue(alice)
    return {
        "search": lambda: workspace.search("canteen", "alice"),
        "why not": lambda: workspace.retriever.why_not(alice, "canteen", found, OPERATOR),
        "ask": lambda: workspace.ask(QUESTION, "alice"),
        "explain": lambda: workspace.lineage.explain(alice, answer),
        "conversations": lambda: workspace.conversations.listing(alice, OPERATOR),
        "search of conversations": lambda: workspace.conversations.search(alice, "canteen", OPERATOR),
        "read": lambda: workspace.reading.read(alice, found, None, OPERATOR),
        "log": lambda: workspace.audit.tail(5),
        "log query": lambda: workspace.audit.query(),
        "log export": lambda: workspace.audit.export(place / "export"),
        "log check": lambda: workspace.audit.verify(),
        "directory": lambda: workspace.directory.principal("alice"),
        "access": lambda: workspace.access.set("docs/all", ["user:bob"], [], OPERATOR),
        "ingest": lambda: workspace.ingest(place / "documents", "docs"),
        "upkeep": lambda: workspace.upkeep.check(),
        "prepare": workspace.prepare,
        "examine": workspace.database.examine,
        "token": lambda: workspace.tokens.verify(token),
        "open": lambda: app.open(workspace.home, embedder=lambda: None),
    }


def test_every_read_path_refuses_and_goes_on_without_a_restart(
    company: Workspace, clock: FixedClock, tmp_path: Path
) -> None:
    answer = company.ask(QUESTION, "alice").id
    paths = read_paths(company, answer, tmp_path)
    switch_off(company, clock)
    for name, path in paths.items():
        with pytest.raises(MunimentError) as refused:
            path()
        assert refused.value.status == 503, name
        assert "canteen" not in str(refused.value)
    assert not (tmp_path / "export").exists()
    company.key_provider.enable(wrapped(company))
    clock.advance(seconds=1)
    for path in paths.values():
        path()


def calls(workspace: Workspace, answer: str) -> dict[str, tuple[str, str, Any]]:
    found = document_id(workspace, "all/canteen.txt")
    return {
        "search": ("POST", "/v1/search", {"query": "canteen"}),
        "ask": ("POST", "/v1/answers", {"question": QUESTION}),
        "answer": ("GET", f"/v1/answers/{answer}", None),
        "lineage": ("GET", f"/v1/answers/{answer}/lineage", None),
        "document": ("GET", f"/v1/documents/{found}?start=0&end=9", None),
        "models": ("GET", "/v1/models", None),
        "openapi": ("GET", "/openapi.json", None),
        "ready": ("GET", "/readyz", None),
        "absent": ("GET", "/v1/documents/doc_absent", None),
        "page": ("GET", "/", None),
    }


def test_every_route_answers_503_alike_and_only_life_is_told(company: Workspace, clock: FixedClock) -> None:
    answer = company.ask(QUESTION, "alice").id
    headers = bearer(company, "alice")
    paths = calls(company, answer)
    http = client(company)
    browser = Browser(company).sign_in("alice")
    switch_off(company, clock)
    bodies = set()
    for method, path, body in paths.values():
        for credential in (headers, {}, {"authorization": "Bearer forged"}):
            got = http.request(method, path, json=body, headers=credential)
            assert got.status_code == 503, path
            assert got.headers["content-security-policy"]
            bodies.add(got.content)
    assert len(bodies) == 1
    assert str(company.home) not in bodies.pop().decode()
    assert http.get("/healthz").status_code == 200
    page = browser.http.get("/")
    assert page.status_code == 503 and "text/html" in page.headers["content-type"]
    company.key_provider.enable(wrapped(company))
    clock.advance(seconds=1)
    assert http.post("/v1/search", json={"query": "canteen"}, headers=headers).json()["passages"]
    assert browser.http.get("/").status_code == 200


def test_an_answer_stops_before_its_next_claim(company: Workspace, clock: FixedClock) -> None:
    stream = company.assistant.stream(company.principal("alice"), QUESTION, OPERATOR)
    next(stream)
    switch_off(company, clock)
    with pytest.raises(MunimentError):
        list(stream)
    company.key_provider.enable(wrapped(company))
    clock.advance(seconds=1)
    assert "answer.refused" in kinds(company)


def test_a_stream_over_http_gives_no_event_after_the_lease(
    company: Workspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key goes off while an event is on its way: what follows is the error and nothing else."""
    plain = events.ServerEvent.encoded

    def encoded(event: events.ServerEvent) -> bytes:
        if event.name == "started":
            switch_off(company, clock)
        return plain(event)

    headers = {**bearer(company, "alice"), "accept": "text/event-stream"}
    monkeypatch.setattr(events.ServerEvent, "encoded", encoded)
    got = client(company).post("/v1/answers", json={"question": QUESTION}, headers=headers)
    names = [line.removeprefix("event: ") for line in got.text.splitlines() if line.startswith("event: ")]
    assert names == ["started", "error"]
    assert "eight" not in got.text


def test_an_event_that_was_made_before_is_not_let_out_after(
    company: Workspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worded = answers._event

    def late(event: Any) -> Any:
        made = worded(event)
        if made.name == "claim":
            switch_off(company, clock)
        return made

    headers = {**bearer(company, "alice"), "accept": "text/event-stream"}
    monkeypatch.setattr(answers, "_event", late)
    got = client(company).post("/v1/answers", json={"question": QUESTION}, headers=headers)
    assert "event: error" in got.text
    assert "eight" not in got.text


def test_a_response_that_was_made_before_is_not_let_out_after(
    company: Workspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrieve = company.retriever.retrieve

    def late(*args: Any, **options: Any) -> Any:
        found = retrieve(*args, **options)
        switch_off(company, clock)
        return found

    monkeypatch.setattr(company.retriever, "retrieve", late)
    got = client(company).post("/v1/search", json={"query": "canteen"}, headers=bearer(company, "alice"))
    assert got.status_code == 503
    assert "canteen" not in got.text


def test_loss_and_return_stand_in_the_log(company: Workspace, clock: FixedClock) -> None:
    switch_off(company, clock)
    with pytest.raises(MunimentError):
        company.search("canteen", "alice")
    company.key_provider.enable(wrapped(company))
    clock.advance(seconds=1)
    company.search("canteen", "alice")
    company.lease.close()
    assert [kind for kind in kinds(company) if kind.startswith("keys.")] == ["keys.lost", "keys.recovered"]


def test_a_keyring_that_was_exchanged_opens_nothing(
    company: Workspace, clock: FixedClock, tmp_path: Path
) -> None:
    other = app.create(tmp_path / "other", embedder=lambda: None)
    other.close()
    for name in ("kek", "keyring.json"):
        (company.home / "keys" / name).write_bytes((other.home / "keys" / name).read_bytes())
    clock.advance(seconds=BOUND)
    with pytest.raises(KeyRefused, match="other keys"):
        company.search("canteen", "alice")


def test_switched_off_at_the_service_while_requests_run(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path, bao: Bao
) -> None:
    """The whole way, by the real clock and a real service; the neighbour's key is another one."""
    company, neighbour = (vault_workspace(make_workspace, tmp_path, bao, name) for name in ("acme", "globex"))
    for workspace in (company, neighbour):
        workspace.ingest(folder, "docs")
    headers, others = bearer(company, "alice"), bearer(neighbour, "alice")
    body = {"query": "canteen"}
    with client(company) as http, client(neighbour) as beside:

        def status() -> int:
            return http.post("/v1/search", json=body, headers=headers).status_code

        assert status() == 200
        bao.ask("transit/keys/acme/rotate", {})
        bao.versions_from("acme", 2)
        off = time.monotonic()
        last = off
        while time.monotonic() - off < BOUND + 2:
            if status() == 200:
                last = time.monotonic()
            assert beside.post("/v1/search", json=body, headers=others).status_code == 200
            time.sleep(0.02)
        assert last - off < BOUND
        assert status() == 503
        with pytest.raises(KeyRefused, match="switched off"):
            app.open(company.home, embedder=lambda: None)
        bao.versions_from("acme", 1)
        until = time.monotonic() + BOUND
        while status() != 200:
            assert time.monotonic() < until
            time.sleep(0.02)


def test_a_revoked_token_closes_as_a_disabled_key_does(
    make_workspace: Callable[..., Workspace], tmp_path: Path, bao: Bao
) -> None:
    company = vault_workspace(make_workspace, tmp_path, bao, "initech")
    (company.home / "token").write_text("revoked")
    assert not company.lease.renew()
    with pytest.raises(KeyRefused, match="refuses our token"):
        company.search("canteen", "alice")
    (company.home / "token").unlink()
    assert not company.lease.renew()
    with pytest.raises(NotSetUp):
        app.open(tmp_path / "nowhere")


def test_a_service_that_falls_silent_closes_when_the_lease_runs_out(
    make_workspace: Callable[..., Workspace], tmp_path: Path, clock: FixedClock
) -> None:
    with openbao(tmp_path) as own:
        own.make_key("hooli")
        vault_settings(tmp_path / "hooli", own, "hooli", timeout_seconds=0.2)
        company = make_workspace("hooli", clock=clock)
    assert company.lease.renew()
    clock.advance(seconds=BOUND)
    with pytest.raises(MunimentError, match="cannot be used now"):
        company.search("canteen", "alice")
