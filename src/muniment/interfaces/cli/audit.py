"""audit: what happened, and the proof that the record of it is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import audit_reading, audit_sinks, audit_witness
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.audit.verification import Verification

app = typer.Typer(no_args_is_help=True)
audit_reading.register(app)
app.add_typer(audit_witness.app, name="witness", help="Who outside holds checkpoints of the log.")


def register(parent: typer.Typer) -> None:
    """Add the group."""
    audit_sinks.register(app)
    parent.add_typer(app, name="audit", help="The log and its proof.")


@app.command(epilog=example("muniment audit tail -n 20 --kind answer.finished"))
def tail(
    count: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Most entries.")] = 20,
    kind: Annotated[
        str | None, typer.Option(help="Only one kind, such as retrieval.chunk.", show_default=False)
    ] = None,
    as_: AsOfficer = None,
) -> None:
    """Show the last entries; they hold identifiers, digests and counts, never content. Reading is an entry too."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        entries = workspace.audit_reading.tail(count, kind, who, by)
    if TERMINAL.json:
        TERMINAL.document({"entries": [audit_reading.entry_document(e) for e in entries]})
    else:
        audit_reading.show_entries(entries)


@app.command(epilog=example("muniment audit verify", "muniment audit verify --export ./evidence"))
def verify(
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Check an export instead.", show_default=False)
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A checkpoint that was kept elsewhere; may be repeated.", show_default=False
        ),
    ] = None,
    witness: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Compare with all that this witness saw.", show_default=False),
    ] = None,
) -> None:
    """Recompute the whole log and say whether it is what was signed; exit 1 and where it is not."""
    kept = checkpoint or []
    if export is not None:
        found = _verify_export(export, kept)
    else:
        found = _verify_log(kept) if witness is None else _verify_by(witness)
    if TERMINAL.json:
        TERMINAL.document(found)
    else:
        _show(found)
    if not found["ok"]:
        raise typer.Exit(1)


@app.command("export", epilog=example("muniment audit export ./evidence"))
def export_(folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)]) -> None:
    """Write the log with a verifier that needs neither muniment nor a secret."""
    from muniment.governance.audit.entry import Entry
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        made = workspace.audit.export(folder)
        workspace.audit.record([Entry("audit.exported", OPERATOR, {"entries": made.entries})])
    if TERMINAL.json:
        TERMINAL.document(
            {
                "folder": str(made.folder),
                "entries": made.entries,
                "checkpoint": made.checkpoint.text,
                "files": list(made.files),
            }
        )
        return
    TERMINAL.show(
        f"Wrote {made.entries} entries to {made.folder}.",
        f"Check them anywhere: python {made.folder}/verify.py {made.folder}",
        "Keep this checkpoint elsewhere; with it, nobody can rewrite the log unseen:",
        visible(made.checkpoint.text).rstrip(),
    )


def _verify_log(kept: Sequence[Path]) -> dict[str, object]:
    from muniment.governance.audit.checkpoint import parse

    trusted = [parse(file.read_text("utf-8"), cosigned=True) for file in kept]
    with TERMINAL.workspace() as workspace:
        return _document(workspace.audit.verify(*trusted))


def _verify_by(witness: str) -> dict[str, object]:
    with TERMINAL.workspace() as workspace:
        return _document(workspace.witnesses.verify(witness))


def _document(found: Verification) -> dict[str, object]:
    return {
        "ok": found.ok,
        "entries": found.entries,
        "root": found.root,
        "checkpoints": found.checkpoints,
        "findings": list(found.findings),
    }


def _verify_export(folder: Path, kept: Sequence[Path]) -> dict[str, object]:
    from muniment.foundation.errors import BadInput

    if not folder.is_dir():
        raise BadInput(f"No folder {folder}.", fix="Name a folder that `muniment audit export` wrote.")
    return verify_folder(folder, kept)


def verify_folder(folder: Path, kept: Sequence[Path] = ()) -> dict[str, object]:
    """Run the offline verifier on an export, as an auditor would: in its own process, on the files alone."""
    import subprocess
    import sys

    from muniment.foundation.errors import Unavailable
    from muniment.governance import audit as package

    script = Path(package.__file__).with_name("verify.py")
    command = [sys.executable, "-I", str(script), str(folder), "--json"]
    for file in kept:
        command += ["--checkpoint", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise Unavailable(
            "The offline verifier did not finish.", fix="See --debug.", detail=done.stderr[-2000:]
        ) from error


def _show(found: dict[str, object]) -> None:
    findings = found.get("findings")
    if found["ok"]:
        TERMINAL.show(
            f"The log is whole: {found['entries']} entries, {found['checkpoints']} signed checkpoints.",
            f"  root {found['root']}",
        )
        return
    TERMINAL.show(f"The log was tampered with ({found['entries']} entries read):")
    for finding in findings if isinstance(findings, list) else []:  # pyright: ignore[reportUnknownVariableType]
        TERMINAL.show(f"  {visible(str(finding))}")  # pyright: ignore[reportUnknownArgumentType]
