"""The `muniment` command: global options, error lines and exit codes; each group of commands has its own file.

Nothing heavy is imported before a command runs, so that help and completion answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from muniment.interfaces.cli import (
    access,
    actions,
    agent,
    api_key,
    approvals,
    ask,
    audit,
    backup,
    bench,
    conversations,
    directory,
    emergency,
    eval,
    eval_ci,
    eval_drafts,
    eval_import,
    eval_judge,
    eval_runs,
    eval_suites,
    feedback,
    incident,
    index,
    ingest,
    keys,
    ladder,
    lineage,
    models,
    monitor,
    policy,
    policy_trial,
    privacy,
    prompts,
    release,
    role,
    sensitive,
    setup,
    sources,
    tenants,
    tools,
    tune,
    workflows,
    workspace,
)
from muniment.interfaces.cli.demo import command as demo
from muniment.interfaces.cli.failures import report
from muniment.interfaces.cli.terminal import TERMINAL

INTERRUPTED = 130
HELP = """Ask the company, get only what you may know, with proof.

The workspace is the folder given by --home, else $MUNIMENT_HOME, else ./.muniment, or with --tenant one of the
tenants there. --home, --tenant, --json and --debug may stand anywhere on the line.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied, 4 not set up.
"""

app = typer.Typer(
    name="muniment",
    help=HELP,
    epilog="Start here: muniment demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(value: bool) -> None:
    if value:
        from muniment import __version__

        typer.echo(f"muniment {__version__}")
        raise typer.Exit()


@app.callback(no_args_is_help=True)
def global_options(
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", help="The workspace's folder.", show_default=False),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="NAME", help="Work on this tenant of the home.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the private detail of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    TERMINAL.home = home
    TERMINAL.tenant = tenant
    TERMINAL.json = json
    TERMINAL.debug = debug


for group in (
    setup,
    workspace,
    demo,
    directory,
    api_key,
    ingest,
    access,
    policy,
    policy_trial,
    role,
    emergency,
    incident,
    ask,
    agent,
    conversations,
    feedback,
    lineage,
    tools,
    actions,
    approvals,
    workflows,
    audit,
    privacy,
    keys,
    tenants,
    backup,
    models,
    prompts,
    sensitive,
    sources,
    index,
    eval,
    eval_ci,
    release,
    eval_judge,
    eval_suites,
    eval_import,
    eval_drafts,
    eval_runs,
    ladder,
    tune,
    monitor,
    bench,
):
    group.register(app)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    TERMINAL.owns_process = True
    sys.exit(run_once(sys.argv[1:] if arguments is None else arguments))


def run_once(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    given = arranged(arguments)
    TERMINAL.begin(json="--json" in given, debug="--debug" in given)
    try:
        result = app(args=given, prog_name="muniment", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`muniment ... | head`): nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        result = INTERRUPTED
    except SystemExit as stop:
        return 0 if stop.code in (None, 0) else 1
    except Exception as error:
        return report(TERMINAL, error)
    code = result if isinstance(result, int) and not isinstance(result, bool) else 0
    if code == INTERRUPTED:
        TERMINAL.say("\n" + (TERMINAL.interrupted or "muniment: Stopped. Nothing that was finished is lost."))
    return code


def arranged(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the global options in front, and what is left out for short put in."""
    front: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += [word, *left]
            break
        if word in ("--json", "--debug") or word.startswith(("--home=", "--tenant=")):
            front.append(word)
        elif word in ("--home", "--tenant") and left:
            front += [word, left.pop(0)]
        else:
            rest.append(word)
    return front + _made_backup(_one_value_each(rest))


def _made_backup(arguments: list[str]) -> list[str]:
    """Let `backup TO` stand for `backup make TO`."""
    if arguments[:1] == ["backup"] and arguments[1:2] not in ([], ["make"], ["verify"], ["--help"], ["-h"]):
        return ["backup", "make", *arguments[1:]]
    return arguments


def _one_value_each(arguments: Sequence[str]) -> list[str]:
    """Let several values follow --allow and --deny of `access set`."""
    if list(arguments[:2]) != ["access", "set"]:
        return list(arguments)
    made: list[str] = []
    option = ""
    for word in arguments:
        if word.startswith("-"):
            option = word if word in ("--allow", "--deny") else ""
            made += [] if option else [word]
        else:
            made += [option, word] if option else [word]
    return made


if __name__ == "__main__":
    run()
