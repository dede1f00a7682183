"""A workspace kept in Postgres: the same commands, the same answers, and two processes that serve it at once."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.journeys.command import WORDS_ALONE, Command, write_documents
from tests.journeys.test_cli_serve import fetched
from tests.postgres import Server

IN_POSTGRES = WORDS_ALONE + '[database]\nurl = "env:MUNIMENT_DATABASE_URL"\n'
QUESTION = "How much is the on-call engineer paid for each weekend?"
QUERIES = ("on-call weekend pay", '"key ceremony"', "canteen -opens", "Heron")


@pytest.fixture
def url(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    made = postgres.prepared()
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", made)
    yield made
    postgres.drop(made)


@pytest.fixture
def stored(url: str, tmp_path: Path) -> Command:
    write_documents(tmp_path / "documents")
    return Command(tmp_path / "stored", IN_POSTGRES).with_people()


def shown(command: Command, query: str, who: str) -> list[tuple[object, ...]]:
    found = command("search", query, "--as", who, "--json").document["passages"]
    return [(one["title"], one["score"], one["span"], one["text"]) for one in found]


def test_every_command_gives_what_it_gives_on_a_file(stored: Command, url: str, tmp_path: Path) -> None:
    kept = Command(tmp_path / "kept").with_people()
    for command in (stored, kept):
        ran = command("ingest", tmp_path / "documents", "--source", "papers", "--json")
        assert ran.code == 0 and ran.document["added"] == 5
    for query in QUERIES:
        for who in ("alice", "bob"):
            assert shown(stored, query, who) == shown(kept, query, who)
    assert shown(stored, QUERIES[0], "alice") and not shown(stored, QUERIES[1], "bob")
    answers = [command("ask", QUESTION, "--as", "alice", "--json").document for command in (stored, kept)]
    assert answers[0]["status"] == "answered"
    assert answers[0]["answer"] == answers[1]["answer"]
    assert stored("explain", answers[0]["id"]).code == 0
    assert stored("access", "set", "papers/engineering", "--allow", "user:bob").code == 0
    assert not shown(stored, QUERIES[0], "alice") and shown(stored, QUERIES[0], "bob")
    assert stored("audit", "verify").code == 0
    assert not (stored.home / "muniment.db").exists()
    assert not list(stored.home.rglob("*.segment"))


def test_init_says_where_and_doctor_checks_it(stored: Command, url: str) -> None:
    again = stored("init", "--json").document
    assert again["created"] is False and again["database"] == "Postgres schema muniment_default"
    ran = stored("doctor", "--json")
    checks = {check["name"]: check for check in ran.document["checks"]}
    assert ran.code == 0
    assert checks["database"]["state"] == "ok" and "pgvector" in checks["database"]["says"]
    assert checks["segments"]["state"] == "ok" and "chunks" in checks["segments"]["says"]


def test_doctor_names_index_rows_that_are_missing_and_ingest_makes_them_again(
    stored: Command, url: str, tmp_path: Path
) -> None:
    assert stored("ingest", tmp_path / "documents", "--source", "papers").code == 0
    before = shown(stored, QUERIES[0], "alice")
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM muniment_default.index_document"))
    engine.dispose()
    ran = stored("doctor", "--json")
    assert ran.code == 1
    assert "5 documents" in next(c["says"] for c in ran.document["checks"] if c["name"] == "segments")
    assert stored("ingest", tmp_path / "documents", "--source", "papers").code == 0
    assert shown(stored, QUERIES[0], "alice") == before
    assert stored("doctor").code == 0


def test_a_reference_to_nothing_and_a_server_that_is_away_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path / "home", IN_POSTGRES)
    monkeypatch.delenv("MUNIMENT_DATABASE_URL", raising=False)
    ran = command("init")
    assert ran.code == 2 and "database.url" in ran.line and "MUNIMENT_DATABASE_URL" in ran.line
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", "postgresql://muniment:hunter2@127.0.0.1:1/muniment")
    ran = command("init")
    assert ran.code == 1 and "database.url" in ran.line and "hunter2" not in ran.err + ran.out
    assert not (tmp_path / "home" / "keys").exists()
    in_clear = Command(tmp_path / "clear", '[database]\nurl = "postgresql://muniment:hunter2@db/muniment"\n')
    ran = in_clear("init")
    assert (
        ran.code == 2 and "database.url is not a reference" in ran.line and "hunter2" not in ran.err + ran.out
    )


def test_another_home_does_not_open_a_workspace_that_is_not_its_own(stored: Command, tmp_path: Path) -> None:
    other = Command(tmp_path / "other", IN_POSTGRES)
    assert "already exists" in other("init").line
    assert stored("search", "canteen", "--as", "alice").code == 0


def test_two_processes_serve_one_workspace_and_feel_each_others_changes(
    stored: Command, tmp_path: Path
) -> None:
    assert stored("ingest", tmp_path / "documents", "--source", "papers").code == 0
    elsewhere = stored.copy(tmp_path / "elsewhere")
    token = elsewhere("token", "--as", "bob").out.strip()
    servers = [one.start("serve", "--port", "0", PYTHONUNBUFFERED="1") for one in (stored, elsewhere)]
    try:
        addresses = [address_of(server) for server in servers]
        for _ in range(2):
            assert all(found(address, token) for address in addresses)
            assert stored("access", "set", "papers/all", "--deny", "user:bob").code == 0
            assert not any(found(address, token) for address in addresses)
            assert elsewhere("access", "set", "papers/all", "--allow", "user:bob").code == 0
    finally:
        for server in servers:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    assert stored("audit", "verify").code == 0


def address_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    address = server.stdout.readline().split()[2]
    assert fetched(f"{address}/healthz")[0] == 200
    return address


def found(address: str, token: str) -> bool:
    request = urllib.request.Request(
        f"{address}/v1/search",
        json.dumps({"query": "canteen"}).encode(),
        {"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bool(json.load(answer)["passages"])
