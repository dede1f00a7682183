"""KM2: keys rotate under load: no request fails, no data is rewritten, and the old key is then useless."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.simulators.key_service import openbao
from tests.simulators.keyed import vault_workspace
from tests.simulators.web_client import bearer, client

from benchmarks.openbao import Bao
from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import open_keyring, read_head
from muniment.governance.identity.principal import OPERATOR

ROTATIONS = 12


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as running:
        yield running


@pytest.fixture(params=["local", "openbao"])
def company(
    request: pytest.FixtureRequest, make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> Workspace:
    if request.param == "local":
        made = make_workspace()
    else:
        made = vault_workspace(make_workspace, tmp_path, request.getfixturevalue("bao"), "rotating")
    made.ingest(folder, "docs")
    return made


def keyring_of(workspace: Workspace) -> Path:
    return workspace.home / "keys" / "keyring.json"


def data_of(workspace: Workspace) -> dict[str, str]:
    """Digests of all that is data, but not of the log's own growth."""
    files = sorted((workspace.home / "segments").glob("*"))
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    found["database salt"] = (workspace.home / "muniment.db").read_bytes()[:16].hex()
    return found


def test_no_request_fails_and_no_data_is_rewritten(company: Workspace) -> None:
    before = data_of(company)
    pages = (company.home / "muniment.db").stat().st_ino
    headers = bearer(company, "alice")
    statuses: list[int] = []
    stop = threading.Event()
    proofs: list[bool] = []

    def ask() -> None:
        while not stop.is_set():
            got = http.post("/v1/search", json={"query": "canteen"}, headers=headers)
            statuses.append(got.status_code if got.json().get("passages") else 0)

    def prove() -> None:
        while not stop.is_set():
            proofs.append(company.lease.renew())

    def await_answer(asking: threading.Thread) -> None:
        """Let a rotation have its requests, however fast it is."""
        had = len(statuses)
        while len(statuses) == had and asking.is_alive():
            time.sleep(0.001)

    with client(company) as http:
        threads = [threading.Thread(target=ask), threading.Thread(target=prove)]
        for thread in threads:
            thread.start()
        operator = app.open(company.home, embedder=lambda: None)
        await_answer(threads[0])
        for number in range(2, ROTATIONS + 2):
            made = operator.key_custody.rotate(OPERATOR)
            assert (made.after.version, made.left) == (str(number), "")
            await_answer(threads[0])
        stop.set()
        for thread in threads:
            thread.join()
    operator.close()
    assert len(statuses) > ROTATIONS and set(statuses) == {200}
    assert len(proofs) > 2 and all(proofs)
    assert data_of(company) == before
    assert (company.home / "muniment.db").stat().st_ino == pages


def test_the_data_keys_are_the_same_and_wrapped_as_before(company: Workspace) -> None:
    import json

    before = json.loads(keyring_of(company).read_bytes())
    company.key_custody.rotate(OPERATOR)
    after = json.loads(keyring_of(company).read_bytes())
    assert after["data_keys"] == before["data_keys"]
    assert after["tenant_key"] != before["tenant_key"]
    assert open_keyring(company.key_provider, keyring_of(company), Ids()).same(company.keyring)


def test_the_old_version_is_useless_even_with_an_old_keyring(company: Workspace, tmp_path: Path) -> None:
    shutil.copy(keyring_of(company), tmp_path / "old.json")
    company.key_custody.rotate(OPERATOR)
    with pytest.raises(MunimentError) as refused:
        open_keyring(company.key_provider, tmp_path / "old.json", Ids())
    assert refused.value.status == 503


def test_an_old_key_file_does_not_open_the_new_keyring(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    company = make_workspace()
    shutil.copy(company.home / "keys" / "kek", tmp_path / "old")
    company.key_custody.rotate(OPERATOR)
    with pytest.raises(MunimentError, match="no version 2"):
        open_keyring(KekFile(tmp_path / "old", Ids()), keyring_of(company), Ids())


@pytest.mark.parametrize("at", ["keyring", "kek"])
def test_a_rotation_that_is_cut_short_leaves_a_workspace_that_opens(
    make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Whichever of the two files is the last that reached the disk, what is there opens, and goes on from there."""
    from muniment.foundation import keyring_file

    company = make_workspace()

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if at == "keyring":
            patched.setattr(keyring_file, "replace_private", cut)
        else:
            patched.setattr(KekFile, "retire", cut)
        with pytest.raises(KeyboardInterrupt):
            company.key_custody.rotate(OPERATOR)
    again = app.open(company.home, embedder=lambda: None)
    made = again.key_custody.rewrap(again.key_provider, OPERATOR)
    assert (made.after.version, made.left) == ("2", "")
    assert read_head(keyring_of(company)).wrapped.version == "2"
    assert again.key_provider.describe().versions == ("2",)
    again.close()
