"""WF1: kill -9 while another embedding model's index is built, and around the switch, leaves one model in use."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crash.reembedder import MODELS, fill
from tests.crash.test_kill_nine import PLACES, ROOT
from tests.simulators.shelf import model_in_use, put, seen, set_access

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import index_model, library
from muniment.knowledge.retrieval import segment

CYCLES = 4
PROVE_CYCLES = 100
QUERIES = ("term1 term2 term3", "term30 term7")


def work_and_kill(home: Path, first: int, rng: random.Random) -> None:
    """Run the worker and kill it: every second time just when it switches, else at some moment of its work."""
    said = home.parent / "said.txt"
    command = [sys.executable, "-m", "tests.crash.reembedder", str(home), str(first)]
    with open(said, "wb") as out:
        worker = subprocess.Popen(command, cwd=ROOT, stdout=out, env={**os.environ, "PYTHONPATH": PLACES})
    waits_for, wait = (b"switching", 0.02) if first % 2 else (b"ready", 0.8)
    deadline = time.monotonic() + 60
    while waits_for not in said.read_bytes() and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(rng.random() * wait)
    assert worker.poll() is None, "the worker ended by itself"
    worker.kill()
    worker.wait()


def check_whole(workspace: Workspace) -> None:
    """Each live document has its rows once in the index in use, all of them of the one model that the log names."""
    with workspace.database.read() as connection:
        live, build = index_model.live(connection), index_model.building(connection)
        manifest = library.every_segment(connection)
        documents = library.with_chunks(connection)
        chunks = {
            (name, one.version, chunk.ordinal)
            for name, one in documents.items()
            for chunk in library.chunks(connection, name, one.version)
        }
    assert live is not None
    models = {live.generation: live.model.digest}
    if build is not None:
        models[build.generation] = build.model.digest
    rows: dict[int, list[tuple[str, int, int]]] = {generation: [] for generation in models}
    for row in manifest:
        part = segment.load(workspace.segments.open(row.name, segment.KIND, row.digest))
        part.file.check()
        assert part.model == row.model == models[row.generation]
        for extent, name in enumerate(part.documents):
            for ordinal in part.ordinals[part.extent_starts[extent] : part.extent_starts[extent + 1]]:
                rows[row.generation].append((name, int(part.versions[extent]), int(ordinal)))
    for held in rows.values():
        assert len(held) == len(set(held))
    assert chunks <= set(rows[live.generation])
    switched = workspace.audit.query(kind="index.model_switched", limit=10**6)
    newest = max(switched, key=lambda entry: entry.seq, default=None)
    assert (MODELS[0].model.digest if newest is None else newest.about["model"]) == live.model.digest
    assert workspace.audit.verify().findings == ()


def check_found(workspace: Workspace, template: Path, place: Path) -> None:
    """What is found is what an index made from nothing with the model in use gives."""
    digest = model_in_use(workspace)
    shutil.copytree(template, place)
    fresh = app.open(place, embedder=lambda: [one for one in MODELS if one.model.digest == digest])
    with workspace.database.read() as connection:
        papers = {
            row.path: [chunk.text for chunk in library.chunks(connection, row.id, row.version)]
            for row in library.documents(connection)
        }
        rules = library.overrides(connection, "s")
    put(fresh, papers)
    for path, access in rules.items():
        set_access(fresh, path, access)
    for who in ("alice", "bob"):
        for query in QUERIES:
            assert seen(workspace, who, query, 100) == seen(fresh, who, query, 100)
    fresh.close()


def kill_again_and_again(make_workspace: Callable[..., Workspace], place: Path, cycles: int) -> int:
    rng = random.Random(4)
    made = make_workspace("home", embedder=lambda: MODELS)
    shutil.copytree(place / "home", place / "template")
    fill(made)
    made.close()
    switches = 0
    for cycle in range(cycles):
        work_and_kill(place / "home", 1_000_000 * cycle + cycle % 2, rng)
        workspace = app.open(place / "home", embedder=lambda: MODELS)
        try:
            check_whole(workspace)
            check_found(workspace, place / "template", place / f"fresh{cycle}")
            if cycle % 3 == 1:
                other = next(one for one in MODELS if one.model.digest != model_in_use(workspace))
                workspace.reembed.run(other, OPERATOR)
                workspace.index.finish(OPERATOR)
                workspace.index.finish(OPERATOR)
                check_whole(workspace)
                check_found(workspace, place / "template", place / f"after{cycle}")
                with workspace.database.read() as connection:
                    named = sorted(row.name for row in library.every_segment(connection))
                assert workspace.segments.names() == named
            switches = len(workspace.audit.query(kind="index.model_switched", limit=10**6))
        finally:
            workspace.close()
    return switches


def test_kill_nine_leaves_one_model_in_use_whole(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    assert kill_again_and_again(make_workspace, tmp_path, CYCLES) > 0


@pytest.mark.prove
def test_a_hundred_kills_leave_one_model_in_use_whole(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    switches = kill_again_and_again(make_workspace, tmp_path, PROVE_CYCLES)
    print(f"{PROVE_CYCLES} kills, {switches} switches, one model in use each time")
    assert switches > PROVE_CYCLES // 4
