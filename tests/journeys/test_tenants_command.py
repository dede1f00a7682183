"""Tenants through the real command: made, listed, worked on, served, deleted."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.journeys.command import WORDS_ALONE, Command, write_documents


@pytest.fixture
def host(tmp_path: Path) -> Command:
    write_documents(tmp_path / "documents")
    return Command(tmp_path / "home").with_people()


@pytest.fixture
def add(host: Command, tmp_path: Path) -> Callable[[str], None]:
    def made(name: str) -> None:
        (tmp_path / "settings.toml").write_text(WORDS_ALONE)
        assert host("tenants", "create", name, "--settings", tmp_path / "settings.toml").code == 0
        assert host("--tenant", name, "directory", "import", host.home / "people.toml").code == 0

    return made


def states(host: Command) -> dict[str, str]:
    return {one["name"]: one["state"] for one in host("tenants", "list", "--json").document["tenants"]}


def test_every_command_works_on_the_tenant_that_it_names(
    host: Command, tmp_path: Path, add: Callable[[str], None]
) -> None:
    add("acme")
    add("globex")
    ingested = host("ingest", tmp_path / "documents", "--source", "papers", "--tenant", "acme")
    assert ingested.code == 0

    def found(*where: str) -> int:
        return len(host(*where, "search", "canteen", "--as", "alice", "--json").document["passages"])

    assert (found("--tenant", "acme"), found("--tenant=globex"), found()) == (1, 0, 0)
    kinds = [
        [entry["kind"] for entry in host(*where, "audit", "tail", "--json").document["entries"]]
        for where in ((), ("--tenant", "acme"))
    ]
    assert kinds[0].count("tenant.created") == 2 and "workspace.created" in kinds[1]
    assert "tenant.created" not in kinds[1]
    absent = host("--tenant", "hooli", "search", "canteen", "--as", "alice")
    assert absent.code == 4 and "no tenant hooli" in absent.line
    assert host("--tenant", "../home", "keys", "status").code == 2
    assert host("--tenant", "", "keys", "status").code == 2
    assert host("--tenant", "acme", "init").code == 2
    assert host("--tenant", "acme", "tenants", "create", "inner").code == 2
    assert states(host) == {"acme": "ready", "globex": "ready"}


def test_a_tenant_needs_a_host_that_keeps_the_log(tmp_path: Path) -> None:
    alone = Command(tmp_path / "alone")
    refused = alone("tenants", "create", "acme")
    assert refused.code == 4 and "muniment init" in refused.line
    assert not (alone.home / "tenants").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[workspace]\ntenant = 'globex'\n", "another tenant"),
        ("no toml", "not TOML"),
        ("[keys]\nprovider = 'vault'\n", "keys.vault.address"),
        ("[nonsense]\n", "unknown setting nonsense"),
    ],
)
def test_settings_that_do_not_fit_make_no_tenant(host: Command, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    refused = host("tenants", "create", "acme", "--settings", tmp_path / "settings.toml")
    assert refused.code != 0 and says in refused.line
    assert states(host) == {}


def test_the_list_and_the_doctor_say_what_is_wrong_with_one(
    host: Command, add: Callable[[str], None]
) -> None:
    for name in ("acme", "globex", "hooli"):
        add(name)
    assert host("--tenant", "acme", "keys", "disable").code == 0
    (host.home / "tenants" / "hooli" / "settings.toml").write_text("broken")
    (host.home / "tenants" / "initech").mkdir()
    assert states(host) == {
        "acme": "unavailable",
        "globex": "ready",
        "hooli": "unavailable",
        "initech": "unfinished",
    }
    ran = host("doctor", "--json")
    said = {c["says"].partition(":")[0]: c for c in ran.document["checks"] if c["name"] == "tenant"}
    assert ran.code == 1
    assert {name: one["state"] for name, one in said.items()} == {
        "acme": "fail",
        "globex": "ok",
        "hooli": "fail",
        "initech": "warn",
    }
    assert "disabled" in said["acme"]["says"] and "TOML" in said["hooli"]["says"]


def test_a_tenant_is_deleted_only_by_its_name_typed(
    host: Command, add: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    add("acme")
    add("globex")
    dry = host("tenants", "delete", "acme", "--dry-run", "--json").document
    assert dry["dry_run"] and dry["files"] > 3 and dry["key"].endswith("tenants/acme/keys/kek")
    assert host("tenants", "delete", "acme", "--json").code == 2
    assert host("tenants", "delete", "acme", "--yes", "globex").code == 2
    assert states(host)["acme"] == "ready"
    done = host("tenants", "delete", "acme", "--yes", "acme", "--json").document
    assert done["told"] and "overwritten" in done["how"]
    assert states(host) == {"globex": "ready"}
    assert host("tenants", "delete", "acme", "--yes", "acme").code == 4


def test_a_tenant_is_restored_from_its_own_backup_and_no_other(
    host: Command, tmp_path: Path, add: Callable[[str], None]
) -> None:
    add("acme")
    assert host("ingest", tmp_path / "documents", "--source", "papers", "--tenant", "acme").code == 0
    backup, own, kek = tmp_path / "backup", tmp_path / "own", tmp_path / "kek"
    assert host("--tenant", "acme", "backup", backup).code == host("backup", own).code == 0
    acme = host.home / "tenants" / "acme"
    shutil.copy(acme / "keys" / "kek", kek)
    shutil.copy(acme / "keys" / "subjects.key", tmp_path / "subjects.key")
    there = host("--tenant", "acme", "restore", backup, "--kek", kek)
    assert there.code == 1 and "already exists" in there.line
    shutil.rmtree(acme)
    assert host("--tenant", "acme", "backup", "verify", backup, "--kek", kek).code == 0

    for name, source, says in (
        ("globex", backup, "of the tenant 'acme'"),
        ("acme", own, "of the tenant 'default'"),
        ("default", own, "this home's own"),
    ):
        refused = host("--tenant", name, "restore", source, "--kek", kek)
        assert refused.code in (1, 2) and says in refused.line
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[keys]\nkek_file = '{host.home / 'keys' / 'kek'}'\n")
    unnamed = host("--tenant", "acme", "restore", backup, "--settings", settings, "--kek", kek)
    assert unnamed.code == 2 and 'tenant = "acme" and hosted = true' in unnamed.line
    settings.write_text(settings.read_text() + "[workspace]\ntenant = 'acme'\nhosted = true\n")
    shared = host("--tenant", "acme", "restore", backup, "--settings", settings)
    assert shared.code == 1 and "same key as this home itself" in shared.line
    assert list((host.home / "tenants").iterdir()) == []

    done = host("--tenant", "acme", "restore", backup, "--kek", kek, "--json").document
    assert done["tenant"] == "acme" and done["home"] == str(acme)
    assert states(host) == {"acme": "ready"}
    found = host("--tenant", "acme", "search", "canteen", "--as", "alice", "--json").document
    assert len(found["passages"]) == 1
    assert host("--tenant", "acme", "audit", "verify").code == 0
    kinds = [entry["kind"] for entry in host("audit", "tail", "--json").document["entries"]]
    assert kinds[-2:] == ["tenant.restore", "tenant.restored"]

    assert host("tenants", "delete", "acme", "--yes", "acme").code == 0
    gone = host("--tenant", "acme", "restore", backup, "--kek", kek)
    assert gone.code == 4 and "was deleted" in gone.line and not acme.exists()


def test_one_process_serves_them_all(host: Command, tmp_path: Path, add: Callable[[str], None]) -> None:
    add("acme")
    add("globex")
    assert host("ingest", tmp_path / "documents", "--source", "papers", "--tenant", "acme").code == 0
    tokens = {
        name: host("--tenant", name, "token", "--as", "alice", "--json").document["token"]
        for name in ("acme", "globex")
    }
    tokens["own"] = host("token", "--as", "alice", "--json").document["token"]
    process = host.start("serve", "--port", "0", "--link", "acme/alice", "--json")
    try:
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        said = json.loads("".join(lines))
        assert "/signin?token=acme." in said["links"]["acme/alice"] and said["tenants"]

        def found(token: str) -> int:
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            asked = Request(said["address"] + "/v1/search", b'{"query": "canteen"}', headers)
            with urlopen(asked, timeout=20) as reply:
                return len(json.loads(reply.read())["passages"])

        until = time.monotonic() + 30
        while True:
            try:
                urlopen(said["address"] + "/healthz", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)
        assert {name: found(token) for name, token in tokens.items()} == {"acme": 1, "globex": 0, "own": 0}
    finally:
        process.terminate()
        process.communicate(timeout=30)
