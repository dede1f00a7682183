"""IN3: a program of the system that reads hostile bytes reaches nothing but its own data and libraries."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
from pathlib import Path

import pytest
from tests.pictures import page_picture

from muniment.foundation import confined_program
from muniment.foundation.confined_program import Program, ProgramLimits, run
from muniment.foundation.errors import NotSetUp
from muniment.foundation.program_filter import CALLS, program_filter
from muniment.foundation.sandbox import ChildFailed
from muniment.knowledge.ingestion.ocr import Ocr
from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import Parser

PYTHON = os.path.realpath(sys.executable)
ATTEMPTS = """
import json, mmap, os, resource, signal, socket, sys
canary, written, port, parent = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def attempt(what):
    try:
        what()
    except OSError as error:
        return error.errno
    except ValueError:  # how resource says EPERM
        return 1
    return "done"
found = {
    "read": attempt(lambda: open(canary).read()),
    "list": attempt(lambda: os.listdir(os.path.dirname(canary))),
    "write": attempt(lambda: open(written, "w")),
    "change": attempt(lambda: open(canary, "r+")),
    "remove": attempt(lambda: os.remove(canary)),
    "connect": attempt(lambda: socket.create_connection(("127.0.0.1", port), 1)),
    "socketpair": attempt(socket.socketpair),
    "fork": attempt(os.fork),
    "execute": attempt(lambda: os.execve("/bin/sh", ["sh", "-c", "true"], {})),
    "signal": attempt(lambda: os.kill(parent, 0)),
    "make code": attempt(lambda: mmap.mmap(-1, 4096, prot=7)),
    "loosen": attempt(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))),
    "other descriptors": [n for n in range(3, 40) if attempt(lambda: os.fstat(n)) == "done"],
    "environment": sorted(os.environ),
}
print(json.dumps(found))
"""


def python(script: str, *arguments: str) -> Program:
    flags = ("-I", "-S", "-B", "-c", script)
    return Program(PYTHON, (*flags, *arguments), (sys.base_prefix,), {"LC_ALL": "C.UTF-8"})


def test_a_confined_program_reads_writes_starts_and_reaches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    canary, written = tmp_path / "canary", tmp_path / "written"
    canary.write_text("canary")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        arguments = (str(canary), str(written), str(server.getsockname()[1]), str(os.getpid()))
        found = json.loads(run(python(ATTEMPTS, *arguments), b"", ProgramLimits(20)))
        with pytest.raises(TimeoutError):
            server.accept()
    assert found.pop("environment") == ["LC_ALL"]
    assert found.pop("other descriptors") == []
    assert set(found.values()) <= {errno.EACCES, errno.EPERM}, found
    assert canary.read_text() == "canary"
    assert not written.exists()


def test_a_program_is_given_its_input_and_gives_its_output() -> None:
    given = os.urandom(3 << 20)
    assert run(Program("/usr/bin/cat"), given, ProgramLimits(20)) == given


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("while True: pass", "time"),
        ("import sys; sys.stdin.read(); import time; time.sleep(60)", "time"),
        ("while True: print('x' * 9999)", "reply"),
        ("x = bytearray(1 << 30)", "error"),
        ("import ctypes; ctypes.string_at(1)", "crash"),
    ],
)
def test_a_program_that_misbehaves_is_ended(script: str, reason: str) -> None:
    limits = ProgramLimits(seconds=0.5, memory_bytes=64 << 20, output_bytes=1 << 20)
    started = time.monotonic()
    with pytest.raises(ChildFailed) as failed:
        run(python(script), b"", limits)
    assert failed.value.reason == reason
    assert time.monotonic() - started < 5


def test_what_cannot_be_confined_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = "import platform; platform.machine = lambda: 'abacus'; " + confined_program._BOOT
    monkeypatch.setattr(confined_program, "_BOOT", boot)
    (tmp_path / "eng.traineddata").write_bytes(b"")
    with pytest.raises(NotSetUp, match="no system call filter exists for linux on abacus"):
        run(Program("/usr/bin/cat"), b"x", ProgramLimits(20))
    assert run(Program("/usr/bin/cat"), b"x", ProgramLimits(20), "rlimits") == b"x"
    parser = Parser(ocr=Ocr(programs=["/usr/bin/cat"], folders=[str(tmp_path)]))
    try:
        with pytest.raises(ParseFailed, match=r"page\.png is a picture\..* in isolation here"):
            parser.parse("page.png", page_picture("Anything"))
    finally:
        parser.close()


def test_without_landlock_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = "import muniment.foundation.confined_program as c; c._CREATE_RULESET = 9999; "
    boot = confined_program._BOOT.replace("from muniment", lacking + "from muniment", 1)
    monkeypatch.setattr(confined_program, "_BOOT", boot)
    with pytest.raises(NotSetUp, match="does not offer Landlock"):
        run(Program("/usr/bin/cat"), b"x", ProgramLimits(20))


@pytest.mark.parametrize("machine", CALLS)
def test_the_filter_of_programs_refuses_by_default(machine: str) -> None:
    program = program_filter(machine)
    assert len(program) % 8 == 0
    assert program[-4:] == (0x00050001).to_bytes(4, "little")
