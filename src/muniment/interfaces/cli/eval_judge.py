"""eval judge: a language model judges the answers of a run, and counts only where it agrees with people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, Which, counting
from muniment.interfaces.cli.eval import app as evaluations
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.evaluation.judging.judging import Judged
    from muniment.assurance.evaluation.judging.run_judging import Hearing
    from muniment.governance.audit.entry import Json
    from muniment.inference.messages import Usage


def register(parent: typer.Typer) -> None:
    """Add nothing: the command belongs to `eval`."""


@evaluations.command(
    epilog=example(
        "muniment eval judge RUN --model gpt --reason 'Who checks the judge' --plan --json",
        "muniment eval judge RUN --model gpt --labels labels.jsonl --reason 'Before release 2'",
    )
)
def judge(
    run: Which,
    model: Annotated[str, typer.Option(metavar="NAME", help="The endpoint that judges.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log.", show_default=False)],
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What people said, one JSON object a line.", show_default=False),
    ] = None,
    pair: Annotated[
        str,
        typer.Option(metavar="RUN", help="Judge which of two runs answered better.", show_default=False),
    ] = "",
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be judged, where it would go and its cost.")
    ] = False,
    by: Evaluator = None,
) -> None:
    """Have a model judge whether quotes prove the statements of a run's answers; exit 1 where it does not count.

    Answers are read and judged as the askers of their cases. What people labelled is judged first; where the judge
    does not agree with them, nothing else is, and no score is given.
    """
    from muniment.app.judging import run_judging
    from muniment.assurance.evaluation.judging.labels import OF_PAIRS, OF_STATEMENTS, read_labels
    from muniment.assurance.evaluation.judging.run_judging import Order

    said = {} if labels is None else read_labels(labels, OF_PAIRS if pair else OF_STATEMENTS)
    with TERMINAL.workspace() as workspace, counting("Judging") as on_progress:
        actor, who = acting(workspace, by)
        judging = run_judging(workspace)
        hearing = judging.hear(Order(run, model, reason, actor, who, pair), plan)
        if plan:
            _show_plan(hearing)
            return
        found = judging.judge(hearing, said, on_progress)
    _show(hearing, found)
    if found.score is None:
        raise typer.Exit(1)


def _show_plan(hearing: Hearing) -> None:
    docket, usage = hearing.docket, hearing.planned()
    if TERMINAL.json:
        items: list[Json] = [
            {"case": one.case.case, "answer": one.case.answer_id, "item": one.name, "calls": one.calls}
            for one in docket.items
        ]
        TERMINAL.document({**_about(hearing, usage), "calls": hearing.calls, "items": items})
        return
    TERMINAL.show(
        f"{len(docket.items)} {docket.what}, {hearing.calls} calls of {visible(hearing.endpoint.name)}.",
        *_notes(hearing, docket.left_out),
        f"About {_used(usage)}, guessed from the lengths of texts.",
        "Nothing was sent. `--json` names each thing to judge, for labels of people.",
    )


def _show(hearing: Hearing, found: Judged) -> None:
    usage = hearing.spent.usage
    if TERMINAL.json:
        TERMINAL.document({**_about(hearing, usage), **found.figures(), "note": found.note})
        return
    agreed = found.agreement
    lines = [
        f"Agreement with people: {agreed.said if agreed.labels else 'not measured, no label fits'}.",
        visible(found.note),
    ]
    if found.score is not None:
        score, what = found.score, "proved" if found.what == "statements" else "better, a tie counting half"
        tally = ", ".join(f"{name} {count}" for name, count in found.tally.items())
        lines.append(
            f"{found.what}: {score.mean:.3f} {what} ({score.low:.3f} to {score.high:.3f}, {score.n} cases; {tally})."
        )
    if found.silent:
        lines.append(f"In {found.silent} of {found.judged} the judge gave no verdict, which never passes.")
    TERMINAL.show(*lines, *_notes(hearing, found.left_out), f"Used {_used(usage)}.")


def _notes(hearing: Hearing, left_out: int) -> list[str]:
    notes: list[str] = []
    if left_out:
        notes.append(
            f"{left_out} cases are left out: their askers, or the judge, may not read all that would be judged."
        )
    if hearing.own:
        notes.append(
            f"{visible(hearing.endpoint.name)} wrote the answers of {hearing.own} cases itself: "
            "models tend to prefer their own."
        )
    return notes


def _about(hearing: Hearing, usage: Usage) -> dict[str, Json]:
    return {
        "run": hearing.run.id,
        "model": hearing.endpoint.name,
        "what": hearing.docket.what,
        "own": hearing.own,
        "left_out": hearing.docket.left_out,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost": usage.cost,
    }


def _used(usage: Usage) -> str:
    return f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens, cost {usage.cost:,.4f}"
