"""The log: durable entries a second, how long a caller waits for one, its share of a search, and its proof checked.

Run by `muniment bench audit [--seconds 10] [--threads 32] [--entries 200000] [--keep FOLDER]`. Everything lies in a
folder on disk, with the database's own sync. Beside it, in the same run: 4 kB made durable in a file, and rows put
into a plain SQLite file with the same promise and no encryption, tree or index: what this machine can do.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import load, openbao
from benchmarks.bars import Bar, Progress, bar, p50, p95, p99
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from muniment import app
from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit import verify
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import OPERATOR, Actor

SECONDS, THREADS, ENTRIES = 10, 32, 200_000
RATE, K = 50, 10
_ALONE = 500
_GROUP = 32
_WARM = 20
"""Seconds, in which a server loads what runs workflows, and compiles its loops once it is much asked."""
_WORDS = ("canteen", "ferry", "harbour", "rope", "anchor", "lighthouse", "tide", "pilot")
_ALICE = Actor("user:alice", "http")
_REVISIONS: Mapping[str, Json] = {"access": 0, "content": 8, "directory": 1}
_DIGEST = "sha256:0ca4caeae3377d60ed717686b876fba7263b508b5b11bb758c17215e35fadd14"


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars.

    Options `seconds` that each load goes on, `threads` that write together, `entries` of the log that is checked,
    and `keep`, a folder on the disk that is to be measured.
    """
    checked(options, "seconds", "threads", "entries", "keep")
    seconds, threads = whole_number(options, "seconds", SECONDS), whole_number(options, "threads", THREADS)
    entries = whole_number(options, "entries", ENTRIES)
    place = str(options["keep"]) if options.get("keep") else None
    with tempfile.TemporaryDirectory(prefix="muniment-audit-", dir=place) as temporary:
        scratch = Path(temporary)
        bars = _machine(scratch)
        with _new_log(scratch / "log") as log:
            bars += _alone(log, progress)
            bars += _together(log, threads, seconds, 1, progress)
            bars += _together(log, threads, seconds, K + 1, progress)
            whole = log.verify().ok
        bars += _in_searches(scratch / "served", seconds, progress)
        with _new_log(scratch / "long") as log:
            bars += _checked(log, scratch / "export", entries, progress)
    bars.append(bar("logs that do not verify afterwards", 0, 0 if whole else 1, "logs"))
    return {"name": "audit", "machine": described(), "threads": threads, "bars": bars}


def chunk(at: int) -> Entry:
    """Return an entry as a search makes one for each passage."""
    document = f"doc_{at:020d}"
    about: dict[str, Json] = {"chunk": f"{document}:1:0", "document": document, "effect": "allow"}
    about |= {"policy": _DIGEST, "principal": "user:alice", "purpose": "search", "rank": at % K + 1}
    return Entry("retrieval.chunk", _ALICE, {**about, "revisions": _REVISIONS, "version": 1})


@contextmanager
def _new_log(folder: Path) -> Generator[AuditLog]:
    folder.mkdir()
    database = SqlCipherDatabase(folder / "log.db", os.urandom(32))
    database.create()
    keyring = create_keyring(KekFile(folder / "kek", Ids()), folder / "keyring.json", "bench", Ids())
    with closing(database):
        yield AuditLog(database, keyring, Clock())


def _machine(scratch: Path) -> list[Bar]:
    """Return what this machine can do: a write made durable, and rows put into a plain SQLite file."""
    with (scratch / "synced").open("wb") as file:

        def sync() -> None:
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            os.fsync(file.fileno())

        synced = [_timed(sync) for _ in range(200)]
    with closing(sqlite3.connect(scratch / "plain.db", isolation_level=None)) as plain:
        plain.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        plain.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")

        def put(count: int) -> None:
            plain.execute("BEGIN IMMEDIATE")
            plain.executemany("INSERT INTO entry (body) VALUES (?)", [(b"x" * 370,)] * count)
            plain.execute("COMMIT")

        one = [_timed(lambda: put(1)) for _ in range(_ALONE)]
        many = [_timed(lambda: put(_GROUP)) for _ in range(_ALONE)]
    return [
        bar("4 kB made durable in a file, p50", None, p50(synced), "ms"),
        bar("plain SQLite: a row made durable, p50", None, p50(one), "ms"),
        bar(
            f"plain SQLite: rows a second, {_GROUP} in a commit", None, _GROUP * len(many) / sum(many), "1/s"
        ),
    ]


def _alone(log: AuditLog, progress: Progress) -> list[Bar]:
    progress("one entry at a time")
    times = [_timed(lambda at=at: log.record([chunk(at)])) for at in range(_ALONE)]
    return [
        bar("one thread: an entry made durable, p50", None, p50(times), "ms"),
        bar("one thread: the same, p99", 50, p99(times), "ms"),
        bar("one thread: entries a second", None, len(times) / sum(times), "1/s"),
    ]


