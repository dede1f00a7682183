"""The key above all keys through the real command: status, rotation, going over, switching off, destroying."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents
from tests.simulators.key_service import openbao
from tests.simulators.keyed import vault_settings

from benchmarks.openbao import Bao


@pytest.fixture
def ready(tmp_path: Path) -> Command:
    command = Command(tmp_path / "home").with_people()
    write_documents(tmp_path / "documents")
    assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
    return command


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as running:
        yield running


def found(command: Command) -> int:
    ran = command("search", "canteen", "--as", "alice", "--json")
    return len(ran.document["passages"]) if ran.code == 0 else -ran.code


def kinds(command: Command) -> list[str]:
    entries = command("audit", "tail", "-n", "50", "--json").document["entries"]
    return [entry["kind"] for entry in entries if entry["kind"].startswith("keys.")]


def test_a_rotation_makes_the_old_version_useless_and_is_recorded(ready: Command) -> None:
    before = ready("keys", "status", "--json").document
    assert (before["provider"], before["condition"], before["versions"]) == ("local", "enabled", ["1"])
    made = ready("keys", "rotate", "--json").document
    assert (made["before"]["version"], made["after"]["version"]) == ("1", "2")
    assert made["former_useless"] is True
    after = ready("keys", "status", "--json").document
    assert after["versions"] == ["2"]
    assert after["tenant_key_wrapped_by"] == {"key": "file", "version": "2"}
    assert found(ready) == 1
    assert kinds(ready) == ["keys.rotate", "keys.rotated", "keys.rewrap", "keys.rewrapped"]


def test_old_versions_stay_where_that_is_asked_until_the_next_rewrap(ready: Command, tmp_path: Path) -> None:
    copy = ready.copy(tmp_path / "copy")
    kept = ready("keys", "rotate", "--keep-old")
    assert kept.code == 0 and "keys rewrap" in kept.out
    (copy.home / "keys" / "kek").write_bytes((ready.home / "keys" / "kek").read_bytes())
    assert found(copy) == found(ready) == 1
    assert ready("keys", "rewrap", "--json").document["former_useless"] is True
    (copy.home / "keys" / "kek").write_bytes((ready.home / "keys" / "kek").read_bytes())
    assert found(copy) == -4
    assert found(ready) == 1


def test_a_backup_of_before_a_rotation_opens_with_the_newest_keyring(ready: Command, tmp_path: Path) -> None:
    backup = ready.copy(tmp_path / "backup")
    assert ready("keys", "rotate").code == 0
    (backup.home / "keys" / "kek").write_bytes((ready.home / "keys" / "kek").read_bytes())
    assert found(backup) == -4
    (backup.home / "keys" / "keyring.json").write_bytes((ready.home / "keys" / "keyring.json").read_bytes())
    assert found(backup) == 1


def test_a_key_that_is_off_closes_the_workspace_and_comes_back(ready: Command) -> None:
    off = ready("keys", "disable")
    assert off.code == 0 and "muniment keys enable" in off.out
    assert found(ready) == -4
    status = ready("keys", "status", "--json")
    assert status.code == 4
    assert (status.document["condition"], status.document["opens"]) == ("disabled", False)
    assert "keys enable" in status.document["problem"]
    assert ready("keys", "enable", "--json").document["enabled"] is True
    assert found(ready) == 1
    assert kinds(ready) == ["keys.disable", "keys.disabled", "keys.enabled"]


@pytest.mark.parametrize("said", ["", "globex", "DEFAULT", "default "])
def test_nothing_is_destroyed_without_the_tenants_name(ready: Command, said: str) -> None:
    ran = ready("keys", "destroy", "--yes", said)
    assert ran.code == 2 and "nothing was destroyed" in ran.line
    assert ready("keys", "destroy", "--json").document["error"]["fix"] == "Add --yes default."
    assert found(ready) == 1


def test_after_destroying_it_is_said_what_became_unreadable(ready: Command) -> None:
    ran = ready("keys", "destroy", "--yes", "default")
    assert ran.code == 0
    assert "muniment.db" in ran.out and "1 index segments" in ran.out and "every backup" in ran.out
    assert found(ready) == -4
    assert ready("keys", "status", "--json").document["condition"] == "absent"
    assert ready("keys", "enable").code == 4


def test_a_key_that_is_off_can_be_destroyed_though_no_log_can_tell(ready: Command) -> None:
    assert ready("keys", "disable").code == 0
    ran = ready("keys", "destroy", "--yes", "default", "--json")
    assert ran.code == 0 and ran.document["recorded"] is False
    assert ready("keys", "enable").code == 4
    assert {one.name for one in (ready.home / "keys").iterdir()} == {"keyring.json", "subjects.key"}


def test_a_workspace_goes_over_to_a_key_service_and_back(ready: Command, bao: Bao) -> None:
    bao.make_key("moving")
    file = ready.home / "settings.toml"
    local = file.read_text()
    vault_settings(ready.home, bao, "moving")
    refused = ready("search", "canteen", "--as", "alice")
    assert refused.code == 4 and "muniment keys rewrap" in refused.line
    moved = ready("keys", "rewrap", "--json").document
    assert moved["after"] == {"provider": "vault", "key": "transit/moving", "version": "1"}
    assert "switch it off" in moved["left"]
    (ready.home / "keys" / "kek").rename(ready.home / "kek-set-aside")
    assert found(ready) == 1
    assert ready("keys", "rotate", "--json").document["former_useless"] is True
    assert ready("keys", "status", "--json").document["versions"] == ["2"]
    checks = {check["name"]: check["says"] for check in ready("doctor", "--json").document["checks"]}
    assert checks["keys"].count("transit/moving") == 1
    (ready.home / "kek-set-aside").rename(ready.home / "keys" / "kek")
    file.write_text(local + f"[keys.vault]\naddress = '{bao.url}'\ntoken = 'file:token'\n")
    assert ready("keys", "rewrap", "--json").document["after"]["provider"] == "local"
    assert found(ready) == 1


def test_a_key_at_a_service_is_switched_off_on_and_destroyed(ready: Command, bao: Bao) -> None:
    bao.make_key("ending")
    vault_settings(ready.home, bao, "ending")
    assert ready("keys", "rewrap").code == 0
    assert ready("keys", "disable").code == 0
    assert found(ready) == -4
    assert ready("keys", "enable").code == 0
    assert found(ready) == 1
    assert ready("keys", "disable").code == 0
    assert ready("keys", "destroy", "--yes", "default", "--json").document["recorded"] is False
    assert ready("keys", "status", "--json").document["condition"] == "absent"
    assert found(ready) == -4


def test_a_service_that_is_away_is_named_with_what_to_do(ready: Command) -> None:
    (ready.home / "settings.toml").write_text(
        "[keys]\nprovider = 'vault'\n[keys.vault]\naddress = 'http://127.0.0.1:9'\ntoken = 'env:NOWHERE'\n"
    )
    ran = ready("keys", "rewrap")
    assert ran.code == 2 and "NOWHERE" in ran.line
    (ready.home / "settings.toml").write_text(
        "[keys]\nprovider = 'vault'\n[keys.vault]\naddress = 'http://vault.example'\ntoken = 'file:token'\n"
    )
    ran = ready("keys", "rewrap")
    assert ran.code == 2 and "use https" in ran.line
    (ready.home / "token").write_text("t")
    (ready.home / "settings.toml").write_text(
        "[keys]\nprovider = 'vault'\n[keys.vault]\naddress = 'http://127.0.0.1:9'\ntoken = 'file:token'\n"
    )
    ran = ready("keys", "rewrap")
    assert ran.code == 1 and "http://127.0.0.1:9" in ran.line and "See that it runs" in ran.line
