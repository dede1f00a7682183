"""A model that begins to answer and then holds its breath: something can happen in the middle of an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulators.openai_server import OpenAI, Simulator, answering, serving


@dataclass
class Breath:
    """What lets the model go on."""

    simulator: Simulator
    go_on: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    """Whether it has begun, and holds the rest."""

    def hold(self) -> None:
        """Let the next answer stop after its first claim."""
        self.go_on.clear()
        self.held.clear()


@contextmanager
def holding() -> Iterator[Breath]:
    """Serve a model that quotes the longest line of two passages, and stops between the two unless it may go on."""

    class Held(OpenAI):
        said = ""

        def say(self, text: str) -> None:
            self.said += text
            if self.said.count('"quotes"') == 2 and not breath.go_on.is_set():
                breath.held.set()
                breath.go_on.wait(30)
            super().say(text)

    with serving(answering, wire=Held) as simulator:
        breath = Breath(simulator)
        breath.go_on.set()
        try:
            yield breath
        finally:
            breath.go_on.set()
