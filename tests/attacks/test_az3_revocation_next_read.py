"""AZ3: every read that starts after a revocation was acknowledged sees it, whichever process made the change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

RACES = 150
PROVE_RACES = 10_000
READERS = 3


def race(changing: Workspace, reading: Workspace, races: int) -> None:
    """Grant and revoke in one workspace object while threads read through another on the same home."""
    lock = threading.Lock()
    state = {"revoked": 0, "granted": 0}
    stop = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not stop.is_set():
            with lock:
                revoked, granted = state["revoked"], state["granted"]
            found = reading.search("canteen", "bob").passages
            with lock:
                unchanged = (revoked, granted) == (state["revoked"], state["granted"])
            if unchanged and bool(found) != (granted > revoked):
                wrong.append(f"after revocation {revoked}, grant {granted}: {len(found)} passages")

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for n in range(1, races + 1):
            with lock:
                state["granted"] = state["revoked"] = -1
            changing.access.set("docs/all", ["user:bob"], [], OPERATOR)
            with lock:
                state["granted"], state["revoked"] = n, n - 1
            assert reading.search("canteen", "bob").passages
            with lock:
                state["granted"] = state["revoked"] = -2
            changing.access.set("docs/all", ["user:bob"], ["user:bob"], OPERATOR)
            with lock:
                state["granted"], state["revoked"] = n, n
            assert not reading.search("canteen", "bob").passages
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []


@pytest.fixture
def pair(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> tuple[Workspace, Workspace]:
    first = make_workspace()
    first.ingest(folder, "docs")
    return first, app.open(tmp_path / "home", embedder=lambda: None)


def test_a_revoked_reader_gets_nothing_from_the_next_read(pair: tuple[Workspace, Workspace]) -> None:
    race(*pair, RACES)


@pytest.mark.prove
def test_ten_thousand_revocations_are_seen_by_the_next_read(pair: tuple[Workspace, Workspace]) -> None:
    race(*pair, PROVE_RACES)


def test_a_member_removed_from_a_group_gets_nothing_from_the_next_read(
    pair: tuple[Workspace, Workspace],
) -> None:
    changing, reading = pair
    assert reading.search("Heron price", "bob").passages
    changing.directory.remove_member("sales", "bob", OPERATOR)
    assert not reading.search("Heron price", "bob").passages
