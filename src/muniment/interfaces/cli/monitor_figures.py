"""monitor: figures of all answers, of sources and of outcomes, and cases made of findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.estimates import cells
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from muniment.assurance.monitoring.drift import Compared
    from muniment.assurance.monitoring.freshness import SourceAge
    from muniment.assurance.monitoring.status import Row

Since = Annotated[str, typer.Option(metavar="TIME", help="How far back: 24h, 7d, 90d.")]
OlderThan = Annotated[
    str, typer.Option(metavar="TIME", help="Count documents that did not change for so long.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=example("muniment monitor status --since 7d"))(status)
    app.command(epilog=example("muniment monitor drift --since 7d --reference 30d"))(drift)
    app.command(epilog=example("muniment monitor freshness --older-than 90d"))(freshness)
    app.command(epilog=example("muniment monitor outcomes --since 30d"))(outcomes)
    app.command(epilog=example("muniment monitor outcome ANSWER-ID --result resolved --by alice"))(outcome)
    app.command(epilog=example("muniment monitor case ANSWER-ID --suite support --as alice"))(case)


def status(since: Since = "7d") -> None:
    """Show how answers, feedback, sources and outcomes are, beside the time before; no text of anybody."""
    from muniment.foundation.duration import parsed
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.monitoring.statuses.of(parsed(since), OPERATOR)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    from muniment.interfaces.cli.render import table

    head = ("", "now", "95 % interval", "of", "before", "95 % interval", "of", "")
    TERMINAL.show(table(head, [_status_row(row) for row in found.rows]))
    if any(row.changed for row in found.rows):
        TERMINAL.show("* changed by more than noise: chance gives as much in less than 1 of 20 such tables.")
    TERMINAL.show(_sources(found.sources))


def drift(
    since: Since = "7d",
    reference: Annotated[str, typer.Option(metavar="TIME", help="How long the time before is.")] = "30d",
    as_: Annotated[
        str | None,
        typer.Option("--as", metavar="REVIEWER", help="Name answers that REVIEWER may review as examples."),
    ] = None,
) -> None:
    """Say whether questions, scores and abstentions have moved since the time before."""
    from muniment.foundation.duration import parsed

    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, as_)
        found = workspace.monitoring.drifts.of(parsed(since), parsed(reference), who, actor)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    from muniment.interfaces.cli.render import table

    rows = [_drift_row(one) for one in found.tests]
    TERMINAL.show(table(("", "how", "distance", "p", "reference", "now", "answers", ""), rows))
    TERMINAL.show(
        "* moved by more than noise. p is how often chance alone gives as much, corrected for all rows together."
    )
    if found.examples:
        TERMINAL.show(f"Furthest from the reference: {', '.join(found.examples)}")


def freshness(older_than: OlderThan = "365d") -> None:
    """Show of each source how old its documents are, and when content and access lists were last read."""
    from muniment.foundation.duration import parsed
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.monitoring.freshness.of(parsed(older_than), OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"older_than": older_than, "sources": [one.as_json() for one in found]})
    else:
        TERMINAL.show(_sources(found))


def outcomes(since: Since = "30d") -> None:
    """Show how actions and workflows ended and what was reported back, by tool, workflow and prompt."""
    from muniment.foundation.duration import parsed
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.monitoring.outcomes.of(parsed(since), OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"outcomes": [one.as_json() for one in found]})
        return
    if not found:
        TERMINAL.show("Nothing ended, and nothing was reported back.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (one.kind, visible(one.name), _counts(one.ended), _counts(one.reported), *cells(one.resolved))
        for one in found
    ]
    TERMINAL.show(table(("", "of", "ended", "reported", "resolved", "95 % interval"), rows))


def outcome(
    target: Annotated[
        str, typer.Argument(metavar="ID", help="Of an answer, an action or a run.", show_default=False)
    ],
    result: Annotated[
        str, typer.Option(metavar="RESULT", help="resolved, reopened or wrong.", show_default=False)
    ],
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="USER", help="Who reports, of what is theirs; else the operator."),
    ] = None,
) -> None:
    """Report back what came of an answer, an action or a run; again replaces what USER reported before."""
    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, by)
        kind = workspace.monitoring.outcomes.report(target, result, who, actor)
    if TERMINAL.json:
        TERMINAL.document({"target": target, "kind": kind, "result": result, "by": actor.ref})
    else:
        TERMINAL.show("Kept.")


def case(
    answer_id: Annotated[str, typer.Argument(metavar="ANSWER-ID", show_default=False)],
    suite: Annotated[
        str, typer.Option(metavar="NAME", help="Of the suite that it is added to.", show_default=False)
    ],
    as_: Annotated[
        str,
        typer.Option("--as", metavar="USER", help="Whoever asked, or a reviewer.", show_default=False),
    ],
    relevant: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A document that answers it, in place of those cited."),
    ] = None,
) -> None:
    """Make a case of an answer that USER asked for or may review, in evals/NAME of the home."""
    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, as_)
        assert who is not None
        made, place = workspace.monitoring.findings.make(answer_id, suite, who, actor, relevant or ())
    if TERMINAL.json:
        TERMINAL.document({"case": made.id, "suite": suite, "file": str(place), "abstain": made.abstain})
        return
    TERMINAL.show(f"Added to {place}.")
    if not made.abstain:
        TERMINAL.show("Fill in the facts that a right answer holds; without, any answer is taken for one.")


def _status_row(row: Row) -> tuple[str, ...]:
    if row.unit == "count":
        return (row.name, f"{row.now.n:,}", "", "", f"{row.before.n:,}", "", "", "")
    unit = "%" if row.unit == "share" else "ms"
    now, before = cells(row.now, unit), cells(row.before, unit)
    return (row.name, *now, str(row.now.n), *before, str(row.before.n), "*" if row.changed else "")


def _drift_row(one: Compared) -> tuple[str, ...]:
    reference = cells(one.reference)[0] if one.reference else ""
    now = cells(one.now)[0] if one.now else ""
    value = "-" if one.value is None else f"{one.value:.4f}"
    answers = f"{one.n} and {one.m}"
    return (one.name, one.how, value, f"{one.p:.3f}", reference, now, answers, "*" if one.moved else "")


def _sources(found: Sequence[SourceAge]) -> RenderableType:
    from muniment.interfaces.cli.render import table

    head = ("source", "documents", "median age", "oldest", "old", "read", "failed files")
    return table(head, [_source_row(one) for one in found]) if found else "No sources yet."


def _source_row(one: SourceAge) -> tuple[str, ...]:
    read = "never" if one.read is None else f"{_days(one.read)} ago"
    failed = "" if one.failed is None else str(one.failed)
    return (
        visible(one.source),
        str(one.documents),
        _days(one.median),
        _days(one.oldest),
        str(one.old),
        read,
        failed,
    )


def _days(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} days"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
