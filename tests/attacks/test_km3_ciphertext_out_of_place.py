"""KM3: ciphertext moved to another row, object, version, purpose or tenant does not open."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from tests.simulators.key_service import openbao, transit

from benchmarks.openbao import Bao
from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import MunimentError, NotSetUp, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.key_provider import KeyProvider
from muniment.foundation.keyring_file import create_keyring, open_keyring, rewrap
from muniment.foundation.keys import PURPOSES, Keyring
from muniment.foundation.segments import Segments
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.knowledge.retrieval.retrieve import INCOMPLETE

PAGE = 4096


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as running:
        yield running


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())


def tenant(place: Path, name: str) -> Keyring:
    """Return the keyring of another tenant under the same key-encryption key."""
    return create_keyring(KekFile(place / "kek", Ids()), place / f"{name}.json", name, Ids())


def test_a_sealed_message_opens_only_in_its_own_place(keyring: Keyring) -> None:
    places = [
        {"object": kind, "version": version} for kind, version in itertools.product(("doc_a", "doc_b"), "12")
    ]
    sealed = [
        (purpose, place, keyring.seal(purpose, place, b"content")) for purpose in PURPOSES for place in places
    ]
    for purpose, place, message in sealed:
        assert keyring.unseal(purpose, place, message) == b"content"
        for other_purpose, other_place, _ in sealed:
            if (other_purpose, other_place) != (purpose, place):
                with pytest.raises(Tampered):
                    keyring.unseal(other_purpose, other_place, message)


def test_another_tenants_message_does_not_open_even_under_the_same_data_key(keyring: Keyring) -> None:
    keys = {purpose: keyring.data_key(purpose) for purpose in PURPOSES}
    twin = Keyring("globex", keys, Ids())
    message = keyring.seal("segments", {"segment": "a"}, b"content")
    with pytest.raises(Tampered):
        twin.unseal("segments", {"segment": "a"}, message)


def flipped(message: bytes, at: int, bit: int) -> bytes:
    return message[:at] + bytes([message[at] ^ 1 << bit]) + message[at + 1 :]


def test_no_changed_shortened_or_lengthened_message_opens(keyring: Keyring) -> None:
    message = keyring.seal("segments", {"segment": "a"}, b"content")
    changed = [flipped(message, n, bit) for n in range(len(message)) for bit in range(8)]
    cut = [message[:n] for n in range(len(message))]
    for wrong in [*changed, *cut, message + b"\x00"]:
        with pytest.raises(Tampered):
            keyring.unseal("segments", {"segment": "a"}, wrong)


def test_wrapped_keys_cannot_change_places(keyring: Keyring, tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    whole = json.loads(file.read_bytes())
    for one, other in itertools.permutations(PURPOSES, 2):
        document = json.loads(json.dumps(whole))
        document["data_keys"][one] = whole["data_keys"][other]
        file.write_text(json.dumps(document))
        with pytest.raises(NotSetUp, match="does not open"):
            open_keyring(KekFile(tmp_path / "kek", Ids()), file, Ids())


def test_a_keyring_cannot_pass_for_another_tenants(keyring: Keyring, tmp_path: Path) -> None:
    tenant(tmp_path, "globex")
    acme, globex = (json.loads((tmp_path / name).read_bytes()) for name in ("keyring.json", "globex.json"))
    forgeries = [
        acme | {"tenant": "globex"},
        acme | {"tenant_key": globex["tenant_key"]},
        acme | {"data_keys": globex["data_keys"]},
        globex | {"tenant": "acme"},
    ]
    for forged in forgeries:
        (tmp_path / "keyring.json").write_text(json.dumps(forged))
        with pytest.raises(NotSetUp, match="does not open"):
            open_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", Ids())


@pytest.mark.parametrize("kept_by", ["local", "openbao"])
def test_a_tenant_key_moved_to_another_tenant_neither_opens_nor_is_rewrapped(
    kept_by: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Both tenants' keys lie under one key-encryption key, and one wrote into the other's home."""
    if kept_by == "local":
        keeper: KeyProvider = KekFile(tmp_path / "kek", Ids())
    else:
        bao = request.getfixturevalue("bao")
        bao.make_key("shared")
        keeper = transit(bao, "shared")
    files = {name: tmp_path / f"{name}.json" for name in ("acme", "globex")}
    for name, file in files.items():
        create_keyring(keeper, file, name, Ids())
    acme, globex = (json.loads(file.read_bytes()) for file in files.values())
    moved = {name: globex[name] for name in ("tenant_key", "data_keys", "wrapped_by")}
    for forged in (acme | moved, acme | {"tenant_key": globex["tenant_key"]}, globex | {"tenant": "acme"}):
        files["acme"].write_text(json.dumps(forged))
        for attempt in (
            lambda: open_keyring(keeper, files["acme"], Ids()),
            lambda: rewrap(keeper, keeper, files["acme"]),
        ):
            with pytest.raises(NotSetUp, match="does not open"):
                attempt()
        assert json.loads(files["acme"].read_bytes()) == forged


