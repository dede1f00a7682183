"""What reading documents makes of them: crashes, hangs, refusals, likeness to reference texts, documents a second.

Run by `muniment bench parse --data FOLDER`. The folder holds one folder a format (any name) with `sources/` and,
where there are any, `groundtruth/NAME.md` or `.txt`, NAME being the source's file name or its stem. Every source is
read by the real parser in its isolated process, one at a time; the fastest of three readings counts. Where sources
are missing a format is not measured and the table says so; a source without a reference is
read and timed, not compared. A file with a reference that is refused or breaks the parser counts as 0 in the mean.

The references are others' reading of the files, with choices of theirs: what they repeat, add or leave out and we do
not (and the reverse) lowers the figure, and nothing here or in the readers asks which file it is.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import Bar, bar
from benchmarks.likeness import likeness
from benchmarks.machine import described
from benchmarks.options import checked
from muniment.foundation.errors import BadInput
from muniment.foundation.sandbox import ChildFailed
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.ingestion.parser import Parser

READINGS = 3
LIKENESS = 0.9
"""Least mean F1 over characters of a format."""
PAGES = 60.0
"""Least PDF pages a second."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    format: str
    name: str
    seconds: float
    pages: int
    failure: str = ""
    """Nothing, `refused`, `crash` or `hang`."""
    why: str = ""
    likeness: float | None = None
    """None where there is no reference."""


def run(options: Mapping[str, object], progress: Callable[[str], None]) -> dict[str, object]:
    """Return the bars; option `data` names the folder of documents."""
    checked(options, "data")
    given = options.get("data")
    if not isinstance(given, str | Path) or not Path(given).is_dir():
        raise BadInput("No folder of documents was named.", fix="Give one: --data FOLDER.")
    likeness("", "")  # says now, not after an hour, that it cannot compare
    outcomes: list[Outcome] = []
    unmeasured: list[str] = []
    parser = Parser()
    parser.start()
    try:
        for folder in sorted(path for path in Path(given).iterdir() if path.is_dir()):
            files = sorted(path for path in (folder / "sources").glob("**/*") if path.is_file())
            progress(f"{folder.name}: {len(files)} files" if files else f"{folder.name}: no sources")
            if not files:
                unmeasured.append(folder.name)
            outcomes += [_outcome(parser, folder, file) for file in files]
    finally:
        parser.close()
    if not outcomes:
        raise BadInput(f"{given} holds no documents.", fix="Lay it out as FORMAT/sources/FILE.")
    return {
        "name": "parse",
        "machine": described(),
        "bars": _bars(outcomes),
        "formats": [*_formats(outcomes), *({**_NOTHING, "format": name} for name in unmeasured)],
        "failures": [
            {"format": one.format, "file": one.name, "failure": one.failure, "why": one.why}
            for one in outcomes
            if one.failure
        ],
        "files": [
            {"format": one.format, "file": one.name, "f1": round(one.likeness, 3), "ms": round(one.seconds * 1e3, 1)}
            for one in outcomes
            if one.likeness is not None
        ],
    }  # fmt: skip


def _outcome(parser: Parser, folder: Path, file: Path) -> Outcome:
    reference = _reference(folder / "groundtruth", file.name)
    best = float("inf")
    for _ in range(READINGS):
        started = time.perf_counter()
        read = _read(parser, file)
        best = min(best, time.perf_counter() - started)
        if not isinstance(read, Parsed):
            return Outcome(folder.name, file.name, best, 0, *read, None if reference is None else 0.0)
    pages = max((unit.number for unit in read.units), default=0)
    like = None if reference is None else likeness(read.text, reference)
    return Outcome(folder.name, file.name, best, pages, likeness=like)


def _read(parser: Parser, file: Path) -> Parsed | tuple[str, str]:
    """Return the document, or how it failed and why."""
    try:
        return parser.parse(file.name, file)
    except ParseFailed as error:
        cause = error.__cause__
        broken = isinstance(cause, ChildFailed)
        failure = ("hang" if cause.reason == "time" else "crash") if broken else "refused"
        return failure, error.public.removeprefix(f"{file.name} ")


def _reference(folder: Path, name: str) -> str | None:
    for stem in (name, name.rpartition(".")[0]):
        for ending in ("md", "txt"):
            file = folder / f"{stem}.{ending}"
            if file.is_file():
                return file.read_text("utf-8")
    return None


def _bars(outcomes: Sequence[Outcome]) -> list[Bar]:
    failures = [one.failure for one in outcomes]
    bars = [
        bar("crashes", 0, failures.count("crash"), "files"),
        bar("hangs", 0, failures.count("hang"), "files"),
        bar("refused, each with its reason", None, failures.count("refused"), "files"),
    ]
    for name, ones in _by_format(outcomes).items():
        marks = [one.likeness for one in ones if one.likeness is not None]
        if marks:
            mean = sum(marks) / len(marks)
            bars.append(bar(f"{name}: mean F1 over characters", LIKENESS, mean, "share", least=True))
    read = [one for one in outcomes if not one.failure]
    bars.append(bar("documents read", None, _per_second(len(read), read), "a second", least=True))
    pdf = [one for one in read if one.name.lower().endswith(".pdf")]
    if pdf:
        speed = _per_second(sum(one.pages for one in pdf), pdf)
        bars.append(bar("PDF pages read", PAGES, speed, "a second", least=True))
    return bars


def _per_second(count: int, outcomes: Sequence[Outcome]) -> float:
    return count / max(1e-9, sum(one.seconds for one in outcomes))


_NOTHING: dict[str, object] = {
    "format": "", "files": 0, "compared": 0, "mean_f1": "not measured", "least_f1": "", "refused": 0, "broke": 0,
    "documents_per_second": "",
}  # fmt: skip


def _formats(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, ones in _by_format(outcomes).items():
        marks = [one.likeness for one in ones if one.likeness is not None]
        read = [one for one in ones if not one.failure]
        row: dict[str, object] = {
            "format": name,
            "files": len(ones),
            "compared": len(marks),
            "refused": sum(one.failure == "refused" for one in ones),
            "broke": sum(one.failure in ("crash", "hang") for one in ones),
        }
        if marks:
            row |= {"mean_f1": round(sum(marks) / len(marks), 3), "least_f1": round(min(marks), 3)}
        if read:
            row["documents_per_second"] = round(_per_second(len(read), read), 1)
        rows.append({**_NOTHING, **row})
    return rows


def _by_format(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: defaultdict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        found[one.format].append(one)
    return dict(found)
