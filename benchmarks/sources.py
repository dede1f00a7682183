"""A connected folder: how fast it is read, how fast a change of who may read arrives, what a stalled feed does.

Run by `muniment bench sources [--documents 10000] [--changes 30] [--stalls 3]`. The reading is stopped at each
quarter and goes on where it was; between, the same texts are embedded alone, on as many cores. Readers are asked for
by their own searches while sources are fed as a server feeds them.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import home, mixed_documents
from benchmarks.bars import Bar, Progress, bar, p50, p99
from benchmarks.machine import described, resident_mb
from benchmarks.options import checked, whole_number
from benchmarks.past_the_door import SERVED
from muniment import app
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library
from muniment.knowledge.retrieval.segment import embedding_text
from muniment.knowledge.syncing.content_pass import ContentReport

SOURCE, STALLED = "files", "stalled"
FOLDERS = 50
"""Each has a reader who may read nothing else."""
_DOCUMENTS, _CHANGES, _STALLS = 10_000, 30, 3
_IN_STALLED = 20
_QUARTERS = 4
_PASSES = 5
_TEXTS = 512
"""Embedded in one call, where they are embedded alone."""
_WARM = 32
_POLL, _LONGEST = 0.1, 120.0
_QUESTION = "report"
_SPEED, _GROWTH_MB, _REVOKED, _WITHHELD = 0.85, 64, 60, 5
_ACCESS_SECONDS, _LEASE_SECONDS = 1, 3


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars; options `documents`, `changes` of readers and `stalls` of a feed."""
    checked(options, "documents", "changes", "stalls")
    documents = whole_number(options, "documents", _DOCUMENTS)
    changes = whole_number(options, "changes", _CHANGES)
    stalls = whole_number(options, "stalls", _STALLS)
    if documents < FOLDERS:
        raise BadInput(f"--documents is {documents}.", fix=f"Give {FOLDERS} or more.")
    if changes > FOLDERS:
        raise BadInput(f"--changes is {changes}.", fix=f"Give {FOLDERS} or fewer.")
    with tempfile.TemporaryDirectory(prefix="muniment-sources-") as temporary:
        scratch = Path(temporary)
        with closing(app.create(scratch / "home", settings=SERVED)) as workspace:
            home.enter(workspace, ["visitors"], {_reader(at): [] for at in range(FOLDERS + 1)})
            root = _made(scratch / SOURCE, documents, FOLDERS, progress)
            _connect(workspace, SOURCE, root)
            bars = _ingest(workspace, documents, progress)
            bars += _access(workspace, root, documents, progress)
            with _fed(workspace):
                bars += _revocations(workspace, root, changes, progress)
                bars += _stalls(workspace, scratch, stalls, progress)
    return {
        "name": "sources",
        "machine": described(),
        "documents": documents,
        "poll_seconds": _POLL,
        "bars": bars,
    }


def _reader(number: int) -> str:
    return f"reader{number:03d}"


def _made(root: Path, documents: int, folders: int, progress: Progress, first: int = 0) -> Path:
    progress(f"writing {documents:,} documents")
    mixed_documents.write(root, documents, folders)
    for number in range(folders):
        _allow(root / mixed_documents.folder(number), f"user:{_reader(first + number)}")
    return root


def _allow(folder: Path, *entries: str) -> None:
    """State who may read a folder, in one step as an editor that saves does."""
    saved = folder / ".access.toml.new"
    saved.write_text(f"allow = {json.dumps(list(entries))}\n", "utf-8")
    saved.replace(folder / "access.toml")


def _connect(workspace: app.Workspace, name: str, root: Path, **settings: int) -> None:
    stated = {"root": str(root), "access": "manifests", "access_seconds": _ACCESS_SECONDS, **settings}
    workspace.sources.add(name, "folder", stated, OPERATOR)


class _Stopped(Exception):
    """The reading was to go so far and no further."""


@dataclass
class _Reading:
    """What the parts of one reading add up to."""

    seconds: float = 0.0
    alone: float = 0.0
    chunks: int = 0
    same: int = 0
    failed: int = 0
    ratios: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


