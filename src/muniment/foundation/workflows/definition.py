"""What a workflow is, and what it is given to work with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from muniment.foundation.errors import BadInput, MunimentError

Json = Any
"""What JSON can say exactly: object, array, string, number, true, false, null."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")


class StepFailed(MunimentError):
    """A step raised what is no error of ours; the text names the kind of error alone."""

    code = "step-failed"
    final = False


class Steps(Protocol):
    """What makes a workflow durable. Called in the same order each time the same version runs on the same results."""

    @property
    def run(self) -> str:
        """The id of this run: with a step's name, the key under which an effect is asked for once."""
        ...

    def do(
        self, name: str, function: Callable[..., Json], *args: Any, attempts: int = 1, backoff: float = 1.0
    ) -> Json:
        """Run a step and record its result, or return what was recorded; raises what it raised, then as now.

        With `attempts`, what fails with no final error is tried again after `backoff` seconds, then twice that.
        """
        ...

    def undo(self, name: str, function: Callable[..., Json], *args: Any) -> None:
        """Have a function run if this workflow fails or is cancelled, the last one given first.

        Give it before the step that it undoes, which may be cut short. It does no harm where nothing was done.
        """
        ...

    def sleep(self, seconds: float | None = None, *, until: datetime | None = None) -> None:
        """Wait by the wall clock, across restarts."""
        ...

    def wait(self, topic: str, seconds: float) -> Json | None:
        """Return the next message that is sent to this run on a topic, or None after so many seconds."""
        ...

    def tell(self, **state: Json) -> None:
        """Show where the run stands; each call adds to what the ones before said."""
        ...


Work = Callable[[Steps, Mapping[str, Json]], Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Takes:
    """A text that a workflow needs to be given."""

    name: str
    says: str
    """What it is, for whoever fills it in."""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a workflow. Code that calls other steps, or in another order, is another version."""

    name: str
    version: int
    run: Work
    """Reads no clock and draws no random numbers outside its steps."""
    says: str = ""
    """What it does, for whoever starts it."""
    takes: tuple[Takes, ...] = ()

    def __post_init__(self) -> None:
        named(self.name, "A workflow's name")
        if self.version < 1:
            raise BadInput(f"{self.name} has version {self.version}.", fix="Count versions from 1.")

    @property
    def title(self) -> str:
        """Return name and version, as `refund@2`."""
        return f"{self.name}@{self.version}"


def workflow(name: str, version: int = 1) -> Callable[[Work], Definition]:
    """Make a definition of a function."""
    return lambda work: Definition(name, version, work)


def named(text: str, what: str) -> str:
    """Return a name of lower-case letters, digits and dashes; raises BadInput for any other."""
    if not _NAME.fullmatch(text):
        raise BadInput(f"{what} is {text!r}.", fix="Use lower-case letters, digits and dashes.")
    return text
