"""Turns an error into one line that names the thing and the fix, and into an exit code.

Invariant: neither the line nor the log of unexpected errors carries content: for those, only the kind of error and
the places in the code are written, never its message. `--debug` shows all to the operator.
"""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path

import typer

from muniment.foundation.errors import MunimentError
from muniment.interfaces.cli.terminal import Terminal

LOG = Path("logs") / "errors.log"
_MORE_MEMORY = "Give this command more and run it again; nothing that was finished is lost."


def report(terminal: Terminal, error: Exception) -> int:
    """Say what went wrong; return the exit code."""
    if terminal.debug:
        traceback.print_exception(error)
    if type(error).__name__ == "NoArgsIsHelpError" and isinstance(error, typer.TyperException):
        return _help(terminal, error)
    if isinstance(error, typer.TyperException):
        return _say(terminal, "usage", error.format_message(), _usage(error), error.exit_code)
    if isinstance(error, typer.Abort):
        return _say(terminal, "aborted", "Stopped.", "", 1)
    if isinstance(error, MunimentError):
        if terminal.debug and error.detail:
            terminal.say(error.detail)
        return _say(terminal, error.code, error.public, error.fix, error.exit_code)
    if isinstance(error, OSError) and error.errno is not None:
        return _say(terminal, "failed", *_system(error), 1)
    if isinstance(error, MemoryError):
        return _say(terminal, "failed", "There was not enough memory", _MORE_MEMORY, 1)
    return _say(terminal, "unexpected", *_unexpected(terminal, error), 1)


def line(message: str, fix: str) -> str:
    """Return the one line of an error."""
    message = message.strip()
    ended = message if message.endswith((".", "!", "?", ":")) else f"{message}."
    return f"muniment: {ended} {fix}".strip().replace("\n", " ")


def _say(terminal: Terminal, code: str, message: str, fix: str, exit_code: int) -> int:
    if terminal.json:
        terminal.document({"error": {"code": code, "message": message, "fix": fix}})
    else:
        sys.stdout.flush()
        terminal.say(line(message, fix))
    return exit_code


def _help(terminal: Terminal, error: typer.TyperException) -> int:
    """A command group alone: its help, which a terminal has already been shown in colour."""
    if terminal.json:
        return _say(terminal, "usage", "Missing command", _usage(error), error.exit_code)
    sys.stderr.write(f"{error.format_message()}\n".lstrip("\n"))
    return error.exit_code


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "muniment")
    return f"See: {path} --help"


def _system(error: OSError) -> tuple[str, str]:
    named = f"{error.filename}: " if error.filename is not None else ""
    fix = {
        errno.ENOSPC: "Free some disk space and run the command again; nothing that was finished is lost.",
        errno.EACCES: "Mend its permissions.",
        errno.EPERM: "Mend its permissions.",
        errno.ENOENT: "Check the path.",
        errno.EADDRINUSE: "Choose another with --port.",
        errno.EMFILE: "Raise the limit on open files (ulimit -n).",
        errno.EROFS: "Use a folder that can be written.",
    }.get(error.errno or 0, "")
    return f"{named}{error.strerror or type(error).__name__}", fix


def _unexpected(terminal: Terminal, error: Exception) -> tuple[str, str]:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    message = f"This should not have happened ({kind})"
    log = terminal.host_folder() / LOG
    if not log.parent.parent.is_dir():
        return message, "Run again with --debug to see the detail."
    try:
        log.parent.mkdir(mode=0o700, exist_ok=True)
        with open(log, "a", encoding="utf-8", opener=_private) as file:
            file.write(f"{kind}\n")
            for frame in traceback.extract_tb(error.__traceback__):
                file.write(f"  {frame.filename}:{frame.lineno} {frame.name}\n")
    except OSError:
        return message, "Run again with --debug to see the detail."
    return message, f"Where it happened is written to {log}; run again with --debug to see the detail."


def _private(path: str, flags: int) -> int:
    import os

    return os.open(path, flags, 0o600)