def _ingest(workspace: app.Workspace, documents: int, progress: Progress) -> list[Bar]:
    # So that the model is in memory, and has its working memory, before anything is timed.
    if workspace.embedder is not None:
        workspace.embedder.embed_documents([mixed_documents.document(0)[1].decode()] * _WARM)
    reading, began = _Reading(), resident_mb()
    started = time.perf_counter()
    workspace.sources.sync_access(SOURCE, OPERATOR)
    first_access = time.perf_counter() - started
    for quarter in range(1, _QUARTERS + 1):
        progress(f"reading the folder: {quarter}/{_QUARTERS}")
        _read_until(workspace, documents * quarter // _QUARTERS, quarter == _QUARTERS, reading)
        reading.resident.append(resident_mb())
        if workspace.embedder is not None:
            progress("embedding the same texts alone")
        _compare(workspace, reading)
    with workspace.database.read() as connection:
        rows = library.documents(connection, SOURCE)
    again = sum(row.version > 1 for row in rows) + reading.same
    bars = [
        bar("documents that could not be read", 0, reading.failed, "documents"),
        bar("documents not stored", 0, documents - len(rows), "documents"),
        bar(f"read again though stored, after {_QUARTERS - 1} stops", 0, again, "documents"),
        bar("chunks a document", None, reading.chunks / max(1, len(rows)), "chunks"),
        bar("first access pass", None, first_access, "s"),
        bar("chunks a second, ingested", None, reading.chunks / reading.seconds, "1/s"),
    ]
    if reading.alone:
        bars += [
            bar("chunks a second, embedded alone", None, reading.chunks / reading.alone, "1/s"),
            bar(
                "ingest speed / raw embedding speed",
                _SPEED,
                reading.alone / reading.seconds,
                "ratio",
                least=True,
            ),
            bar("the same, lowest quarter", None, min(reading.ratios), "ratio"),
            bar("the same, highest quarter", None, max(reading.ratios), "ratio"),
        ]
    else:
        progress("no embedding weights: run `muniment models fetch` first")
    bars.append(bar("resident memory before", None, began, "MB"))
    for quarter, resident in enumerate(reading.resident, 1):
        bars.append(bar(f"resident memory at {quarter * 100 // _QUARTERS} %", None, resident, "MB"))
    grown = max(reading.resident) - reading.resident[0]
    return [*bars, bar(f"its growth after {100 // _QUARTERS} %", _GROWTH_MB, grown, "MB")]


def _read_until(workspace: app.Workspace, stored: int, last: bool, reading: _Reading) -> None:
    """Read on until so many documents are stored, the last time to the end."""
    latest, before = ContentReport(), len(reading.seen)

    def step(_: str, report: ContentReport) -> None:
        nonlocal latest
        latest = report
        if not last and before + report.stored + report.failed >= stored:
            raise _Stopped

    started = time.perf_counter()
    with suppress(_Stopped):
        workspace.sources.sync_content(SOURCE, OPERATOR, step)
    reading.seconds += (seconds := time.perf_counter() - started)
    reading.ratios.append(1 / seconds)
    reading.same += latest.same
    reading.failed += latest.failed


def _compare(workspace: app.Workspace, reading: _Reading) -> None:
    """Embed what was stored since the last time, alone."""
    alone = 0.0
    for texts in _new_texts(workspace, reading):
        reading.chunks += len(texts)
        if workspace.embedder is not None:
            started = time.perf_counter()
            workspace.embedder.embed_documents(texts)
            alone += time.perf_counter() - started
    reading.alone += alone
    reading.ratios[-1] *= alone


def _new_texts(workspace: app.Workspace, reading: _Reading) -> Iterator[list[str]]:
    texts: list[str] = []
    with workspace.database.read() as connection:
        for row in library.documents(connection, SOURCE):
            if row.id in reading.seen:
                continue
            reading.seen.add(row.id)
            for chunk in library.chunks(connection, row.id, row.version):
                texts.append(embedding_text(row.title, chunk.heading, chunk.text))
            if len(texts) >= _TEXTS:
                yield texts
                texts = []
    if texts:
        yield texts


def _access(workspace: app.Workspace, root: Path, documents: int, progress: Progress) -> list[Bar]:
    progress("reading who may read")
    quiet = [workspace.sources.sync_access(SOURCE, OPERATOR).seconds for _ in range(_PASSES)]
    changed: list[float] = []
    moved: list[int] = []
    for number in range(_PASSES):
        _allow(root / mixed_documents.folder(number), f"user:{_reader(number)}", "group:visitors")
        report = workspace.sources.sync_access(SOURCE, OPERATOR)
        changed.append(report.seconds)
        moved.append(report.documents)
    return [
        bar(f"access pass over {documents:,} documents, nothing changed, p50", None, p50(quiet), "ms"),
        bar(f"the same, {min(moved)} documents of a folder changed, p50", None, p50(changed), "ms"),
    ]


@contextmanager
def _fed(workspace: app.Workspace) -> Generator[None]:
    """Feed sources as a server does; at the end no pass goes on."""
    with workspace.feeding.running():
        yield
    for one in workspace.sources.listing():
        for read in (workspace.sources.sync_access, workspace.sources.sync_content):
            _waited(lambda read=read, name=one.connected.name: _was_free(lambda: read(name, OPERATOR)))


def _was_free(read: Callable[[], object]) -> bool:
    try:
        read()
    except Conflict:
        return False
    return True


def _revocations(workspace: app.Workspace, root: Path, changes: int, progress: Progress) -> list[Bar]:
    rng, lags = random.Random(43), list[float]()
    for number in range(changes):
        progress(f"revoking: {number + 1}/{changes}")
        if not _finds(workspace, number):
            raise RuntimeError(f"{_reader(number)} finds nothing before the change")
        # So that a change comes at any moment between two passes.
        time.sleep(rng.random() * 2 * _ACCESS_SECONDS)
        started = time.perf_counter()
        _allow(root / mixed_documents.folder(number), "group:visitors")
        _waited(lambda number=number: not _finds(workspace, number))
        lags.append(time.perf_counter() - started)
    return [
        bar(f"a revocation is seen by the reader's search, of {changes}, p50", None, p50(lags) / 1000, "s"),
        bar("the same, p99", _REVOKED, p99(lags) / 1000, "s"),
    ]


def _stalls(workspace: app.Workspace, scratch: Path, stalls: int, progress: Progress) -> list[Bar]:
    """Take a folder away under a running feed, and give it back."""
    workspace.sources.pause(SOURCE, OPERATOR)
    root = _made(scratch / STALLED, _IN_STALLED, 1, progress, first=FOLDERS)
    away = root.with_suffix(".away")
    _connect(workspace, STALLED, root, lease_seconds=_LEASE_SECONDS, content_seconds=1)
    late: list[float] = []
    restored: list[float] = []
    silent = 0
    for number in range(stalls):
        progress(f"stalling a feed: {number + 1}/{stalls}")
        if not _waited(lambda: _finds(workspace, FOLDERS)):
            raise RuntimeError(f"{_reader(FOLDERS)} finds nothing before the feed stalls")
        alarms = _alarms(workspace)
        root.rename(away)
        _waited(lambda: not _finds(workspace, FOLDERS))
        ended, lease = time.time(), workspace.sources.standing(STALLED).lease
        late.append(ended - lease.until if lease else float("inf"))
        silent += not _waited(lambda before=alarms: _alarms(workspace) > before, _WITHHELD)
        away.rename(root)
        started = time.perf_counter()
        _waited(lambda: _finds(workspace, FOLDERS))
        restored.append(time.perf_counter() - started)
    return [
        bar(f"nothing is found after the end of a lease, longest of {stalls}", _WITHHELD, max(late), "s"),
        bar("stalls without an alarm on record", 0, silent, "stalls"),
        bar("found again after the folder is back, longest", None, max(restored), "s"),
    ]


def _alarms(workspace: app.Workspace) -> int:
    return sum(
        entry.about.get("source") == STALLED for entry in workspace.audit.tail(1000, "source.withheld")
    )


def _finds(workspace: app.Workspace, reader: int) -> bool:
    return bool(workspace.search(_QUESTION, _reader(reader)).passages)


def _waited(met: Callable[[], bool], longest: float = _LONGEST) -> bool:
    """Ask again and again until it is so; return whether it came to be in time."""
    end = time.monotonic() + longest
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL)
    return True
