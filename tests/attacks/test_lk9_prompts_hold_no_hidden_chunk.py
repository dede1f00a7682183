"""LK9: the bytes that reach a model never hold a chunk that the asker may not read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulators.openai_server import serving

from muniment import settings
from muniment.foundation.ids import SeededIds

FOLDERS = {
    "engineering": 'allow = ["group:engineering"]\n',
    "sales": 'allow = ["group:sales"]\n',
    "denied": 'allow = ["group:everyone"]\ndeny = ["user:alice"]\n',
    "all": 'allow = ["group:everyone"]\n',
    "attic": "",
    "broken": "allow = [",
}
READERS = {
    "alice": {"engineering", "all"},
    "bob": {"sales", "denied", "all"},
    "carol": {"denied", "all"},
    "service:helpdesk": {"sales", "denied", "all"},
}
QUESTIONS = ("What does the heron pump cost?", "Who holds the key?", "When is the ceremony held in the room?")


def write_library(root: Path, chance: random.Random) -> dict[str, str]:
    """Documents about the same things in every folder; each line holds a word that is in no other."""
    markers: dict[str, str] = {}
    for folder, manifest in FOLDERS.items():
        (root / folder).mkdir(parents=True)
        if manifest:
            (root / folder / "access.toml").write_text(manifest)
        for n in range(4):
            lines = []
            for _ in range(chance.randint(3, 8)):
                marker = f"zq{chance.getrandbits(48):012x}"
                markers[marker] = folder
                lines.append(
                    f"The heron pump costs {marker} and the key of the ceremony room is held by {marker}."
                )
            (root / folder / f"note{n}.md").write_text(
                f"# Heron {folder} {n}\n\n" + "\n\n".join(lines) + "\n"
            )
    return markers


def test_captured_prompt_bytes_hold_readable_chunks_only(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    root = tmp_path / "library"
    markers = write_library(root, random.Random(7))
    with serving() as server:
        model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0}
        workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
        workspace.ingest(root, "acme")
        for who, readable in READERS.items():
            server.bodies.clear()
            for question in QUESTIONS:
                workspace.ask(question, as_=who, model="remote")
            assert len(server.bodies) == len(QUESTIONS)
            sent = b"\n".join(server.bodies).decode()
            leaked = {folder for marker, folder in markers.items() if marker in sent} - readable
            assert leaked == set(), f"{who} was sent {leaked}"
            assert {folder for marker, folder in markers.items() if marker in sent} == readable
            titles = {folder for folder in FOLDERS if f"Heron {folder}" in sent}
            assert titles <= readable


def test_prompt_bytes_are_the_same_with_and_without_hidden_documents(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    sent: list[list[str]] = []
    for name in ("whole", "readable"):
        root = tmp_path / name
        write_library(root, random.Random(7))
        if name == "readable":
            for folder in set(FOLDERS) - READERS["carol"]:
                for file in (root / folder).glob("*.md"):
                    file.unlink()
        with serving() as server:
            model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0}
            workspace = make_workspace(
                name, settings=settings.parse({"models": {"remote": model}}), ids=SeededIds(5)
            )
            workspace.ingest(root, "acme")
            for question in QUESTIONS:
                workspace.ask(question, as_="carol", model="remote")
            sent.append([_without_boundary(body) for body in server.bodies])
    assert sent[0] == sent[1]
    assert all("zq" in text for text in sent[0])


def _without_boundary(body: bytes) -> str:
    """The request with the random fence, which is fresh for each request, taken out."""
    text = json.loads(body)["messages"][-1]["content"]
    boundary = text.split("<<<", 1)[1].split(" ", 1)[0]
    return body.decode().replace(boundary, "FENCE")
