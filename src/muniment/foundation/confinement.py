"""Lock the calling process: it keeps computing, and can reach nothing.

Why: documents are hostile, and the libraries that read them are large. A process confines itself after it has
imported all that it needs; from then on a defect in such a library reaches memory of this process only.

Invariants of `confine(..., "required")`, which raises Unconfined if it cannot establish them:
- only the system calls listed here work; none of them opens a file or socket, starts a program or process, signals,
  traces or reads another process, or (unless `threads`) starts a thread; memory never becomes executable;
- they hold for every thread that there is;
- no new privileges, no core dump, no growth of any file, memory and processor time bounded;
- every descriptor but the given ones is closed.
A network namespace of its own is taken where the kernel permits it; the filter does not depend on it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Collection, Mapping
from typing import Literal

Isolation = Literal["required", "rlimits"]
"""`required`: limits and the system call filter, or nothing runs. `rlimits`: limits alone, where accepted."""

_CALLS = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "munmap": 11, "brk": 12,
            "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
            "madvise": 28, "nanosleep": 35, "getpid": 39, "exit": 60, "gettimeofday": 96, "getrusage": 98,
            "sigaltstack": 131, "gettid": 186, "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
            "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
            "ppoll": 271, "set_robust_list": 273, "getrandom": 318, "membarrier": 324, "rseq": 334,
        },
        {"mmap": 9, "mprotect": 10},
        {"clone": 56, "clone3": 435, "seccomp": 317},
    ),
    "aarch64": (
        0xC00000B7,
        {
            "close": 57, "lseek": 62, "read": 63, "write": 64, "ppoll": 73, "fstat": 80, "exit": 93,
            "exit_group": 94, "futex": 98, "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113,
            "clock_getres": 114, "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124,
            "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135,
            "rt_sigreturn": 139, "getrusage": 165, "gettimeofday": 169, "getpid": 172, "gettid": 178,
            "brk": 214, "munmap": 215, "mremap": 216, "madvise": 233, "getrandom": 278, "membarrier": 283,
            "rseq": 293,
        },
        {"mmap": 222, "mprotect": 226},
        {"clone": 220, "clone3": 435, "seccomp": 277},
    ),
}  # fmt: skip
"""Per machine: its audit number, the calls allowed, those allowed except for executable memory, and three others."""

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: ld word, jeq, jset, ret
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # SECCOMP_RET_*; refused calls see EPERM
_UNKNOWN = 0x00050000 | 38  # ENOSYS: the C library then asks with the older call
_NUMBER, _MACHINE, _FIRST_ARGUMENT, _THIRD_ARGUMENT = (
    0,
    4,
    16,
    32,
)  # offsets in struct seccomp_data, little endian
_CLONE_THREAD = 0x10000
_SET_MODE_FILTER, _FOR_ALL_THREADS = 1, 1
_PROT_EXEC = 4
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000


class Unconfined(Exception):
    """The process could not be locked; the text says what is missing."""


def confine(
    memory_bytes: int,
    cpu_seconds: int,
    keep: Collection[int],
    isolation: Isolation,
    *,
    address_bytes: int | None = None,
    threads: bool = False,
) -> None:
    """Lock this process for good.

    `memory_bytes` bounds its private writable memory, `address_bytes` all of its memory (for None, a gigabyte more),
    `cpu_seconds` the processor time of its life; descriptors outside `keep` are closed. Raises Unconfined. Call it
    with all imports done, and with one thread running unless `threads`, which lets more of them start.
    """
    _close_descriptors(keep)
    if isolation == "required":
        if sys.platform != "linux" or platform.machine() not in _CALLS:
            raise Unconfined(f"no system call filter exists for {sys.platform} on {platform.machine()}")
        leave_network()
    _limit(memory_bytes, address_bytes or memory_bytes + (1 << 30), cpu_seconds, keep, threads)
    if isolation == "required":
        install_filter(filter_program(platform.machine(), threads), platform.machine())


def _close_descriptors(keep: Collection[int]) -> None:
    most = max(os.sysconf("SC_OPEN_MAX"), max(keep, default=0) + 2)
    first = 0
    for descriptor in (*sorted(keep), most):
        if descriptor > first:  # an empty range closes everything from 0 on
            os.closerange(first, descriptor)
        first = descriptor + 1


def _limit(
    memory_bytes: int, address_bytes: int, cpu_seconds: int, keep: Collection[int], threads: bool
) -> None:
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": max(keep, default=0) + 1,
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_DATA": memory_bytes,
        "RLIMIT_AS": address_bytes,
    }
    if not threads:
        limits["RLIMIT_NPROC"] = 0
    set_limits(limits)


def set_limits(limits: Mapping[str, int]) -> None:
    """Set resource limits by name, as far as the system has them. Raises Unconfined."""
    try:
        import resource
    except ImportError as error:
        raise Unconfined("this system has no resource limits") from error
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError) as error:
            raise Unconfined(f"{name} could not be set ({error})") from error


def leave_network() -> None:
    """Give the calling thread, and those it starts, a network of their own without any way out, where permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def install_filter(code: bytes, machine: str) -> None:
    """Put a system call filter on every thread, and refuse new privileges. Raises Unconfined."""
    libc = ctypes.CDLL(None, use_errno=True)
    text = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(code) // 8, ctypes.addressof(text))
    zero = ctypes.c_ulong(0)
    libc.prctl(_PR_SET_DUMPABLE, zero, zero, zero, zero)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
        raise Unconfined(f"the kernel refused no_new_privs ({os.strerror(ctypes.get_errno())})")
    call = _CALLS[machine][3]["seccomp"]
    if libc.syscall(call, _SET_MODE_FILTER, _FOR_ALL_THREADS, ctypes.byref(program)) != 0:
        raise Unconfined(f"the kernel refused the system call filter ({os.strerror(ctypes.get_errno())})")


def filter_program(machine: str, threads: bool = False) -> bytes:
    """Return the filter of a machine as packed `struct sock_filter` (seccomp(2))."""
    audit_number, allowed, unless_executable, others = _CALLS[machine]
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, audit_number),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in allowed.values():
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in unless_executable.values():
        steps += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT),
            (_ANY_BIT, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    if threads:
        steps += [(_EQUAL, 0, 1, others["clone3"]), (_RETURN, 0, 0, _UNKNOWN)]
        steps += [
            (_EQUAL, 0, 3, others["clone"]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_ANY_BIT, 0, 1, _CLONE_THREAD),
            (_RETURN, 0, 0, _ALLOW),
        ]
    steps.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
