"""Files that guard keys are read whole while they are replaced."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from muniment.foundation.private_file import read_private, replace_private, shred, write_private

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
