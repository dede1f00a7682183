"""How the time of a search grows with chunks, with the groups that a user holds, and with access classes.

Timed from looking up the user's rights to ten rows. The rule: from one size to the next a time may grow twice as
much as the number of rows that have to be read, plus 0.5 ms for what does not depend on rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import home
from benchmarks.bars import Bar, Progress, bar, p50, percent
from benchmarks.home import Batch
from benchmarks.searches import Searches
from benchmarks.workload import DIMENSIONS, FOLDER, Workload, three_words
from muniment import app

SIZES = (10_000, 100_000, 1_000_000)
CLASSES = (10, 1_000, 50_000)
GROUPS = (1, 50, 500)
STEP, FIXED_MS = 2.0, 0.5
_SHARES = (0.43, 0.01)
_DOCUMENTS = 50_000
"""Documents of one chunk each, where classes are counted."""
_READABLE = 10
"""One class in so many may be read."""
_AT_ONCE = 2_000
_ASKED = 40

Point = dict[str, Any]


def measured(
    searches: Searches, company: Workload, kept: Path, progress: Progress
) -> tuple[list[Point], list[Bar]]:
    """Return the points and whether they keep the rule; smaller libraries are made in `kept` or found there."""
    points: list[Point] = []
    for rows in (size for size in SIZES if size < company.rows):
        smaller = Workload(rows, _SHARES)
        with closing(home.company(kept / f"chunks{rows}", smaller, progress)) as workspace:
            points += _sizes(workspace, smaller, progress)
    points += _points(searches, company, progress)
    most = max(CLASSES)
    by_groups: list[Point] = []
    for count in CLASSES:
        place = kept / f"classes{count}"
        with closing(_classed(place, count, progress)) as workspace, workspace.database.read() as connection:
            opened = Searches(workspace, connection)
            share, read = 1 / _READABLE, _DOCUMENTS // _READABLE
            points.append(_point(opened, _user(1), "access classes", count, share, read))
            if count == most:
                by_groups = [_point(opened, _user(held), "groups held", held, share, read) for held in GROUPS]
    points += by_groups
    return points, judged(points)


def judged(points: Sequence[Point]) -> list[Bar]:
    """Return a bar for each step from one point to the next of its kind."""
    bars: list[Bar] = []
    ordered = sorted(points, key=lambda point: (point["what"], point["readable"], point["at"]))
    for before, after in pairwise(ordered):
        if (before["what"], before["readable"]) != (after["what"], after["readable"]):
            continue
        for by in ("vectors", "words"):
            grew = max(after[f"{by}_ms"] - FIXED_MS, 0.0) / before[f"{by}_ms"]
            read = after["rows"] / before["rows"]
            step = f"{before['at']:,} to {after['at']:,} {after['what']}"
            bars.append(bar(f"{step}, {after['readable']}: {by}, growth over rows", STEP, grew / read, "x"))
    return bars


def _sizes(workspace: app.Workspace, company: Workload, progress: Progress) -> list[Point]:
    with workspace.database.read() as connection:
        return _points(Searches(workspace, connection), company, progress)


def _points(searches: Searches, company: Workload, progress: Progress) -> list[Point]:
    progress(f"growth: searching {company.rows:,} chunks")
    points: list[Point] = []
    for share in _SHARES:
        reader = next(one for one in company.readers if one.aim == share)
        size = company.size(reader)
        points.append(_point(searches, home.name(reader), "chunks", company.rows, share, size))
    return points


def _point(searches: Searches, reader: str, what: str, at: int, share: float, read: int) -> Point:
    rng = np.random.default_rng(23)
    vectors: list[float] = []
    words: list[float] = []
    for number in range(_ASKED):
        vector = rng.standard_normal(DIMENSIONS).astype(np.float32)
        vector /= np.linalg.norm(vector)
        started = time.perf_counter()
        searches.look_up(reader)
        searches.vector(reader, vector)
        vectors.append(time.perf_counter() - started)
        started = time.perf_counter()
        searches.look_up(reader)
        searches.words(reader, three_words([29, number]))
        words.append(time.perf_counter() - started)
    return {
        "what": what,
        "at": at,
        "readable": percent(share),
        "rows": read,
        "vectors_ms": round(p50(vectors), 3),
        "words_ms": round(p50(words), 3),
    }


def _classed(place: Path, classes: int, progress: Progress) -> app.Workspace:
    """Return a library whose documents lie in so many access classes, with users who all read the same tenth."""
    if (place / app.DATABASE_FILE).exists():
        return home.opened(place, _DOCUMENTS)
    people = {_user(held): [f"r{held}x{at}" for at in range(held)] for held in GROUPS}
    groups = sorted({group for held in people.values() for group in held})
    return home.made(place, groups, people, _documents(classes, progress))


def _user(groups: int) -> str:
    return f"holder{groups}"


def _documents(classes: int, progress: Progress) -> Iterator[Batch]:
    rng = np.random.default_rng([31, classes])
    lists = [_allowed(number) for number in range(classes)]
    of = rng.permutation(np.arange(_DOCUMENTS) % classes).tolist()
    texts = Workload(_DOCUMENTS, ())
    for start in range(0, _DOCUMENTS, _AT_ONCE):
        progress(f"growth: indexing {start:,} of {_DOCUMENTS:,} documents of {classes:,} classes")
        vectors = rng.standard_normal((_AT_ONCE, DIMENSIONS)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        said = [text for at in range(_AT_ONCE // FOLDER) for text in texts.texts(start // FOLDER + at)]
        documents = [
            home.document(number, f"d{number:06d}", lists[of[number]], [text])
            for number, text in enumerate(said, start)
        ]
        yield documents, vectors


def _allowed(number: int) -> list[str]:
    """Return who may read a class: every tenth one some group of each holder, each a group of its own."""
    own = [f"group:own{number}"]
    if number % _READABLE:
        return own
    return [*own, *(f"group:r{held}x{number // _READABLE % held}" for held in GROUPS)]
