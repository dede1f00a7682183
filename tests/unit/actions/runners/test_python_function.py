"""A Python tool runs in a process of its own, and each way in which it can go wrong fails that call only."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.actions.runners.manifests import call, manifest

from muniment.actions.runners.call import ToolFailed
from muniment.actions.runners.python_function import PythonFunctionRunner

TOOLS = """
import os, subprocess, sys, time
from os import system
from muniment.actions.runners.python_tool import Call, Refused

def add(a, b=2):
    return {"sum": a + b}

def told(note: str, call: Call):
    return {"note": note, "call": call, "environment": dict(os.environ), "cwd": os.getcwd()}

def refuses():
    raise Refused("There is no\\n such\\u202e order.")

def prints():
    print("D" * 1000, flush=True)
    os.write(1, b"D" * 1000)
    sys.stderr.write("x" * 100_000)
    return "printed"

def raises():
    raise RuntimeError("canary")

def exits():
    sys.exit(3)

def aborts():
    os.abort()

def hangs(place):
    child = subprocess.Popen(["sleep", "60"])
    with open(place, "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    time.sleep(60)

def eats():
    return len(bytearray(4 << 30))

def huge():
    return "x" * 100_000_000

def gives(kind):
    return {"set": {1}, "nan": float("nan"), "large": 2 ** 60, "bytes": b"x", "half": "\\ud800",
            "deep": __import__("functools").reduce(lambda inner, _: [inner], range(2000), [])}[kind]

async def later():
    return 1

def writes(place):
    file = open(place, "w")
    file.write("kept")
    return None

class Callable:
    def __call__(self):
        return 1

thing = Callable()
_hidden = add
from json import dumps
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PythonFunctionRunner]:
    for package in ("acme_tools", "acme_toolsmith"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "orders.py").write_text(TOOLS)
    (tmp_path / "acme_tools" / "borrowed.py").write_text("from acme_toolsmith.orders import add")
    (tmp_path / "acme_tools" / "broken.py").write_text("raise ImportError('canary')")
    (tmp_path / "acme_tools" / "dies.py").write_text("import os; os._exit(1)")
    (tmp_path / "acme_tools" / "slow.py").write_text("import time; time.sleep(60)")
    monkeypatch.syspath_prepend(tmp_path)
    yield PythonFunctionRunner(["acme_tools"])
    assert "acme_tools" not in sys.modules


