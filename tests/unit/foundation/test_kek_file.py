"""The key-encryption key as a file: versions, and what is left of them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from muniment.foundation.errors import Conflict, NotSetUp, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.key_provider import KeyRefused, KeyState, Wrapped
from muniment.foundation.keyring_file import create_keyring, open_keyring, rewrap

PLACE = {"tenant": "acme"}


@pytest.fixture
def kek(tmp_path: Path) -> KekFile:
    made = KekFile(tmp_path / "kek", Ids())
    made.ensure()
    return made


def test_a_file_of_one_bare_line_is_version_one(kek: KekFile) -> None:
    assert kek.path.read_bytes().count(b" ") == 0
    assert kek.wrap(PLACE, b"key").version == "1"
    assert kek.rotate() == "2"
    assert [line.split()[0] for line in kek.path.read_text().splitlines()] == ["1", "2"]
    assert kek.describe() == KeyState("local", str(kek.path), "enabled", "2", ("1", "2"))


def test_a_rotated_file_is_still_for_its_owner_alone(kek: KekFile) -> None:
    kek.rotate()
    assert kek.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in kek.path.parent.iterdir()] == ["kek"]


def test_a_retired_version_is_overwritten_where_it_lay(kek: KekFile) -> None:
    old = kek.path.read_bytes().strip()
    kek.rotate()
    held = os.open(kek.path, os.O_RDONLY)
    kek.retire("2")
    assert old not in kek.path.read_bytes()
    assert os.pread(held, 1000, 0).strip(b"\x00") == b""
    os.close(held)


def test_a_full_disk_leaves_the_old_file(kek: KekFile, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kek.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            kek.rotate()
    assert kek.path.read_bytes() == before
    assert [path.name for path in kek.path.parent.iterdir()] == ["kek"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("1 {a}\n1 {b}\n", "version 1 twice"),
        ("{a}\n1 {b}\n", "version 1 twice"),
        ("1 {a}\n2 short\n", "not base64"),
        ("1 {a}\n2 c2hvcnQ=\n", "5 bytes, not 32"),
        ("x {a}\n", "not base64"),
        ("99999999999 {a}\n", "not base64"),
    ],
)
def test_a_file_that_cannot_be_read_whole_gives_no_key(kek: KekFile, lines: str, said: str) -> None:
    a, b = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    kek.path.write_text(lines.format(a=a, b=b))
    with pytest.raises(NotSetUp, match=said):
        kek.wrap(PLACE, b"key")
    assert kek.describe().condition == "unknown"


def test_a_version_that_is_no_number_is_refused(kek: KekFile) -> None:
    wrapped = kek.wrap(PLACE, b"key")
    for version in ("", "2", "-1", "1.0", "\u0661"):
        with pytest.raises(KeyRefused, match="no version"):
            kek.unwrap(PLACE, Wrapped("local", "file", version, wrapped.sealed))


def test_a_switched_off_file_says_how_it_comes_back(kek: KekFile) -> None:
    kek.disable(kek.wrap(PLACE, b"key"))
    assert kek.describe().condition == "disabled"
    with pytest.raises(NotSetUp, match="muniment keys enable"):
        kek.wrap(PLACE, b"key")


def test_switching_never_overwrites_another_file(kek: KekFile) -> None:
    wrapped = kek.wrap(PLACE, b"key")
    kek.aside.write_text("another")
    with pytest.raises(Conflict):
        kek.disable(wrapped)
    assert kek.path.exists() and kek.aside.read_text() == "another"


def test_a_destroyed_file_is_gone_aside_or_not(kek: KekFile) -> None:
    kek.disable(kek.wrap(PLACE, b"key"))
    kek.destroy()
    assert list(kek.path.parent.iterdir()) == []
    with pytest.raises(NotSetUp, match="no key file"):
        kek.destroy()


def test_a_keyring_of_the_first_format_opens_and_is_rewrapped(kek: KekFile) -> None:
    file = kek.path.with_name("keyring.json")
    made = create_keyring(kek, file, "acme", Ids())
    document = json.loads(file.read_bytes())
    del document["wrapped_by"]
    file.write_text(json.dumps(document | {"format": 1}))
    assert open_keyring(kek, file, Ids()).same(made)
    kek.rotate()
    assert rewrap(kek, kek, file).version == "2"
    assert open_keyring(kek, file, Ids()).same(made)


@pytest.mark.parametrize(
    "changed", [{"format": 3}, {"format": "2"}, {"wrapped_by": {}}, {"wrapped_by": "local"}]
)
def test_a_keyring_of_an_unknown_form_is_refused(kek: KekFile, changed: dict[str, object]) -> None:
    file = kek.path.with_name("keyring.json")
    create_keyring(kek, file, "acme", Ids())
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changed))
    with pytest.raises(NotSetUp):
        open_keyring(kek, file, Ids())


def test_a_provider_that_does_not_bind_the_tenant_is_refused(tmp_path: Path) -> None:
    class Loose(KekFile):
        def wrap(self, context: object, plaintext: bytes) -> Wrapped:
            return super().wrap({}, plaintext)

        def unwrap(self, context: object, wrapped: Wrapped) -> bytes:
            return super().unwrap({}, wrapped)

    with pytest.raises(KeyRefused, match="for another tenant"):
        create_keyring(Loose(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    assert not (tmp_path / "keyring.json").exists()
