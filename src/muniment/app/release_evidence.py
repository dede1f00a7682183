"""What the release gate gets from evaluation: suites of the home, runs of them on a release, a judge of runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation import canonical, revisions
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.inference.prompt_registry import for_model

if TYPE_CHECKING:
    from muniment.app.workspace import Workspace
    from muniment.assistant.values import Answer
    from muniment.assurance.evaluation import run as runner
    from muniment.assurance.release.records import Release
    from muniment.foundation.database import Database
    from muniment.governance.audit.entry import Actor, Json
    from muniment.governance.audit.log import AuditLog
    from muniment.governance.identity.principal import Principal
    from muniment.inference.prompt_file import Prompt
    from muniment.knowledge.passage import Retrieval

FOLDER = "evals"
"""Of the home: one suite in each folder or file of it."""


class WorkspaceEvidence:
    """The suites of one workspace, run on itself."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def suites(self) -> Sequence[Suite]:
        """Return the suites of the home and of release.suites; raises BadInput for a broken or double one."""
        return [suite for suite, _ in self._places().values()]

    def corpus(self) -> str:
        """Return the digest of the state of documents, access lists and directory."""
        with self._workspace.database.read() as connection:
            now = revisions.current(connection)
        return canonical.digest({"directory": now.directory, "access": now.access, "content": now.content})

    def run(self, suite: Suite, release: Release, reason: str, by: Actor, who: Principal | None) -> Run:
        """Run a suite on a release."""
        commission = Commission(reason, by, who)
        return run_suite(self._workspace, suite, self._places()[suite.name][1], release, commission)

    def last(self, suite: Suite, lineage: Mapping[str, Json]) -> Run | None:
        """Return None: no run is kept."""
        return None

    def _places(self) -> dict[str, tuple[Suite, Path]]:
        home = self._workspace.home
        folder = home / FOLDER
        places = sorted(folder.iterdir()) if folder.is_dir() else []
        places += [home / named for named in self._workspace.settings.release.suites]
        found: dict[str, tuple[Suite, Path]] = {}
        for place in places:
            suite = read_suite(place)
            if suite.name in found:
                raise BadInput(
                    f"{place} and {found[suite.name][1]} are both the suite {suite.name}.", fix="Rename one."
                )
            found[suite.name] = suite, place
        return found


def run_suite(
    workspace: Workspace, suite: Suite, place: Path, release: Release, commission: Commission
) -> Run:
    """Return a run of a suite on a workspace with the prompts of a release."""
    from muniment.assurance.evaluation import run as runner

    begun = timestamp(workspace.clock.now())
    subject = _Trial(workspace, release.prompts)
    corpus = WorkspaceEvidence(workspace).corpus()
    report = runner.run_suite(subject, place, commission, workspace.gate)
    cases = {case.id: case for case in suite.cases}
    return Run(
        id=workspace.ids.new("run"),
        suite=suite.name,
        suite_digest=suite.digest,
        suite_version=suite.version,
        kind=suite.kind,
        subject=release.name,
        lineage=release.manifest.lineage,
        corpus=corpus,
        targets=suite.targets,
        started=begun,
        finished=timestamp(workspace.clock.now()),
        by=commission.by.ref,
        cases=len(suite.cases),
        results=tuple(_graded(cases[one.case], one) for one in report.results),
    )


@dataclass(frozen=True, slots=True)
class JudgedByTargets:
    """A run beside the targets of its suite."""

    blocks: tuple[MissedTarget, ...]
    notes: tuple[str, ...] = ("judged by its targets; nothing was compared",)

    @property
    def ok(self) -> bool:
        """Return whether every target was reached."""
        return not self.blocks


@dataclass(frozen=True, slots=True)
class MissedTarget:
    """A target that was not reached."""

    metric: str
    value: float
    target: float
    cases: int

    def __str__(self) -> str:
        return f"{self.value:.3f} over {self.cases} cases, the target is {self.target:g}."


def judged_by_targets(
    candidate: Run, baseline: Run | None, floors: Mapping[str, float], changed: Collection[str]
) -> JudgedByTargets:
    """Return which targets a run misses; a metric that no case has is passed over."""
    missed: list[MissedTarget] = []
    for metric, target in floors.items():
        scored = [(one.scores[metric], one.weight) for one in candidate.results if metric in one.scores]
        total = sum(weight for _, weight in scored)
        mean = sum(score * weight for score, weight in scored) / total if total else float("nan")
        lower = metric in METRICS and METRICS[metric].lower_is_better
        if scored and not (mean <= target if lower else mean >= target):
            missed.append(MissedTarget(metric, mean, target, len(scored)))
    return JudgedByTargets(tuple(missed))


class _Trial:
    """The workspace, answering with the prompts of a release."""

    def __init__(self, workspace: Workspace, prompts: Mapping[str, Prompt]) -> None:
        self._workspace = workspace
        self._assistant = workspace.assistant_with(lambda purpose, model: for_model(prompts[purpose], model))
        self.audit: AuditLog = workspace.audit

    @property
    def database(self) -> Database:
        return self._workspace.database

    def search(self, query: str, as_: str, k: int = 10, by: Actor | None = None) -> Retrieval:
        return self._workspace.search(query, as_, k, by)

    def ask(self, question: str, as_: str, model: str | None = None, by: Actor | None = None) -> Answer:
        from muniment.app.opened import PYTHON
        from muniment.governance.identity.principal import Actor as Who

        principal = self._workspace.principal(as_)
        return self._assistant.ask(principal, question, by or Who(principal.ref, PYTHON), model)


def _graded(case: Case, one: runner.CaseResult) -> CaseResult:
    scores: dict[str, float] = {"authorised": 0.0 if one.forbidden else 1.0}
    if case.abstain:
        scores["abstained"] = float(one.status == "abstained")
    else:
        scores["answered"] = float(one.status == "answered")
        scores |= {"success@5": float(one.found)} if one.found is not None else {}
        scores |= {"facts": one.facts, "all_facts": float(one.facts == 1.0)} if one.facts is not None else {}
    return CaseResult(
        case=case.id,
        digest=case.digest,
        asker=case.asker,
        question=case.question,
        tags=case.tags,
        weight=case.weight,
        status=one.status,  # pyright: ignore[reportArgumentType]
        scores=scores,
    )
