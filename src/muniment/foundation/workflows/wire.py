"""How values of workflows are written: as JSON that says them exactly, never as what runs when it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator

from muniment.foundation.canonical import exact
from muniment.foundation.errors import MunimentError, Tampered, TooMany
from muniment.foundation.workflows.definition import Json, StepFailed

FORMAT = "muniment_json"
"""Stands beside each value that was written so."""


class JsonFormat:
    """Fills the library's `Serializer`."""

    def name(self) -> str:
        return FORMAT

    def serialize(self, data: object) -> str:
        """Return the text of a value or of an error; raises BadInput for what JSON cannot say exactly."""
        if isinstance(data, Exception):
            return exact({"error": _described(ours(data))}).decode()
        return exact({"value": data}).decode()

    def deserialize(self, serialized_data: str) -> Json:
        """Return the value or the error; raises Tampered for any other text."""
        read = _read(serialized_data)
        if isinstance(read, dict) and list(read) == ["value"]:
            return read["value"]
        if isinstance(read, dict) and list(read) == ["error"]:
            return _rebuilt(read["error"])
        raise _strange()


def same(value: Json) -> Json:
    """Return a value as it will be read back; raises BadInput for what JSON cannot say exactly."""
    return json.loads(exact(value))


def value_of(text: str | None, written_as: str | None) -> Json:
    """Return a stored value, None where there is none; raises Tampered where it was not written by `JsonFormat`."""
    if text is None:
        return None
    if written_as != FORMAT:
        raise _strange()
    return JsonFormat().deserialize(text)


def ours(error: Exception) -> MunimentError:
    """Return an error that may be recorded: what a foreign one says may be content, so its kind alone is kept."""
    if isinstance(error, MunimentError):
        return error
    return StepFailed(f"A step raised {type(error).__name__}.", fix="See the log.", detail=str(error))


def _described(error: MunimentError) -> Json:
    return {"kind": type(error).__name__, "says": error.public, "fix": error.fix, "code": error.code}


def _rebuilt(told: Json) -> MunimentError:
    try:
        kind = {each.__name__: each for each in _kinds(MunimentError)}.get(told["kind"], StepFailed)
        error = kind.__new__(kind)
        MunimentError.__init__(error, str(told["says"]), fix=str(told["fix"]))
        if isinstance(error, TooMany):
            error.code, error.retry_after = str(told["code"]), 1
    except (KeyError, TypeError) as wrong:
        raise _strange() from wrong
    return error


def _kinds(base: type[MunimentError]) -> Iterator[type[MunimentError]]:
    yield base
    for each in base.__subclasses__():
        yield from _kinds(each)


def _read(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise _strange() from wrong


def _strange() -> Tampered:
    return Tampered(
        "A value of a workflow is not as this version writes it.", fix="Restore the database from a backup."
    )
