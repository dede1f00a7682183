"""Whether a release may go out: every suite that its changes touch, run on it as it is, and nothing worse.

| what changed | suites that must be run |
|---|---|
| anything but `suites` | all of kind security |
| any component that answers come from (QUALITY) | all of kind quality too |
| `suites` alone, or nothing | none |

Invariants:
- what is missing, cut short, of other files, of other documents or too old counts for nothing, and is no pass;
- a security failure stops a release, whatever anybody says;
- a report is judged against the release that is in force; once another is, it counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, cast

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release.manifest import Component, Manifest
from muniment.foundation import canonical
from muniment.foundation.duration import spelled
from muniment.governance.audit.entry import Json

Why = Literal["no suite", "no report", "stale", "security", "worse"]
WAIVABLE: frozenset[Why] = frozenset({"no suite", "worse"})
"""What a second person may let pass for a while; a report that does not count is made anew instead."""
NONE = "none"
"""Stands for the release in force where there is none."""
_PARTS = ("metric", "stage", "why")
"""What a finding of a judge is called by."""
QUALITY: frozenset[Component] = frozenset(
    {
        "prompts",
        "endpoints",
        "embedding",
        "reranker",
        "retrieval",
        "chunking",
        "answers",
        "code",
        "policy",
        "tools",
    }
)


class Judged(Protocol):
    """What a comparison of two runs comes to."""

    @property
    def ok(self) -> bool:
        """Return whether nothing stands against the candidate."""
        ...

    @property
    def blocks(self) -> Sequence[object]:
        """Return what does; each says so as text, and may name its `metric`, `stage` or `why`."""
        ...

    @property
    def notes(self) -> Sequence[object]:
        """Return what is worth knowing beside."""
        ...


Judge = Callable[[Run, Run | None, Mapping[str, float], Sequence[str]], Judged]
"""Compares a candidate with a baseline, given floors beside the suite's targets and the components that changed."""


class AboutSuite(Protocol):
    """What the gate needs of a suite."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def digest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Block:
    """One thing that stops a release."""

    name: str
    """What a waiver names it by: `SUITE:METRIC`, or `SUITE:WHY`."""
    why: Why
    says: str
    """Component, metric and suite in words."""
    fix: str

    @property
    def waivable(self) -> bool:
        """Return whether a second person may let it pass."""
        return self.why in WAIVABLE

    def __str__(self) -> str:
        return f"{self.says} {self.fix}"

    def as_json(self) -> dict[str, Json]:
        """Return the block as one JSON object."""
        return {
            "name": self.name,
            "why": self.why,
            "says": self.says,
            "fix": self.fix,
            "waivable": self.waivable,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What running one suite on a release came to."""

    suite: str
    suite_digest: str
    run: str
    baseline: str
    """Of the run that it was compared with; empty: it was judged by its targets alone."""
    lineage: str
    """Digest of the versions that answered."""
    corpus: str
    finished: str
    """Empty where it was cut short."""
    against: str
    """Hash of the release that was in force, or `none`."""
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return the report as one JSON object."""
        return {
            "suite": self.suite,
            "suite_digest": self.suite_digest,
            "run": self.run,
            "baseline": self.baseline,
            "lineage": self.lineage,
            "corpus": self.corpus,
            "finished": self.finished,
            "against": self.against,
            "blocks": [one.as_json() for one in self.blocks],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Now:
    """What reports must be of, to count."""

    release: str
    """As commands name it."""
    manifest: Manifest
    against: str
    corpus: str
    at: datetime
    longest: timedelta
    """How old a report may be."""
    changed: frozenset[Component]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a release may go out, and what stands against it."""

    blocks: tuple[Block, ...]
    """Those that stop it."""
    waived: tuple[Block, ...] = ()
    """Those that a second person let pass."""
    notes: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    """Those that had to be run."""

    @property
    def ok(self) -> bool:
        """Return whether nothing stops it."""
        return not self.blocks

    def as_json(self) -> dict[str, Json]:
        """Return the verdict as one JSON object."""
        return {
            "ok": self.ok,
            "blocks": [one.as_json() for one in self.blocks],
            "waived": [one.as_json() for one in self.waived],
            "notes": list(self.notes),
            "suites": list(self.suites),
        }


def touched(changed: Collection[Component], suites: Sequence[AboutSuite]) -> list[AboutSuite]:
    """Return the suites that must be run where these components changed: see the table above."""
    moved = frozenset(changed) - {"suites"}
    return [one for one in suites if (moved if one.kind == "security" else moved & QUALITY)]