def run(runner: PythonFunctionRunner, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> Any:
    function = name if ":" in name else f"acme_tools.orders:{name}"
    taken = {key: {"type": "string"} for key in arguments or {}}
    how = {key: more.pop(key) for key in ("key", "version", "dry_run") if key in more}
    return runner.run(
        call(manifest({"kind": "python", "function": function}, taken, **more), arguments, **how)
    )


def failed(runner: PythonFunctionRunner, name: str, *arguments: Any, **more: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        run(runner, name, *arguments, **more)
    return caught.value


def test_it_gives_what_the_function_gives(runner: PythonFunctionRunner) -> None:
    assert run(runner, "add", {"a": 1}) == {"sum": 3}
    assert run(runner, "add", {"a": 1, "b": 5}) == {"sum": 6}


def test_a_function_that_asks_for_its_call_is_told_of_it_and_of_nothing_else(
    runner: PythonFunctionRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "canary")
    given = run(runner, "told", {"note": "é"}, key="sha256:77", version="3", dry_run=True)
    assert given == {
        "note": "é",
        "call": {"caller": "user:alice", "key": "sha256:77", "version": "3", "dry_run": True},
        "environment": given["environment"],
        "cwd": "/",
    }
    assert "canary" not in json.dumps(given["environment"])


def test_a_large_call_arrives_whole(runner: PythonFunctionRunner) -> None:
    note = "x" * 250_000
    assert run(runner, "told", {"note": note})["note"] == note


def test_what_it_prints_disturbs_nothing(runner: PythonFunctionRunner) -> None:
    assert run(runner, "prints") == "printed"


def test_what_it_left_open_is_written_before_it_ends(runner: PythonFunctionRunner, tmp_path: Path) -> None:
    place = str(tmp_path / "left-open")
    assert run(runner, "writes", {"place": place}) is None
    assert Path(place).read_text() == "kept"


def test_a_refusal_is_certain_and_its_words_are_shown_in_one_line(runner: PythonFunctionRunner) -> None:
    error = failed(runner, "refuses")
    assert (error.why, error.certain) == ("refused", True)
    assert error.public == "The function refused it: There is no such order."


@pytest.mark.parametrize("name", ["raises", "exits", "aborts", "eats"])
def test_a_crash_leaves_open_what_was_done(runner: PythonFunctionRunner, name: str) -> None:
    error = failed(runner, name)
    assert (error.why, error.certain) == ("crash", False)
    assert "canary" not in f"{error} {error.detail}"


def test_one_that_hangs_is_ended_with_all_that_it_started(
    runner: PythonFunctionRunner, tmp_path: Path
) -> None:
    place, started = tmp_path / "pids", time.monotonic()
    error = failed(runner, "hangs", {"place": str(place)}, seconds=1)
    assert time.monotonic() - started < 5 and (error.why, error.certain) == ("time", False)
    pids = [int(pid) for pid in place.read_text().split()]
    while any(map(_runs, pids)):
        assert time.monotonic() - started < 5
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_result_of_100_megabytes_is_not_read(runner: PythonFunctionRunner) -> None:
    error = failed(runner, "huge")
    assert (error.why, error.certain) == ("size", False)


@pytest.mark.parametrize("kind", ["set", "nan", "large", "bytes", "half", "deep"])
def test_what_is_no_json_is_another_type(runner: PythonFunctionRunner, kind: str) -> None:
    error = failed(runner, "gives", {"kind": kind})
    assert (error.why, error.certain) == ("type", False)


def test_a_function_that_has_to_be_awaited_is_another_type(runner: PythonFunctionRunner) -> None:
    assert failed(runner, "later").why == "type"


@pytest.mark.parametrize(
    "function",
    [
        "os:system",
        "acme_tools.orders:system",
        "acme_tools.orders:dumps",
        "acme_tools.orders:_hidden",
        "acme_tools.orders:thing",
        "acme_tools.orders:Callable",
        "acme_tools.orders:absent",
        "acme_tools.absent:add",
        "acme_tools.borrowed:add",
        "acme_tools.broken:add",
        "acme_tools..orders:add",
        "acme_toolsmith.orders:add",
        "subprocess:run",
    ],
)
def test_only_functions_of_allowed_packages_are_called(runner: PythonFunctionRunner, function: str) -> None:
    error = failed(runner, function, {"a": 1})
    assert (error.why, error.certain) == ("refused", True) and "canary" not in str(error)


def test_arguments_that_do_not_fit_the_function_are_refused_before_it_is_called(
    runner: PythonFunctionRunner,
) -> None:
    for arguments in ({}, {"a": 1, "c": 2}):
        error = failed(runner, "add", arguments)
        assert (error.why, error.certain) == ("refused", True)
    assert failed(runner, "told", {"note": "x", "call": "y"}).certain


def test_a_dry_run_of_a_function_that_knows_none_is_refused(runner: PythonFunctionRunner) -> None:
    error = failed(runner, "add", {"a": 1}, dry_run=True)
    assert (error.why, error.certain) == ("refused", True)


@pytest.mark.parametrize(("module", "why"), [("dies", "crash"), ("slow", "time")])
def test_before_the_function_is_called_nothing_was_done(
    runner: PythonFunctionRunner, module: str, why: str
) -> None:
    error = failed(runner, f"acme_tools.{module}:add", {"a": 1}, seconds=1)
    assert (error.why, error.certain) == (why, True)
