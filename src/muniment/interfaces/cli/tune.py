"""tune: learn from your own questions how search should weigh words and vectors, and keep what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, counting, suite_folder
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.tuning.proposal import Proposal
    from muniment.knowledge.retrieval.versions import Version

app = typer.Typer()


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="tune", help="Learn ranking settings from your own cases.")


@app.callback(
    invoke_without_command=True,
    epilog=example("muniment tune --suite ./cases.jsonl --as alice --reason 'First cases of sales' --apply"),
)
def tune(
    context: typer.Context,
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="A folder, a file of cases, or a shipped suite.", show_default=False
        ),
    ] = None,
    as_: Annotated[
        str, typer.Option("--as", metavar="USER", help="Who asks the cases that name nobody.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log; else as the suite says.")] = "",
    by: Evaluator = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make what was learned the settings of the next search.")
    ] = False,
) -> None:
    """Say whether other ranking settings serve a suite's askers better; without --apply nothing changes."""
    if context.invoked_subcommand is not None:
        return
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.tuning.tune import tune as learn
    from muniment.foundation.errors import BadInput

    if suite is None:
        raise BadInput("No suite to learn from.", fix="Name one: muniment tune --suite NAME|FILE.")
    made: Version | None = None
    with TERMINAL.workspace() as workspace, counting("Ranking") as on_progress:
        actor, who = acting(workspace, by)
        found = learn(
            suite_folder(suite),
            Commission(reason, actor, who),
            database=workspace.database,
            gate=workspace.gate,
            audit=workspace.audit,
            directory=workspace.directory,
            comparison=workspace.comparison,
            rankings=workspace.rankings,
            asker=as_,
            on_progress=on_progress,
        )
        if apply and found.proven:
            made = workspace.rankings.apply(found.learned, found.present, actor)
    if TERMINAL.json:
        TERMINAL.document({**found.as_json(), "applied": made.number if made is not None else None})
    else:
        _show(found)
        if made is not None:
            TERMINAL.show(f"Applied as settings {made.number}, from the next search on.")
        elif found.proven:
            TERMINAL.show("Nothing was changed; --apply makes it the settings of the next search.")
        else:
            TERMINAL.show("Nothing was changed.")
    if apply and made is None:
        raise typer.Exit(1)


@app.command("list", epilog=example("muniment tune list"))
def list_() -> None:
    """List the versions of the ranking settings, and which one is in use."""
    with TERMINAL.workspace() as workspace:
        versions, used = workspace.rankings.all(), workspace.rankings.in_use().number
    if TERMINAL.json:
        TERMINAL.document({"in_use": used, "versions": [_plain(version) for version in versions]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            f"{version.number}{' in use' if version.number == used else ''}",
            version.at[:19] or "shipped",
            visible(version.by),
            visible(version.suite),
            _constants(version),
            _gain(version),
        )
        for version in versions
    ]
    TERMINAL.show(table(("settings", "made", "by", "suite", "constants", "nDCG@10"), rows))


@app.command(epilog=example("muniment tune use 0"))
def use(number: Annotated[int, typer.Argument(metavar="N", min=0, show_default=False)]) -> None:
    """Search with an earlier version from the next search on; 0 is what this release ships with."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        used = workspace.rankings.use(number, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"in_use": used.number, **_plain(used)})
    else:
        TERMINAL.show(f"Settings {used.number} are in use ({_constants(used)}).")


def _show(found: Proposal) -> None:
    from muniment.interfaces.cli.render import table

    figures = found.figures
    TERMINAL.show(
        f"Suite {visible(found.suite)}: {found.cases} cases, settings {found.present.number} in use"
    )
    if found.changes:
        rows = [
            (name, f"{now:g}", f"{best:g}", ", ".join(f"{one:g}" for one in folds))
            for name, now, best, folds in found.changes
        ]
        TERMINAL.show(table(("constant", "now", "best", "best without each fifth of the cases"), rows))
    rows = [
        (name, *(f"{figures[f'{name}_{when}']:.4f}" for when in ("before", "after")))
        for name in ("ndcg@10", "recall@10")
    ]
    TERMINAL.show(table(("held out", "now", "learned"), rows), found.verdict)


def _plain(version: Version) -> dict[str, object]:
    return {
        "number": version.number,
        "digest": version.constants.digest,
        "constants": version.constants.plain,
        "made_at": version.at,
        "made_by": version.by,
        "suite": version.suite,
        "suite_digest": version.suite_digest,
        "figures": dict(version.figures),
    }


def _constants(version: Version) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in version.constants.plain.items())


def _gain(version: Version) -> str:
    before, after = (version.figures.get(f"ndcg@10_{when}") for when in ("before", "after"))
    return f"{before} -> {after}" if before is not None else ""
