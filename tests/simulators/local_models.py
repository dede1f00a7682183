"""Language models on this machine: the real runtime with real weights where both are there, and a stand-in."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from muniment.foundation.egress import Egress
from muniment.inference import language_weights
from muniment.inference.catalog import Endpoint
from muniment.inference.language_models import SMALL
from muniment.inference.language_weights import ModelFile
from muniment.inference.loaded import Loaded
from muniment.inference.providers.local import LocalModel, LocalModels
from muniment.inference.providers.local_process import LocalProcess
from muniment.inference.providers.openai import OpenAIEndpoint
from muniment.inference.providers.provider import Provider
from muniment.settings import Settings, weight_folders

ENDPOINT = Endpoint("remote", "local", model=SMALL.name, threads=1, timeout_seconds=300.0)
STAND_IN = str(Path(__file__).with_name("language_child.py"))

_SERVER = """
import sys
import xllamacpp
chosen = xllamacpp.CommonParams()
chosen.model.path = sys.argv[1]
chosen.n_ctx, chosen.n_parallel, chosen.no_extra_bufts, chosen.verbosity = 4096, 1, True, -1
chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(chosen)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def real_file(name: str = SMALL.name) -> ModelFile:
    """Return a model's file; skips the test where it or the runtime is missing."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the extra `local` is not installed")
    found = language_weights.find(language_weights.named(name), weight_folders(Settings()))
    if found is None:
        pytest.skip(f"needs weights: muniment models fetch {name}")
    return found


@contextmanager
def running(endpoint: Endpoint = ENDPOINT) -> Iterator[tuple[LocalModel, LocalProcess]]:
    """Give a real model and its process."""
    file = real_file(endpoint.model)
    models = LocalModels([file.path.parent.parent], Path(), "required", Loaded())
    process = models.process(endpoint)
    try:
        yield models.provider(endpoint), process
    finally:
        process.close()


@contextmanager
def local() -> Iterator[Provider]:
    """Give a real model in a process of its own."""
    with running() as (model, _):
        yield model


@contextmanager
def served() -> Iterator[Provider]:
    """Give a real model behind HTTP, as any OpenAI-compatible server on this machine would be."""
    file = real_file()
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(file.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        endpoint = replace(ENDPOINT, kind="openai", base_url=f"{address}/v1")
        yield OpenAIEndpoint(endpoint, Egress({endpoint.origin}))
    finally:
        server.kill()
        server.wait()
        server.stdin.close()
        server.stdout.close()


@contextmanager
def stand_in() -> Iterator[Provider]:
    """Give a program that speaks like the process of a model."""
    process = LocalProcess([sys.executable, "-S", STAND_IN])
    try:
        yield LocalModel(ENDPOINT, process)
    finally:
        process.close()
