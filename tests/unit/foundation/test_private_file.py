"""Files that guard keys are read whole while they are replaced."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from muniment.foundation.errors import Conflict, Unavailable
from muniment.foundation.private_file import (
    make_folder,
    put_private,
    read_private,
    replace_private,
    shred,
    write_private,
)

REPLACEMENTS = 400


def content_of(number: int) -> bytes:
    return f"{number} ".encode() * 2_000


def test_a_reader_finds_one_of_the_files_whole_however_often_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, content_of(0))
    valid = {content_of(number) for number in range(REPLACEMENTS + 1)}
    torn: list[bytes] = []
    reads = 0
    done = threading.Event()

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            content, mode = read_private(path)
            reads += 1
            if content not in valid or mode & 0o077:
                torn.append(content[:20])

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, REPLACEMENTS + 1):
        replace_private(path, content_of(number))
    done.set()
    for reader in readers:
        reader.join()
    assert reads > REPLACEMENTS // 10 and torn == []


def test_a_removed_file_is_missing_and_not_empty(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"secret")
    assert shred(path)
    with pytest.raises(FileNotFoundError):
        read_private(path)


def failing(code: int) -> object:
    def call(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_a_file_that_cannot_be_synced_is_not_there_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.EIO))
        with pytest.raises(Unavailable):
            write_private(tmp_path / "key", b"secret")
        with pytest.raises(Unavailable):
            put_private(tmp_path / "kept", b"after")
        with pytest.raises(OSError, match="Input/output"):
            make_folder(tmp_path / "new" / "inner")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_file_that_is_there_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    write_private(tmp_path / "keys" / "key", b"first")
    with pytest.raises(Conflict):
        write_private(tmp_path / "keys" / "key", b"second")
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key"]
    assert read_private(tmp_path / "keys" / "key") == (b"first", 0o100600)
