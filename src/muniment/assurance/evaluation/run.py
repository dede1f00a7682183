"""Asks a suite's questions as the people who would ask them, and grades what they are given.

The runner has no rights of its own: it searches and asks as each case's asker, so it can never hold what that
person may not read, and the log says that an evaluation did it, by whose leave and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from muniment.assistant.values import Answer
from muniment.assurance.evaluation.commission import Commission, begin
from muniment.assurance.evaluation.graders import facts as stated
from muniment.assurance.evaluation.graders import ranking
from muniment.assurance.evaluation.suite import Case, Suite, read_suite
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor
from muniment.governance.audit.log import AuditLog
from muniment.governance.policy.gate import Gate
from muniment.knowledge import library
from muniment.knowledge.passage import Retrieval

NEAR = 5
"""The right document must be among this many passages."""
DEEP = 20
"""No forbidden document may be among this many passages."""

OnProgress = Callable[[int, int], None]


class Subject(Protocol):
    """What is evaluated: a workspace."""

    audit: AuditLog

    @property
    def database(self) -> Database:
        """Where documents have their paths."""
        ...

    def search(self, query: str, as_: str, k: int = 10, by: Actor | None = None) -> Retrieval:
        """Return what `as_` may read about `query`."""
        ...

    def ask(self, question: str, as_: str, model: str | None = None, by: Actor | None = None) -> Answer:
        """Return an answer from what `as_` may read."""
        ...


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went."""

    case: str
    asker: str
    question: str
    abstain: bool
    """Whether it should have abstained."""
    status: str
    found: bool | None
    """Whether a relevant document was near the top; None where the case wants none."""
    facts: float | None
    """Share of the facts in the answer or its quotes; None where the case names none."""
    forbidden: tuple[str, ...]
    """Forbidden documents that showed: a breach."""
    paths: tuple[str, ...]
    """Documents of the nearest passages."""
    cited: tuple[str, ...]
    answer: str
    search_ms: float
    ask_ms: float
    tags: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether everything that the case asks for is so."""
        if self.forbidden:
            return False
        if self.abstain:
            return self.status == "abstained" and not self.cited
        return self.found is not False and (self.facts is None or self.facts == 1.0)


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """How a suite went."""

    suite: str
    results: tuple[CaseResult, ...]
    document: float
    """Share of answerable cases with a right document near the top."""
    facts: float
    """Share of answerable cases with every fact."""
    answered: float
    """Share of answerable cases that were answered."""
    abstained: float
    """Share of must-abstain cases that abstained."""
    forbidden: int
    """Forbidden documents shown, over all cases."""
    search_ms: float
    """Median."""
    ask_ms: float
    """Median."""
    targets: dict[str, float]
    ok: bool

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the report for a person: the figures, then each case that fell short."""
        answerable = sum(not result.abstain for result in self.results)
        lines = [
            f"Suite {self.suite}: {len(self.results)} cases, {answerable} answerable",
            f"  right document in the top {NEAR}   {_percent(self.document)}"
            f"   (target {_percent(self.targets['document'])})",
            f"  answered                      {_percent(self.answered)}",
            f"  all facts                     {_percent(self.facts)}"
            f"   (target {_percent(self.targets['facts'])})",
            f"  abstained where it must       {_percent(self.abstained)}"
            f"   (target {_percent(self.targets['abstained'])})",
            f"  forbidden documents shown     {self.forbidden}   (target 0)",
            f"  search {self.search_ms:.0f} ms, ask {self.ask_ms:.0f} ms (medians)",
        ]
        return lines + [_shortfall(result) for result in self.results if not result.ok]


def run_suite(
    workspace: Subject,
    suite_folder: Path,
    commission: Commission,
    gate: Gate,
    on_progress: OnProgress = lambda done, total: None,
    model: str | None = None,
) -> SuiteReport:
    """Run every case of the suite in `suite_folder`.

    Raises BadInput for a broken suite, an unknown asker or no reason, NotPermitted where policy does not let the
    suite be run.
    """
    suite = read_suite(suite_folder)
    begin(commission, "evaluation", suite, workspace.database, gate, workspace.audit)
    with workspace.database.read() as connection:
        path_of = {document.id: document.path for document in library.documents(connection)}
    results: list[CaseResult] = []
    for case in suite.cases:
        results.append(_run(workspace, case, path_of, model, commission.by))
        on_progress(len(results), len(suite.cases))
    return report(suite, results)


def report(suite: Suite, results: Sequence[CaseResult]) -> SuiteReport:
    """Return the figures of a run."""
    answerable = [result for result in results if not result.abstain]
    silent = [result for result in results if result.abstain]
    with_facts = [result for result in answerable if result.facts is not None]
    document = _share([result.found is True for result in answerable])
    facts = _share([result.facts == 1.0 for result in with_facts])
    abstained = _share([result.status == "abstained" and not result.cited for result in silent])
    forbidden = sum(len(result.forbidden) for result in results)
    targets = suite.targets
    return SuiteReport(
        suite=suite.name,
        results=tuple(results),
        document=document,
        facts=facts,
        answered=_share([result.status == "answered" for result in answerable]),
        abstained=abstained,
        forbidden=forbidden,
        search_ms=_median([result.search_ms for result in results]),
        ask_ms=_median([result.ask_ms for result in results]),
        targets={"document": targets.document, "facts": targets.facts, "abstained": targets.abstained},
        ok=document >= targets.document
        and facts >= targets.facts
        and abstained >= targets.abstained
        and not forbidden,
    )


def _run(workspace: Subject, case: Case, path_of: dict[str, str], model: str | None, by: Actor) -> CaseResult:
    found = workspace.search(case.question, case.asker, k=DEEP, by=by)
    answer = workspace.ask(case.question, case.asker, model, by=by)
    near = [passage.path for passage in found.passages[:NEAR]]
    cited = [path_of.get(citation.document, citation.document) for citation in answer.citations]
    shown = {*(passage.path for passage in found.passages), *cited}
    wanted = dict.fromkeys(case.relevant, 1)
    return CaseResult(
        case=case.id,
        asker=case.asker,
        question=case.question,
        abstain=case.abstain,
        status=answer.status,
        found=None if case.abstain else ranking.success(near, wanted, NEAR) == 1.0,
        facts=None if case.abstain or not case.facts else stated.share(case.facts, _said(answer)),
        forbidden=tuple(sorted(shown.intersection(case.forbidden))),
        paths=tuple(dict.fromkeys(near)),
        cited=tuple(dict.fromkeys(cited)),
        answer=answer.answer,
        search_ms=found.took_ms,
        ask_ms=answer.took_ms,
        tags=case.tags,
    )


def _said(answer: Answer) -> str:
    """Return an answer's words and its quotes."""
    return "\n".join([answer.answer, *(citation.quote for citation in answer.citations)])


def _share(outcomes: Sequence[bool]) -> float:
    """Return the share that is true; nothing to judge is 1.0."""
    return sum(outcomes) / len(outcomes) if outcomes else 1.0


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


def _percent(share: float) -> str:
    return f"{share * 100:5.1f} %"


def _shortfall(result: CaseResult) -> str:
    if result.forbidden:
        why = f"FORBIDDEN {', '.join(result.forbidden)}"
    elif result.abstain:
        why = f"should have abstained, {result.status}: {result.answer[:120]}"
    elif not result.found:
        why = f"no right document; found {', '.join(result.paths) or 'nothing'}"
    elif result.status != "answered":
        why = result.status
    else:
        why = f"a fact is missing: {result.answer[:160]}"
    return f"  {result.case} ({result.asker}) {result.question[:80]} -> {why}"
