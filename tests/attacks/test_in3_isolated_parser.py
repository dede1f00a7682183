"""IN3: parsers run in a child with limits, no network and a timeout; a crash fails that file only."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Iterator

import pytest
from tests import fixtures_parse as make

from muniment.foundation.confinement import filter_program
from muniment.foundation.errors import NotSetUp
from muniment.foundation.sandbox import ChildFailed, Limits, Sandbox
from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import ParseLimits, Parser

HOSTILE = "tests.hostile_child"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(HOSTILE, Limits(seconds=1.0, memory_bytes=128 << 20))
    yield made
    made.close()


def attempt(sandbox: Sandbox, what: str, argument: bytes = b"") -> dict[str, object]:
    return json.loads(sandbox.request(what.encode(), argument))


@pytest.mark.parametrize(
    "what",
    [
        "socketpair", "exec", "fork", "kill parent", "make code", "ptrace", "io_uring", "process_vm_readv",
        "setrlimit",
    ],
)  # fmt: skip
def test_the_child_can_start_signal_trace_or_loosen_nothing(sandbox: Sandbox, what: str) -> None:
    assert attempt(sandbox, what) == {"refused": errno.EPERM}


def test_the_child_sends_no_packet(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = str(server.getsockname()[1]).encode()
        assert attempt(sandbox, "connect", port) == {"refused": errno.EPERM}
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_child_reads_writes_and_lists_no_file(sandbox: Sandbox, tmp_path: object) -> None:
    canary = f"{tmp_path}/canary"
    with open(canary, "w") as file:
        file.write("canary")
    for what in ("read file", "write file", "stat file"):
        assert attempt(sandbox, what, canary.encode()) == {"refused": errno.EPERM}
    assert attempt(sandbox, "list folder", str(tmp_path).encode()) == {"refused": errno.EPERM}
    with open(canary) as file:
        assert file.read() == "canary"


def test_the_child_holds_no_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    sandbox.close()
    assert attempt(sandbox, "environment") == {"done": "[]"}


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("loop", "time"), ("eat memory", "memory"), ("crash", "crash"), ("babble", "reply"), ("forge", "reply"),
        ("raise", "error"),
    ],
)  # fmt: skip
def test_a_child_that_misbehaves_fails_one_request_only(sandbox: Sandbox, what: str, reason: str) -> None:
    with pytest.raises(ChildFailed) as failed:
        attempt(sandbox, what)
    assert failed.value.reason == reason
    assert attempt(sandbox, "echo", b"next") == {"done": "4"}


def test_noise_on_standard_output_does_not_disturb_the_replies(sandbox: Sandbox) -> None:
    attempt(sandbox, "print")
    assert attempt(sandbox, "echo", b"x" * (8 << 20)) == {"done": str(8 << 20)}


def test_a_stopped_child_leaves_no_process(sandbox: Sandbox) -> None:
    attempt(sandbox, "echo")
    pid = sandbox.pid
    sandbox.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_isolation_nothing_runs_and_the_error_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boot = "import platform; platform.machine = lambda: 'abacus'; "
    import muniment.foundation.sandbox as module

    monkeypatch.setattr(module, "_BOOT", boot + module._BOOT)
    with pytest.raises(NotSetUp, match='isolation = "rlimits"'):
        Sandbox(HOSTILE, Limits()).request(b"echo", b"")
    accepted = Sandbox(HOSTILE, Limits(), isolation="rlimits")
    assert attempt(accepted, "echo") == {"done": "0"}
    accepted.close()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_refuses_by_default(machine: str) -> None:
    program = filter_program(machine)
    assert len(program) % 8 == 0
    assert program[-4:] == (0x00050001).to_bytes(4, "little")


def test_a_file_that_takes_too_long_fails_alone_and_the_next_one_is_read() -> None:
    parser = Parser(ParseLimits(child=Limits(seconds=0.3)))
    parser.start()
    try:
        deep = b"<html><body>" + b"<div><span>" * 400_000 + b"text"
        with pytest.raises(ParseFailed, match=r"slow\.html took longer|slow\.html needs more memory"):
            parser.parse("slow.html", deep)
        assert parser.parse("policy.docx", make.word()).title == "Leave policy"
    finally:
        parser.close()
