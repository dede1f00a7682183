"""Permission-aware retrieval by size of the library and by share of it that a reader may read.

Run by `muniment bench scale --rows 100000 [--keep FOLDER] [--peers none|NAME,NAME] [--svg FILE]`; what is kept is
used again. Every speed stands beside what the machine reads from memory and what other engines take on the same
rows in the same run; results are compared with exact ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from benchmarks import alone, charts, comparison, growth, home, machine, peers, whole
from benchmarks.bars import Bar, Progress, bar
from benchmarks.comparison import Compared, Row
from benchmarks.growth import Point
from benchmarks.peers.port import Corpus
from benchmarks.searches import K, Searches
from benchmarks.workload import FOLDER, GROUPS, Workload
from muniment import app
from muniment.foundation.errors import BadInput
from muniment.inference.embedding import cores
from muniment.knowledge.retrieval import compiled

FEWEST, MOST = 50_000, 10_000_000
"""Below, nobody reads 0.1 % of so few folders."""
BY_DEFAULT = 100_000
_OPTIONS = ("rows", "keep", "peers", "svg")


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars and tables.

    Options: `rows`; `keep`, a folder for the library and the smaller ones beside it; `peers`, which of
    `peers.NAMES` to measure, all by default; `svg`, a file for the charts. Raises BadInput for bad ones.
    """
    rows = _rows(options.get("rows", BY_DEFAULT))
    names = _peers(options.get("peers"))
    svg = charts.checked(options.get("svg"))
    progress(f"drawing a company of {rows:,} chunks")
    company = Workload(rows)
    with tempfile.TemporaryDirectory(prefix="muniment-scale-") as temporary:
        scratch = Path(temporary)
        place = Path(str(options["keep"])) if options.get("keep") else scratch / "home"
        with closing(home.company(place, company, progress)) as workspace:
            result = _measured(workspace, place, company, scratch, names, progress)
    if svg is not None:
        charts.write(result, svg)
        progress(f"the charts are in {svg}")
    return result


def _measured(
    workspace: app.Workspace,
    place: Path,
    company: Workload,
    scratch: Path,
    names: list[str],
    progress: Progress,
) -> dict[str, object]:
    folders = home.folders(workspace)
    with workspace.database.read() as connection:
        searches = Searches(workspace, connection)
        bars = [bar("cold open", 4.0, searches.opened, "s")]
        progress("compiling loops, as a server does")
        workspace.prepare()
        ours = alone.measured(company, searches, folders, progress)
    bars += ours.bars
    bars += whole.measured(workspace, place, company, scratch, progress)
    bars += _disk(place, company)
    progress("computing the truth")
    vectors = company.store(scratch / "vectors.npy")
    truths = company.truth(vectors, K)
    bars += alone.judged(company, ours, truths)
    corpus = Corpus(vectors, company.access, company.texts, FOLDER, GROUPS, scratch)
    with workspace.database.read() as connection:
        searches = Searches(workspace, connection)
        compared = comparison.compared(names, company, corpus, searches, truths, progress)
        points, steps = growth.measured(searches, company, _beside(place), progress)
    rows = comparison.own(company, ours, truths) + compared.rows
    return _result(company, [*bars, *compared.bars, *steps], rows, compared, points, ours.limits)


def _result(
    company: Workload,
    bars: list[Bar],
    rows: list[Row],
    compared: Compared,
    points: list[Point],
    limits: Mapping[float, float],
) -> dict[str, object]:
    return {
        "name": "scale",
        "machine": machine.described(),
        "rows": company.rows,
        "bars": bars,
        "engines": rows,
        "growth": points,
        "machine_limit_ms": {str(share): round(limit, 3) for share, limit in limits.items()},
        "loops": "compiled" if compiled.ready() else "arrays",
        "threads": {alone.ENGINE: f"up to {cores()}", **compared.threads},
        "left_out": compared.left_out,
    }


def _rows(stated: object) -> int:
    text = str(stated).replace(",", "").replace("_", "")
    if not text.isdecimal() or not FEWEST <= int(text) <= MOST:
        raise BadInput(f"--rows is {stated}.", fix=f"Give a number from {FEWEST} to {MOST}.")
    return int(text)


def _peers(stated: object) -> list[str]:
    if stated is None or stated == "all":
        return list(peers.NAMES)
    names = [] if stated == "none" else str(stated).split(",")
    for name in names:
        if name not in peers.NAMES:
            raise BadInput(f"--peers names {name}.", fix=f"Known: {', '.join(peers.NAMES)}; or all, or none.")
    return names


def _disk(place: Path, company: Workload) -> list[Bar]:
    """Return what a chunk takes on disk, and how that compares with its text."""
    some = range(0, company.folders, max(1, company.folders // 50))
    texts = [text for number in some for text in company.texts(number)]
    text = sum(len(one.encode()) for one in texts) / len(texts)
    chunk = home.disk(place) / company.rows
    return [
        bar("disk per chunk", None, chunk, "bytes"),
        bar("text per chunk", None, text, "bytes"),
        bar("disk / text", None, chunk / text, "ratio"),
    ]


def _beside(place: Path) -> Path:
    """Return where smaller libraries lie: inside the larger one's folder, so that one name keeps them all."""
    return place / "growth"
