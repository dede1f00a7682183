"""release: what answers, named whole: build, compare, check, put in force, go back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.app.releasing import Releasing
    from muniment.assurance.release.canary import Running, Signals
    from muniment.assurance.release.gate import Verdict
    from muniment.assurance.release.manifest import Change
    from muniment.assurance.release.promotions import WentBack
    from muniment.assurance.release.records import Release, Staged
    from muniment.assurance.release.releases import Standing
    from muniment.governance.audit.entry import Json

app = typer.Typer(no_args_is_help=True)
Which = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Its name, id or digits of its hash.", show_default=False)
]


def _rooms(workspace: Workspace) -> Releasing:
    from muniment.app.releasing import releasing_of

    return releasing_of(workspace)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(
        app, name="release", help="What answers, named whole: build, check, put in force, go back."
    )


@app.command(epilog=example("muniment release build --name spring --reason 'Shorter answers'"))
def build(
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is called.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; kept beside it.")] = "built",
    prompt: Annotated[
        list[str] | None,
        typer.Option(metavar="PROMPT", help="In place of what waits for its purpose, or of the live one."),
    ] = None,
    as_: AsOfficer = None,
) -> None:
    """Keep prompts, models, settings, policy, tools and code as they are now under one hash; changes nothing."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = _rooms(workspace).releases.build(name, reason, by, who, prompt or [])
    if TERMINAL.json:
        TERMINAL.document(_plain(made))
    else:
        TERMINAL.show(
            f"{made.name} is built: {made.manifest.hash}",
            f"Next: muniment release diff {made.name}, then muniment release check {made.name} --reason WHY",
        )


