"""A language model on this machine as the one that answers in the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings
from muniment.inference.language_models import SMALL
from muniment.inference.language_weights import named
from muniment.inference.providers.local import require_runtime
from muniment.interfaces.cli.language import bring

if TYPE_CHECKING:
    from rich.console import Console

_SETTINGS = """\
# Written by `muniment demo --model`: answers come from a language model on this machine.
[answers]
model = "local"
passages = 6

[models.local]
kind = "local"
model = "{model}"
timeout_seconds = 900
max_output_tokens = 200
"""


def prepare(home: Path, name: str, console: Console) -> str:
    """Bring the model's weights, have the new home use it, and return its name.

    Raises BadInput for an unknown name, Unavailable where the weights or the runtime cannot be had.
    """
    model = SMALL if name == "local" else named(name)
    chosen = settings.parse({"models": {"local": {"kind": "local", "model": model.name}}})
    require_runtime("local")
    bring(chosen, model.name, None, console)
    home.mkdir(parents=True, exist_ok=True)
    (home / settings.FILE_NAME).write_text(_SETTINGS.format(model=model.name), "utf-8")
    return model.name
