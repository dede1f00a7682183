"""Peers on the same rows, readers and questions: each question goes to them and to us in turn."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import home, peers
from benchmarks.alone import ENGINE, Alone, half
from benchmarks.bars import Bar, Progress, bar, p50, p95, percent
from benchmarks.peers.port import Corpus, Engine
from benchmarks.searches import Searches
from benchmarks.workload import FOLDER, Question, Truth, Workload

ENOUGH = 0.99
"""Recall on the adversarial half from which a peer's speed counts."""
_ROUNDS = 2
_SECONDS = 20.0
"""Time for one engine and share, after which the questions left are not asked."""
_FEWEST = 8
_LEAST = {"sqlite_fts5": 40.0}
"""How many times our time a peer has to take, where more than once."""
_SMALL = 100_000
"""Rows up to which a peer that searches words has to take its multiple of our time; above, it is reported."""

Row = dict[str, object]


class Leaks(Exception):
    """A peer gave a row that the reader may not read, so that its figures mean nothing."""


@dataclass(slots=True)
class Compared:
    """Bars, one row for each engine, share and half, and why a peer has none."""

    bars: list[Bar] = field(default_factory=list[Bar])
    rows: list[Row] = field(default_factory=list[Row])
    threads: dict[str, str] = field(default_factory=dict[str, str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class _Half:
    theirs: list[float] = field(default_factory=list[float])
    ours: list[float] = field(default_factory=list[float])
    recall: list[float] = field(default_factory=list[float])
    short: int = 0


def compared(
    names: Sequence[str],
    company: Workload,
    corpus: Corpus,
    searches: Searches,
    truths: Sequence[Truth],
    progress: Progress,
) -> Compared:
    """Build each peer in turn, measure it and remove it."""
    made = Compared()
    for name in names:
        peer = peers.known(name)
        reason = _reason(peer, company.rows)
        if reason:
            made.left_out[peer.TITLE] = reason
            continue
        least = _LEAST.get(name, 1.0) if peer.KIND == "vectors" or company.rows <= _SMALL else None
        progress(f"building {peer.TITLE}")
        try:
            with (
                tempfile.TemporaryDirectory(dir=corpus.scratch) as folder,
                peer.built(replace(corpus, scratch=Path(folder))) as engines,
            ):
                for engine in engines:
                    made.threads[engine.name] = engine.threads
                    _engine(made, peer.KIND, engine, least, company, searches, truths, progress)
        except Leaks:
            raise
        except Exception as error:
            made.left_out[peer.TITLE] = f"failed: {type(error).__name__}: {error}"
            made.bars.append(bar(f"{peer.TITLE}: measured to the end", 1, 0, "times", least=True))
    return made


def own(company: Workload, made: Alone, truths: Sequence[Truth]) -> list[Row]:
    """Return our own rows of the table, from the searches by themselves."""
    rows: list[Row] = []
    for (aim, adversarial), times in made.vectors.items():
        asked = [at for at in made.found if _is(company, company.questions[at], aim, adversarial)]
        recall = statistics.mean(truths[at].recall(made.found[at]) for at in asked)
        short = sum(len(made.found[at]) < truths[at].count for at in asked)
        rows.append(_row(ENGINE, aim, half(adversarial), times, None, recall, short))
    for aim, times in made.words.items():
        rows.append(_row(ENGINE, aim, half(None), times, None, None, 0))
    return rows


def _reason(peer: ModuleType, rows: int) -> str:
    """Return why a peer is not measured, or nothing."""
    if lacking := peers.lacking(peer):
        return f"absent: {', '.join(lacking)} not installed"
    if rows > peer.MOST:
        return f"left out above {peer.MOST:,} rows: {peer.WHY_MOST}"
    return ""


def _engine(
    made: Compared,
    kind: str,
    engine: Engine,
    least: float | None,
    company: Workload,
    searches: Searches,
    truths: Sequence[Truth],
    progress: Progress,
) -> None:
    for aim in sorted({reader.aim for reader in company.readers}, reverse=True):
        progress(f"asking {engine.name} as readers of about {percent(aim)}")
        halves: dict[bool | None, _Half] = {**_asked(kind, engine, company, searches, truths, aim)}
        if kind == "words":
            halves = {None: _both(*halves.values())}
        ratio = min(_times(one) for one in halves.values())
        for adversarial, one in halves.items():
            recall = statistics.mean(one.recall) if one.recall else None
            row = _row(engine.name, aim, half(adversarial), one.theirs, one.ours, recall, one.short)
            made.rows.append(row)
            said = "" if recall is None else f", recall {recall:.3f}"
            progress(f"  {half(adversarial)}: {row['p50_ms']} ms, {row['times_ours']} times ours{said}")
        if kind == "words" or statistics.mean(halves[True].recall) >= ENOUGH:
            which = "three words" if kind == "words" else "lower half"
            what = f"{percent(aim)} readable: {engine.name} takes our time so many times, {which}"
            made.bars.append(bar(what, least, ratio, "x", least=True))


def _asked(
    kind: str, engine: Engine, company: Workload, searches: Searches, truths: Sequence[Truth], aim: float
) -> dict[bool, _Half]:
    halves = {False: _Half(), True: _Half()}
    order = _alternating(company, aim)
    for at in order[:2]:
        _once(kind, engine, company, searches, at)
    until = time.perf_counter() + _SECONDS
    for asked, (round_, at) in enumerate((number, at) for number in range(_ROUNDS) for at in order):
        if asked >= _FEWEST and time.perf_counter() > until:
            break
        question = company.questions[at]
        found, theirs, ours = _once(kind, engine, company, searches, at)
        one = halves[question.adversarial]
        one.theirs.append(theirs)
        one.ours.append(ours)
        _check(engine.name, company, question, found)
        if kind == "vectors" and round_ == 0:
            one.recall.append(truths[at].recall(found))
            one.short += len(found) < truths[at].count
    return halves


def _once(
    kind: str, engine: Engine, company: Workload, searches: Searches, at: int
) -> tuple[Sequence[int], float, float]:
    """Ask us, then them; return what they found and both times."""
    question = company.questions[at]
    reader = company.readers[question.reader]
    asked: Any = question.vector if kind == "vectors" else question.words
    mine: Callable[[str, Any], object] = searches.vector if kind == "vectors" else searches.words
    search: Callable[[tuple[int, ...], Any], Sequence[int]] = engine.search
    started = time.perf_counter()
    mine(home.name(reader), asked)
    between = time.perf_counter()
    found = search(reader.groups, asked)
    ended = time.perf_counter()
    return found, ended - between, between - started


def _check(name: str, company: Workload, question: Question, found: Sequence[int]) -> None:
    readable = company.readable(company.readers[question.reader])
    if any(not readable[row // FOLDER] for row in found):
        raise Leaks(f"{name} is set up wrongly: it gave a row that the reader may not read")


def _alternating(company: Workload, aim: float) -> list[int]:
    """Return questions of readers of one share, of both halves in turn."""
    of = {
        adversarial: [at for at, one in enumerate(company.questions) if _is(company, one, aim, adversarial)]
        for adversarial in (False, True)
    }
    return [at for pair in zip(of[False], of[True], strict=True) for at in pair]


def _is(company: Workload, question: Question, aim: float, adversarial: bool) -> bool:
    return company.readers[question.reader].aim == aim and question.adversarial == adversarial


def _both(one: _Half, other: _Half) -> _Half:
    return _Half([*one.theirs, *other.theirs], [*one.ours, *other.ours])


def _times(one: _Half) -> float:
    return p50(one.theirs) / p50(one.ours)


def _row(
    engine: str,
    aim: float,
    questions: str,
    theirs: Sequence[float],
    ours: Sequence[float] | None,
    recall: float | None,
    short: int,
) -> Row:
    return {
        "engine": engine,
        "readable": percent(aim),
        "questions": questions,
        "p50_ms": round(p50(theirs), 3),
        "p95_ms": round(p95(theirs), 3),
        "times_ours": round(p50(theirs) / p50(ours), 2) if ours else None,
        "recall": None if recall is None else round(recall, 4),
        "short": None if recall is None else short,
        "asked": len(theirs),
    }
