"""The result of a call, taken only as its manifest says that it is."""

from __future__ import annotations

from muniment.actions.runners.call import Runner, ToolCall, ToolFailed
from muniment.foundation.canonical import exact
from muniment.foundation.errors import BadInput


def run_checked(runner: Runner, call: ToolCall) -> object:
    """Make a call and return its result, which fits the manifest's schema; raises ToolFailed, and nothing else.

    A dry run gives what the system says of it, in a shape of its own; only its size is checked.
    """
    manifest = call.manifest
    certain = not manifest.acts or call.dry_run
    try:
        value = runner.run(call)
    except ToolFailed as error:
        error.certain = error.certain or certain
        raise
    except Exception as error:
        said = "Something failed inside muniment while the tool ran."
        raise ToolFailed("crash", said, certain=certain, detail=type(error).__name__) from error
    try:
        size = len(exact(value))
    except (BadInput, RecursionError, TypeError, ValueError) as error:
        raise ToolFailed("type", "The tool gave something that JSON cannot say.", certain=certain) from error
    if size > manifest.most_bytes:
        raise ToolFailed("size", f"The tool gave more than {manifest.most_bytes:,} bytes.", certain=certain)
    faults = [] if call.dry_run else manifest.gives.faults(value)
    if faults:
        said = f"The tool gave another type than its manifest says: {'; '.join(faults[:3])}."
        raise ToolFailed("type", said, certain=certain)
    return value
