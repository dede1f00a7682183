"""Our searches by themselves, beside the time in which this machine reads the same bytes."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks import home
from benchmarks.bars import Bar, Progress, bar, p50, p95, percent
from benchmarks.machine import Reading
from benchmarks.searches import K, Searches, numbered
from benchmarks.workload import DIMENSIONS, Question, Truth, Workload

ENGINE = "muniment"
_ROUNDS = 3


@dataclass(slots=True)
class Alone:
    """What was measured: bars, times by share and half, what was found by question, and the machine's limit."""

    bars: list[Bar] = field(default_factory=list[Bar])
    vectors: defaultdict[tuple[float, bool], list[float]] = field(default_factory=lambda: defaultdict(list))
    words: defaultdict[float, list[float]] = field(default_factory=lambda: defaultdict(list))
    found: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    limits: dict[float, float] = field(default_factory=dict[float, float])
    """By share, in how many milliseconds the machine reads the codes of the readable rows."""


def measured(company: Workload, searches: Searches, folders: Mapping[str, int], progress: Progress) -> Alone:
    """Ask every question several times, by vector and by words."""
    made = Alone()
    for aim in sorted({reader.aim for reader in company.readers}, reverse=True):
        progress(f"searching as readers of about {percent(aim)}")
        asked = {
            at: question
            for at, question in enumerate(company.questions)
            if company.readers[question.reader].aim == aim
        }
        _share(made, company, searches, folders, aim, asked)
    return made


def _share(
    made: Alone,
    company: Workload,
    searches: Searches,
    folders: Mapping[str, int],
    aim: float,
    asked: Mapping[int, Question],
) -> None:
    readers = {question.reader: company.readers[question.reader] for question in asked.values()}
    reading = Reading(round(statistics.mean(company.size(reader) for reader in readers.values())), DIMENSIONS)
    for at, question in asked.items():
        name = home.name(readers[question.reader])
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            hits = searches.vector(name, question.vector)
            made.vectors[aim, question.adversarial].append(time.perf_counter() - started)
            started = time.perf_counter()
            searches.words(name, question.words)
            made.words[aim].append(time.perf_counter() - started)
        made.found[at] = numbered(hits, folders)
        reading.once()
    share = f"{percent(aim)} readable"
    limit, speed = reading.ms, reading.speed
    reading.close()
    made.limits[aim] = limit
    times = made.vectors[aim, False] + made.vectors[aim, True]
    words = 1.2 if company.rows <= 100_000 else 10.0
    made.bars += [
        bar(f"{share}: the machine reads these codes in", None, limit, "ms"),
        bar(f"{share}: at a speed of", None, speed, "GB/s"),
        bar(f"{share}: vectors p50 (1.5 x that, plus 0.5 ms)", 1.5 * limit + 0.5, p50(times), "ms"),
        bar(f"{share}: vectors p95", None, p95(times), "ms"),
        bar(f"{share}: three words p50", words, p50(made.words[aim]), "ms"),
        bar(f"{share}: three words p95", None, p95(made.words[aim]), "ms"),
    ]


def judged(company: Workload, made: Alone, truths: Sequence[Truth]) -> list[Bar]:
    """Return recall and the number of short results, of both halves apart, and note them for the table."""
    bars: list[Bar] = []
    for aim, adversarial in made.vectors:
        asked = [
            at
            for at, question in enumerate(company.questions)
            if company.readers[question.reader].aim == aim and question.adversarial == adversarial
        ]
        recall = statistics.mean(truths[at].recall(made.found[at]) for at in asked)
        short = sum(len(made.found[at]) < truths[at].count for at in asked)
        where = f"{percent(aim)} readable, {half(adversarial)}"
        bars.append(bar(f"{where}: recall at {K}", 1.0, recall, "ratio", least=True))
        bars.append(bar(f"{where}: short results", 0, short, "results"))
    return bars


def half(adversarial: bool | None) -> str:
    """Return what a half of the questions by vector is called; None are those by words."""
    return {True: "adversarial", False: "correlated", None: "words"}[adversarial]