def _together(log: AuditLog, threads: int, seconds: int, entries: int, progress: Progress) -> list[Bar]:
    """Let threads record again and again, each once its last entries are durable."""
    progress(f"{threads} threads, {entries} at a time, for {seconds} s")
    times: list[float] = []
    numbers = itertools.count()
    until = time.perf_counter() + seconds

    def work() -> None:
        while (started := time.perf_counter()) < until:
            log.record([chunk(next(numbers)) for _ in range(entries)])
            times.append(time.perf_counter() - started)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    speed = len(times) * entries / (time.perf_counter() - started)
    what = f"{threads} threads, {entries} at a time" if entries > 1 else f"{threads} threads"
    return [
        bar(f"{what}: durable entries a second", 1000, speed, "1/s", least=True),
        bar(f"{what}: acknowledged, p50", None, p50(times), "ms"),
        bar(f"{what}: acknowledged, p99", 50, p99(times), "ms"),
    ]


def _in_searches(home: Path, seconds: int, progress: Progress) -> list[Bar]:
    """Search a server at a steady rate, which notes how long each search spent in the log."""
    progress(f"{RATE} searches a second for {seconds} s")
    token = _company(home)
    port, noted = openbao.free_port(), home.parent / "in-the-log"
    server = [sys.executable, str(Path(__file__).with_name("audit_server.py"))]
    with (home.parent / "server.log").open("w") as said:
        process = subprocess.Popen([*server, str(home), str(port), str(noted)], stdout=said, stderr=said)
        try:
            load.await_server(port, process, said.name)
            load.paced(port, lambda at: _search(token, at), RATE, RATE * _WARM, K)
            warm = len(_noted(noted))
            outcome = load.paced(port, lambda at: _search(token, at), RATE, RATE * seconds, 32)
        finally:
            process.terminate()
            process.wait()
    in_log = _noted(noted)[warm:]
    return [
        bar(f"{RATE} searches a second: time in the log, p50", 8, p50(in_log), "ms"),
        bar(f"{RATE} searches a second: time in the log, p95", 15, p95(in_log), "ms"),
        bar(f"{RATE} searches a second: whole search, p50", None, p50(outcome.seconds), "ms"),
        bar(f"{RATE} searches a second: whole search, p95", None, p95(outcome.seconds), "ms"),
        bar("searches without a right answer", 0, outcome.wrong, "searches"),
        bar("searches that did not pass the log", 0, abs(len(outcome.seconds) - len(in_log)), "searches"),
    ]


def _company(home: Path) -> str:
    """Make a company whose every search finds ten passages; return the token of who may read them."""
    home.mkdir()
    (home / "settings.toml").write_text("[retrieval]\nvectors = false\n")
    folder = home.parent / "documents"
    folder.mkdir()
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    for at, word in enumerate(_WORDS * (2 * K)):
        (folder / f"d{at}.txt").write_text(f"The {word} of number {at} is looked after by its own people.\n")
    people = home.parent / "people.toml"
    people.write_text("[users.alice]\n")
    with closing(app.create(home)) as workspace:
        workspace.directory.import_file(people, OPERATOR)
        workspace.ingest(folder, "docs")
        return workspace.tokens.issue(workspace.directory.principal("alice"))


def _search(token: str, at: int) -> load.Request:
    return load.search(token, _WORDS[at % len(_WORDS)], K)


def _noted(file: Path) -> list[float]:
    return [float(line) for line in file.read_text().split()]


def _checked(log: AuditLog, folder: Path, entries: int, progress: Progress) -> list[Bar]:
    """Check a long log offline, in a process of its own as an auditor does, and in the database."""
    progress(f"a log of {entries:,} entries, and its proof")
    started = time.perf_counter()
    for start in range(0, entries, 1000):
        log.record([chunk(at) for at in range(start, min(entries, start + 1000))])
    appended = time.perf_counter() - started
    log.export(folder)
    command = [sys.executable, "-I", str(folder / Path(verify.__file__).name), str(folder), "--json"]
    runs: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        runs.append(time.perf_counter() - started)
    started = time.perf_counter()
    whole = log.verify().ok
    walked = time.perf_counter() - started
    shutil.rmtree(folder)
    return [
        bar(
            "offline verifier: entries a second, its start included, median of 3",
            200_000,
            entries / statistics.median(runs),
            "1/s",
            least=True,
        ),
        bar("log in the database verified: entries a second", None, entries / walked if whole else 0, "1/s"),
        bar("one thread, 1,000 at a time: durable entries a second", None, entries / appended, "1/s"),
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
