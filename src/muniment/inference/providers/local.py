"""A language model on this machine, in a process of its own (`local_process`)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from muniment.foundation.confinement import Isolation
from muniment.foundation.errors import MunimentError, Unavailable
from muniment.foundation.sandbox import ChildFailed
from muniment.inference import language_weights, prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.language_models import CATALOGUE, LOCAL_CONTEXT
from muniment.inference.language_weights import ModelFile
from muniment.inference.loaded import Loaded
from muniment.inference.messages import Chunk, Request, TextDelta, Usage
from muniment.inference.providers.json_forms import Inexpressible, grammar_form
from muniment.inference.providers.local_process import Limits, LocalProcess, command
from muniment.inference.providers.provider import Budget, Busy

_RUNTIME = "xllamacpp"
_MOST_THREADS = 8
"""More wait for memory rather than work."""


def require_runtime(name: str) -> None:
    """Raise Unavailable where no local model can run, such as the endpoint `name`."""
    if importlib.util.find_spec(_RUNTIME) is None:
        raise Unavailable(
            f"The model {name!r} needs a runtime that is not installed.",
            fix="Install the extra: pip install 'muniment[local]'.",
        )


class LocalModels:
    """The models of this machine; those with equal files and settings share a process."""

    def __init__(
        self, folders: Sequence[Path], home: Path, isolation: Isolation, processes: Loaded[LocalProcess]
    ) -> None:
        """`folders` are where weights are looked for; paths in settings are relative to `home`."""
        self._folders = folders
        self._home = home
        self._isolation: Isolation = isolation
        self._processes = processes

    def provider(self, endpoint: Endpoint) -> LocalModel:
        """Return the provider of an endpoint; raises Unavailable where its file or the runtime is missing."""
        return LocalModel(endpoint, self.process(endpoint))

    def process(self, endpoint: Endpoint) -> LocalProcess:
        """Return the process that serves an endpoint, started or not; raises as `provider` does."""
        require_runtime(endpoint.name)
        file = self._file(endpoint)
        threads = endpoint.threads or min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        options = {
            "name": file.name,
            "path": str(file.path.absolute()),
            "sha256": file.sha256,
            "context": endpoint.context_tokens or LOCAL_CONTEXT,
            "threads": threads,
            "isolation": self._isolation,
            "cpu_seconds": int(Limits().life_seconds + endpoint.timeout_seconds) * threads,
        }
        return self._processes.get(repr(options), lambda: LocalProcess(command(options), threads=threads))

    def _file(self, endpoint: Endpoint) -> ModelFile:
        if endpoint.sha256:
            return ModelFile(endpoint.name, self._home / Path(endpoint.model).expanduser(), endpoint.sha256)
        found = language_weights.find(CATALOGUE[endpoint.model], self._folders)
        if found is None:
            raise Unavailable(
                f"The model {endpoint.name!r} is not on this machine.",
                fix=f"Run `muniment models fetch {endpoint.model}`.",
            )
        return found


class LocalModel:
    """One endpoint of the catalog."""

    def __init__(self, endpoint: Endpoint, process: LocalProcess) -> None:
        self._endpoint = endpoint
        self._process = process

    def complete(self, request: Request, budget: Budget) -> Generator[Chunk]:
        """Yield the reply as it comes; raises as `Provider.complete` says."""
        name = f"The model {self._endpoint.name!r}"
        try:
            form = None if request.schema is None else grammar_form(request.schema)
        except Inexpressible as why:
            raise Unavailable(f"{name} cannot be held to this form of reply: {why}.") from None
        replies = self._process.ask(
            {
                "system": request.instructions,
                "user": prompts.user_text(request),
                "schema": form,
                "fence": request.boundary if request.passages else "",
            },
            budget.max_output_tokens,
            budget.timeout_seconds,
        )
        begun = False
        try:
            with closing(replies):
                for reply in replies:
                    chunk = self._chunk(reply)
                    if chunk is not None:
                        begun = True
                        yield chunk
        except ChildFailed as failure:
            raise self._translated(failure, begun) from None
        except Busy as busy:
            raise Busy(
                f"{name} is busy.", fix="Try again in a moment.", retry_after=busy.retry_after
            ) from None

    def _chunk(self, reply: Mapping[str, Any]) -> Chunk | None:
        if "refused" in reply:
            raise self._refused(reply)
        if "done" in reply:
            used = reply["done"]
            return Usage(_count(used, "prompt_tokens"), _count(used, "completion_tokens"))
        text = reply.get("text")
        return TextDelta(text) if isinstance(text, str) and text else None

    def _refused(self, reply: Mapping[str, Any]) -> MunimentError:
        name, detail = f"The model {self._endpoint.name!r}", str(reply.get("detail", ""))
        if reply["refused"] == "context":
            return Unavailable(
                f"{name} reads at most {_count(reply, 'room')} tokens; the question with its passages has "
                f"{_count(reply, 'tokens')}.",
                fix="Raise its context_tokens, or lower answers.passages.",
            )
        if reply["refused"] == "schema":
            return Unavailable(f"{name} cannot be held to this form of reply.", detail=detail)
        return Unavailable(f"{name} could not take the request.", detail=detail)

    def _translated(self, failure: ChildFailed, begun: bool) -> MunimentError:
        name = f"The model {self._endpoint.name!r}"
        if failure.reason == "time":
            return Unavailable(
                f"{name} did not answer within {self._endpoint.timeout_seconds:g} seconds.",
                fix="Try again, or raise its timeout_seconds.",
                detail=failure.detail,
            )
        if failure.reason == "crash":
            kind = Unavailable if begun else Busy
            return kind(f"{name} broke off.", fix="Try again.", detail=failure.detail)
        return Unavailable(f"{name} returned something that is not a reply.", detail=failure.detail)


def _count(fields: object, key: str) -> int:
    """Return a count that the process states, 0 for anything else."""
    value = fields.get(key) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and 0 <= value < 1 << 31 else 0