def test_a_segment_opens_only_under_its_own_name_kind_and_tenant(keyring: Keyring, tmp_path: Path) -> None:
    ours = Segments(tmp_path / "ours", keyring)
    theirs = Segments(tmp_path / "theirs", tenant(tmp_path, "globex"))
    digest = ours.write("seg_a", "index", {"rows": np.arange(5)})
    shutil.copy(ours.path("seg_a"), ours.path("seg_b"))
    theirs.folder.mkdir()
    shutil.copy(ours.path("seg_a"), theirs.path("seg_a"))
    assert list(ours.open("seg_a", "index", digest).arrays["rows"]) == [0, 1, 2, 3, 4]
    for segments, name, kind in (
        (ours, "seg_b", "index"),
        (ours, "seg_a", "other"),
        (theirs, "seg_a", "index"),
    ):
        with pytest.raises(Tampered):
            segments.open(name, kind, digest)


def test_an_earlier_state_of_a_segment_is_refused(keyring: Keyring, tmp_path: Path) -> None:
    segments = Segments(tmp_path / "segments", keyring)
    segments.write("seg_a", "index", {"rows": np.arange(5)})
    earlier = segments.path("seg_a").read_bytes()
    digest = segments.write("seg_a", "index", {"rows": np.arange(6)})
    segments.path("seg_a").write_bytes(earlier)
    with pytest.raises(Tampered, match="altered"):
        segments.open("seg_a", "index", digest)


def test_a_search_over_exchanged_segments_gives_nothing(
    make_workspace: Callable[..., Workspace], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.knowledge.ingestion.indexing.BATCH_DOCUMENTS", 1)
    first = make_workspace()
    first.ingest(folder, "docs")
    first.close()
    files = sorted((first.home / "segments").glob("*.segment"))
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents[1:] + contents[:1], strict=True):
        file.write_bytes(content)
    reopened = app.open(first.home, embedder=lambda: None)
    found = reopened.search("canteen", "carol")
    assert len(files) > 1 and all(one.problem for one in reopened.upkeep.check())
    assert found.passages == () and INCOMPLETE in found.notes
    reopened.close()


def fill(place: Path, key: bytes) -> Path:
    database = SqlCipherDatabase(place, key)
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)"))
        for n in range(60):
            connection.execute(
                sa.text("INSERT INTO note VALUES (:id, :body)"), {"id": n, "body": f"{n}:" * 400}
            )
    database.close()
    return place


def read_all(place: Path, key: bytes) -> list[str]:
    database = SqlCipherDatabase(place, key)
    try:
        with database.read() as connection:
            return list(connection.execute(sa.text("SELECT body FROM note ORDER BY id")).scalars())
    finally:
        database.close()


def test_database_pages_cannot_change_places(tmp_path: Path) -> None:
    key = b"k" * 32
    original = fill(tmp_path / "a.db", key).read_bytes()
    whole = read_all(tmp_path / "a.db", key)
    pages = [original[n : n + PAGE] for n in range(0, len(original), PAGE)]
    rng = random.Random(3)
    for _ in range(40):
        one, other = rng.sample(range(2, len(pages)), 2)
        swapped = list(pages)
        swapped[one], swapped[other] = pages[other], pages[one]
        (tmp_path / "a.db").write_bytes(b"".join(swapped))
        with pytest.raises(MunimentError):
            read_all(tmp_path / "a.db", key)
    (tmp_path / "a.db").write_bytes(original)
    assert read_all(tmp_path / "a.db", key) == whole


def test_a_database_page_of_another_tenant_is_refused(tmp_path: Path) -> None:
    ours = fill(tmp_path / "a.db", b"k" * 32).read_bytes()
    theirs = fill(tmp_path / "b.db", b"x" * 32).read_bytes()
    (tmp_path / "a.db").write_bytes(ours[: 3 * PAGE] + theirs[3 * PAGE : 4 * PAGE] + ours[4 * PAGE :])
    with pytest.raises(MunimentError):
        read_all(tmp_path / "a.db", b"k" * 32)
    (tmp_path / "a.db").write_bytes(theirs)
    with pytest.raises(NotSetUp, match="does not open"):
        read_all(tmp_path / "a.db", b"k" * 32)
