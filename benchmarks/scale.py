"""Permission-aware retrieval by size of the library and by share of it that a reader may read.

Run by `muniment bench scale --rows 100000 [--keep FOLDER]`; what is kept is used again. Every speed stands beside
what the machine reads from memory in the same run; results are compared with exact ones.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from muniment import app
from muniment.foundation import revisions
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion.compaction import Compaction
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion, SegmentRow
from muniment.knowledge.retrieval import certify, lexical, segment, wording
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.rank import RankingSettings, rank
from muniment.knowledge.retrieval.vectors import Cosines
from muniment.knowledge.retrieval.view import Selection, View
from muniment.knowledge.retrieval.visibility import AccessIndex, visible

FEWEST, MOST = 50_000, 10_000_000
"""Below, nobody reads 0.1 % of so few folders."""
BY_DEFAULT = 100_000
_FOLDERS = 500
"""Documents of one commit; a document is one folder of the workload."""
_GROUPED = 200
"""Documents below one path: 10,000 chunks."""
_K = 10
_ROUNDS = 3

Progress = Callable[[str], None]


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars; options `rows` and `keep`, a folder for the library. Raises BadInput for bad ones."""
    rows = _rows(options.get("rows", BY_DEFAULT))
    progress(f"drawing a company of {rows:,} chunks")
    company = _sibling("workload").Workload(rows)
    with _place(options.get("keep")) as home:
        workspace = app.open(home) if (home / "muniment.db").exists() else _build(home, company, progress)
        try:
            bars = _measure(workspace, home, company, progress)
        finally:
            workspace.close()
    return {"name": "scale", "machine": {"cores": os.cpu_count()}, "rows": company.rows, "bars": bars}


def _rows(stated: object) -> int:
    text = str(stated).replace(",", "").replace("_", "")
    if not text.isdecimal() or not FEWEST <= int(text) <= MOST:
        raise BadInput(f"--rows is {stated}.", fix=f"Give a number from {FEWEST} to {MOST}.")
    return int(text)