@app.command("list", epilog=example("muniment release list"))
def list_() -> None:
    """List every release, newest first, and where it stands."""
    with TERMINAL.workspace() as workspace:
        found = _rooms(workspace).releases.listing()
    if TERMINAL.json:
        TERMINAL.document({"releases": [_standing(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    if not found:
        TERMINAL.show("There is no release. Build one: muniment release build --name NAME")
        return
    rows = [
        [made.name, one.stage, made.manifest.hash[:19], made.at[:19], made.by, visible(made.reason)]
        for one in found
        for made in [one.release]
    ]
    TERMINAL.show(table(("release", "stage", "hash", "built", "by", "reason"), rows))


@app.command(epilog=example("muniment release show spring"))
def show(release: Which) -> None:
    """Show what a release is made of, and what became of it."""
    with TERMINAL.workspace() as workspace:
        found = _rooms(workspace).releases.find(release)
    if TERMINAL.json:
        stages = [_stage(one) for one in found.stages]
        TERMINAL.document({**_standing(found), **found.release.manifest.as_json(), "stages": stages})
        return
    from muniment.assurance.release.manifest import COMPONENTS
    from muniment.interfaces.cli.render import table

    made = found.release
    TERMINAL.show(f"{made.name} ({made.id}) is {found.stage}. {made.manifest.hash}")
    rows = [
        [name, made.manifest.digests[name][:19], _short(_versions(made.manifest.components[name]))]
        for name in COMPONENTS
    ]
    TERMINAL.show(table(("component", "digest", "versions"), rows))
    TERMINAL.show(
        *(
            visible(f"{one.at[:19]} {one.stage.replace('_', ' ')} by {one.by}: {one.reason}")
            for one in found.stages
        )
    )


@app.command(epilog=example("muniment release diff spring", "muniment release diff spring winter"))
def diff(
    release: Which,
    other: Annotated[
        str | None, typer.Argument(metavar="[FROM]", help="Compared with; absent: the one in force.")
    ] = None,
) -> None:
    """Show which versions differ from the release in force, or another; before the first, from what answers now."""
    with TERMINAL.workspace() as workspace:
        found = _rooms(workspace).releases.difference(release, other)
    before = found.before.name if found.before else "what answers now"
    if TERMINAL.json:
        stated = {"from": found.before.name if found.before else None, "to": found.after.name}
        TERMINAL.document({**stated, "changes": [one.as_json() for one in found.changes]})
    elif found.changes:
        _show_changes(f"{found.after.name} against {before}", found.changes)
    else:
        TERMINAL.show(f"{found.after.name} and {before} are the same.")


@app.command(epilog=example("muniment release check spring --reason 'Before it goes out'"))
def check(
    release: Which,
    reason: Annotated[
        str, typer.Option(help="Why people's questions are asked, for the log.")
    ] = "release check",
    as_: AsOfficer = None,
) -> None:
    """Run the suites that its changes touch and say what stops it; exit 1 where something does."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        verdict = _rooms(workspace).checks.check(release, reason, by, who)
    _show_verdict(release, verdict)
    if not verdict.ok:
        raise typer.Exit(1)


@app.command(epilog=example("muniment release promote spring --reason 'Checked'"))
def promote(
    release: Which,
    reason: Reason,
    canary: Annotated[
        int | None,
        typer.Option(metavar="PERCENT", help="Before this share of people first.", show_default=False),
    ] = None,
    as_: AsOfficer = None,
) -> None:
    """Put a release in force that a check of the last days passed; its prompts are live from the next question on."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = _rooms(workspace).promotions.promote(release, reason, by, who, canary)
    if TERMINAL.json:
        TERMINAL.document(_stage(made))
    elif canary is None:
        TERMINAL.show(f"{release} is in force.", "Back: muniment release rollback --reason WHY")
    else:
        TERMINAL.show(
            f"{release} answers {canary} % of people. See: muniment release canary",
            f"Then: muniment release promote {release} --reason WHY, or muniment release rollback --reason WHY",
        )


@app.command(epilog=example("muniment release canary"))
def canary() -> None:
    """Show how the canary that runs does beside the rest; a server ends it where it does worse."""
    with TERMINAL.workspace() as workspace:
        running = _rooms(workspace).canary.running()
        found = _rooms(workspace).canary.signals(running) if running else ()
    if TERMINAL.json:
        TERMINAL.document(_canary(running, found))
        return
    if running is None:
        TERMINAL.show("No canary runs.")
        return
    from muniment.interfaces.cli.render import table

    TERMINAL.show(
        f"{running.release.name} answers {running.share} % of people since {running.stage.at[:19]}."
    )
    rows = [[one.name, str(one.canary), str(one.rest), "worse" if one.worse else ""] for one in found]
    TERMINAL.show(table(("signal", "with the canary", "without", ""), rows))


@app.command(
    epilog=example("muniment release waive spring sample:facts --reason 'Known, mended in May' --as carol")
)
def waive(
    release: Which,
    block: Annotated[
        str, typer.Argument(metavar="BLOCK", help="As `release check` names it.", show_default=False)
    ],
    reason: Reason,
    as_: Annotated[str, typer.Option("--as", metavar="USER", help="Who stands by it.", show_default=False)],
    asked_by: Annotated[
        str | None, typer.Option("--asked-by", metavar="USER", help="Who asks for it; else the operator.")
    ] = None,
) -> None:
    """Let one finding pass for 14 days, stood by by a second person; never a security failure."""
    with TERMINAL.workspace() as workspace:
        asking, _ = acting(workspace, asked_by)
        second = workspace.directory.principal(as_)
        by, _ = acting(workspace, as_)
        rooms = _rooms(workspace)

        made = rooms.waivers.waive(
            release, block, reason, asking.ref, second, by, lambda one: rooms.checks.verdict(one, asking.ref)
        )
    if TERMINAL.json:
        TERMINAL.document(_stage(made))
    else:
        TERMINAL.show(f"{block} is let pass until {made.verdict['expires']}, by {made.second}.")


@app.command(epilog=example("muniment release rollback --reason 'Answers got vague'"))
def rollback(
    reason: Reason,
    write_settings: Annotated[
        bool,
        typer.Option("--write-settings", help="Write settings.toml back, keeping the present one beside it."),
    ] = False,
    as_: AsOfficer = None,
) -> None:
    """End the canary, else go back to the release that was in force before, and say what files still differ."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        went = _rooms(workspace).promotions.rollback(reason, by, who)
        kept = _write_back(workspace.home, went) if write_settings and went.to else None
    left: tuple[Change, ...] = ()
    if went.to is not None:
        # Opened anew: the settings may be others now.
        with TERMINAL.workspace() as workspace:
            left = _rooms(workspace).releases.remaining(went.to)
    _show_way_back(went, left, kept)
    if went.failed:
        raise typer.Exit(1)


def _write_back(home: Path, went: WentBack) -> Path | None:
    from muniment.assurance.release.settings_file import write_back

    return write_back(home, went.to.settings, went.left.name) if went.to else None


def _show_way_back(went: WentBack, left: tuple[Change, ...], kept: Path | None) -> None:
    if TERMINAL.json:
        TERMINAL.document(
            {
                "left": went.left.name,
                "to": went.to.name if went.to else None,
                "put_back": list(went.put_back),
                "failed": list(went.failed),
                "settings_kept": str(kept) if kept else None,
                "differing": [one.as_json() for one in left],
            }
        )
        return
    if went.to is None:
        TERMINAL.show(f"The canary of {went.left.name} has ended; what was in force stays so.")
        return
    TERMINAL.show(f"{went.to.name} is in force again.", *(visible(f"  back: {one}") for one in went.put_back))
    TERMINAL.show(*(visible(f"  NOT back: {one}") for one in went.failed))
    if kept:
        TERMINAL.show(f"settings.toml is as built; the other one is {kept.name}. Restart what serves.")
    if left:
        _show_changes(f"{went.to.name} against what lies here now", left)


def _show_changes(title: str, found: tuple[Change, ...]) -> None:
    from muniment.interfaces.cli.render import table

    TERMINAL.show(title)
    rows = [
        [one.component, visible(one.name), _short(one.before or "-"), _short(one.after or "-")]
        for one in found
    ]
    TERMINAL.show(table(("component", "version", "before", "after"), rows))


def _show_verdict(release: str, verdict: Verdict) -> None:
    if TERMINAL.json:
        TERMINAL.document(verdict.as_json())
        return
    TERMINAL.show(f"Suites: {', '.join(verdict.suites) or 'none is touched'}")
    for one in verdict.blocks:
        TERMINAL.show(visible(f"STOPS {one.name}: {one}"))
    for one in verdict.waived:
        TERMINAL.show(visible(f"let pass {one.name}: {one.says}"))
    for note in verdict.notes:
        TERMINAL.show(visible(f"note {note}"))
    if verdict.ok:
        TERMINAL.show(f"Nothing stops it. Next: muniment release promote {release} --reason WHY")


def _versions(stated: Mapping[str, Json]) -> str:
    from muniment.assurance.release.manifest import leaves

    return ", ".join(f"{name} {value}" for name, value in leaves(stated)) or "none"


def _short(text: str) -> str:
    """Return a text for a table, its digests by their first digits."""
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1", visible(text))


def _plain(one: Release) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "hash": one.manifest.hash,
        "prompts": {purpose: prompt.version for purpose, prompt in one.prompts.items()},
        "at": one.at,
        "by": one.by,
        "reason": one.reason,
    }


def _standing(one: Standing) -> dict[str, object]:
    return {**_plain(one.release), "stage": one.stage, "in_force": one.in_force}


def _stage(one: Staged) -> dict[str, object]:
    return {
        "number": one.number,
        "release": one.release,
        "stage": one.stage,
        "reason": one.reason,
        "by": one.by,
        "second": one.second,
        "at": one.at,
        "verdict": dict(one.verdict),
    }


def _canary(running: Running | None, found: tuple[Signals, ...]) -> dict[str, object]:
    if running is None:
        return {"running": None}
    return {
        "running": {"release": running.release.name, "share": running.share, "since": running.stage.at},
        "signals": [one.as_json() for one in found],
    }
