"""A suite asked with one prompt and with another, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from muniment.assistant.inquiry import ANSWER
from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.observation import Subject
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.run import OnProgress, Progress, Runner
from muniment.foundation.errors import BadInput
from muniment.inference.catalog import QUOTES
from muniment.inference.prompt_file import Prompt


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """How a prompt did."""

    prompt: str
    run: str
    """Id of the run that holds each case."""
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
    runner: Runner,
    subject_with: Callable[[Prompt], Subject],
    prompts: Sequence[Prompt],
    suite: Suite,
    commission: Commission,
    model: str,
    on_progress: OnProgress = lambda progress: None,
) -> list[PromptFigures]:
    """Run the suite once with each prompt; raises as `Runner.run` does, and BadInput for `quotes`."""
    if model == QUOTES:
        raise BadInput("The endpoint quotes reads no prompt.", fix="Name a language model with --model.")
    for prompt in prompts:
        if prompt.purpose != ANSWER:
            raise BadInput(
                f"{prompt.version} is for the purpose {prompt.purpose!r}, which the suite's questions do not try.",
                fix="Name a prompt for the purpose 'answer'.",
            )
    made: list[PromptFigures] = []
    for at, prompt in enumerate(prompts):

        def progress(one: Progress, before: int = at) -> None:
            total = len(prompts) * one.total
            on_progress(replace(one, done=before * one.total + one.done, total=total))

        run = runner.run(suite, subject_with(prompt), commission, on_progress=progress)
        made.append(_figures(prompt, run))
    return made


def _figures(prompt: Prompt, run: Run) -> PromptFigures:
    results = run.results
    given = [one for one in results if one.status == "answered" and "answered" in one.scores]
    return PromptFigures(
        prompt=prompt.version,
        run=run.id,
        cases=len(results),
        answered=_mean(results, "answered"),
        abstained=_mean(results, "abstained"),
        facts=_mean(results, "all_facts"),
        cited=_mean(given, "citation_recall"),
        claims=sum(_count(one, "claims") for one in results),
        unverified=sum(_dropped(one) for one in results),
        forbidden=sum(_listed(one, "forbidden") for one in results),
    )


def _mean(results: Sequence[CaseResult], metric: str) -> float:
    scores = [one.scores[metric] for one in results if metric in one.scores]
    return sum(scores) / len(scores) if scores else 1.0


def _count(result: CaseResult, name: str) -> int:
    value = result.detail.get(name, 0)
    return value if isinstance(value, int) else 0


def _listed(result: CaseResult, name: str) -> int:
    value = result.detail.get(name, [])
    return len(value) if isinstance(value, list) else 0


def _dropped(result: CaseResult) -> int:
    value = result.detail.get("dropped", {})
    return sum(n for n in value.values() if isinstance(n, int)) if isinstance(value, dict) else 0
