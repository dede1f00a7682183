"""monitor: what answers are like after a release, told by samples that people review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import monitor_figures
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.monitoring.reviewing import Showing
    from muniment.assurance.monitoring.shares import Estimate

app = typer.Typer(no_args_is_help=True)
SetId = Annotated[str, typer.Argument(metavar="SET", help="Id of a sample.", show_default=False)]
Since = Annotated[str, typer.Option(metavar="TIME", help="How far back: 24h, 7d, 90d.")]
AsReviewer = Annotated[str, typer.Option("--as", metavar="REVIEWER", help="Who reviews.", show_default=False)]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="USER", help="In whose name, if policy lets them; else the operator."),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    monitor_figures.register(app)
    parent.add_typer(app, name="monitor", help="What answers are like after a release.")


@app.command(epilog=example("muniment monitor sample --size 50 --reason 'First week of release 2'"))
def sample(
    size: Annotated[int, typer.Option(min=1, max=10_000, help="How many answers.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log.", show_default=False)],
    since: Since = "30d",
    by: By = None,
) -> None:
    """Draw stored answers for people to review, in proportion to their kinds and at least two of each."""
    from muniment.foundation.duration import parsed

    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, by)
        made = workspace.monitoring.sampling.draw(size, parsed(since), reason, who, actor)
    # Sizes of strata tell of answers and sources that somebody who draws need not know of.
    strata = made.strata if who is None else {}
    if TERMINAL.json:
        plain = {name: {"answers": n, "drawn": m} for name, (n, m) in strata.items()}
        TERMINAL.document({"set": made.id, "size": made.size, "seed": str(made.seed), "strata": plain})
        return
    if strata:
        from muniment.interfaces.cli.render import table

        rows = [(visible(name), str(n), str(m)) for name, (n, m) in sorted(strata.items())]
        TERMINAL.show(table(("stratum", "answers", "drawn"), rows))
    TERMINAL.show(f"{made.size} answers drawn. Next: muniment monitor review {made.id} --as REVIEWER")


@app.command(epilog=example("muniment monitor review SET --as carol"))
def review(
    set_id: SetId,
    as_: AsReviewer,
    settle: Annotated[bool, typer.Option("--settle", help="Of those that two reviewers differ on.")] = False,
) -> None:
    """Show REVIEWER the next answer to judge, of those that they could read themselves."""
    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, as_)
        assert who is not None
        shown = workspace.monitoring.reviewing.next(set_id, who, actor, settle)
    if TERMINAL.json:
        TERMINAL.document({"next": shown.as_json() if shown else None})
    elif shown is None:
        TERMINAL.show("Nothing waits for you here.")
    else:
        _show(shown, settle)


@app.command(epilog=example("muniment monitor label ITEM --as carol --verdict right"))
def label(
    item: Annotated[str, typer.Argument(metavar="ITEM", show_default=False)],
    as_: AsReviewer,
    verdict: Annotated[
        str,
        typer.Option(
            metavar="VERDICT",
            help="right, partly, wrong, should-have-abstained or fine-abstention.",
            show_default=False,
        ),
    ],
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    settle: Annotated[bool, typer.Option("--settle", help="Settle what two others differ on.")] = False,
) -> None:
    """Keep REVIEWER's verdict on an answer; again replaces what they said before."""
    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, as_)
        assert who is not None
        workspace.monitoring.reviewing.label(item, who, actor, verdict, note, settle)
    if TERMINAL.json:
        TERMINAL.document({"item": item, "reviewer": who.ref, "verdict": verdict, "settles": settle})
    else:
        TERMINAL.show(f"Kept, as the word of {visible(who.ref)}.")


@app.command(epilog=example("muniment monitor agreement SET"))
def agreement(set_id: SetId, by: By = None) -> None:
    """Say how far two reviewers agree, beyond chance too, and list what a third should settle."""
    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, by)
        found = workspace.monitoring.agreements.of(set_id, who, actor)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    TERMINAL.show(
        f"{found.items} answers: {found.by_two} reviewed by two, {found.by_one} by one, {found.by_nobody} by nobody."
    )
    if found.not_reviewable:
        TERMINAL.show(f"{found.not_reviewable} can be reviewed by nobody: no reviewer may read all of them.")
    _figures({"agreement": found.raw, "kappa": found.kappa}, {"kappa"})
    for one in found.disputed:
        TERMINAL.show(f"They differ on {one}: muniment monitor label {one} --as THIRD --verdict … --settle")


@app.command(epilog=example("muniment monitor quality SET"))
def quality(set_id: SetId) -> None:
    """Estimate how good all answers of a sample's time are, beside what feedback says of them."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.monitoring.qualities.of(set_id, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    said = found.feedback
    _figures(
        {
            **found.shares,
            "feedback given": said.given,
            "useful, as given": said.naive,
            "useful, strata as in the whole": said.reweighted,
            "right, by feedback and reviews": said.anchored,
        }
    )
    TERMINAL.show(*found.remarks)


def _figures(figures: dict[str, Estimate], plain: set[str] | None = None) -> None:
    from muniment.interfaces.cli.estimates import cells
    from muniment.interfaces.cli.render import table

    rows = [
        (name, *cells(one, "" if name in (plain or set()) else "%"), str(one.n))
        for name, one in figures.items()
    ]
    TERMINAL.show(table(("figure", "value", "95 % interval", "cases"), rows))


def _show(shown: Showing, settle: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from muniment.interfaces.cli.render import QUIET

    TERMINAL.show(Text(visible(shown.question), style="bold"), "", visible(shown.answer))
    for number, one in enumerate(shown.statements, 1):
        TERMINAL.show(Text(visible(f"{number}. {one.text}{' (inferred)' if one.inferred else ''}")))
        for title, quote in one.quotes:
            TERMINAL.show(Padding(Text(visible(f"“{quote}” ({title})"), style=QUIET), (0, 0, 0, 4)))
    for verdict, note in shown.disputed:
        TERMINAL.show(visible(f"One said {verdict}{': ' + note if note else '.'}"))
    tail = " --settle" if settle else ""
    TERMINAL.show(
        "",
        f"{shown.left} wait for you, this one included. It can be {', '.join(shown.verdicts)}:",
        f"muniment monitor label {shown.item} --as REVIEWER --verdict VERDICT{tail}",
    )
