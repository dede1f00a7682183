"""A result is taken only as its manifest says that it is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.actions.runners.manifests import call, manifest

from muniment.actions.runners.by_kind import ByKind
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.checked import run_checked

RUNS = {"kind": "python", "function": "tools.some:one"}
RESULT = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


class Gives:
    """A runner that gives, or raises, what it was told to."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def run(self, call: ToolCall) -> object:
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


def failed(made: Any, **more: Any) -> ToolFailed:
    dry = more.pop("dry_run", False)
    with pytest.raises(ToolFailed) as caught:
        run_checked(Gives(made), call(manifest(RUNS, result=RESULT, **more), dry_run=dry))
    return caught.value


def test_a_result_that_fits_is_given_as_it_is() -> None:
    assert run_checked(Gives({"id": "A"}), call(manifest(RUNS, result=RESULT))) == {"id": "A"}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"id": 1},
        None,
        ["id"],
        "text",
        {"id": float("nan")},
        {"id": "A", "x": {1, 2}},
        {"id": 2**60},
        b"A",
    ],
    ids=repr,
)
def test_another_type_is_refused_and_nobody_knows_what_was_done(value: Any) -> None:
    error = failed(value)
    assert (error.why, error.certain) == ("type", False)


def test_the_words_of_a_result_that_does_not_fit_are_not_repeated() -> None:
    assert "canary" not in str(failed({"id": ["canary"], "canary": 1}))


def test_a_result_that_is_too_large_is_refused() -> None:
    error = failed({"id": "x" * 1000}, most_bytes=100)
    assert (error.why, error.certain) == ("size", False)


def test_what_only_reads_has_certainly_done_nothing() -> None:
    assert failed({}, effect="read").certain
    assert failed(ToolFailed("time", "Late.", certain=False), effect="read").certain


def test_a_runner_that_breaks_is_a_failure_of_the_tool_without_its_words() -> None:
    error = failed(RuntimeError("canary"))
    assert (error.why, error.certain, error.detail) == ("crash", False, "RuntimeError")
    assert "canary" not in str(error)


def test_a_dry_run_has_a_shape_of_its_own_and_does_nothing() -> None:
    dry = call(manifest(RUNS, result=RESULT), dry_run=True)
    assert run_checked(Gives({"summary": "It would."}), dry) == {"summary": "It would."}
    assert failed({"id": {1}}, dry_run=True).certain


@pytest.mark.parametrize(
    ("runs", "kind"),
    [
        (RUNS, "python"),
        ({"kind": "http", "method": "GET", "url": "https://a.example/"}, "http"),
        ({"kind": "mcp", "server": "s", "tool": "t", "definition": "sha256:" + "0" * 64}, "mcp"),
    ],
)
def test_each_kind_goes_to_its_own_runner(runs: dict[str, Any], kind: str) -> None:
    found = ByKind(python=Gives("python"), http=Gives("http"), mcp=Gives("mcp")).run(call(manifest(runs)))
    assert found == kind
