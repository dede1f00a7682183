"""AZ3: every read that starts after a revocation was acknowledged sees it, whichever process made the change."""

from __future__ import annotations

import threading

import pytest
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

pytestmark = BOTH

RACES = 75
POSTGRES_RACES = 30
PROVE_RACES = 10_000
PARTS = 10
READERS = 3


def race(changing: Workspace, reading: Workspace, races: int) -> None:
    """Grant and revoke in one workspace object while threads read through another on the same home."""
    lock = threading.Lock()
    state = {"change": 0, "granted": False}
    stop = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not stop.is_set():
            with lock:
                before = dict(state)
            found = reading.search("canteen", "bob").passages
            with lock:
                settled = before == state and before["change"] % 2 == 0
            if settled and bool(found) != before["granted"]:
                wrong.append(f"{before}: {len(found)} passages")

    def change(granted: bool) -> None:
        """Make one change; the number is odd while it is under way, and even once it was acknowledged."""
        with lock:
            state["change"] += 1
        changing.access.set("docs/all", ["user:bob"], [] if granted else ["user:bob"], OPERATOR)
        with lock:
            state.update(change=state["change"] + 1, granted=granted)
        assert bool(reading.search("canteen", "bob").passages) == granted

    change(granted=False)
    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(races):
            change(granted=True)
            change(granted=False)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []


def test_a_revoked_reader_gets_nothing_from_the_next_read(
    pair: tuple[Workspace, Workspace], kept_in: str
) -> None:
    race(*pair, RACES if kept_in == "file" else POSTGRES_RACES)


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_revocations_are_seen_by_the_next_read(
    pair: tuple[Workspace, Workspace], part: int
) -> None:
    race(*pair, PROVE_RACES // PARTS)


def test_a_member_removed_from_a_group_gets_nothing_from_the_next_read(
    pair: tuple[Workspace, Workspace],
) -> None:
    changing, reading = pair
    assert reading.search("Heron price", "bob").passages
    changing.directory.remove_member("sales", "bob", OPERATOR)
    assert not reading.search("Heron price", "bob").passages
