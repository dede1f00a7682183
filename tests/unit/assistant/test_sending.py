"""What does not fit into a model is left out, least relevant first, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import passages_of, serving

from muniment import settings
from muniment.foundation.errors import BadInput

QUESTION = "What does the heron pump cost?"


def test_passages_beyond_the_context_are_left_out_least_relevant_first(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    root = tmp_path / "library"
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:everyone"]\n')
    for n in range(6):
        text = f"The heron pump {n} costs {'heron ' * (6 - n)} a lot, and more of pump {n}. " * 12
        (root / f"note{n}.md").write_text(f"# Pump {n}\n\n{text}\n")
    with serving() as server:
        plain = {"base_url": server.url, "model": "m", "max_output_tokens": 100}
        listed = {
            "roomy": plain,
            "narrow": {**plain, "context_tokens": 1800},
            "tiny": {**plain, "context_tokens": 101},
        }
        workspace = make_workspace(settings=settings.parse({"models": listed}))
        workspace.ingest(root, "docs")
        whole = workspace.ask(QUESTION, as_="carol", model="roomy")
        all_of_them = [n for n, _ in passages_of(server.prompts[-1])]
        answer = workspace.ask(QUESTION, as_="carol", model="narrow")
        sent = [n for n, _ in passages_of(server.prompts[-1])]
        assert sent == all_of_them[: len(sent)] and 0 < len(sent) < len(all_of_them)
        messages = json.loads(server.bodies[-1])["messages"]
        assert sum(len(one["content"].encode()) for one in messages) < 1700 * 3
        left_out = len(all_of_them) - len(sent)
        assert f"{left_out} passages do not fit into the model narrow." in answer.notes
        assert not [note for note in whole.notes if "fit" in note]
        asked = len(server.bodies)
        assert workspace.ask(QUESTION, as_="carol", model="tiny").status == "abstained"
        assert len(server.bodies) == asked


def test_a_context_without_room_for_a_request_is_refused() -> None:
    model = {"base_url": "http://127.0.0.1:1", "model": "m", "context_tokens": 800}
    with pytest.raises(BadInput, match="leaves no room"):
        settings.parse({"models": {"m": model}})
