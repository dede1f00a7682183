"""What a server writes to its log, one JSON object to a line: fields of a list, and nothing else.

Invariants:
- of a line of ours, the words are those of the code, with numbers in their places; text that was put in is left out,
  unless the code marks it as a word of its own;
- of a line of a library, only who wrote it, how bad it is and where stands there: its words may hold anything;
- of an exception, its kind and the places in code that it passed.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import IO

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import MunimentError
from muniment.foundation.telemetry.tracing import current

OURS = "muniment"
LEFT_OUT = "…"
_FRAMES = 6


class Word(str):
    """Text that the code itself says: it may stand in a log."""

    __slots__ = ()


class Lines(logging.Formatter):
    """Makes the lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        from datetime import UTC, datetime

        fields: dict[str, object] = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "at": f"{record.module}:{record.lineno}",
        }
        if record.name == OURS or record.name.startswith(f"{OURS}."):
            fields["event"] = _event(record)
        trace = current()
        if trace is not None:
            fields["trace_id"] = trace.id
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields["error"] = error.code if isinstance(error, MunimentError) else type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
            fields["frames"] = [f"{frame.name}:{frame.lineno}" for frame in frames]
        return json.dumps(fields, ensure_ascii=False)


def _event(record: logging.LogRecord) -> str:
    given = record.args
    if not isinstance(given, tuple):
        return str(record.msg) if not given else LEFT_OUT
    try:
        return str(record.msg) % tuple(_said(one) for one in given)
    except (TypeError, ValueError):
        return LEFT_OUT


def _said(value: object) -> object:
    return value if isinstance(value, (int, float, Word)) else LEFT_OUT


def write_lines(stream: IO[str] | None = None) -> None:
    """Write the log of this process as such lines from now on, on standard error or elsewhere."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
