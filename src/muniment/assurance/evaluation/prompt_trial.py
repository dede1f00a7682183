"""A suite asked with one prompt and with another, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, cast

from muniment.assistant.answer import Assistant
from muniment.assistant.inquiry import ANSWER
from muniment.assistant.values import Answer
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.run import OnProgress, Subject, SuiteReport, run_suite
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.inference.catalog import QUOTES
from muniment.inference.prompt_file import Prompt
from muniment.knowledge.passage import Retrieval


class Trialled(Subject, Protocol):
    """A workspace whose prompts are tried."""

    def principal(self, as_: str | Principal) -> Principal:
        """Return who somebody is."""
        ...

    def assistant_with(self, live: Callable[[str, str | None], Prompt]) -> Assistant:
        """Return an assistant that takes its prompts from `live`."""
        ...


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """How a prompt did."""

    prompt: str
    cases: int
    answered: float
    """Share of answerable cases that were answered."""
    abstained: float
    """Share of must-abstain cases that abstained."""
    facts: float
    """Share of answerable cases with every fact."""
    cited: float
    """Share of answered cases that cite a right document."""
    claims: int
    """Statements given."""
    unverified: int
    """Statements of the model whose quotes stood in no passage, so that they were not given."""
    forbidden: int
    """Forbidden documents shown."""

    def as_json(self) -> dict[str, object]:
        """Return the figures as JSON values."""
        return asdict(self)


def tried(
    workspace: Trialled,
    prompts: Sequence[Prompt],
    suite: Path,
    commission: Commission,
    gate: Gate,
    model: str,
    on_progress: OnProgress = lambda done, total: None,
) -> list[PromptFigures]:
    """Run the suite once with each prompt; raises as `run_suite` does, and BadInput for `quotes`."""
    if model == QUOTES:
        raise BadInput("The endpoint quotes reads no prompt.", fix="Name a language model with --model.")
    for prompt in prompts:
        if prompt.purpose != ANSWER:
            raise BadInput(
                f"{prompt.version} is for the purpose {prompt.purpose!r}, which the suite's questions do not try.",
                fix="Name a prompt for the purpose 'answer'.",
            )
    relevant = {case.id: frozenset(case.relevant) for case in read_suite(suite).cases}
    made: list[PromptFigures] = []
    for at, prompt in enumerate(prompts):
        subject = _Trial(workspace, prompt)

        def progress(done: int, total: int, before: int = at) -> None:
            on_progress(before * total + done, len(prompts) * total)

        found = run_suite(subject, suite, commission, gate, progress, model)
        made.append(_figures(prompt, found, subject, relevant))
    return made


class _Trial:
    """The workspace, answering with one prompt."""

    def __init__(self, workspace: Trialled, prompt: Prompt) -> None:
        self._workspace = workspace
        self._assistant = workspace.assistant_with(lambda purpose, model: prompt)
        self.audit: AuditLog = workspace.audit
        self.claims = 0
        self.unverified = 0

    @property
    def database(self) -> Database:
        return self._workspace.database

    def search(self, query: str, as_: str, k: int = 10, by: Actor | None = None) -> Retrieval:
        return self._workspace.search(query, as_, k, by)

    def ask(self, question: str, as_: str, model: str | None = None, by: Actor | None = None) -> Answer:
        principal = self._workspace.principal(as_)
        answer = self._assistant.ask(principal, question, by or Actor(principal.ref, "python"), model)
        checks = cast("Mapping[str, int]", answer.lineage["checks"])
        self.claims += checks["released"]
        self.unverified += checks["unverified"]
        return answer


def _figures(
    prompt: Prompt, found: SuiteReport, subject: _Trial, relevant: Mapping[str, frozenset[str]]
) -> PromptFigures:
    answered = [one for one in found.results if not one.abstain and one.status == "answered"]
    cited = [one for one in answered if relevant[one.case].intersection(one.cited)]
    return PromptFigures(
        prompt=prompt.version,
        cases=len(found.results),
        answered=found.answered,
        abstained=found.abstained,
        facts=found.facts,
        cited=len(cited) / len(answered) if answered else 1.0,
        claims=subject.claims,
        unverified=subject.unverified,
        forbidden=found.forbidden,
    )
