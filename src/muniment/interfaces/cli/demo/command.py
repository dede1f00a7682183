"""The demo command: a fresh home, seven chapters, then the address to open."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL

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
    from muniment.interfaces.cli.demo import chapters
    from muniment.interfaces.cli.demo.language_model import prepare
    from muniment.interfaces.cli.demo.script import read_script
    from muniment.interfaces.cli.demo.stage import Stage
    from muniment.interfaces.cli.shipped import shipped

    home = TERMINAL.home or HOME
    script = read_script(shipped("examples/acme"))
    _start_afresh(home)
    TERMINAL.interrupted = f"muniment: Stopped. The demo lives in {home} and may be deleted."
    console = TERMINAL.err if TERMINAL.json else TERMINAL.out
    language_model = prepare(home, model, console) if model is not None else ""
    workspace = composition.create(home)
    (home / MARK).touch()
    try:
        stage = Stage(console, workspace.clock)
        story = chapters.Story(workspace, script, stage, language_model)
        stage.opening(
            "muniment",
            "Ask the company. Get only what you may know. With proof.",
        )
        chapters.weights(story)
        for chapter in (chapters.ingest, chapters.questions, chapters.revocation, chapters.poison):
            chapter(story)
        chapters.evidence(story, home)
        chapters.explain(story)
        stage.chapter(
            7, "Your turn", "Open a link in a browser: each signs one person in, once, within 15 minutes."
        )
        _finish(story, once, home)
    finally:
        workspace.close()
    if not story.good:
        raise typer.Exit(1)


def _finish(story: object, once: bool, home: Path) -> None:
    from muniment.interfaces.cli.demo.chapters import Story
    from muniment.interfaces.cli.workspace import open_port, serve_workspace, sign_in_links
    from muniment.interfaces.listening import listening

    if not isinstance(story, Story):
        raise TypeError("not a story")
    server = story.workspace.settings.server
    where = listening(story.workspace, server.host)
    base = where.base(server.port, server.allowed_hosts)
    names = story.script.people()
    if not once:
        story.stage.end_chapter()
        try:
            port = open_port(server.host, server.port)
        except OSError:
            port = open_port(server.host, 0)
        serve_workspace(story.workspace, where, port, names)
        return
    links = sign_in_links(story.workspace, names, base)
    for name, link in links.items():
        story.stage.say(f"  {story.who(name):<18} {story.role(name)}")
        story.stage.console.print(f"    {link}", soft_wrap=True, style="cyan")
    story.stage.say(f"\nThe links work while this runs: muniment --home {home} serve")
    story.stage.end_chapter()
    story.stage.verdict(
        story.good,
        f"{'everything held' if story.good else 'something did not hold, see above'}: "
        f"{story.stage.seconds():.0f} seconds in all",
    )
    if TERMINAL.json:
        TERMINAL.document(
            {"ok": story.good, "home": str(home), "seconds": story.stage.seconds(), "links": links}
        )


def _start_afresh(home: Path) -> None:
    """Remove an earlier demo; never a folder that a demo did not make."""
    from muniment.foundation.errors import Conflict

    if not home.exists():
        return
    if (home / MARK).exists():
        shutil.rmtree(home)
    elif any(home.iterdir()):
        raise Conflict(f"{home} was not made by a demo.", fix="Name another folder with --home.")
