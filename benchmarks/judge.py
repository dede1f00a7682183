"""A language model on this machine as a judge of support, held to yes or no by a grammar."""

from __future__ import annotations

import json
import random
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from muniment import settings
from muniment.assurance.evaluation.judging.judge import SUPPORT, SUPPORTS, prove
from muniment.foundation.errors import Unavailable
from muniment.inference import language_weights, prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.loaded import Loaded
from muniment.inference.messages import NumberedPassage, TextDelta
from muniment.inference.providers.local import LocalModel, LocalModels
from muniment.inference.providers.provider import Budget, Provider

_BUDGET = Budget(16, 120.0)


@contextmanager
def judging(name: str, threads: int = 1) -> Generator[LocalModel]:
    """Give a model of this machine that judges; raises BadInput for an unknown one, else Unavailable."""
    language_weights.named(name)
    endpoint = Endpoint(
        name,
        "local",
        model=name,
        threads=threads,
        timeout_seconds=120.0,
        context_tokens=4096,
        max_output_tokens=16,
    )
    models = LocalModels(settings.weight_folders(settings.Settings()), Path(), "required", Loaded())
    process = models.process(endpoint)
    try:
        yield models.provider(endpoint)
    finally:
        process.close()


def verdict(model: Provider, claim: str, title: str, text: str) -> bool | None:
    """Return whether the model finds the claim supported by a text; None where it says nothing."""
    passages = (NumberedPassage(1, title, "", text),)
    boundary = random.randbytes(16).hex()
    request = prompts.request(prompts.load(SUPPORT), prove(claim), passages, boundary, SUPPORTS)
    try:
        said = "".join(one.text for one in model.complete(request, _BUDGET) if isinstance(one, TextDelta))
        return bool(json.loads(said)["supported"])
    except (Unavailable, ValueError, KeyError, TypeError):
        return None
