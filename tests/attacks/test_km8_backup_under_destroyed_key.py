"""KM8: a backup that is put back after the key was destroyed stays unreadable, whichever age it has."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attacks.test_km5_no_plaintext_at_rest import found_in, text_spellings
from tests.simulators.key_service import openbao
from tests.simulators.keyed import vault_workspace

from benchmarks.openbao import Bao
from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import MunimentError
from muniment.foundation.private_file import shred
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import OPERATOR

WORD = "xylocarpquagga"
NAME = "doomed"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as running:
        yield running


@pytest.fixture(params=["local", "openbao"])
def company(
    request: pytest.FixtureRequest, make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> Workspace:
    if request.param == "local":
        made = make_workspace("local")
    else:
        made = vault_workspace(make_workspace, tmp_path, request.getfixturevalue("bao"), NAME)
    (folder / "all" / "secret.md").write_text(f"# The {WORD} plan\n\nThe {WORD} plan costs 40 crowns.\n")
    made.ingest(folder, "docs")
    assert made.search(f"{WORD} plan", "alice").passages
    return made


def backed_up(workspace: Workspace, place: Path) -> Path:
    """Copy the home as the guide says: without the key itself."""
    shutil.copytree(workspace.home, place)
    (place / "keys" / "kek").unlink(missing_ok=True)
    return place


def refused(home: Path) -> None:
    with pytest.raises(MunimentError) as error:
        app.open(home, embedder=lambda: None)
    assert error.value.status == 503


def test_no_backup_of_any_age_opens_after_the_key_is_destroyed(company: Workspace, tmp_path: Path) -> None:
    backups = [backed_up(company, tmp_path / "first")]
    company.key_custody.rotate(OPERATOR, keep_old=True)
    backups.append(backed_up(company, tmp_path / "second"))
    company.key_custody.rotate(OPERATOR)
    backups.append(backed_up(company, tmp_path / "third"))
    home = company.home
    company.key_custody.destroy(OPERATOR)
    assert not company.lease.renew()
    with pytest.raises(MunimentError):
        company.search(WORD, "alice")
    company.close()
    for backup in backups:
        refused(backup)
        shutil.rmtree(home)
        shutil.copytree(backup, home)
        refused(home)
        assert found_in(home.rglob("*"), text_spellings(WORD)) == []


def test_a_backup_that_was_made_and_checked_cannot_be_restored_after_the_key_is_destroyed(
    company: Workspace, tmp_path: Path
) -> None:
    settings, theirs, kek = company.home / "settings.toml", None, None
    if company.key_provider.name == "local":
        kek = Path(shutil.copy(company.home / "keys" / "kek", tmp_path / "kek"))
    else:
        theirs = tmp_path / "theirs.toml"
        theirs.write_text(settings.read_text().replace("file:token", f"file:{company.home / 'token'}"))
    company.backups.make(tmp_path / "backup", OPERATOR, quiet)
    people = Path(shutil.copy(company.home / "keys" / "subjects.key", tmp_path / "subjects.key"))
    shutil.copy(company.home / "keys" / "keyring.json", tmp_path / "keyring.json")

    def restored(name: str, keyring: Path | None) -> None:
        home = tmp_path / name
        app.restore(tmp_path / "backup", home, quiet, kek, keyring, theirs, subjects=people)

    restored("before", None)
    company.key_custody.destroy(OPERATOR)
    if kek is not None:
        shred(kek)
    for number, keyring in enumerate((None, tmp_path / "keyring.json")):
        with pytest.raises(MunimentError) as error:
            restored(f"after{number}", keyring)
        assert error.value.status == 503
        assert not (tmp_path / f"after{number}").exists()
    assert found_in((tmp_path / "backup").rglob("*"), text_spellings(WORD)) == []
    assert not app.check_backup(tmp_path / "backup", None, quiet).authentic


def quiet(*_: object) -> None:
    """Say nothing of how far it is."""


def test_a_new_key_of_the_same_name_does_not_open_it_either(
    company: Workspace, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backup = backed_up(company, tmp_path / "backup")
    company.key_custody.destroy(OPERATOR)
    if company.key_provider.name == "local":
        company.key_provider.ensure()
        shutil.copy(company.home / "keys" / "kek", backup / "keys" / "kek")
    else:
        request.getfixturevalue("bao").make_key(NAME)
    refused(backup)
    refused(company.home)


def test_that_it_was_destroyed_is_the_last_thing_in_the_log(company: Workspace) -> None:
    company.key_custody.destroy(OPERATOR)
    as_it_lies = AuditLog(company.database.inner, company.keyring, company.clock)  # type: ignore[attr-defined]
    assert [entry.kind for entry in as_it_lies.tail(2)] == ["keys.destroy", "keys.destroyed"]
    assert as_it_lies.verify().ok
