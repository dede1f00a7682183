"""audit query, prove and checkpoint: entries of the log, and small files that prove them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.audit.entry import Json, StoredEntry

To = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help="Write a new file.", show_default=False)
]
ByWitness = Annotated[
    str | None,
    typer.Option("--witness", metavar="NAME", help="The last that this witness took.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(
        epilog=example(
            "muniment audit query --kind 'retrieval.*' --document doc_x --since 2027-01-01",
            "muniment audit query --about outcome=denied -n 50",
        )
    )(query)
    app.command(
        epilog=example(
            "muniment audit prove 4711 --to entry.tlog-proof",
            "muniment audit prove --from 4000 --to growth.txt",
        )
    )(prove)
    app.command(epilog=example("muniment audit checkpoint --to checkpoint.txt"))(checkpoint)


def query(
    kind: Annotated[
        str, typer.Option(help="A kind, or the beginning of kinds and a `*`.", show_default=False)
    ] = "",
    actor: Annotated[str, typer.Option(help="Such as user:alice.", show_default=False)] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="No older than a date or time (UTC).", show_default=False)
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Older than that.", show_default=False)] = "",
    answer: Annotated[str, typer.Option(metavar="ID", help="About this answer.", show_default=False)] = "",
    document: Annotated[
        str, typer.Option(metavar="ID", help="About this document.", show_default=False)
    ] = "",
    about: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="What it is about has this value.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=1000, help="Most entries.")] = 100,
    after: Annotated[
        int | None, typer.Option(metavar="SEQ", help="Behind this entry.", show_default=False)
    ] = None,
    as_: AsOfficer = None,
) -> None:
    """Find entries, oldest first; that they were read is an entry too."""
    from muniment.governance.audit.query import Filter

    fields = {"answer": answer, "document": document}
    wanted = Filter(
        kind, actor, _time(since), _time(until), {n: v for n, v in fields.items() if v} | _fields(about)
    )
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found, place = list["StoredEntry"](), after
        # A page may be short where entries are rare.
        while True:
            page = workspace.audit_reading.entries(wanted, place, count - len(found), who, by)
            found.extend(page.entries)
            place = page.after
            if place is None or len(found) == count:
                break
    if TERMINAL.json:
        TERMINAL.document({"entries": [entry_document(one) for one in found], "after": place})
        return
    show_entries(found)
    if place is not None:
        TERMINAL.say(f"There may be more: --after {place}")


def prove(
    entry: Annotated[int | None, typer.Argument(metavar="SEQ", min=0, show_default=False)] = None,
    from_: Annotated[
        int | None,
        typer.Option(
            "--from", metavar="SIZE", min=1, help="Prove growth from this size instead.", show_default=False
        ),
    ] = None,
    to: To = None,
    witness: ByWitness = None,
    as_: AsOfficer = None,
) -> None:
    """Write a proof that verify.py checks offline: that an entry is in the log, or that the log only grew."""
    from muniment.foundation.errors import BadInput

    if (entry is None) == (from_ is None):
        raise BadInput(
            "Say what to prove.", fix="Give the number of an entry, or a size with --from, one of them."
        )
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        upto = workspace.witnesses.last(witness) if witness else None
        if entry is not None:
            text = workspace.audit_reading.inclusion(entry, who, by, upto)
        else:
            text = workspace.audit_reading.consistency(from_ or 0, who, by, upto)
    _give(text, to, "proof")


def checkpoint(to: To = None, witness: ByWitness = None, as_: AsOfficer = None) -> None:
    """Show a signed checkpoint of the log as it stands; keep it elsewhere."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        reading = workspace.audit_reading
        found = workspace.witnesses.last(witness) if witness else reading.checkpoint(who, by)
    _give(
        found.text, to, "checkpoint", {"origin": found.origin, "size": found.size, "root": found.root.hex()}
    )


def show_entries(entries: Sequence[StoredEntry]) -> None:
    """Show entries for a person."""
    from rich.padding import Padding
    from rich.text import Text

    from muniment.interfaces.cli.render import ACCENT, QUIET

    for e in entries:
        head = Text(f"{e.seq:>6}  {e.at[:19]}Z  ", style=QUIET)
        head.append(f"{e.kind:<22} ", style=ACCENT)
        head.append(f"{visible(e.actor)} ({e.via})")
        about = "  ".join(f"{name}={_short(value)}" for name, value in e.about.items())
        TERMINAL.show(head, Padding(Text(visible(about), style=QUIET), (0, 0, 0, 8)))


def entry_document(e: StoredEntry) -> dict[str, object]:
    """Return an entry as JSON."""
    return {
        "seq": e.seq,
        "at": e.at,
        "kind": e.kind,
        "actor": e.actor,
        "via": e.via,
        "about": e.about,
        "leaf_hash": e.leaf_hash,
    }


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _give(text: str, to: Path | None, name: str, more: dict[str, object] | None = None) -> None:
    if to is not None:
        _write(to, text)
    if TERMINAL.json:
        TERMINAL.document({name: text, **(more or {}), "file": None if to is None else str(to)})
    elif to is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    else:
        TERMINAL.show(f"Wrote the {name} to {to}.")


def _write(to: Path, text: str) -> None:
    from muniment.foundation.errors import Conflict, Unavailable

    try:
        with open(to, "xb") as file:
            file.write(text.encode())
    except FileExistsError as error:
        raise Conflict(f"{to} already exists.", fix="Nothing was overwritten.") from error
    except OSError as error:
        raise Unavailable(
            f"{to} cannot be written ({error.strerror}).", fix="Choose another place."
        ) from error


def _time(text: str) -> str:
    from datetime import UTC, datetime

    from muniment.foundation.clock import timestamp
    from muniment.foundation.errors import BadInput

    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"'{text}' is no date or time.", fix="Write 2027-01-31 or 2027-01-31T09:00Z."
        ) from error
    return timestamp(found if found.tzinfo else found.replace(tzinfo=UTC))


def _fields(given: list[str] | None) -> dict[str, str]:
    from muniment.foundation.errors import BadInput

    found: dict[str, str] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise BadInput(f"'{one}' is no field and value.", fix="Write --about FIELD=VALUE.")
        found[name] = value
    return found
