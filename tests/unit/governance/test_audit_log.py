"""The log as its writers and readers see it."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit import verify as verifier_module
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import OPERATOR, Actor


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def database(tmp_path: Path) -> SqlCipherDatabase:
    made = SqlCipherDatabase(tmp_path / "log.db", b"k" * 32)
    made.create()
    return made


@pytest.fixture
def log(tmp_path: Path, database: SqlCipherDatabase, clock: FixedClock) -> AuditLog:
    keyring = create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    return AuditLog(database, keyring, clock)


def entry(n: int) -> Entry:
    return Entry("search.request", OPERATOR, {"n": n})


def test_entries_come_back_in_order_with_what_was_said(log: AuditLog) -> None:
    log.record([entry(1), entry(2)])
    log.record([entry(3)])
    assert [(e.seq, e.about["n"]) for e in log.tail(10)] == [(0, 1), (1, 2), (2, 3)]
    assert log.verify().findings == ()


def test_an_entry_names_the_door_and_the_key_that_opened_it(log: AuditLog) -> None:
    log.record([Entry("search.request", Actor("service:bot", "http", key), {}) for key in ("", "key_a")])
    found = log.query(actor="service:bot")
    assert [e.via for e in found] == ["http", "http:key_a"]
    assert log.verify().findings == ()


def test_an_entry_of_an_undone_transaction_is_not_in_the_log(
    log: AuditLog, database: SqlCipherDatabase
) -> None:
    log.record([entry(1)])

    class Undone(Exception):
        pass

    def write_and_fail() -> None:
        with database.write() as connection:
            log.append(connection, [entry(2)])
            raise Undone

    with pytest.raises(Undone):
        write_and_fail()
    log.record([entry(3)])
    assert [e.about["n"] for e in log.tail(10)] == [1, 3]
    assert log.verify().findings == ()


def test_many_threads_share_the_log_without_a_gap(log: AuditLog) -> None:
    places: list[range] = []
    lock = threading.Lock()

    def write(n: int) -> None:
        for k in range(20):
            got = log.record([entry(n * 100 + k), entry(n * 100 + k)])
            with lock:
                places.append(got)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seq for place in places for seq in place) == list(range(320))
    assert log.verify().findings == ()


def test_two_writers_on_one_database_cannot_fork_the_log(
    log: AuditLog, tmp_path: Path, clock: FixedClock
) -> None:
    other = AuditLog(SqlCipherDatabase(tmp_path / "log.db", b"k" * 32), log._keyring, clock)
    threads = [
        threading.Thread(target=lambda w=w: [w.record([entry(n)]) for n in range(25)]) for w in (log, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.seq for e in log.tail(100)] == list(range(50))
    assert log.verify().findings == ()


def test_checkpoints_are_signed_by_count_and_by_time(log: AuditLog, clock: FixedClock) -> None:
    log.record([entry(n) for n in range(1000)])
    before = log.verify().checkpoints
    clock.advance(seconds=timedelta(seconds=61).total_seconds())
    log.record([entry(1)])
    assert log.verify().checkpoints == before + 1


def test_what_json_cannot_say_exactly_is_refused(log: AuditLog) -> None:
    with pytest.raises(BadInput):
        log.record([Entry("x", OPERATOR, {"n": 2**60})])
    assert log.tail(1) == []


def test_an_export_verifies_with_its_own_copy_of_the_verifier(log: AuditLog, tmp_path: Path) -> None:
    log.record([entry(n) for n in range(5)])
    export = log.export(tmp_path / "out")
    command = [sys.executable, "-I", str(tmp_path / "out/verify.py"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 entries" in done.stdout
    assert (tmp_path / "out/verify.py").read_text() == Path(verifier_module.__file__).read_text()
    assert export.entries == 5


def test_an_export_never_overwrites(log: AuditLog, tmp_path: Path) -> None:
    log.record([entry(1)])
    log.export(tmp_path / "out")
    with pytest.raises(Conflict):
        log.export(tmp_path / "out")


def test_the_same_log_exports_the_same_bytes(log: AuditLog, tmp_path: Path) -> None:
    log.record([entry(1)])
    for name in ("a", "b"):
        log.export(tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_a_commitment_is_repeatable_and_hides_its_text(log: AuditLog) -> None:
    assert log.commitment("salary of bob") == log.commitment("salary of bob")
    assert log.commitment("salary of bob") != log.commitment("salary of Bob")
    assert "bob" not in log.commitment("salary of bob")
