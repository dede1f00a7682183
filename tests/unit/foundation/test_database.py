"""Transactions on the encrypted file, and what is said when it cannot be opened."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment.foundation import sqlcipher as database_module
from muniment.foundation.database import HEAD
from muniment.foundation.errors import Conflict, NotSetUp, Tampered, Unavailable
from muniment.foundation.sqlcipher import SqlCipherDatabase

KEY = b"k" * 32


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqlCipherDatabase]:
    made = SqlCipherDatabase(tmp_path / "home" / "muniment.db", KEY)
    made.create()
    with made.write() as connection:
        connection.execute(sa.text("CREATE TABLE note (body TEXT)"))
    yield made
    made.close()


def add(database: SqlCipherDatabase, body: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text("INSERT INTO note VALUES (:body)"), {"body": body})


def bodies(database: SqlCipherDatabase) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.text("SELECT body FROM note")).scalars())


def test_a_written_row_is_read_by_another_opener(database: SqlCipherDatabase) -> None:
    add(database, "first")
    other = SqlCipherDatabase(database.path, KEY)
    other.check()
    assert bodies(other) == ["first"]
    other.close()


def test_a_block_that_raises_undoes_all_that_it_wrote(database: SqlCipherDatabase) -> None:
    def write_and_fail() -> None:
        with database.write() as connection:
            connection.execute(sa.text("INSERT INTO note VALUES ('undone')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert bodies(database) == []
    add(database, "after")
    assert bodies(database) == ["after"]


def test_a_reader_keeps_one_snapshot_while_others_write(database: SqlCipherDatabase) -> None:
    add(database, "before")
    with database.read() as connection:
        count = sa.text("SELECT count(*) FROM note")
        assert connection.execute(count).scalar_one() == 1
        add(database, "meanwhile")
        assert connection.execute(count).scalar_one() == 1
    assert bodies(database) == ["before", "meanwhile"]


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_left_half_read_holds_no_snapshot_open(database: SqlCipherDatabase, fails: bool) -> None:
    for number in range(2000):
        add(database, f"{number}")
    left: list[object] = []

    def leave() -> None:
        with database.read() as connection:
            result = connection.exec_driver_sql("SELECT body FROM note")
            left.append((result, result.fetchone()))
            if fails:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) if fails else nullcontext():
        leave()
    with database.write() as connection:
        connection.execute(sa.text("DELETE FROM note"))
    assert bodies(database) == []
    assert left


def test_closing_leaves_no_file_open(database: SqlCipherDatabase) -> None:
    def held() -> int:
        return sum(
            os.path.realpath(f"/proc/self/fd/{one}") == str(database.path)
            for one in os.listdir("/proc/self/fd")
        )

    add(database, "first")
    with database.read() as connection:
        assert bodies(database) == ["first"]
        assert held() >= 3
        database.close()
        # What is being read goes on.
        assert connection.exec_driver_sql("SELECT body FROM note").scalar() == "first"
    assert held() == 0


def test_writers_take_turns(database: SqlCipherDatabase) -> None:
    add(database, "0")

    def count_up() -> None:
        for _ in range(20):
            with database.write() as connection:
                now = int(connection.execute(sa.text("SELECT body FROM note")).scalar_one())
                connection.execute(sa.text("UPDATE note SET body = :body"), {"body": str(now + 1)})

    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies(database) == ["120"]


def test_every_connection_is_durable_and_leaves_nothing_in_clear(database: SqlCipherDatabase) -> None:
    wanted = {"synchronous": 2, "journal_mode": "wal", "temp_store": 2, "secure_delete": 1, "foreign_keys": 1}
    with database.read() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    assert found == wanted


def test_a_lock_held_elsewhere_is_a_conflict_that_says_what_to_do(
    database: SqlCipherDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.1)
    other = SqlCipherDatabase(database.path, KEY)
    with database.write(), pytest.raises(Conflict, match="Try again"), other.write():
        pass
    other.close()


def test_a_writer_gets_in_between_two_turns_of_one_that_comes_again_and_again(
    database: SqlCipherDatabase,
) -> None:
    busy = SqlCipherDatabase(database.path, KEY)
    turns, holds, over, waited = 0, threading.Event(), threading.Event(), list[int]()

    def come_again() -> None:
        nonlocal turns
        while not over.is_set():
            with busy.write():
                turns += 1
                holds.set()
                time.sleep(0.02 + 0.007 * (turns % 5))
            time.sleep(0.004)

    thread = threading.Thread(target=come_again)
    thread.start()
    try:
        for number in range(12):
            holds.clear()
            assert holds.wait(10)
            before = turns
            add(database, str(number))
            waited.append(turns - before)
    finally:
        over.set()
        thread.join()
        busy.close()
    assert sum(waited) <= len(waited) / 2, f"further turns of the other that each write waited for: {waited}"


def test_a_wrong_key_is_named_as_such(database: SqlCipherDatabase) -> None:
    database.close()
    other = SqlCipherDatabase(database.path, b"x" * 32)
    with pytest.raises(NotSetUp, match="does not open with this workspace's key"):
        other.check()
    other.close()


def test_a_file_that_is_no_database_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "muniment.db").write_bytes(b"not a database at all, only text" * 200)
    with pytest.raises(NotSetUp, match="does not open"):
        SqlCipherDatabase(tmp_path / "muniment.db", KEY).check()


def test_an_empty_folder_holds_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="muniment init"):
        SqlCipherDatabase(tmp_path / "muniment.db", KEY).check()
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_a_newer_version_is_refused_and_left_alone(database: SqlCipherDatabase) -> None:
    add(database, "kept")
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotSetUp, match=f"has schema 9999; this version knows up to {HEAD}"):
        database.check()
    assert bodies(database) == ["kept"]


def test_a_folder_that_is_gone_is_unavailable(database: SqlCipherDatabase) -> None:
    database.close()
    database.path.parent.rename(database.path.parent.with_name("elsewhere"))
    with pytest.raises(Unavailable, match="cannot be read or written"):
        bodies(database)


PAGE = 4096


def test_a_page_that_a_killed_process_half_wrote_is_not_taken_for_damage(database: SqlCipherDatabase) -> None:
    database.close()
    again = SqlCipherDatabase(database.path, KEY)
    add(again, "kept")
    log = database.path.with_name("muniment.db-wal").read_bytes()
    _half_write(database.path, int.from_bytes(log[32:36], "big"))
    assert "whole" in again.examine().says
    assert bodies(again) == ["kept"]
    again.close()


def test_a_page_that_nothing_mends_is_damage(database: SqlCipherDatabase) -> None:
    database.close()
    _half_write(database.path, 6)
    again = SqlCipherDatabase(database.path, KEY)
    with pytest.raises((Tampered, NotSetUp), match="damaged"):
        again.examine()
    again.close()


def _half_write(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"half" * (PAGE // 8))


def test_a_lock_that_cannot_be_made_is_said_in_words(
    database: SqlCipherDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(Unavailable, match=r"backup\.lock"), database.alone("backup"):
        pass
