"""audit: what happened, and the proof that the record of it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.audit.entry import Json

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="audit", help="The log and its proof.")


@app.command(epilog=example("muniment audit tail -n 20 --kind answer.finished"))
def tail(
    count: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Most entries.")] = 20,
    kind: Annotated[
        str | None, typer.Option(help="Only one kind, such as retrieval.chunk.", show_default=False)
    ] = None,
) -> None:
    """Show the last entries; they hold identifiers, digests and counts, never content. The log says so."""
    from muniment.governance.audit.entry import Entry
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        if kind is None:
            entries = workspace.audit.tail(count)
        else:
            entries = workspace.audit.query(kind=kind, limit=10**9)[-count:]
        read = {"entries": len(entries), "kind": kind}
        workspace.audit.record([Entry("audit.read", OPERATOR, read)])
    if TERMINAL.json:
        plain = [
            {
                "seq": e.seq,
                "at": e.at,
                "kind": e.kind,
                "actor": e.actor,
                "via": e.via,
                "about": e.about,
                "leaf_hash": e.leaf_hash,
            }
            for e in entries
        ]
        TERMINAL.document({"entries": plain})
        return
    from rich.padding import Padding
    from rich.text import Text

    from muniment.interfaces.cli.render import ACCENT, QUIET

    for e in entries:
        head = Text(f"{e.seq:>6}  {e.at[:19]}Z  ", style=QUIET)
        head.append(f"{e.kind:<22} ", style=ACCENT)
        head.append(f"{visible(e.actor)} ({e.via})")
        about = "  ".join(f"{name}={_short(value)}" for name, value in e.about.items())
        TERMINAL.show(head, Padding(Text(visible(about), style=QUIET), (0, 0, 0, 8)))


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


@app.command(epilog=example("muniment audit verify", "muniment audit verify --export ./evidence"))
def verify(
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Check an export instead.", show_default=False)
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A checkpoint that was kept elsewhere.", show_default=False),
    ] = None,
) -> None:
    """Recompute the whole log and say whether it is what was signed; exit 1 and where it is not."""
    found = _verify_export(export, checkpoint) if export is not None else _verify_log(checkpoint)
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


def _verify_log(checkpoint: Path | None) -> dict[str, object]:
    from muniment.governance.audit.checkpoint import parse

    trusted = parse(checkpoint.read_text("utf-8")) if checkpoint is not None else None
    with TERMINAL.workspace() as workspace:
        found = workspace.audit.verify(trusted)
    return {
        "ok": found.ok,
        "entries": found.entries,
        "root": found.root,
        "checkpoints": found.checkpoints,
        "findings": list(found.findings),
    }


def _verify_export(folder: Path, checkpoint: Path | None) -> dict[str, object]:
    from muniment.foundation.errors import BadInput

    if not folder.is_dir():
        raise BadInput(f"No folder {folder}.", fix="Name a folder that `muniment audit export` wrote.")
    return verify_folder(folder, checkpoint)


def verify_folder(folder: Path, checkpoint: Path | None = None) -> dict[str, object]:
    """Run the offline verifier on an export, as an auditor would: in its own process, on the files alone."""
    import subprocess
    import sys

    from muniment.foundation.errors import Unavailable
    from muniment.governance import audit as package

    script = Path(package.__file__).with_name("verify.py")
    command = [sys.executable, "-I", str(script), str(folder), "--json"]
    if checkpoint is not None:
        command += ["--checkpoint", str(checkpoint)]
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
