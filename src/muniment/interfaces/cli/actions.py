"""actions: propose what a tool shall do, follow it, take it back, and stop it all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import action_stops
from muniment.interfaces.cli.options import AsUser, example
from muniment.interfaces.cli.policy import Reason
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.actions.action import Action
    from muniment.actions.context import Context
    from muniment.actions.proposals import Outcome
    from muniment.governance.audit.entry import Actor
    from muniment.governance.identity.principal import Principal

app = typer.Typer(no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
Tool = Annotated[str, typer.Argument(metavar="TOOL", help="See `muniment tools list`.", show_default=False)]
FAILED = frozenset({"failed", "unknown", "refused", "expired"})


def register(parent: typer.Typer) -> None:
    """Add the group."""
    action_stops.register(app)
    parent.add_typer(app, name="actions", help="What tools do: propose, follow, take back, stop.")


@app.command(epilog=example("""muniment actions propose refund --arguments '{"order": "A-17"}' --as alice"""))
def propose(
    tool: Tool,
    arguments: Annotated[
        str, typer.Option(metavar="JSON|@FILE", help="What the tool takes.", show_default=False)
    ],
    as_: AsUser,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would become of it; propose nothing.")
    ] = False,
) -> None:
    """Propose a call in USER's own words: it runs, waits for people, or is denied; exit 3 where denied."""
    from muniment.actions.arguments import read_arguments
    from muniment.actions.proposals import Call

    call = Call(tool, read_arguments(_read(arguments)))
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        made = workspace.actions.propose(principal, _by(principal), call, context_of(principal), dry=dry_run)
    _show_outcome(made)


@app.command("list", epilog=example("muniment actions list --as alice"))
def list_(
    as_: AsUser, count: Annotated[int, typer.Option("-n", min=1, max=1_000, help="Most actions.")] = 50
) -> None:
    """Show what USER proposed, newest first."""
    with TERMINAL.workspace() as workspace:
        found = workspace.actions.mine(workspace.directory.principal(as_), count)
    if TERMINAL.json:
        TERMINAL.document({"actions": [one.as_json() for one in found]})
        return
    if not found:
        TERMINAL.show("Nothing was proposed yet.")
        return
    from muniment.interfaces.cli.render import table

    rows = [(one.created_at[:16], one.bound.tool, one.state, one.risk, one.id) for one in found]
    TERMINAL.show(table(("proposed", "tool", "state", "class", "action"), rows))


@app.command(epilog=example("muniment actions show ACTION --as alice"))
def show(id: Id, as_: AsUser) -> None:
    """Show an action of USER's own, as it stands."""
    with TERMINAL.workspace() as workspace:
        found = workspace.actions.show(id, workspace.directory.principal(as_))
    _show(found)


@app.command(epilog=example("muniment actions undo ACTION --as alice"))
def undo(id: Id, as_: AsUser) -> None:
    """Propose the call that takes an action of USER's own back; it is decided as any other."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        made = workspace.actions.undo(id, principal, _by(principal), context_of(principal))
    _show_outcome(made)


@app.command(epilog=example("muniment actions run ACTION"))
def run(id: Id) -> None:
    """Carry out what was approved and not yet carried out, as after a crash; exit 1 where it is not done."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.actions.whole(workspace.execution.run(id, OPERATOR))
    _show(found)
    _end(found)


@app.command(epilog=example("muniment actions settle ACTION --as-done --reason 'The bank shows it'"))
def settle(
    id: Id,
    reason: Reason,
    as_done: Annotated[bool, typer.Option("--as-done", help="It was found to be done.")] = False,
    as_failed: Annotated[bool, typer.Option("--as-failed", help="It was found not to be done.")] = False,
) -> None:
    """Record what somebody found out about an action whose outcome is unknown; runs nothing."""
    from muniment.foundation.errors import BadInput
    from muniment.governance.identity.principal import OPERATOR

    if as_done == as_failed:
        raise BadInput("Say one of the two.", fix="Add --as-done or --as-failed.")
    with TERMINAL.workspace() as workspace:
        found = workspace.claims.decide_unknown(id, "done" if as_done else "failed", reason, OPERATOR)
    _show(found)


def _read(arguments: str) -> str | bytes:
    if not arguments.startswith("@"):
        return arguments
    return Path(arguments[1:]).read_bytes()


def context_of(principal: Principal) -> Context:
    """Return what is known of what was read before: a person's command is their own words, a service's is not."""
    from muniment.actions.context import PROGRAMS, Context

    return Context() if principal.kind == "user" else PROGRAMS


def _by(principal: Principal) -> Actor:
    from muniment.governance.audit.entry import Actor

    return Actor(principal.ref, "cli")


def _show_outcome(made: Outcome) -> None:
    verdict, found = made.verdict, made.action
    if TERMINAL.json:
        TERMINAL.document(
            {
                "outcome": verdict.outcome,
                "approvers": verdict.approvers,
                "steps": [
                    {"name": one.name, "outcome": one.outcome, "reason": one.reason} for one in verdict.steps
                ],
                "action": None if found is None else found.as_json(),
            }
        )
    else:
        from muniment.interfaces.cli.render import table

        rows = [(one.name, one.outcome, visible(one.reason)) for one in verdict.steps]
        TERMINAL.show(table(("step", "", "why"), rows), _SAYS[verdict.outcome].format(verdict.approvers))
        if found is not None:
            _show(found)
    if verdict.outcome == "denied":
        raise typer.Exit(3)
    if found is not None:
        _end(found)


_SAYS = {
    "auto": "It needs nobody.",
    "approval": "People who have to approve it: {0}.",
    "denied": "Denied: nothing was proposed.",
}


def _show(found: Action) -> None:
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    from muniment.interfaces.cli.render import facts_table

    facts = {name: value for name, value in found.as_json().items() if value not in (None, "", [])}
    TERMINAL.show(facts_table(facts))
    if found.state == "unknown":
        TERMINAL.say(
            "muniment: Whether it was done is not known. Find out where it would show, then "
            f"`muniment actions settle {found.id}`; it is never tried again by itself."
        )


def _end(found: Action) -> None:
    if found.state in FAILED:
        raise typer.Exit(1)
