"""tools import, tools drift: drafts of manifests from what systems say of themselves, and what they say no longer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.actions.draft import Draft

Document = Annotated[
    Path, typer.Argument(metavar="FILE", help="An OpenAPI document, 3.x in JSON.", show_default=False)
]


def register(tools: typer.Typer) -> None:
    """Add the commands to the group `tools`."""
    tools.command("import", epilog=example("muniment tools import --server shop --to drafts"))(import_)
    tools.command(epilog=example("muniment tools drift openapi.json"))(drift)


def import_(
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Where drafts are written; none is replaced.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="An OpenAPI document, 3.x in JSON.", show_default=False),
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="URL", help="Where the system of the document is.")
    ] = "",
    server: Annotated[
        str, typer.Option("--server", metavar="NAME", help="Ask this MCP server of [tools.servers] instead.")
    ] = "",
) -> None:
    """Write a draft of a manifest for each operation or tool; none can be added before a person has finished it."""
    from muniment.actions.importing import import_mcp, import_openapi
    from muniment.foundation.errors import BadInput

    if (file is None) == (not server) or bool(base) != (file is not None):
        raise BadInput("Name one thing to import.", fix="Give FILE with --base URL, or --server NAME.")
    if file is not None:
        drafts = import_openapi(_text(file), base)
    else:
        from muniment.app.tool_runners import remote_tools

        with TERMINAL.workspace() as workspace:
            offered = remote_tools(workspace.settings, workspace.home).definitions(server)
        drafts = import_mcp(offered)
    written = _write(drafts, to)
    if TERMINAL.json:
        TERMINAL.document(
            {
                "drafts": [
                    {"name": one.name, "of": one.source, "missing": list(one.missing), "file": str(path)}
                    for one, path in zip(drafts, written, strict=True)
                ]
            }
        )
        return
    from muniment.interfaces.cli.render import table

    rows = [(one.name, one.source, str(len(one.missing))) for one in drafts]
    TERMINAL.show(table(("draft", "of", "left to say"), rows))
    TERMINAL.show("", f"Finish them in {to}, then: muniment tools check FILE.toml")


def drift(file: Document) -> None:
    """Say which tools' operations a document no longer states as it did when their manifests were written."""
    from muniment.actions.importing import changed_operations

    with TERMINAL.workspace() as workspace:
        known = [one.manifest for one in workspace.tools.listing()]
    changed = changed_operations(_text(file), known)
    if TERMINAL.json:
        TERMINAL.document({"changed": [{"tool": one.name, "why": one.why} for one in changed]})
        return
    if not changed:
        TERMINAL.show("Every operation of your tools is as it was, or has no digest.")
        return
    from muniment.interfaces.cli.render import table

    TERMINAL.show(table(("tool", "why"), [(one.name, one.why) for one in changed]))


def _text(file: Path) -> str:
    from muniment.foundation.errors import BadInput

    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read.", fix="Name a file of text.") from error


def _write(drafts: Sequence[Draft], to: Path) -> list[Path]:
    """Write each draft to a file of its own; raises Conflict before any where one is there."""
    from muniment.foundation.errors import Conflict

    paths = [to / f"{one.name}.toml" for one in drafts]
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise Conflict(f"{there} is there already.", fix="Write to another folder.")
    to.mkdir(parents=True, exist_ok=True)
    for one, path in zip(drafts, paths, strict=True):
        path.write_text(one.text, "utf-8")
    return paths
