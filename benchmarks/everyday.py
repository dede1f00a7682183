"""The everyday job on the sample company: ingest, search, ask; its speed, memory and size.

Run by `muniment bench everyday`. Ingestion is compared with the raw embedding speed of the same texts by the same
weights in the same run; the rest with the stated targets.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from benchmarks.past_the_door import SERVED
from muniment import app
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library
from muniment.knowledge.retrieval.segment import embedding_text

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
COMPANIES = 2
"""Copies of the sample company in one ingest, so that starting the parser weighs as it does in use."""


def run(options: Mapping[str, object], progress: Callable[[str], None]) -> dict[str, object]:
    """Return the bars; option `sample` names another folder with directory.toml and documents/."""
    sample = Path(str(options.get("sample") or ROOT / "examples" / "acme"))
    cases = [json.loads(line) for line in (ROOT / "evals/sample/cases.jsonl").read_text().splitlines()]
    bars: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="muniment-everyday-") as temporary:
        workspace = app.create(Path(temporary) / "home", settings=SERVED)
        workspace.directory.import_file(sample / "directory.toml", OPERATOR)
        if workspace.embedder is None:
            progress("no embedding weights: run `muniment models fetch` first")
        progress("ingesting the sample company")
        report = workspace.ingest(sample / "documents", "acme")
        bars.append(_bar("resident memory after ingest", 450, _resident_mb(), "MB"))
        progress("searching and asking")
        workspace.search("warm up", cases[0]["asker"])
        workspace.ask(cases[0]["question"], cases[0]["asker"])
        search = [_seconds(lambda c=c: workspace.search(c["question"], c["asker"])) for c in cases]
        ask = [_seconds(lambda c=c: workspace.ask(c["question"], c["asker"])) for c in cases]
        bars.append(_bar("search in process, p50", 60, statistics.median(search) * 1000, "ms"))
        bars.append(_bar("search in process, p95", None, statistics.quantiles(search, n=20)[18] * 1000, "ms"))
        bars.append(_bar("ask with quotes, p50", 700, statistics.median(ask) * 1000, "ms"))
        bars.append(_bar("ask with quotes, p95", None, statistics.quantiles(ask, n=20)[18] * 1000, "ms"))
        if workspace.embedder is not None:
            alone = _raw_embedding_seconds(workspace, "acme") / report.seconds
            bars += _ingest_speed(workspace, sample, progress)
            bars.append(_bar("the same, one company from a standing start", None, alone, "ratio"))
        workspace.close()
    progress("starting the command")
    command = [str(Path(sys.executable).parent / "muniment"), "--help"]
    starts = [_seconds(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(7)]
    bars.append(_bar("muniment --help, median", 0.4, statistics.median(starts), "s"))
    bars.append(_bar("base install without weights", 450, _installed_mb(), "MB"))
    bars.append(_bar("run-time packages in all", 110, float(len(_base_packages())), "packages"))
    return {"name": "everyday", "machine": {"cores": os.cpu_count()}, "bars": bars}


def _bar(what: str, target: float | None, value: float, unit: str, least: bool = False) -> dict[str, object]:
    ok = target is None or (value >= target if least else value <= target)
    return {"what": what, "target": target, "value": round(value, 3), "unit": unit, "ok": ok}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ingest_speed(
    workspace: app.Workspace, sample: Path, progress: Callable[[str], None]
) -> list[dict[str, object]]:
    """Return ingest speed against raw embedding, in rounds that lie next to each other in time."""
    ingesting: list[float] = []
    embedding: list[float] = []
    chunks = 0
    with tempfile.TemporaryDirectory(prefix="muniment-companies-") as folder:
        for number in range(COMPANIES):
            shutil.copytree(sample / "documents", Path(folder) / f"company{number}")
        for number in range(1, ROUNDS + 1):
            progress(
                f"ingesting {COMPANIES} such companies, and embedding their texts alone: {number}/{ROUNDS}"
            )
            report = workspace.ingest(folder, f"companies{number}")
            ingesting.append(report.seconds)
            embedding.append(_raw_embedding_seconds(workspace, report.source))
            chunks += report.chunks
    ratios = [raw / whole for raw, whole in zip(embedding, ingesting, strict=True)]
    ratio = sum(embedding) / sum(ingesting)
    return [
        _bar("ingest speed / raw embedding speed", 0.9, ratio, "ratio", least=True),
        _bar("the same, lowest round", None, min(ratios), "ratio"),
        _bar("the same, highest round", None, max(ratios), "ratio"),
        _bar("chunks a second, ingested", None, chunks / sum(ingesting), "1/s"),
        _bar("chunks a second, embedded alone", None, chunks / sum(embedding), "1/s"),
    ]


def _raw_embedding_seconds(workspace: app.Workspace, source: str) -> float:
    """Return the time to embed the texts that the ingest of a source embedded."""
    texts: list[str] = []
    with workspace.database.read() as connection:
        for row in library.documents(connection, source):
            for chunk in library.chunks(connection, row.id, row.version):
                texts.append(embedding_text(row.title, chunk.heading, chunk.text))
    embedder = workspace.embedder
    return _seconds(lambda: embedder.embed_documents(texts)) if embedder else 0.0


def _resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _base_packages() -> list[str]:
    lines = (ROOT / "requirements" / "base.txt").read_text().splitlines()
    return [line.split("==")[0] for line in lines if "==" in line]


def _installed_mb() -> float:
    total = 0
    for name in _base_packages():
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        for file in files:
            path = Path(str(file.locate()))
            if path.is_file() and path.suffix != ".pyc":
                total += path.stat().st_size
    return total / 1e6
