"""index models and index reembed: which embedding model searches use, and going over to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.background import step_back
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.progress import progress
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.knowledge.ingestion.reembed import KnownModel, Reembedded

_SHOWN = 20
"""Documents without vectors that are named."""


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command(epilog=example("muniment index models"))(models)
    group.command(
        epilog=example(
            "muniment index reembed NAME --dry-run",
            "muniment index reembed NAME",
            "muniment index reembed --drop",
        )
    )(reembed)


def models() -> None:
    """List the embedding models: which one searches use, which is being built, which could be."""
    with TERMINAL.workspace() as workspace:
        found = workspace.reembed.models()
    if TERMINAL.json:
        TERMINAL.document({"models": [_plain(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (one.model.name, str(one.model.dimensions or "?"), _short(one.model.digest), _state(one))
        for one in found
    ]
    TERMINAL.show(table(("model", "dimensions", "digest", "state"), [list(row) for row in rows]))
    if not any(one.state == "in use" for one in found):
        TERMINAL.show("No model is in use: nothing has a vector yet, and search is by words alone.")


def reembed(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The embedding model to go over to.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop first what is being built, whichever model's.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Only drop what is being built.")] = False,
) -> None:
    """Make the vectors of another model beside the index in use, then switch to them at once.

    Until then every search uses the old model, and documents may be ingested. Stopped, it goes on where it was.
    """
    from muniment.foundation.errors import BadInput

    if drop == (name is not None) or (drop and (dry_run or restart)):
        raise BadInput(
            "Name a model, or say --drop and nothing else.", fix="See `muniment index models` for the names."
        )
    TERMINAL.interrupted = (
        "muniment: Stopped. Searches go on with the model in use; run the same command again to go on."
    )
    with TERMINAL.workspace() as workspace:
        if name is None:
            _drop(workspace)
        else:
            _show(_run(workspace, name, dry_run, restart), dry_run)


def _run(workspace: Workspace, name: str, dry_run: bool, restart: bool) -> Reembedded:
    from muniment.governance.identity.principal import OPERATOR

    offer = workspace.embedders.named(name)
    embedder = workspace.embedders.require(offer)
    if dry_run:
        return workspace.reembed.plan(offer.model, restart)
    step_back(workspace)
    with progress() as stage:
        return workspace.reembed.run(embedder, OPERATOR, restart, stage("Making documents' vectors"))


def _drop(workspace: Workspace) -> None:
    from muniment.governance.identity.principal import OPERATOR

    dropped = workspace.reembed.drop(OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"dropped": dropped.name if dropped else None})
    elif dropped is None:
        TERMINAL.show("Nothing is being built.")
    else:
        TERMINAL.show(f"What was built with {dropped.name} is dropped; searches go on as before.")


def _show(done: Reembedded, dry_run: bool) -> None:
    if TERMINAL.json:
        TERMINAL.document(
            {
                "dry_run": dry_run,
                "model": done.model.name,
                "digest": done.model.digest,
                "before": {"model": done.before.name, "digest": done.before.digest} if done.before else None,
                "documents": done.documents,
                "made": done.made,
                "words_alone": list(done.bare),
                "switched": done.switched,
            }
        )
        return
    if done.before is not None and done.before.digest == done.model.digest:
        TERMINAL.show(f"Searches use {done.model.name} already; nothing was done.")
        return
    before = done.before.name if done.before else "words alone"
    if dry_run:
        TERMINAL.show(
            f"{done.made} of {done.documents} documents would get vectors of {done.model.name}; "
            f"then searches would go over to it from {before}."
        )
        return
    for one in done.bare[:_SHOWN]:
        TERMINAL.show(f"{visible(one)}: its vectors are not finite, so it is found by words alone.")
    if len(done.bare) > _SHOWN:
        TERMINAL.show(f"... and {len(done.bare) - _SHOWN} more are found by words alone.")
    TERMINAL.show(
        f"{done.made} of {done.documents} documents got vectors of {done.model.name}. "
        f"Searches use it from now on, instead of {before}."
    )


def _state(one: KnownModel) -> str:
    said = {
        "in use": "in use",
        "building": f"building: {one.done} of {one.total} documents",
        "available": "available",
        "unused": "not present",
    }[one.state]
    missing = f"{'' if one.state == 'unused' else '; not present'}. {visible(one.fix)}"
    return said if one.present else said + missing


def _plain(one: KnownModel) -> dict[str, object]:
    return {
        "model": one.model.name,
        "digest": one.model.digest,
        "dimensions": one.model.dimensions,
        "state": "not present" if one.state == "unused" else one.state,
        "present": one.present,
        "fix": one.fix,
        "done": one.done,
        "total": one.total,
    }


def _short(digest: str) -> str:
    return digest[:19]
