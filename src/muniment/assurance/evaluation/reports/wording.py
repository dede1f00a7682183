"""Figures in words: shares as percentages, times in the unit that reads best, differences with their sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from muniment.actions.visible import pieces, spelled
from muniment.assurance.evaluation.metric import METRICS, Unit
from muniment.assurance.evaluation.reports.reported import MetricRow, ReportedRun

NONE = "–"
MINUS = "\u2212"
LONGEST = 600
"""Characters of a text that a report shows."""


def visible(text: str) -> str:
    """Return a text on one line with every character of it to be seen, such as `[U+202E]`."""
    # Most texts are such that nothing in them has to be looked at more closely, which takes a microsecond a letter.
    plain = text.isascii() and text.isprintable() and text == text.strip()
    return text if plain and "  " not in text and "[U+" not in text else spelled(pieces(text))


def clipped(text: str, most: int = LONGEST) -> str:
    """Return the beginning of a text, saying how much of it is left out."""
    if len(text) <= most:
        return text
    return f"{text[:most].rstrip()} … ({len(text) - most:,} more characters)"


def figure(value: float | None, unit: Unit = "share") -> str:
    """Return a value in its unit."""
    if value is None or not isfinite(value):
        return NONE
    if unit == "share":
        return f"{_percent(value)} %"
    if unit == "ms":
        return _time(value)
    if unit == "days":
        return f"{value:.1f} d"
    if unit == "cost":
        return f"{value:.4f}" if value < 0.1 else f"{value:.2f}"
    return f"{value:,.0f}"


def interval(low: float | None, high: float | None, unit: Unit = "share") -> str:
    """Return from where to where a value lies."""
    if low is None or high is None:
        return NONE
    if unit == "share":
        return f"{_percent(low)}–{_percent(high)} %"
    return f"{figure(low, unit)} – {figure(high, unit)}"


def difference(value: float | None, unit: Unit = "share") -> str:
    """Return a change with its sign; of shares, in percentage points."""
    if value is None:
        return NONE
    size = f"{abs(value) * 100:.1f} pt" if unit == "share" else figure(abs(value), unit)
    return ("+" if value > 0 else MINUS if value < 0 else "±") + size


def differences(low: float, high: float, unit: Unit = "share") -> str:
    """Return from where to where a change lies."""
    return f"{difference(low, unit)} to {difference(high, unit)}"


def smallest(row: MetricRow) -> str:
    """Return the smallest change that a metric's cases are likely to show."""
    if row.detectable is None:
        return NONE
    return f"{row.detectable * 100:.1f} pt" if row.unit == "share" else figure(row.detectable, row.unit)


def aim(row: MetricRow) -> str:
    """Return what a metric must reach."""
    if row.target is None:
        return NONE
    return f"{'≤' if row.lower_is_better else '≥'} {figure(row.target, row.unit)}"


def outcome(row: MetricRow) -> str:
    """Return whether a metric reached its target, in a word or two."""
    if row.target is None:
        return NONE
    if row.met is None:
        return "not judged"
    if not row.met:
        return "missed"
    return "met, not for sure" if row.unsure else "met"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number of things."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def capital(text: str) -> str:
    """Return a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def scored(name: str, score: float) -> str:
    """Return a case's score in the unit of its metric."""
    return figure(score, METRICS[name].unit if name in METRICS else "share")


def likelihood(p: float | None) -> str:
    """Return a probability as it is usually written."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def reach(run: ReportedRun, named: Callable[[str], str] = str) -> str:
    """Return how small a change this suite can show; `named` gives a metric's name as it may stand there."""
    told = [f"{named(row.name)} {smallest(row)}" for row in run.headline if row.detectable is not None]
    if not told:
        return "So few cases are not likely to show a change of any size."
    return f"The smallest change that this suite is likely to show: {', '.join(told)}."


def when(at: str) -> str:
    """Return a stored time for a reader; what is not one stays as it is."""
    day, mark, rest = at.partition("T")
    return f"{day} {rest[:5]} UTC" if mark and rest.endswith("Z") else at


def sentence(run: ReportedRun) -> str:
    """Return the verdict in one sentence."""
    missed = sum(row.missed for row in run.judged)
    match run.verdict:
        case "breached":
            return f"{count(len(run.breaches), 'breach', 'breaches')}: nothing makes up for that"
        case "unfinished":
            return f"Cut short: {len(run.results):,} of {run.cases:,} cases have a result"
        case "missed":
            return f"{missed} of {len(run.judged)} targets missed"
        case "met":
            return "The target is met" if len(run.judged) == 1 else f"All {len(run.judged)} targets met"
        case "untold":
            return "No target is set"


def remarks(run: ReportedRun) -> Sequence[str]:
    """Return what else a reader of the verdict must know."""
    found: list[str] = []
    missed = [row for row in run.judged if row.missed]
    if run.verdict == "breached" and not run.complete:
        found.append(f"It was cut short: {len(run.results):,} of {run.cases:,} cases have a result.")
    if run.verdict in ("breached", "unfinished") and missed:
        found.append(f"{len(missed)} of {len(run.judged)} targets missed.")
    unsure = [row for row in run.judged if row.unsure]
    if unsure:
        found.append(
            f"{len(unsure)} of {len(run.judged)} not for sure: the interval reaches beyond the target."
        )
    if run.failed:
        found.append(f"{count(len(run.failed), 'case')} gave no answer to judge.")
    return found


def _percent(share: float) -> str:
    # 100 is said of all and 0 of none alone.
    tenths = round(share * 1000)
    if (tenths == 1000) != (share >= 1.0):
        tenths = 999
    if (tenths == 0) != (share <= 0.0):
        tenths = 1
    whole, tenth = divmod(tenths, 10)
    return f"{whole}.{tenth}" if tenth else str(whole)


def _time(milliseconds: float) -> str:
    if milliseconds >= 10_000:
        return f"{milliseconds / 1000:.0f} s"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