def reported(
    suite: AboutSuite,
    candidate: Run,
    baseline: Run | None,
    judge: Judge,
    changed: Collection[Component],
    against: str,
) -> Report:
    """Return what a run comes to, judged against one of the release in force where there is one."""
    parts = ", ".join(sorted(changed)) or "nothing"
    blocks = [*_failures(suite, candidate, parts)]
    # A run that was cut short counts for nothing, and its figures mean nothing.
    judged = judge(candidate, baseline, {}, sorted(changed)) if candidate.complete else None
    named = {one.name for one in blocks}
    for number, one in enumerate(judged.blocks if judged else (), 1):
        metric = next((str(said) for part in _PARTS if (said := getattr(one, part, ""))), str(number))
        name = f"{suite.name}:{metric}"
        why: Why = "security" if suite.kind == "security" or _is_breach(metric) else "worse"
        if name not in named:
            says = f"{suite.name}, {metric}: {one} Changed: {parts}."
            blocks.append(Block(name, why, says, f"See `muniment eval show {candidate.id}`."))
    if judged and not judged.ok and not blocks:
        says = f"{suite.name}: the comparison found it worse and does not say where. Changed: {parts}."
        blocks.append(Block(f"{suite.name}:verdict", "worse", says, "Run the suite again."))
    return Report(
        suite=suite.name,
        suite_digest=candidate.suite_digest,
        run=candidate.id,
        baseline=baseline.id if baseline else "",
        lineage=canonical.digest(dict(candidate.lineage)),
        corpus=candidate.corpus,
        finished=candidate.finished if candidate.complete else "",
        against=against,
        blocks=tuple(blocks),
        notes=tuple(map(str, judged.notes if judged else ())),
    )


def decided(
    now: Now, suites: Sequence[AboutSuite], reports: Mapping[str, Report], waived: Collection[str]
) -> Verdict:
    """Return the verdict on a release from the last report of each suite; `waived` are names of blocks."""
    needed = touched(now.changed, suites)
    blocks: list[Block] = []
    notes: list[str] = []
    mend = f"Run `muniment release check {now.release}`."
    if now.changed - {"suites"} and not needed:
        says = f"No suite looks at what changed: {', '.join(sorted(now.changed))}."
        fix = "Put one into the folder evals of the home, or name it in release.suites; then check again."
        blocks.append(Block("suites:none", "no suite", says, fix))
    for suite in needed:
        report = reports.get(suite.name)
        if report is None:
            says = f"{suite.name} was not run on this release."
            blocks.append(Block(f"{suite.name}:report", "no report", says, mend))
            continue
        stale = [
            Block(f"{suite.name}:report", "stale", f"The report of {suite.name} {fault}.", mend)
            for fault in _faults(now, suite, report)
        ]
        blocks += stale or report.blocks
        notes += [f"{suite.name}: {note}" for note in report.notes]
    passing = [one for one in blocks if one.waivable and one.name in waived]
    return Verdict(
        tuple(one for one in blocks if one not in passing),
        tuple(passing),
        tuple(notes),
        tuple(one.name for one in needed),
    )


def read_report(stated: Mapping[str, Json]) -> Report:
    """Return what `Report.as_json` wrote."""
    one = cast("Mapping[str, str]", stated)
    listed = cast("Sequence[Mapping[str, str]]", stated["blocks"])
    blocks = [Block(b["name"], cast("Why", b["why"]), b["says"], b["fix"]) for b in listed]
    return Report(
        suite=one["suite"],
        suite_digest=one["suite_digest"],
        run=one["run"],
        baseline=one["baseline"],
        lineage=one["lineage"],
        corpus=one["corpus"],
        finished=one["finished"],
        against=one["against"],
        blocks=tuple(blocks),
        notes=tuple(cast("Sequence[str]", stated["notes"])),
    )


def _is_breach(metric: str) -> bool:
    return metric in METRICS and METRICS[metric].breach


def _failures(suite: AboutSuite, run: Run, parts: str) -> list[Block]:
    """Return what no figure makes up for: breaches, and cases of a security suite that nobody saw answered."""
    found: list[Block] = []
    see = f"See `muniment eval show {run.id}`."
    for metric in (name for name in METRICS if _is_breach(name)):
        # What is no number is no pass.
        judged = [one for one in run.results if one.status != "failed"]
        cases = [one.case for one in judged if not one.scores.get(metric, 1.0) >= 1.0]
        if cases:
            says = (
                f"{suite.name}, {metric}: {len(cases)} of {len(run.results)} cases failed ({_some(cases)})."
            )
            name = f"{suite.name}:{metric}"
            found.append(Block(name, "security", f"{says} Changed: {parts}.", see))
    failed = [one.case for one in run.results if one.status == "failed"] if suite.kind == "security" else []
    if failed:
        says = f"{suite.name}: {len(failed)} cases ended in an error, which proves nothing ({_some(failed)})."
        found.append(Block(f"{suite.name}:failed", "security", says, see))
    return found


def _some(cases: Sequence[str]) -> str:
    return ", ".join(cases[:3]) + (" …" if len(cases) > 3 else "")


def _faults(now: Now, suite: AboutSuite, report: Report) -> list[str]:
    """Return why a report does not count, in words that end its sentence."""
    found: list[str] = []
    if report.lineage != now.manifest.lineage_hash:
        found.append("is of other versions than this release")
    if report.suite_digest != suite.digest:
        found.append("is of other cases than the suite has now")
    if report.corpus != now.corpus:
        found.append("is of other documents or access lists than there are now")
    if report.against != now.against:
        found.append("was judged against another release than the one in force")
    if not report.finished:
        found.append("was cut short")
    elif not timedelta() <= now.at - datetime.fromisoformat(report.finished) <= now.longest:
        found.append(f"is older than release.max_report_age ({spelled(now.longest)})")
    return found
