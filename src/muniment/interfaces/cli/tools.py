"""tools: what can be done in the world, by the manifests of those who answer for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import tool_drafts
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.actions.registry import Tool

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE.toml", help="A manifest.", show_default=False)]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    tool_drafts.register(app)
    parent.add_typer(app, name="tools", help="What can be done in the world: see, add, check, switch off.")


@app.command("list", epilog=example("muniment tools list"))
def list_() -> None:
    """List the tools that somebody added."""
    with TERMINAL.workspace() as workspace:
        found = workspace.tools.listing()
    if TERMINAL.json:
        TERMINAL.document({"tools": [one.as_json() for one in found]})
        return
    if not found:
        TERMINAL.show("There are no tools yet. Add one: muniment tools add FILE.toml")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        [
            one.manifest.name,
            one.manifest.effect,
            one.manifest.reversible,
            one.manifest.sensitivity,
            "yes" if one.enabled else visible(f"no: {one.why}"),
            visible(one.manifest.says),
        ]
        for one in found
    ]
    TERMINAL.show(table(("tool", "effect", "taken back", "sensitivity", "enabled", "what it does"), rows))


@app.command(epilog=example("muniment tools show refund"))
def show(name: Name) -> None:
    """Show a tool, what it takes, and the class that its calls have."""
    from muniment.actions.classes import classes_of

    with TERMINAL.workspace() as workspace:
        found = workspace.tools.show(name)
        classes = classes_of(found.manifest, workspace.risk)
    _show(found, [(one.calls, one.gives, one.rules) for one in classes])


@app.command(epilog=example("muniment tools check refund.toml"))
def check(file: File) -> None:
    """Say what is wrong with a manifest, and which class its calls would have; adds nothing."""
    from muniment.actions.classes import classes_of
    from muniment.actions.manifest_file import read_manifest

    with TERMINAL.workspace() as workspace:
        made = read_manifest(_text(file))
        classes = classes_of(made, workspace.risk)
    if TERMINAL.json:
        TERMINAL.document(
            {
                "name": made.name,
                "manifest": made.digest,
                "calls": [{"calls": one.calls, "class": one.gives, "rules": one.rules} for one in classes],
            }
        )
        return
    TERMINAL.show(f"{made.name} fits. {made.digest}")
    _show_classes([(one.calls, one.gives, one.rules) for one in classes])


@app.command(epilog=example("muniment tools add refund.toml"))
def add(file: File) -> None:
    """Let a manifest count from now on, in place of an earlier one of its tool."""
    from muniment.governance.identity.principal import OPERATOR

    text = _text(file)
    with TERMINAL.workspace() as workspace:
        made = workspace.tools.add(text, None, OPERATOR)
    _done(made, f"{made.manifest.name} can be used by whoever policy lets. {made.manifest.digest}")


@app.command(epilog=example("muniment tools enable refund"))
def enable(name: Name, as_: AsOfficer = None) -> None:
    """Let a tool that was switched off run again, by the manifest that counted."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.tools.enable(name, who, by)
    _done(made, f"{made.manifest.name} runs again.")


@app.command(epilog=example("muniment tools disable refund --reason 'Orders are being moved'"))
def disable(name: Name, reason: Reason, as_: AsOfficer = None) -> None:
    """Let a tool run for nobody, from the next call on; approved calls are refused too."""
    from muniment.governance.policy.roles import checked_reason

    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.tools.disable(name, checked_reason(reason), who, by)
    _done(made, f"{made.manifest.name} runs for nobody. Again: muniment tools enable {made.manifest.name}")


def _text(file: Path) -> str:
    from muniment.foundation.errors import BadInput

    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{file} is no UTF-8 text.", fix="Save it as UTF-8.") from None


def _done(made: Tool, said: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(made.as_json())
    else:
        TERMINAL.show(said)


def _show(found: Tool, classes: list[tuple[str, str, tuple[str, ...]]]) -> None:
    if TERMINAL.json:
        calls = [{"calls": calls, "class": gives, "rules": rules} for calls, gives, rules in classes]
        TERMINAL.document({**found.as_json(), "calls": calls, "source": found.manifest.source})
        return
    from muniment.interfaces.cli.render import facts_table

    made = found.manifest
    TERMINAL.show(
        facts_table(
            {
                "tool": made.name,
                "what it does": made.says,
                "effect": made.effect,
                "taken back": made.reversible,
                "sensitivity": made.sensitivity,
                "for": ", ".join(sorted(made.allowed_groups)),
                "enabled": "yes" if found.enabled else f"no: {found.why}",
                "manifest": made.digest,
                "changed": f"{found.changed_at} by {found.changed_by}",
                **{f"takes {place}": role for place, role in sorted(made.roles.items())},
            }
        )
    )
    _show_classes(classes)


def _show_classes(classes: list[tuple[str, str, tuple[str, ...]]]) -> None:
    from muniment.interfaces.cli.render import table

    rows = [(calls, gives, ", ".join(rules)) for calls, gives, rules in classes]
    TERMINAL.show(table(("calls", "class", "rules"), rows))
