"""incident export, key and open-bundle: the evidence of an incident, for people outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

LARGEST = 1 << 28
NewFile = Annotated[Path, typer.Argument(metavar="NEWFILE", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(
        epilog=example(
            "muniment incident export ID evidence.zip",
            "muniment incident export ID evidence.sealed --for auditor.pub",
        )
    )(export)
    app.command(epilog=example("muniment incident key auditor.key"))(key)
    app.command(
        "open-bundle",
        epilog=example("muniment incident open-bundle evidence.sealed auditor.key evidence.zip"),
    )(open_bundle)


def export(
    id: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.", show_default=False)],
    for_: Annotated[
        Path | None,
        typer.Option("--for", metavar="KEYFILE", help="Seal it to this public key.", show_default=False),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Say who people are, and what they wrote of the incident.")
    ] = False,
    as_: AsOfficer = None,
) -> None:
    """Write the evidence of an incident as one zip that is checked offline; that it was exported is an entry."""
    to = None if for_ is None else _read(for_)
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.evidence.export(id, file, who, by, to, names)
        public_key = workspace.audit.public_key()
    if TERMINAL.json:
        TERMINAL.document(
            {
                "file": str(made.file),
                "incident": made.incident,
                "entries": made.entries,
                "answers": made.answers,
                "checkpoint": made.checkpoint.text,
                "public_key": public_key,
                "sealed_to": made.sealed_to,
                "names": names,
            }
        )
        return
    sealed = f", sealed to {made.sealed_to}" if made.sealed_to else ""
    TERMINAL.show(
        f"Wrote {made.entries} entries and the lineage of {made.answers} answers to {visible(str(file))}{sealed}.",
        "Whoever gets it checks it with `python verify_bundle.py FILE --key KEY.txt`; give them this key by another "
        "way:",
        visible(public_key),
    )


def key(newfile: NewFile) -> None:
    """Make a key pair for somebody outside: the private key in NEWFILE, the public one in NEWFILE.pub."""
    from muniment.foundation.errors import Conflict
    from muniment.foundation.ids import Ids
    from muniment.foundation.private_file import write_private
    from muniment.governance.incidents.sealing import key_pair

    public_file = newfile.with_name(f"{newfile.name}.pub")
    if public_file.exists():
        raise Conflict(f"{public_file} already exists.", fix="Nothing was overwritten.")
    private, public = key_pair(Ids().random_bytes(32))
    write_private(newfile, private)
    write_private(public_file, public)
    if TERMINAL.json:
        TERMINAL.document({"private": str(newfile), "public": str(public_file)})
    else:
        TERMINAL.show(
            f"Wrote the private key to {visible(str(newfile))}: keep it, nobody can make it again.",
            f"Give {visible(str(public_file))} to whoever seals evidence for you.",
        )


def open_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What was sealed.", show_default=False)],
    keyfile: Annotated[Path, typer.Argument(metavar="KEYFILE", help="The private key.", show_default=False)],
    to: Annotated[Path, typer.Argument(metavar="TO", help="A new file for the zip.", show_default=False)],
) -> None:
    """Open evidence that was sealed for you; needs no workspace. Check it then: this tells not who made it."""
    from muniment.foundation.private_file import write_private
    from muniment.governance.incidents.sealing import opened

    write_private(to, opened(_read(file), _read(keyfile)))
    if TERMINAL.json:
        TERMINAL.document({"file": str(to)})
    else:
        TERMINAL.show(f"Wrote {visible(str(to))}; check it with `python verify_bundle.py`.")


def _read(path: Path) -> bytes:
    from muniment.foundation.errors import BadInput

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror}).", fix="Name a file that is there."
        ) from error
    if len(content) > LARGEST:
        raise BadInput(f"{path} is larger than {LARGEST >> 20} MB.", fix="Name a bundle or a key.")
    return content
