"""Which file a local model is, and what is said where it or its runtime is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from muniment import settings
from muniment.foundation.errors import BadInput, Unavailable
from muniment.inference.catalog import Catalog, Endpoint
from muniment.inference.language_models import LOCAL_CONTEXT
from muniment.inference.loaded import Loaded
from muniment.inference.providers.local import LocalModels

MINE = Endpoint("mine", "local", model="qwen2.5-coder-0.5b")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runtime be found; nothing here starts it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def models(tmp_path: Path) -> LocalModels:
    return LocalModels([tmp_path / "weights"], tmp_path / "home", "required", Loaded())


def placed(tmp_path: Path) -> Path:
    file = tmp_path / "weights" / MINE.model / "model.gguf"
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def test_without_the_runtime_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"muniment\[local\]"):
        models(tmp_path).provider(MINE)


@pytest.mark.usefixtures("runtime")
def test_without_the_weights_the_error_says_how_to_fetch_them(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"models fetch qwen2\.5-coder-0\.5b"):
        models(tmp_path).provider(MINE)


@pytest.mark.usefixtures("runtime")
def test_endpoints_with_equal_settings_share_a_process(tmp_path: Path) -> None:
    placed(tmp_path)
    found = models(tmp_path)
    same = Endpoint("other", "local", model=MINE.model)
    plain = Endpoint("plain", "local", model=MINE.model, context_tokens=LOCAL_CONTEXT)
    wider = Endpoint("wider", "local", model=MINE.model, context_tokens=8192)
    # Without a limit the library would take the most that the model can, and the memory for it.
    assert found.process(MINE) is found.process(plain)
    assert found.process(MINE) is found.process(same)
    assert found.process(MINE) is not found.process(wider)


@pytest.mark.usefixtures("runtime")
def test_a_file_of_ones_own_lies_where_the_settings_say(tmp_path: Path) -> None:
    own = Endpoint("own", "local", model="models/own.gguf", sha256="a" * 64)
    started = models(tmp_path).process(own).command[-2]
    assert str(tmp_path / "home" / "models" / "own.gguf") in started and "a" * 64 in started


def test_a_model_that_is_neither_known_nor_pinned_is_refused() -> None:
    chosen = settings.parse({"models": {"mine": {"kind": "local", "model": "models/own.gguf"}}})
    with pytest.raises(BadInput, match="no file with its sha256"):
        Catalog(settings.endpoints(chosen, Path()))


def test_a_workspace_says_to_whoever_asks_that_a_model_is_missing(
    make_workspace: Callable[..., object], folder: Path, tmp_path: Path
) -> None:
    chosen = settings.parse(
        {
            "models": {"mine": {"kind": "local", "model": MINE.model}},
            "weights": {"folder": str(tmp_path / "none"), "cache": str(tmp_path / "none")},
        }
    )
    workspace = make_workspace(settings=chosen)
    workspace.ingest(folder, "files")  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match="'mine'"):
        workspace.ask("When does the canteen open?", "alice", model="mine")  # type: ignore[attr-defined]
