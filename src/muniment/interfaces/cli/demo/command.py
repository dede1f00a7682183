"""The demo command: a fresh home, the systems beside it, eight chapters, then the address to open."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from muniment.actions.action import Action
    from muniment.interfaces.cli.demo.chapters import Story
    from muniment.interfaces.cli.demo.systems import Systems

HOME = Path(".demo")
MARK = "made-by-muniment-demo"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("muniment demo", "muniment demo --once", "muniment demo --model local"))(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit at the end instead of serving.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Answer by a language model on this machine: its name, or `local` for the smallest.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """See it work: a sample company, three people, one question, and proof. Uses ./.demo or --home, made anew."""
    from muniment import app as composition
    from muniment.foundation.shipped import shipped
    from muniment.interfaces.cli.demo.chapters import Story
    from muniment.interfaces.cli.demo.language_model import prepare
    from muniment.interfaces.cli.demo.script import read_script
    from muniment.interfaces.cli.demo.stage import Stage
    from muniment.interfaces.cli.demo.systems import running, write_settings

    home = TERMINAL.home or HOME
    script = read_script(shipped("examples/acme"))
    _start_afresh(home)
    TERMINAL.interrupted = f"muniment: Stopped. The demo lives in {home} and may be deleted."
    console = TERMINAL.err if TERMINAL.json else TERMINAL.out
    language_model = prepare(home, model, console) if model is not None else ""
    made = composition.create(home)
    (home / MARK).touch()
    stage, key = Stage(console, made.clock), made.call_credentials.public_jwk()
    made.close()
    with running(script.company / "systems", home / "systems", key) as systems:
        # Their address is known only now, and settings are read once.
        write_settings(home, systems)
        workspace = composition.open(home)
        try:
            story = Story(workspace, script, stage, language_model)
            _tell(story, systems, once, home)
        finally:
            workspace.close()
    if not story.good:
        raise typer.Exit(1)


def _tell(story: Story, systems: Systems, once: bool, home: Path) -> None:
    from muniment.interfaces.cli.demo import acting, chapters

    story.stage.opening("muniment", "Ask the company. Get only what you may know. With proof.")
    chapters.weights(story)
    for chapter in (chapters.ingest, chapters.questions, chapters.revocation, chapters.poison):
        chapter(story)
    waiting = acting.actions(story, systems)
    chapters.evidence(story, home)
    chapters.explain(story)
    story.stage.chapter(
        8, "Your turn", "Open a link in a browser: each signs one person in, once, within 15 minutes."
    )
    _finish(story, waiting, once, home)


def _finish(story: Story, waiting: Action | None, once: bool, home: Path) -> None:
    from muniment.interfaces.cli.workspace import open_port, serve_workspace, sign_in_links
    from muniment.interfaces.listening import listening

    server = story.workspace.settings.server
    where = listening(story.workspace, server.host)
    names = story.script.people()
    port = server.port
    if not once:
        try:
            port = open_port(server.host, port)
        except OSError:
            port = open_port(server.host, 0)
    base = where.base(port, server.allowed_hosts)
    address = f"{base}/approvals/{waiting.id}" if waiting is not None else ""
    if not once:
        _invite(story, address)
        story.stage.end_chapter()
        serve_workspace(story.workspace, where, port, names)
        return
    links = sign_in_links(story.workspace, names, base)
    for name, link in links.items():
        story.stage.say(f"  {story.who(name):<18} {story.role(name)}")
        story.stage.console.print(f"    {link}", soft_wrap=True, style="cyan")
    story.stage.say("")
    _invite(story, address)
    story.stage.say(
        f"The links work while this runs: muniment --home {home} serve\n"
        "The company's systems have ended; what you approve then is refused. `muniment demo` without --once keeps "
        "them running."
    )
    story.stage.end_chapter()
    story.stage.verdict(
        story.good,
        f"{'everything held' if story.good else 'something did not hold, see above'}: "
        f"{story.stage.seconds():.0f} seconds in all",
    )
    if TERMINAL.json:
        told = {"ok": story.good, "home": str(home), "seconds": story.stage.seconds(), "links": links}
        TERMINAL.document({**told, "waiting": address})


def _invite(story: Story, address: str) -> None:
    """Say where an action waits."""
    if address:
        told = story.script.actions
        story.stage.say(
            f"What {story.who(told.asker)}'s mail ordered waits for {story.who(told.approver)}. Sign in as "
            f"{told.approver}, then see whose word each value is, and decide:"
        )
        story.stage.console.print(f"    {address}\n", soft_wrap=True, style="cyan")


def _start_afresh(home: Path) -> None:
    """Remove an earlier demo; never a folder that a demo did not make."""
    from muniment.foundation.errors import Conflict

    if not home.exists():
        return
    if (home / MARK).exists():
        shutil.rmtree(home)
    elif any(home.iterdir()):
        raise Conflict(f"{home} was not made by a demo.", fix="Name another folder with --home.")
