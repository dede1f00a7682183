"""workflows: start, follow and end work of several steps; where no server runs it, it runs here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import AsUser, example
from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from muniment.actions.action import Action
    from muniment.app import Workspace
    from muniment.foundation.workflows.runs import Run, State
    from muniment.governance.identity.principal import Actor, Principal

app = typer.Typer(no_args_is_help=True)
RunId = Annotated[str, typer.Argument(metavar="RUN", show_default=False)]
OfUser = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Whose run it is; without, whoever runs the installation."),
]
_LOOK_SECONDS = 0.1
_STILL_SECONDS = 2.5
"""How long a run waits until nothing that was sent to it is on its way any more."""
_LEAVE_SECONDS = 30.0
"""How long others' steps may take before this process ends."""


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="workflows", help="Work of several steps: start, follow, go on, end.")


@app.command(
    epilog=example(
        """muniment workflows run access-request --as frank"""
        """ --given '{"user": "dave", "system": "orders", "for": "7d"}'"""
    )
)
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_: AsUser,
    given: Annotated[
        str, typer.Option(metavar="JSON|@FILE", help="What the workflow takes.", show_default=False)
    ],
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Classifies and drafts; see `muniment models list`.")
    ] = "",
    key: Annotated[str, typer.Option(metavar="KEY", help="The same key is the same run.")] = "",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only start it.")] = False,
) -> None:
    """Start a workflow for USER, and follow it until it ends or waits; exit 1 where it fails."""
    from muniment.actions.arguments import read_arguments

    said = read_arguments(Path(given[1:]).read_bytes() if given.startswith("@") else given)
    with TERMINAL.workspace() as workspace:
        who = workspace.directory.principal(as_)
        runs, by, person = workspace.workflow_runs, _by(who), who.kind == "user"
        made = runs.start(name, said, who, by, model, key, own_words=person)
        if not no_wait:
            made = _followed(workspace, made)
        _show(made, _waiting(workspace, made))
    _end(made)


@app.command("list", epilog=example("muniment workflows list --as ivan"))
def list_(
    as_: OfUser = None,
    state: Annotated[str, typer.Option(metavar="STATE", help="running, waiting, done, …")] = "",
    count: Annotated[int, typer.Option("-n", min=1, max=1_000, help="At most so many.")] = 100,
) -> None:
    """Show runs, the youngest first: those of USER, or all."""
    chosen = _state(state)
    with TERMINAL.workspace() as workspace:
        found = workspace.workflow_runs.listing(_who(workspace, as_), state=chosen, most=count)
    if TERMINAL.json:
        from muniment.assistant.workflows.runs import as_json

        TERMINAL.document({"runs": [as_json(one) for one in found]})
        return
    if not found:
        TERMINAL.show("There is no such run.")
        return
    from muniment.foundation.clock import timestamp
    from muniment.interfaces.cli.render import table

    rows = [(timestamp(one.started_at)[:16], one.name, one.state.value, one.id) for one in found]
    TERMINAL.show(table(("started", "workflow", "state", "run"), rows))


@app.command(epilog=example("muniment workflows show RUN --as ivan"))
def show(id: RunId, as_: OfUser = None) -> None:
    """Show where a run stands, what it was given, says of itself and gave."""
    with TERMINAL.workspace() as workspace:
        found = workspace.workflow_runs.show(id, _who(workspace, as_))
        _show(found, _waiting(workspace, found))


@app.command(epilog=example("muniment workflows resume RUN"))
def resume(id: RunId) -> None:
    """Let a run go on: release one that is held or in quarantine, and follow it until it ends or waits."""
    from muniment.foundation.workflows.runs import State
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.workflow_runs.show(id, None)
        if found.state not in (State.RUNNING, State.WAITING):
            found = workspace.workflow_runs.resume(id, None, OPERATOR)
        found = _followed(workspace, found)
        _show(found, _waiting(workspace, found))
    _end(found)


@app.command(epilog=example("muniment workflows cancel RUN --as ivan"))
def cancel(id: RunId, as_: OfUser = None) -> None:
    """End a run after the step that it is at, and undo what it gave to be undone."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        who = _who(workspace, as_)
        _show(workspace.workflow_runs.cancel(id, who, OPERATOR if who is None else _by(who)), None)


def _followed(workspace: Workspace, run: Run) -> Run:
    """Return a run once it has ended, or waits for what is not here; it runs in this process if in no other."""
    from muniment.foundation.workflows.runs import ENDED, State

    TERMINAL.interrupted = f"muniment: The run goes on where it was: muniment workflows resume {run.id}"
    workspace.workflows.launch()
    said, still = "", time.monotonic()
    while True:
        found = workspace.workflow_runs.show(run.id, None)
        if _stage(found) != said:
            said, still = _stage(found), time.monotonic()
            TERMINAL.say(f"muniment: {said}")
        if found.state is State.RUNNING:
            still = time.monotonic()
        held = found.state in (*ENDED, State.QUARANTINED, State.HELD)
        if held or time.monotonic() - still > _STILL_SECONDS or _waiting(workspace, found):
            _leave(workspace)
            return found
        time.sleep(_LOOK_SECONDS)


def _leave(workspace: Workspace) -> None:
    """Let other runs that go on in this process come to where they wait: a step cut short may be one that acts."""
    from muniment.foundation.workflows.runs import State

    until = time.monotonic() + _LEAVE_SECONDS
    while workspace.workflows.is_running() and time.monotonic() < until:
        if not workspace.workflows.runs(state=State.RUNNING, most=1):
            return
        time.sleep(_LOOK_SECONDS)


def _waiting(workspace: Workspace, run: Run) -> Action | None:
    """Return the action of a run that waits for people."""
    from muniment.foundation.workflows.runs import State

    if run.state is not State.WAITING:
        return None
    who = workspace.directory.principal(str(run.given["requester"]))
    mine = workspace.actions.mine(who, 1_000)
    return next((one for one in mine if one.state == "waiting" and one.bound.agent.run == run.id), None)


def _show(found: Run, waiting: Action | None) -> None:
    from muniment.assistant.workflows.runs import as_json
    from muniment.foundation.workflows.runs import State

    whole = as_json(found)
    if TERMINAL.json:
        TERMINAL.document({**whole, "waits_for": waiting.id if waiting else None})
        return
    from muniment.interfaces.cli.render import facts_table

    TERMINAL.show(facts_table({name: value for name, value in whole.items() if value not in (None, "", {})}))
    if waiting is not None:
        TERMINAL.say(
            f"muniment: {waiting.id} waits for people: muniment approvals show {waiting.id}; then, where no "
            f"server runs this home, muniment workflows resume {found.id}"
        )
    elif found.state is State.WAITING:
        TERMINAL.say(
            f"muniment: It waits; where no server runs this home, muniment workflows resume {found.id}"
        )


def _end(found: Run) -> None:
    from muniment.foundation.workflows.runs import State

    if found.state not in (State.DONE, State.WAITING, State.RUNNING):
        raise typer.Exit(1)


def _stage(found: Run) -> str:
    return str(found.tells.get("stage", ""))


def _who(workspace: Workspace, as_: str | None) -> Principal | None:
    return None if as_ is None else workspace.directory.principal(as_)


def _by(principal: Principal) -> Actor:
    from muniment.governance.audit.entry import Actor

    return Actor(principal.ref, "cli")


def _state(text: str) -> State | None:
    from muniment.foundation.errors import BadInput
    from muniment.foundation.workflows.runs import State

    if text and text not in set(State):
        raise BadInput(f"No state is called {text!r}.", fix=f"Use one of {', '.join(State)}.")
    return State(text) if text else None
