"""setup: from an empty folder to the first answer, in a browser on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("muniment setup"))(setup)


def setup(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port.", show_default=False)] = None,
) -> None:
    """Set up a workspace in the browser: keys, first administrator, first folder, first question; then serve it.

    Listens on this machine alone, and only for the browser that opens the link first.
    """
    from contextlib import closing

    from muniment.foundation.errors import Conflict
    from muniment.interfaces.cli.workspace import open_port
    from muniment.interfaces.setting_up.first_run import FirstRun
    from muniment.interfaces.setting_up.serving import SETUP_HOST, first_run_server

    with closing(FirstRun(TERMINAL.new_home())) as first:
        if first.finished():
            raise Conflict(
                f"The workspace in {first.home} is set up.",
                fix="Use `muniment serve --link USER` to sign in.",
            )
        free = open_port(SETUP_HOST, first.settings.server.port if port is None else port)
        server, token = first_run_server(first, free)
        link = f"http://{SETUP_HOST}:{free}/setup?token={token}"
        if TERMINAL.json:
            TERMINAL.document({"address": link})
        else:
            TERMINAL.show(
                f"Set muniment up in {first.home}. Open this in a browser on this machine (Ctrl-C stops):"
            )
            TERMINAL.out.print(f"  {link}", soft_wrap=True)
        server.run()
    TERMINAL.say("Stopped serving.")
