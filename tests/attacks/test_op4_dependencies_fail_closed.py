"""OP4: each thing that a request depends on fails in turn; the caller gets a problem and nothing else.

`tests/matrix/dependencies.toml` names, for each dependency and each way to fail, the tests that show it. What is
shown here goes through HTTP: what the caller sees, that nothing was released, and what the log holds.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.openai_server import serving
from tests.simulators.web_client import bearer, client, document_id

from muniment import settings
from muniment.app import Workspace
from muniment.foundation import sqlcipher
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Tampered

TESTS = Path(__file__).parents[1]
MATRIX: dict[str, dict[str, list[str]]] = tomllib.loads((TESTS / "matrix" / "dependencies.toml").read_text())
SECRETS = ("opens at eight", "canteen.txt", "Traceback", "RuntimeError", "muniment.db", "sqlite")
Break = Callable[[Workspace, pytest.MonkeyPatch], Any]


class Ill(HashedEmbedder):
    """An embedding model that works until it is asked to fail."""

    failing = False

    def embed_query(self, text: str) -> Any:
        if self.failing:
            raise RuntimeError("the canteen opens at eight")
        return super().embed_query(text)


@pytest.mark.parametrize(
    ("what", "how"), [(what, how) for what, ways in MATRIX.items() for how in ways], ids=lambda word: word
)
def test_each_way_to_fail_has_a_test(what: str, how: str) -> None:
    assert MATRIX[what][how]
    for name in MATRIX[what][how]:
        file, _, test = name.partition("::")
        parsed = ast.parse((TESTS / file).read_text())
        assert test in {node.name for node in ast.walk(parsed) if isinstance(node, ast.FunctionDef)}, name


@contextmanager
def locked(workspace: Workspace, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setattr(sqlcipher, "BUSY_SECONDS", 0.2)
    other = sqlcipher.SqlCipherDatabase(
        workspace.home / "muniment.db", workspace.keyring.data_key("database")
    )
    with other.write():
        yield
    other.close()


@contextmanager
def damaged(workspace: Workspace, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    with workspace.database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE filler (x)")
    workspace._stored.close()
    path = workspace.home / "muniment.db"
    before = path.read_bytes()
    path.write_bytes(before[:4096] + bytes(len(before) - 4096))
    yield
    workspace._stored.close()
    path.write_bytes(before)


@contextmanager
def unwritable_log(workspace: Workspace, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    full = "CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    with workspace.database.write() as connection:
        connection.execute(sa.text(full))
    yield
    with workspace.database.write() as connection:
        connection.execute(sa.text("DROP TRIGGER full"))


@contextmanager
def failing_embedder(workspace: Workspace, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setattr(Ill, "failing", True)
    yield
    patch.setattr(Ill, "failing", False)


@contextmanager
def failing_reranker(workspace: Workspace, _patch: pytest.MonkeyPatch) -> Iterator[None]:
    class Broken:
        name = "broken"
        side_by_side = 4

        def score(self, *_: object) -> object:
            raise RuntimeError("the canteen opens at eight")

    retriever = workspace.retriever
    before = retriever._reranker, retriever._settings
    from muniment.knowledge.retrieval.retrieval_settings import RerankSettings, RetrievalSettings

    retriever._reranker = Broken()  # type: ignore[assignment]
    retriever._settings = RetrievalSettings(rerank=RerankSettings(seconds=1.0))
    yield
    retriever._reranker, retriever._settings = before


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], folder: Path) -> Workspace:
    embedder = Ill(64)
    workspace = make_workspace(embedder=lambda: embedder)
    (folder / "all" / "more.md").write_text("The canteen has a second door.\n")
    workspace.ingest(folder, "docs")
    return workspace


@pytest.mark.parametrize(
    ("broken", "reads", "gives"),
    [
        (locked, True, {503}),
        (damaged, True, {500, 503}),
        (unwritable_log, True, {503}),
        (failing_embedder, False, {503}),
        (failing_reranker, False, {503}),
    ],
)
def test_a_request_that_cannot_be_done_gives_nothing(
    company: Workspace, monkeypatch: pytest.MonkeyPatch, broken: Break, reads: bool, gives: set[int]
) -> None:
    web = client(company, raise_server_exceptions=False)
    headers = bearer(company, "carol")
    document = document_id(company, "all/canteen.txt")

    def ask(word: str) -> list[Any]:
        sent = [
            web.post("/v1/search", json={"query": f"canteen {word}"}, headers=headers),
            web.post(
                "/v1/answers", json={"question": f"When {word} does the canteen open?"}, headers=headers
            ),
        ]
        return [*sent, web.get(f"/v1/documents/{document}", headers=headers)] if reads else sent

    assert [answer.status_code for answer in ask("first")] == [200] * (3 if reads else 2)
    size = company.audit.tail(1)[0].seq
    with broken(company, monkeypatch):
        answers = ask("now")
    for answer in answers:
        assert answer.status_code in gives, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "status", "title", "code", "detail"}
        assert not [word for word in SECRETS if word in answer.text]
    released = {"retrieval.chunk", "answer.claim", "answer.finished", "document.read"}
    written = company.audit.query(after=size, limit=100)
    assert not released & {entry.kind for entry in written}
    assert [answer.status_code for answer in ask("then")] == [200] * (3 if reads else 2)
    assert company.audit.verify().ok


@pytest.mark.parametrize(
    ("broken", "part"), [(failing_embedder, "embedding model"), (failing_reranker, "reranker")]
)
def test_the_log_tells_which_model_failed_a_search_and_nothing_that_it_read(
    company: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: Break,
    part: str,
) -> None:
    company.search("canteen first", "carol")
    with broken(company, monkeypatch):
        answer = client(company, raise_server_exceptions=False).post(
            "/v1/search", json={"query": "canteen walrus"}, headers=bearer(company, "carol")
        )
    assert answer.status_code == 503 and part in answer.json()["title"]
    assert "retry-after" in answer.headers
    entry = company.audit.tail(1)[0]
    assert (entry.kind, entry.about["part"], entry.about["error"]) == ("search.failed", part, "RuntimeError")
    assert entry.about["principal"] == "user:carol" and entry.about["purpose"] == "search"
    said = f"{entry.about} {caplog.text}"
    assert not [word for word in ("walrus", "opens at eight", "canteen") if word in said]


def test_weights_that_do_not_load_in_a_request_fail_it_and_no_other_thing(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged_weights(*_: object) -> None:
        raise Tampered("The weights were altered.")

    with monkeypatch.context() as patch:
        patch.setattr(company.embedders, "get", damaged_weights)
        answer = client(company, raise_server_exceptions=False).post(
            "/v1/search", json={"query": "canteen"}, headers=bearer(company, "carol")
        )
        assert (answer.status_code, company.audit.tail(1)[0].kind) == (503, "search.failed")
    assert company.search("canteen", "carol").passages


@pytest.mark.parametrize("fault", ["down", "500", "slow", "429", "cut", "malformed", "html", "empty"])
def test_a_model_that_fails_gives_no_answer_and_is_recorded(
    make_workspace: Callable[..., Workspace], folder: Path, fault: str
) -> None:
    with serving(fault="" if fault == "down" else fault, delay=1.0) as server:
        url = "http://127.0.0.1:1/v1" if fault == "down" else server.url
        model = {"base_url": url, "model": "m", "timeout_seconds": 0.5}
        workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
        workspace.ingest(folder, "docs")
        workspace.gateway._attempts._sleep = lambda _: None  # type: ignore[attr-defined]
        asked = {"question": "When does the canteen open?", "model": "remote"}
        answer = client(workspace).post("/v1/answers", json=asked, headers=bearer(workspace, "carol"))
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert not [word for word in (*SECRETS, url, "secret-detail") if word in answer.text]
    assert workspace.audit.query(kind="answer.refused")[-1].about["reason"] == "unavailable"
    assert workspace.audit.query(kind="answer.finished") == []


def test_without_its_embedding_model_a_search_says_so_and_finds_no_more(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> None:
    from muniment import app

    made = make_workspace(embedder=lambda: HashedEmbedder(64))
    made.ingest(folder, "docs")
    blind = app.open(tmp_path / "home", embedder=lambda: None)
    for who in ("alice", "bob", "carol"):
        sent = {"query": "canteen ceremony price", "k": 100}
        answer = client(blind).post("/v1/search", json=sent, headers=bearer(blind, who))
        assert answer.status_code == 200
        assert answer.json()["decision"]["index"]["legs"] == "lexical"
        with_all = {one.document for one in made.search(sent["query"], who, k=100).passages}
        assert {one["document"] for one in answer.json()["passages"]} <= with_all
    blind.close()


def test_a_policy_engine_that_fails_denies_and_is_recorded(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cedarpy

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("the canteen opens at eight")

    headers = bearer(company, "carol")
    document = document_id(company, "all/canteen.txt")
    web = client(company)
    monkeypatch.setattr(cedarpy, "is_authorized", broken)
    answers = [
        web.post("/v1/search", json={"query": "canteen opens"}, headers=headers),
        web.post("/v1/answers", json={"question": "When does the canteen open?"}, headers=headers),
        web.get(f"/v1/documents/{document}", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403, 422, 404]
    assert not [word for answer in answers for word in SECRETS if word in answer.text]
    kinds = {entry.kind for entry in company.audit.tail(10)}
    assert {"search.refused", "answer.refused", "document.refused"} <= kinds


def test_a_token_gains_nothing_by_a_clock_that_jumps(
    make_workspace: Callable[..., Workspace], folder: Path, clock: FixedClock
) -> None:
    workspace = make_workspace(clock=clock)
    workspace.ingest(folder, "docs")
    web, headers = client(workspace), bearer(workspace, "carol")

    def status() -> int:
        return web.post("/v1/search", json={"query": "canteen"}, headers=headers).status_code

    assert status() == 200
    clock.advance(days=2)
    assert status() == 401
    clock.advance(days=-2, hours=-3)
    assert status() == 401
