"""Run a program of the system on hostile bytes: it reads its own data and libraries, and reaches nothing else.

Invariants where isolation is "required"; where one of them cannot be had, the program is not started:
- Landlock refuses every file but those named, all of them for reading, and runs no program but this one;
- the system call filter has no call that makes a socket, a process or a thread, signals or traces another, or opens
  a file for writing; no memory becomes executable but what is mapped from a library;
- no new privileges, no core dump, no growth of any file, memory and processor time bounded;
- it holds no environment but the one given, and no descriptor but its input and output, which are pipes.
A network namespace of its own is taken where the kernel permits it. The names and sizes of files are not hidden.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import select
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from muniment.foundation.confinement import Isolation, Unconfined, install_filter, leave_network, set_limits
from muniment.foundation.errors import NotSetUp
from muniment.foundation.program_filter import CALLS, program_filter
from muniment.foundation.sandbox import ChildFailed, end_group

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from muniment.foundation.confined_program import main; main(sys.argv[1:])"
)
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_PIECE = 1 << 16
_OPEN_FILES = 16


@dataclass(frozen=True, slots=True)
class Program:
    """A program, with all that it may read besides its input."""

    path: str
    arguments: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    """Files and folders; the system's libraries come on top."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """Bounds of one run."""

    seconds: float = 60.0
    memory_bytes: int = 512 << 20
    """Private writable memory."""
    output_bytes: int = 8 << 20


def run(program: Program, given: bytes, limits: ProgramLimits, isolation: Isolation = "required") -> bytes:
    """Return what the program writes when it is given `given`.

    Raises ChildFailed where it fails, hangs or says too much, NotSetUp where it cannot be confined.
    """
    deadline = time.monotonic() + limits.seconds
    told, tell = os.pipe()
    try:
        child = _spawn(program, limits, isolation, tell)
    finally:
        os.close(tell)
    try:
        with os.fdopen(told, "rb") as refusal:
            output = _exchange(child, given, limits.output_bytes, deadline)
            status = child.wait(max(0.1, deadline - time.monotonic()))
            reason = refusal.read(1 << 12) if select.select([refusal], [], [], 1.0)[0] else b""
    except subprocess.TimeoutExpired as error:
        raise ChildFailed("time") from error
    finally:
        end_group(child)
    if reason:
        raise NotSetUp(
            f"A program cannot be run in isolation here: {reason.decode('utf-8', 'replace')}.",
            fix="Run on Linux with seccomp and Landlock (5.13 or later), or accept weaker limits with "
            'isolation = "rlimits".',
        )
    if status:
        raise ChildFailed("crash" if status < 0 else "error", detail=f"{program.path} ended with {status}")
    return output


def _spawn(
    program: Program, limits: ProgramLimits, isolation: Isolation, tell: int
) -> subprocess.Popen[bytes]:
    options = {
        "path": program.path,
        "arguments": program.arguments,
        "readable": program.readable,
        "environment": dict(program.environment),
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": int(limits.seconds) + 1,
        "isolation": isolation,
        "tell": tell,
    }
    paths = [path for path in sys.path if os.path.isabs(path)]
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    child = subprocess.Popen(
        [sys.executable, *flags, "-c", _BOOT, json.dumps(options), json.dumps(paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        pass_fds=(tell,),
        start_new_session=True,
        bufsize=0,
    )
    for pipe in (child.stdin, child.stdout):
        if pipe:
            os.set_blocking(pipe.fileno(), False)
    return child


def _exchange(child: subprocess.Popen[bytes], given: bytes, most: int, deadline: float) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise ChildFailed("crash")
    left, output = memoryview(given), bytearray()
    poll = select.poll()
    poll.register(child.stdout.fileno(), select.POLLIN)
    poll.register(child.stdin.fileno(), select.POLLOUT)
    while (seconds := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(min(seconds, 3600.0) * 1000):
            if descriptor == child.stdout.fileno():
                piece = os.read(descriptor, _PIECE)
                if not piece:
                    return bytes(output)
                output += piece
                if len(output) > most:
                    raise ChildFailed("reply", detail=f"more than {most} bytes")
                continue
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                left = left[os.write(descriptor, left[: 16 * _PIECE]) :]
                if left:
                    continue
                poll.unregister(descriptor)
                child.stdin.close()
                continue
            poll.unregister(descriptor)
            child.stdin.close()
    raise ChildFailed("time")


def main(arguments: Sequence[str]) -> None:
    """Become the program that the JSON of `arguments[0]` describes, confined."""
    options = json.loads(arguments[0])
    tell = options["tell"]
    os.set_inheritable(tell, False)
    try:
        os.nice(5)
        _confine(options)
        os.execve(options["path"], [options["path"], *options["arguments"]], options["environment"])  # noqa: S606
    except (Unconfined, OSError) as reason:
        os.write(tell, str(reason).encode("utf-8", "replace") or b"no reason")


def _confine(options: Mapping[str, object]) -> None:
    required = options["isolation"] == "required"
    machine = platform.machine()
    if required:
        if sys.platform != "linux" or machine not in CALLS:
            raise Unconfined(f"no system call filter exists for {sys.platform} on {machine}")
        leave_network()
    memory = int(str(options["memory_bytes"]))
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NPROC": 0,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_CPU": int(str(options["cpu_seconds"])),
        "RLIMIT_DATA": memory,
        "RLIMIT_AS": memory + (1 << 30),
    }
    set_limits(limits)
    if required:
        readable = options["readable"]
        _allow_files(
            str(options["path"]), [str(path) for path in readable] if isinstance(readable, list) else []
        )
        install_filter(program_filter(machine), machine)


_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every machine
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FILE_RIGHTS = (0, 0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF)
"""All that Landlock can refuse about files, by its version."""
_NETWORK_RIGHTS, _SCOPES = 0x3, 0x3
_SET_NO_NEW_PRIVS = 38


def _allow_files(program: str, readable: Sequence[str]) -> None:
    """Refuse this process every file but the program, its loader, libraries and what is readable."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        raise Unconfined("this kernel does not offer Landlock, which keeps a program from files")
    handled = [_FILE_RIGHTS[min(version, len(_FILE_RIGHTS) - 1)]]
    handled += [_NETWORK_RIGHTS] * (version >= 4) + [_SCOPES] * (version >= 6)
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    rules = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        raise Unconfined(f"Landlock was refused ({os.strerror(ctypes.get_errno())})")
    for path in (*_LIBRARIES, *readable):
        _allow(libc, rules, path, _READ_FILE | (_READ_FOLDER if os.path.isdir(path) else 0))
    for path in (program, *_LOADERS):
        _allow(libc, rules, path, _READ_FILE | _EXECUTE)
    zero = ctypes.c_ulong(0)
    libc.prctl(_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero)
    if libc.syscall(_RESTRICT_SELF, rules, 0) != 0:
        raise Unconfined(f"Landlock was refused ({os.strerror(ctypes.get_errno())})")
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = struct.pack("=Qi", rights, beneath)
        if libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0) != 0:
            raise Unconfined(f"Landlock refused {path} ({os.strerror(ctypes.get_errno())})")
    finally:
        os.close(beneath)
