"""KM4: no key seals two messages under one nonce, at any of the places that make nonces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import aead
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from muniment.app import Workspace
from muniment.foundation import keys, segments
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.segments import Rows, Segments
from muniment.governance.identity.principal import OPERATOR

SOURCE = Path(keys.__file__).parents[1]


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[bytes, bytes]]:
    """Count every (key, nonce) under which anything is sealed."""
    counted: Counter[tuple[bytes, bytes]] = Counter()

    class Watched:
        def __init__(self, key: bytes) -> None:
            self._key = bytes(key)
            self._cipher = aead.AESGCM(key)

        def encrypt(self, nonce: bytes, content: Any, bound: bytes | None) -> bytes:
            counted[(self._key, bytes(nonce))] += 1
            return self._cipher.encrypt(nonce, content, bound)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._cipher, name)

    for module in (keys, segments):
        monkeypatch.setattr(module, "AESGCM", Watched)
    return counted


def repeated(counted: Counter[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [place for place, times in counted.items() if times > 1]


def test_every_place_that_seals_is_watched_here() -> None:
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "import AESGCM" in path.read_text("utf-8")
    }
    assert found == {"foundation/keys.py", "foundation/segments.py"}


def test_a_workspace_at_work_never_repeats_one(
    sealed: Counter[tuple[bytes, bytes]], make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make_workspace()
    for n in range(3):
        (folder / "all" / "canteen.txt").write_text(f"The canteen opens at {n}.\n")
        workspace.ingest(folder, "docs")
        workspace.key_custody.rotate(OPERATOR)
    workspace.search("canteen", "alice")
    assert len(sealed) > 30
    assert repeated(sealed) == []


@given(shapes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=6))
@profile(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
    deadline=None,
)
def test_no_piece_of_any_segment_shares_one_with_another(
    sealed: Counter[tuple[bytes, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    shapes: list[tuple[int, int]],
) -> None:
    """Also not with a segment of the same name and content, which is written when one is made again."""
    monkeypatch.setattr(segments, "_PIECE", 64)
    place = tmp_path_factory.mktemp("segments")
    ring = create_keyring(KekFile(place / "kek", Ids()), place / "keyring.json", "acme", Ids())
    store = Segments(place / "segments", ring)
    arrays = {f"a{n}": np.arange(rows * columns, dtype="<i4") for n, (rows, columns) in enumerate(shapes)}
    for _ in range(2):
        by_row = {
            f"r{n}": Rows(rows, columns, "<f4", iter([np.ones((rows, columns), "<f4")]))
            for n, (rows, columns) in enumerate(shapes)
            if rows and columns
        }
        store.write("seg_a", "index", arrays, by_row)
    assert repeated(sealed) == []


def test_random_ones_are_whole_and_new() -> None:
    drawn = [Ids().random_bytes(12) for _ in range(20_000)]
    assert len(set(drawn)) == len(drawn) and {len(one) for one in drawn} == {12}
