"""What one check found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from muniment.foundation.errors import MunimentError


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found: `warn` is weaker than recommended, `fail` is unsafe or does not work."""

    name: str
    state: Literal["ok", "warn", "fail"]
    says: str
    fix: str = ""


def guarded(name: str, work: Callable[[], Check]) -> Iterator[Check]:
    """Yield what a check finds, or that it failed."""
    try:
        yield work()
    except MunimentError as error:
        yield failed(name, error)
    except OSError as error:
        yield Check(name, "fail", f"{error.filename or ''}: {error.strerror}".strip(": "))


def failed(name: str, error: MunimentError) -> Check:
    """Return a check that ended with an error."""
    return Check(name, "fail", error.public, error.fix)
