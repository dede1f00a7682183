"""A line of the log holds the fields of a list, and of what was put into it, numbers and marked words alone."""

from __future__ import annotations

import ast
import contextvars
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muniment.foundation.errors import Unavailable
from muniment.foundation.telemetry import tracing
from muniment.foundation.telemetry.log_lines import LEFT_OUT, Lines, Word, write_lines

SOURCE = Path(__file__).resolve().parents[4] / "src" / "muniment"
FIELDS = {"time", "level", "logger", "at", "event", "trace_id", "error", "frames"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what is written, and leave logging as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    write_lines(stream)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    assert all(set(one) <= FIELDS for one in found)
    return found


def test_a_line_has_its_words_numbers_and_marked_words(log: io.StringIO) -> None:
    logging.getLogger("muniment.x").warning("worker %d is %s after %g s: %s", 3, Word("late"), 0.5, "secret")
    (line,) = lines(log)
    assert line["event"] == f"worker 3 is late after 0.5 s: {LEFT_OUT}"
    assert (line["level"], line["logger"]) == ("warning", "muniment.x")


def test_whoever_else_writes_is_named_and_not_quoted(log: io.StringIO) -> None:
    logging.getLogger("httpx").info("GET %s", "https://secret.example")
    logging.getLogger("munimentally").info("secret")
    assert "secret" not in log.getvalue()
    assert all("event" not in one for one in lines(log))


def test_an_exception_is_its_kind_and_places(log: io.StringIO) -> None:
    for error in (ValueError("secret"), Unavailable("secret", detail="secret")):
        try:
            raise error
        except Exception:
            logging.getLogger("muniment").exception("it failed", extra={"more": "secret"})
    assert [one["error"] for one in lines(log)] == ["ValueError", "unavailable"]
    assert lines(log)[0]["frames"] and "secret" not in log.getvalue()


def test_a_line_names_the_trace_that_it_belongs_to(log: io.StringIO) -> None:
    def traced() -> str:
        trace, token = tracing.begin()
        logging.getLogger("muniment").warning("now")
        tracing.end(token)
        logging.getLogger("muniment").warning("later")
        return trace.id

    expected = contextvars.Context().run(traced)
    assert [one.get("trace_id") for one in lines(log)] == [expected, None]


@pytest.mark.parametrize(
    "record", [("%s %s", ("secret",)), ("%d", ("secret",)), ("%(name)s", ({"name": "secret"},))]
)
def test_words_that_do_not_fit_are_left_out(record: tuple[str, tuple[Any, ...]]) -> None:
    made = logging.LogRecord("muniment", logging.WARNING, "x.py", 1, record[0], record[1], None)
    assert json.loads(Lines().format(made))["event"] == LEFT_OUT


def test_the_words_of_every_line_stand_in_the_code() -> None:
    """A line whose words are put together beforehand could say anything."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "_LOG." in text else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_LOG."):
                words = node.args[1] if ast.unparse(node.func) == "_LOG.log" else node.args[0]
                parts = [words.body, words.orelse] if isinstance(words, ast.IfExp) else [words]
                assert all(isinstance(one, ast.Constant) for one in parts), f"{path.name}:{node.lineno}"