def _sibling(name: str) -> Any:
    """Return the module that stands beside this file."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _place(kept: object) -> Iterator[Path]:
    if kept:
        yield Path(str(kept))
        return
    with tempfile.TemporaryDirectory(prefix="muniment-scale-") as folder:
        yield Path(folder) / "home"


def _build(home: Path, company: Any, progress: Progress) -> app.Workspace:
    workspace = app.create(home)
    stated = [f"[groups.g{group}]" for group in range(1000)]
    for reader in company.readers:
        groups = ", ".join(f'"g{group}"' for group in reader.groups)
        stated.append(f'[users."{_name(reader)}"]\ngroups = [{groups}]')
    stated.append("[users.nobody]")
    file = home / "company.toml"
    file.write_text("\n".join(stated) + "\n")
    workspace.directory.import_file(file, OPERATOR)
    compaction = Compaction(_parts(workspace))
    for start in range(0, company.folders, _FOLDERS):
        progress(f"indexing {start * 50:,} of {company.rows:,} chunks")
        _put(workspace, company, range(start, min(start + _FOLDERS, company.folders)))
        compaction.run(OPERATOR)
    return workspace


def _parts(workspace: app.Workspace) -> Parts:
    return Parts(
        workspace.database,
        workspace.audit,
        workspace.segments,
        workspace.keyring,
        workspace.embedder,
        workspace.clock,
        workspace.ids,
    )


def _put(workspace: app.Workspace, company: Any, folders: range) -> None:
    at = timestamp(workspace.clock.now())
    new: list[NewDocument] = []
    for number in folders:
        texts = company.texts(number)
        chunks: list[ChunkText] = []
        for ordinal, text in enumerate(texts):
            start = chunks[-1].end + 1 if chunks else 0
            chunks.append(ChunkText(ordinal, start, start + len(text), None, "", text))
        version = NewVersion(
            f"folder {number}", "text/plain", str(number), at, (), (), "\n".join(texts), chunks
        )
        access = AccessList(frozenset(f"group:g{group}" for group in company.access[number]))
        new.append(NewDocument(f"f{number // _GROUPED:05d}/d{number:06d}", version, access))
    model = workspace.embedder.model.digest if workspace.embedder else "synthetic"
    with workspace.database.write() as connection:
        changes.put_source(connection, "scale", "bench", "", at)
        key = workspace.keyring.data_key("identifiers")
        stored = changes.put_versions(connection, key, "scale", new, at)
        rows = [
            segment.IndexRow(row.id, 1, chunk.ordinal, row.access_class, row.title, "", chunk.text)
            for row, one in zip(stored, new, strict=True)
            for chunk in one.version.chunks
        ]
        vectors = np.concatenate([company.folder(number) for number in folders])
        name = workspace.ids.new("seg")
        digest = workspace.segments.write(name, segment.KIND, *segment.contents(rows, vectors, model))
        changes.add_segment(connection, SegmentRow(name, digest, len(rows), model), at)


def _measure(
    workspace: app.Workspace, home: Path, company: Any, progress: Progress
) -> list[dict[str, object]]:
    model = workspace.embedder.model.digest if workspace.embedder else "synthetic"
    gc.collect()
    index, access = Index(workspace.segments), AccessIndex()
    bars: list[dict[str, object]] = []
    with workspace.database.read() as connection:
        started = time.perf_counter()
        view = index.refresh(connection, revisions.current(connection))
        access.readable(connection, visible(connection, workspace.principal("nobody")))
        bars.append(_bar("cold open", 4.0, time.perf_counter() - started, "s"))
        speed = _read_speed(view)
        bars.append(_bar("this machine reads memory at", None, speed / 1e9, "GB/s"))
        numbers = {row.id: int(row.title.split()[1]) for row in library.documents(connection)}
        for aim in sorted({reader.aim for reader in company.readers}, reverse=True):
            progress(f"searching as readers of about {aim:.1%}")
            some = [at for at, reader in enumerate(company.readers) if reader.aim == aim]
            selections = {
                at: view.select(
                    access.readable(
                        connection, visible(connection, workspace.principal(_name(company.readers[at])))
                    )
                )
                for at in some
            }
            bars += _search(company, selections, numbers, model, aim, speed)
    del index, view
    gc.collect()
    bars += _whole(workspace, company, progress)
    bars += _changes(workspace, company, progress)
    bars.append(_bar("resident memory", 2200.0, _resident_mb(), "MB"))
    bars.append(_bar("disk per chunk", None, _disk(home) / company.rows, "bytes"))
    return bars


def _search(
    company: Any,
    selections: Mapping[int, Selection],
    numbers: Mapping[str, int],
    model: str,
    aim: float,
    speed: float,
) -> list[dict[str, object]]:
    dense: list[float] = []
    words: list[float] = []
    candidates: list[int] = []
    found = wanted = 0
    size = statistics.mean(selection.size for selection in selections.values())
    rng = np.random.default_rng(5)
    for question in company.questions:
        selection = selections.get(question.reader)
        if selection is None:
            continue
        terms = [f"w{word}" for word in rng.integers(3, 3000, 3)]
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            places, _ = certify.best(Cosines(selection, question.vector, model), _K)
            dense.append(time.perf_counter() - started)
            started = time.perf_counter()
            lexical.score(selection, terms, LexicalSettings())
            words.append(time.perf_counter() - started)
        candidates.append(len(places))
        if company.rows <= 200_000:
            hits = rank(
                selection, wording.question("?"), question.vector, model, _K, RankingSettings("dense")
            ).hits
            truth, _ = company.exact(company.readers[question.reader], question, _K)
            found += len({numbers[hit.document] * 50 + hit.ordinal for hit in hits} & set(truth))
            wanted += len(truth)
    limit = 1.5 * size * 384 / speed * 1000 + 0.5
    share = f"{aim:.1%} readable"
    bars = [
        _bar(f"{share}: vectors p50 (1.5 x reading these bytes, plus 0.5 ms)", limit, _ms(dense), "ms"),
        _bar(f"{share}: rows computed exactly, mean", None, statistics.mean(candidates), "rows"),
        _bar(f"{share}: three words p50", 1.2 if company.rows <= 100_000 else 10.0, _ms(words), "ms"),
    ]
    if wanted:
        bars.append(_bar(f"{share}: recall at {_K}", 1.0, found / wanted, "ratio", least=True))
    return bars


def _whole(workspace: app.Workspace, company: Any, progress: Progress) -> list[dict[str, object]]:
    """Time a search as a caller has it: rights, both legs, texts, and its entry in the log."""
    bars: list[dict[str, object]] = []
    rng = np.random.default_rng(9)
    for aim, middle, most in ((0.43, 60.0, 120.0), (0.01, 25.0, None)):
        progress(f"whole searches as readers of about {aim:.1%}")
        readers = [_name(reader) for reader in company.readers if reader.aim == aim]
        times: list[float] = []
        for at in range(42):
            query = " ".join(f"w{word}" for word in rng.integers(3, 3000, 3))
            started = time.perf_counter()
            workspace.search(query, readers[at % len(readers)], k=_K)
            times.append(time.perf_counter() - started)
        times = times[2:]
        bars.append(_bar(f"{aim:.1%} readable: search p50", middle, _ms(times), "ms"))
        bars.append(
            _bar(f"{aim:.1%} readable: search p95", most, statistics.quantiles(times, n=20)[18] * 1000, "ms")
        )
    return bars


def _changes(workspace: app.Workspace, company: Any, progress: Progress) -> list[dict[str, object]]:
    """Time a change of access until it is durable and the next search has seen it."""
    progress("changing access")
    reader = next(_name(reader) for reader in company.readers if reader.aim == 0.001)
    bars: list[dict[str, object]] = []
    for what, target in (("one document", "scale/f00000/d000007"), ("10,000 chunks", "scale/f00001")):
        times: list[float] = []
        for at in range(11):
            workspace.search("w20", reader)
            started = time.perf_counter()
            workspace.search("w20", reader)
            idle = time.perf_counter() - started
            started = time.perf_counter()
            workspace.access.set(target, [f"group:g{at % 3}"], [], OPERATOR)
            workspace.search("w20", reader)
            times.append(time.perf_counter() - started - idle)
        bars.append(_bar(f"change of access of {what}, p50", 10.0, _ms(times), "ms"))
    return bars


def _bar(what: str, target: float | None, value: float, unit: str, least: bool = False) -> dict[str, object]:
    ok = target is None or (value >= target if least else value <= target)
    return {"what": what, "target": target, "value": round(value, 3), "unit": unit, "ok": ok}


def _ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _read_speed(view: View) -> float:
    """Return how many bytes a second one thread reads from the largest matrix of codes, summing it up."""
    codes = max((part.segment.codes.codes for part in view.parts if part.segment.codes), key=len)
    words = codes.view(np.int64)
    times: list[float] = []
    for _ in range(9):
        started = time.perf_counter()
        words.sum()
        times.append(time.perf_counter() - started)
    return codes.nbytes / statistics.median(times)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _disk(home: Path) -> int:
    return sum(file.stat().st_size for file in home.rglob("*") if file.is_file())


def _name(reader: Any) -> str:
    return str(reader.name).replace(".", "_")
