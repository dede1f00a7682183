"""Language models on this machine, for the `models` commands: what there is, what is whole, and fetching one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.interfaces.cli.download import download_bar, outside
from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.inference.language_models import LanguageModel
    from muniment.inference.language_weights import ModelFile
    from muniment.settings import Settings

TRY_SECONDS = 300.0


def rows(settings: Settings) -> list[dict[str, object]]:
    """Return every language model that can be fetched, with where it lies."""
    from muniment.inference.language_models import CATALOGUE

    return [_row(settings, model, verify=False) for model in CATALOGUE.values()]


def verified_rows(settings: Settings) -> list[dict[str, object]]:
    """Return the language models that are present, each verified."""
    from muniment.inference import language_weights
    from muniment.inference.language_models import CATALOGUE
    from muniment.settings import weight_folders

    folders = weight_folders(settings)
    present = [model for model in CATALOGUE.values() if language_weights.find(model, folders)]
    return [_row(settings, model, verify=True) for model in present]


def fetch(settings: Settings, name: str, folder: Path | None) -> None:
    """Bring one language model into the cache and say where it lies."""
    found = bring(settings, name, folder, TERMINAL.err)
    if TERMINAL.json:
        TERMINAL.document({"weights": [{"name": found.name, "folder": str(found.path.parent)}]})
        return
    TERMINAL.show(f"ok  {found.name}: {found.path.parent}")
    TERMINAL.show(f'To answer with it: [models.NAME] with kind = "local" and model = "{found.name}".')


def try_out(settings: Settings, home: Path, name: str) -> None:
    """Verify a language model, have it read and write, and say how fast it is and what memory it takes."""
    from muniment.foundation.errors import MunimentError, Unavailable
    from muniment.inference.catalog import Endpoint
    from muniment.inference.language_weights import named
    from muniment.inference.loaded import Loaded
    from muniment.inference.providers.local import LocalModels
    from muniment.inference.providers.measured import measure
    from muniment.settings import weight_folders

    endpoint = Endpoint(named(name).name, "local", model=name)
    models = LocalModels(weight_folders(settings), home, settings.ingestion.isolation, Loaded())
    process = models.process(endpoint)
    try:
        found = measure(process, TRY_SECONDS)
    except MunimentError as error:
        raise Unavailable(
            f"{name} does not work here: {error.public} {error.detail}", fix=error.fix
        ) from error
    finally:
        process.close()
    if TERMINAL.json:
        TERMINAL.document({"ok": True, "name": name, **asdict(found)})
        return
    TERMINAL.show(
        f"ok    {name}: verified, starts in {found.start_seconds:.1f} s, "
        f"reads {found.read_per_second:.0f} and writes {found.written_per_second:.0f} tokens a second "
        f"with {found.threads} of {found.cores} cores, takes {found.memory_mb:,} MB"
    )


def bring(settings: Settings, name: str, folder: Path | None, console: Console) -> ModelFile:
    """Return a language model's verified file: copied from `folder`, or for None as it lies here, else fetched.

    Raises BadInput for an unknown name, Unavailable where it cannot be had, Denied where it may not be fetched.
    """
    from muniment.inference import language_weights
    from muniment.settings import process_environment, weight_cache, weight_folders

    model, cache = language_weights.named(name), weight_cache(settings)
    if folder is None:
        found = language_weights.find(model, weight_folders(settings))
        if found is not None and found.path.parent.parent != cache:
            found.verify()
            return found
        if found is None:
            outside(settings)
    with download_bar(console) as progress:
        if folder is not None:
            return language_weights.bring(model, folder, cache, progress)
        return language_weights.fetch(model, cache, progress, process_environment())


def _row(settings: Settings, model: LanguageModel, verify: bool) -> dict[str, object]:
    from muniment.foundation.errors import MunimentError
    from muniment.inference import language_weights
    from muniment.settings import weight_folders

    found = language_weights.find(model, weight_folders(settings))
    state = f"not here: `muniment models fetch {model.name}` ({model.size / 1e9:.1f} GB)"
    good = found is not None
    if found is not None:
        state = f"present in {found.path.parent}"
        if verify:
            try:
                found.verify()
                state = f"verified in {found.path.parent}"
            except MunimentError as error:
                state, good = str(error), False
    return {
        "name": model.name,
        "purpose": "language model",
        "licence": model.licence,
        "origin": model.origin,
        "state": state,
        "ok": good,
    }
