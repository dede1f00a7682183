"""The simulated model of the ladder's benchmark on the wire of `openai_server`, so that it can also fail."""

from __future__ import annotations

from tests.simulators.openai_server import OpenAI

from benchmarks.task_minds import prompt_of


class TaskServer(OpenAI):
    """Shows its mind all that a request holds, and counts its tokens."""

    def prompt_of(self, body: dict) -> str:
        prompt, self.simulator.prompt_tokens = prompt_of(body)
        return prompt
