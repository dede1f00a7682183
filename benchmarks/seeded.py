"""Whether the gate blocks changes that make things worse, names what did it, and lets changes pass that do not.

Run by `muniment bench evaluation`. The sample company is ingested once and its suite is run: that is the baseline.
Then each change is really made in a copy of that home, the suite is run again, and the gate judges the two runs. The
language model is a scripted reader (see `reader`): what is measured is the gate, not a model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.bars import Bar, Progress, bar
from benchmarks.past_the_door import QUALITY
from benchmarks.reader import Reader, reading
from benchmarks.seeded_changes import changes as changes_of
from benchmarks.seeded_home import CARELESS, READER, SOURCE, WHY, Change, Home, Settings
from muniment import app
from muniment.app.evaluating import runner, subject
from muniment.app.gathering import gathering_of
from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.evaluation.verdict import Verdict, judged
from muniment.assurance.release.manifest import Manifest
from muniment.assurance.release.manifest import changed as differing
from muniment.foundation.errors import MunimentError
from muniment.foundation.shipped import shipped
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

PAUSE = 0.4
"""Seconds that the slow model thinks."""


@dataclass(frozen=True)
class Judged:
    """What the gate said of a change."""

    change: Change
    ok: bool
    components: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Return whether the gate said what it should."""
        return self.ok if self.change.harmless else bool(self.change.blames.intersection(self.components))


def bars(root: Path, progress: Progress) -> tuple[list[Bar], list[dict[str, object]]]:
    """Make every change below `root`; return the bars, and what was said of each change."""
    found = list(changes(root, progress))
    seeded = [one for one in found if not one.change.harmless]
    harmless = [one for one in found if one.change.harmless]
    made = [
        bar(f"of {len(seeded)} seeded regressions, blocked with the component named", 0.95 * len(seeded),
            sum(one.right for one in seeded), "", True),
        bar(f"of {len(harmless)} harmless changes, blocked", 0.05 * len(harmless),
            sum(not one.ok for one in harmless), ""),
    ]  # fmt: skip
    told = [
        {
            "change": one.change.name,
            "harmless": one.change.harmless,
            "blocked": not one.ok,
            "expected": sorted(one.change.blames),
            "components": list(one.components),
            "reasons": list(one.reasons),
        }
        for one in found
    ]
    return made, told


def changes(
    root: Path, progress: Progress, only: Callable[[Change], bool] = lambda one: True
) -> Iterator[Judged]:
    """Make each change, and yield what the gate said of it."""
    with (
        reading(Reader()) as good,
        reading(Reader(careless=True)) as careless,
        reading(Reader(seconds=PAUSE)) as slow,
    ):
        base = _base(root, good.url, careless.url)
        suite = _suite()
        workspace = app.open(root / "base", settings=parse(base))
        try:
            baseline = _asked(workspace, suite)
            before = _manifest(workspace)
        finally:
            workspace.close()
        progress(f"baseline: {_line(baseline)}")
        for change in changes_of(good, slow):
            if not only(change):
                continue
            with _copied(root, base) as home:
                change.before(home)
                try:
                    home.open()
                    home.stack.callback(home.workspace.close)
                    change.after(home)
                    run = _asked(home.workspace, suite)
                    named = _changed(before, home.workspace, baseline, run)
                    said = judged(run, baseline, {}, named)
                    made = _judged(change, said)
                except MunimentError as error:
                    # What does not even start is blocked as well, and says why.
                    made = Judged(change, False, tuple(change.blames), (error.public,))
            progress(f"{change.name}: {'passed' if made.ok else 'blocked: ' + '; '.join(made.reasons[:2])}")
            yield made


def _suite() -> Suite:
    """Return the sample suite without targets of its own: the reader is no model that they were set for."""
    return replace(read_suite(shipped("evals/sample")), targets={})


def _asked(workspace: app.Workspace, suite: Suite) -> Run:
    return runner(workspace).run(
        suite, subject(workspace, OPERATOR), Commission(WHY, OPERATOR), workers=2, fresh=True
    )


def _manifest(workspace: app.Workspace) -> Manifest:
    gathering = gathering_of(workspace)
    return gathering.live()


def _changed(before: Manifest, workspace: app.Workspace, baseline: Run, run: Run) -> list[str]:
    """Return the components that differ, as a gate is told of them."""
    corpus = ["corpus"] if baseline.corpus != run.corpus else []
    return [*sorted(differing(before, _manifest(workspace))), *corpus]


def _line(run: Run) -> str:
    names = (
        "ndcg@10",
        "success@5",
        "answered",
        "abstained",
        "all_facts",
        "faithfulness",
        "citation_precision",
    )
    scores = {name: [one.scores[name] for one in run.results if name in one.scores] for name in names}
    return ", ".join(f"{name} {sum(of) / len(of):.3f}" for name, of in scores.items() if of)


def _judged(change: Change, said: Verdict) -> Judged:
    blamed = tuple(dict.fromkeys(block.component for block in said.blocks))
    return Judged(change, said.ok, blamed, tuple(str(block) for block in said.blocks))


def _base(root: Path, good: str, careless: str) -> Settings:
    shutil.copytree(shipped("examples/acme/documents"), root / "documents")
    model = {"model": "reader", "hosting": "self-managed", "max_sensitivity": "any"}
    settings: Settings = {
        **QUALITY,
        "models": {
            READER: {**model, "base_url": good},
            CARELESS: {**model, "base_url": careless},
        },
        "answers": {"model": READER},
    }
    workspace = app.create(root / "base", settings=parse(settings))
    try:
        workspace.directory.import_file(shipped("examples/acme/directory.toml"), OPERATOR)
        workspace.ingest(root / "documents", SOURCE)
    finally:
        workspace.close()
    return settings


@contextmanager
def _copied(root: Path, base: Settings) -> Iterator[Home]:
    place = root / "changed"
    shutil.copytree(root / "base", place / "home")
    shutil.copytree(root / "documents", place / "documents")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place)
        settings = {section: dict(values) for section, values in base.items()}
        yield Home(place / "home", place / "documents", settings, stack)
