"""The inside of a process that runs one function once: read the call, lower the limits, call, reply.

Written to the reply pipe: `C` when everything was found and the function is about to be called, then one frame: how
it went (a letter), its length (8 bytes, big endian) and its bytes. Whatever the function prints goes nowhere.
"""

from __future__ import annotations

import importlib
import inspect
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from muniment.actions.runners.python_tool import Refused
from muniment.foundation.sandbox_child import own_output

CALLING = b"C"
DONE, REFUSED, RAISED, NO_JSON, NO_MEMORY, UNFIT = b"D", b"R", b"X", b"T", b"M", b"U"


class _Unfit(Exception):
    """The function cannot be called; the text says why."""


def main() -> None:
    """Run the call that standard input holds as JSON."""
    replies = own_output()
    request = json.loads(sys.stdin.buffer.read())
    try:
        _limit(request["memory_bytes"], request["seconds"])
        call = _bound(request)
    except _Unfit as error:
        _reply(replies, UNFIT, str(error).encode())
        return
    except MemoryError:
        _reply(replies, NO_MEMORY, b"")
        return
    except Exception as error:
        _reply(replies, UNFIT, f"it cannot be loaded ({type(error).__name__})".encode())
        return
    replies.write(CALLING)
    _reply(replies, *_called(call))


def _called(call: Callable[[], object]) -> tuple[bytes, bytes]:
    try:
        made = call()
    except Refused as error:
        return REFUSED, str(error).encode("utf-8", "replace")[:4000]
    except MemoryError:
        return NO_MEMORY, b""
    except Exception as error:
        return RAISED, type(error).__name__.encode()
    try:
        return DONE, json.dumps(made, allow_nan=False).encode()
    except MemoryError:
        return NO_MEMORY, b""
    except (TypeError, ValueError, RecursionError) as error:
        return NO_JSON, type(error).__name__.encode()


def _bound(request: Mapping[str, Any]) -> Callable[[], object]:
    module_name, _, name = request["function"].partition(":")
    function = getattr(importlib.import_module(module_name), name, None)
    if not inspect.isfunction(function):
        raise _Unfit("there is no such function")
    if not is_within(function.__module__ or "", request["allowed"]):
        raise _Unfit("it is defined in a package that is not allowed")
    arguments = dict(request["arguments"])
    told = "call" in inspect.signature(function).parameters
    if told and "call" in arguments:
        raise _Unfit("an argument is named call")
    call = request["call"]
    if call["dry_run"] and not told:
        raise _Unfit("it cannot say what would happen")
    if told:
        arguments["call"] = call
    try:
        bound = inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise _Unfit("it does not take these arguments") from error
    return lambda: function(*bound.args, **bound.kwargs)


def is_within(module: str, packages: Sequence[str]) -> bool:
    """Return whether a module is one of some packages, or lies in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _limit(memory_bytes: int, seconds: int) -> None:
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
    ):
        resource.setrlimit(kind, (most, most))
    # Whoever waits ends this process; should nobody wait any more, it ends by itself.
    signal.alarm(seconds)


def _reply(replies: BinaryIO, kind: bytes, said: bytes) -> None:
    view = memoryview(kind + len(said).to_bytes(8, "big") + said)
    while view:
        view = view[replies.write(view) or 0 :]
    replies.close()
