"""A sandboxed module that tries, on request, everything that a hostile document might make a parser do."""

from __future__ import annotations

import _socket
import ctypes
import json
import mmap
import os
import signal
import sys
from collections.abc import Callable, Sequence


def warm_up() -> None:
    """Everything needed is imported above."""


def handle(parts: Sequence[bytes]) -> bytes:
    """Run the named attempt on its argument; report what came of it."""
    attempt = _ATTEMPTS[parts[0].decode()]
    try:
        return json.dumps({"done": repr(attempt(parts[1] if len(parts) > 1 else b""))}).encode()
    except OSError as error:
        return json.dumps({"refused": error.errno}).encode()


def _echo(argument: bytes) -> object:
    return len(argument)


def _connect(argument: bytes) -> object:
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    socket.connect(("127.0.0.1", int(argument)))
    return socket.send(b"stolen")


def _pair(argument: bytes) -> object:
    return _socket.socketpair()


def _run(argument: bytes) -> object:
    return os.execv("/bin/true", ["true"])


def _fork(argument: bytes) -> object:
    return os.fork()


def _read_file(argument: bytes) -> object:
    with open(argument, "rb") as file:
        return file.read()


def _write_file(argument: bytes) -> object:
    with open(argument, "wb") as file:
        return file.write(b"planted")


def _stat_file(argument: bytes) -> object:
    return os.stat(argument)


def _list_folder(argument: bytes) -> object:
    return os.listdir(argument)


def _kill_parent(argument: bytes) -> object:
    return os.kill(os.getppid() or int(argument), signal.SIGTERM)


def _make_code(argument: bytes) -> object:
    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def _call(number: int) -> Callable[[bytes], object]:
    def attempt(argument: bytes) -> object:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0) < 0:
            raise OSError(ctypes.get_errno(), "refused")
        return "done"

    return attempt


def _loop(argument: bytes) -> object:
    while True:
        pass


def _eat_memory(argument: bytes) -> object:
    held: list[bytearray] = []
    while True:
        held.append(bytearray(b"x" * (1 << 20)))


def _crash(argument: bytes) -> object:
    return ctypes.string_at(0)


def _babble(argument: bytes) -> object:
    while True:
        os.write(3, b"\xff" * 65536)


def _forge(argument: bytes) -> object:
    frame = (2).to_bytes(8, "big") + b"D!"
    return os.write(3, frame + frame)


def _environment(argument: bytes) -> object:
    return sorted(os.environ.keys() - {"LC_CTYPE"})


def _print(argument: bytes) -> object:
    sys.stdout.write("noise\n" * 100)
    sys.stdout.flush()
    return os.write(1, b"more noise")


def _raise(argument: bytes) -> object:
    raise RuntimeError("a defect")


_ATTEMPTS: dict[str, Callable[[bytes], object]] = {
    "echo": _echo,
    "connect": _connect,
    "socketpair": _pair,
    "exec": _run,
    "fork": _fork,
    "read file": _read_file,
    "write file": _write_file,
    "stat file": _stat_file,
    "list folder": _list_folder,
    "kill parent": _kill_parent,
    "make code": _make_code,
    "ptrace": _call(101),
    "io_uring": _call(425),
    "process_vm_readv": _call(310),
    "setrlimit": _call(160),
    "loop": _loop,
    "eat memory": _eat_memory,
    "crash": _crash,
    "babble": _babble,
    "forge": _forge,
    "environment": _environment,
    "print": _print,
    "raise": _raise,
}
