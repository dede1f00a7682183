"""AU1: when the database cannot take an entry, every waiting caller hears of it and nothing is half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment.foundation import sqlcipher as database_module
from muniment.foundation.clock import Clock
from muniment.foundation.errors import Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.keys import Keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import OPERATOR

KEY = b"k" * 32
NOBODY = 65534
HOLD_THE_LOCK = """
import sys
from pathlib import Path
from muniment.foundation.sqlcipher import SqlCipherDatabase
with SqlCipherDatabase(Path(sys.argv[1]), bytes.fromhex(sys.argv[2])).write() as connection:
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp())
    yield made
    shutil.rmtree(made)


@pytest.fixture
def keyring(place: Path) -> Keyring:
    return create_keyring(KekFile(place / "kek", Ids()), place / "keyring.json", "acme", Ids())


@pytest.fixture
def database(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlCipherDatabase]:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.3)
    made = SqlCipherDatabase(place / "log.db", KEY)
    made.create()
    yield made
    made.close()


@pytest.fixture
def log(database: SqlCipherDatabase, keyring: Keyring) -> AuditLog:
    made = AuditLog(database, keyring, Clock())
    made.record([entry(0)])
    return made


def entry(n: int, size: int = 1) -> Entry:
    return Entry("search.request", OPERATOR, {"n": n, "padding": "x" * size})


def refused_by_all(log: AuditLog, threads: int = 8, size: int = 1) -> None:
    """Let many threads record at once; each must be told that its entry is not in the log."""
    outcomes: list[object] = []

    def work(n: int) -> None:
        try:
            outcomes.append(log.record([entry(n, size), entry(n, size)]))
        except Unavailable as error:
            outcomes.append(error)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * threads
    assert all(getattr(outcome, "fix", "") for outcome in outcomes)


def unchanged_then_goes_on(log: AuditLog) -> None:
    assert [stored.about["n"] for stored in log.tail(100)] == [0]
    assert log.record([entry(1)]) == range(1, 2)
    assert log.verify().findings == ()


def test_a_full_disk_is_told_to_every_caller(log: AuditLog, database: SqlCipherDatabase) -> None:
    with database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    engine = database._writer
    database.close()

    def limit(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    sa.event.listen(engine, "connect", limit)
    refused_by_all(log, size=20_000)
    sa.event.remove(engine, "connect", limit)
    database.close()
    unchanged_then_goes_on(log)


@contextmanager
def without_rights_to_write(place: Path, database: SqlCipherDatabase) -> Iterator[None]:
    """Take the rights to the files away; root, whom no rights bind, steps down meanwhile."""
    database.close()
    as_root = os.geteuid() == 0
    place.chmod(0o555)
    (place / "log.db").chmod(0o444)
    if as_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if as_root:
            os.seteuid(0)
        place.chmod(0o755)
        (place / "log.db").chmod(0o644)
        database.close()


def test_a_read_only_file_is_told_to_every_caller(
    log: AuditLog, database: SqlCipherDatabase, place: Path
) -> None:
    with without_rights_to_write(place, database):
        refused_by_all(log)
    unchanged_then_goes_on(log)


def test_a_lock_held_by_another_process_is_told_to_every_caller(log: AuditLog, place: Path) -> None:
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(place / "log.db"), KEY.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        refused_by_all(log, threads=3)
        assert holder.stdin is not None
        holder.stdin.close()
        assert holder.wait(30) == 0
    unchanged_then_goes_on(log)


def test_one_bad_entry_does_not_spoil_the_commit_of_others(log: AuditLog) -> None:
    stop = threading.Event()
    errors: list[Exception] = []

    def spoil() -> None:
        while not stop.is_set():
            try:
                log.record([Entry("search.request", OPERATOR, {"n": 2**60})])
            except Exception as error:
                errors.append(error)

    spoiler = threading.Thread(target=spoil)
    spoiler.start()
    places = [log.record([entry(n)]) for n in range(1, 30)]
    stop.set()
    spoiler.join()
    assert places == [range(n, n + 1) for n in range(1, 30)]
    assert errors
    assert log.verify().findings == ()
