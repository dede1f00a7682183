"""keys: what protects the workspace."""

from __future__ import annotations

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="keys", help="The keys of the workspace.")


@app.command(epilog=example("muniment keys status"))
def status() -> None:
    """Say where the keys lie, what they protect, and that they open."""
    from muniment.foundation.keys import ALGORITHM, PURPOSES
    from muniment.settings import kek_file

    with TERMINAL.workspace() as workspace:
        facts: dict[str, object] = {
            "tenant": workspace.keyring.tenant,
            "kek_file": str(kek_file(workspace.settings, workspace.home).resolve()),
            "keyring": str((workspace.home / "keys" / "keyring.json").resolve()),
            "algorithm": ALGORITHM.decode().rstrip("\x00"),
            "data_keys": list(PURPOSES),
            "opens": True,
        }
    if TERMINAL.json:
        TERMINAL.document(facts)
        return
    from muniment.interfaces.cli.render import facts_table

    TERMINAL.show(facts_table(facts))


@app.command(epilog=example("muniment keys public > muniment-log-key.txt"))
def public() -> None:
    """Print the public key that proves the log's checkpoints; give it to your auditors."""
    with TERMINAL.workspace() as workspace:
        key = workspace.audit.public_key()
    if TERMINAL.json:
        TERMINAL.document({"public_key": key})
    else:
        TERMINAL.out.print(key, soft_wrap=True)
