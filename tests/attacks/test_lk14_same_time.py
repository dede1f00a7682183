"""LK14: who may read nothing learns nothing from how long an answer takes; a forbidden thing takes as an absent one.

Only at full size: a short timing says nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.postgres import BOTH
from tests.simulators.web_client import bearer, client, document_id

from muniment.app import Workspace
from muniment.foundation.limit_settings import LimitSettings
from muniment.governance.identity.principal import OPERATOR

pytestmark = BOTH

TIMES = 2_000
APART = 0.0005
"""Seconds that two medians may differ."""


def apart(usual: float, kept_in: str) -> float:
    """Return how far medians may be: on a server, whose answers take longer, in proportion to them."""
    return APART if kept_in == "file" else max(APART, usual / 50)


@pytest.fixture
def library(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    """Return 3,000 chunks that all hold one word, readable by alice; bob may read nothing."""
    root = tmp_path / "many"
    root.mkdir()
    (root / "access.toml").write_text('allow = ["user:alice"]\n')
    for at in range(60):
        lines = (f"The common walrus of paragraph {at} {line}. " * 16 for line in range(50))
        (root / f"n{at:03d}.txt").write_text("\n\n".join(lines))
    workspace = make_workspace()
    workspace.ingest(root, "many")
    return workspace


def medians(*work: Callable[[], object]) -> list[float]:
    """Return the median time of each, all run in turns so that the machine's moods fall on all alike."""
    times: list[list[float]] = [[] for _ in work]
    for number in range(TIMES):
        for at in range(len(work)):
            chosen = (at + number) % len(work)
            started = time.perf_counter()
            work[chosen]()
            times[chosen].append(time.perf_counter() - started)
    return [statistics.median(one) for one in times]


@pytest.mark.prove
def test_an_absent_and_a_common_word_take_the_same_time_for_who_may_read_nothing(
    library: Workspace, kept_in: str
) -> None:
    assert library.search("walrus", "alice").passages
    absent, common = medians(lambda: library.search("zebra", "bob"), lambda: library.search("walrus", "bob"))
    assert abs(absent - common) < apart(absent, kept_in)


@pytest.mark.prove
def test_a_word_that_only_hidden_documents_hold_takes_as_long_as_an_absent_one(
    library: Workspace, tmp_path: Path, kept_in: str
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "access.toml").write_text('allow = ["user:bob"]\n')
    for at in range(40):
        (own / f"own{at}.txt").write_text(f"A note of my own about gardens, number {at}.\n")
    library.ingest(own, "own")
    absent, hidden = medians(
        lambda: library.search("garden zebra", "bob"), lambda: library.search("garden walrus", "bob")
    )
    assert abs(absent - hidden) < apart(absent, kept_in)


@pytest.mark.prove
def test_a_forbidden_document_takes_as_long_as_an_absent_one(library: Workspace, kept_in: str) -> None:
    forbidden = document_id(library, "n000.txt")
    absent = forbidden[:-1] + ("a" if forbidden[-1] != "a" else "b")
    often = LimitSettings(user_per_minute=1_000_000, tenant_per_minute=1_000_000)
    library.settings = library.settings.model_copy(update={"limits": often})
    http, bob = client(library), bearer(library, "bob")
    one, other = medians(
        lambda: http.get(f"/v1/documents/{forbidden}", headers=bob),
        lambda: http.get(f"/v1/documents/{absent}", headers=bob),
    )
    assert abs(one - other) < apart(one, kept_in)
    library.access.set("many/n000.txt", ["user:bob"], [], OPERATOR)
    assert http.get(f"/v1/documents/{forbidden}", headers=bob).status_code == 200
