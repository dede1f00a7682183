"""Encrypted files of arrays: whole or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from muniment.foundation.errors import Tampered, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.keys import PURPOSES, Keyring
from muniment.foundation.segments import DamagedRows, Rows, Segments

KEYRING = Keyring("acme", {purpose: bytes([n]) * 32 for n, purpose in enumerate(PURPOSES)}, Ids())


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    return Segments(tmp_path / "segments", KEYRING)


SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6)
ARRAYS = st.sampled_from(["<f4", "<i4", "<i8", "|i1", "|u1", "<u2", "|b1"]).flatmap(
    lambda kind: arrays.arrays(np.dtype(kind), SHAPES)
)


@given(st.dictionaries(st.text(max_size=8), ARRAYS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, given_arrays: dict[str, np.ndarray]
) -> None:
    segments = Segments(tmp_path_factory.mktemp("segments"), KEYRING)
    found = segments.open("seg", "index", segments.write("seg", "index", given_arrays)).arrays
    assert list(found) == list(given_arrays)
    for name, array in given_arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def test_any_changed_byte_is_refused(segments: Segments) -> None:
    digest = segments.write("seg", "index", {"rows": np.arange(4)})
    whole = segments.path("seg").read_bytes()
    for at in range(0, len(whole), 7):
        segments.path("seg").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Tampered, match="altered"):
            segments.open("seg", "index", digest)


ROWS = np.arange(60, dtype=np.float32).reshape(20, 3)


def kept_by_row(*blocks: np.ndarray) -> dict[str, Rows]:
    return {"exact": Rows(20, 3, "<f4", blocks)}


def test_rows_are_read_one_by_one_in_any_order(segments: Segments) -> None:
    digest = segments.write("seg", "index", {"a": np.arange(3)}, kept_by_row(ROWS[:7], ROWS[7:]))
    file = segments.open("seg", "index", digest)
    assert "exact" not in file.arrays and file.has("exact")
    assert (file.rows("exact", np.array([19, 0, 4, 4])) == ROWS[[19, 0, 4, 4]]).all()
    with pytest.raises(IndexError):
        file.rows("exact", np.array([20]))


def test_a_changed_or_moved_row_is_refused_when_it_is_read(segments: Segments) -> None:
    digest = segments.write("seg", "index", {}, kept_by_row(ROWS))
    whole, size = segments.path("seg").read_bytes(), 3 * 4 + 16
    first = len(whole) - 20 * size
    swapped = whole[:first] + whole[first + size : first + 2 * size] + whole[first : first + size]
    for bad in (whole[:-1] + bytes([whole[-1] ^ 1]), swapped + whole[first + 2 * size :]):
        segments.path("seg").write_bytes(bad)
        file = segments.open("seg", "index", digest)
        assert (file.rows("exact", np.array([5])) == ROWS[5]).all()
        with pytest.raises(Tampered, match="altered"):
            file.check()
    segments.path("seg").write_bytes(whole[:-size])
    with pytest.raises(Tampered, match="altered"):
        segments.open("seg", "index", digest)


def test_every_damaged_row_among_those_read_is_named(segments: Segments) -> None:
    digest = segments.write("seg", "index", {}, kept_by_row(ROWS))
    content, size = bytearray(segments.path("seg").read_bytes()), 3 * 4 + 16
    for row in (3, 7, 19):
        content[len(content) - (20 - row) * size] ^= 1
    segments.path("seg").write_bytes(bytes(content))
    with pytest.raises(DamagedRows) as error:
        segments.open("seg", "index", digest).rows("exact", np.array([19, 4, 3, 5]))
    assert (error.value.segment, list(error.value.rows)) == ("seg", [19, 3])


def test_only_the_arrays_asked_for_are_read(segments: Segments) -> None:
    digest = segments.write("seg", "index", {"a": np.arange(3), "b": np.arange(4)})
    content = bytearray(segments.path("seg").read_bytes())
    content[-1] ^= 1
    segments.path("seg").write_bytes(bytes(content))
    file = segments.open("seg", "index", digest, only=["a"])
    assert list(file.arrays) == ["a"] and list(file.arrays["a"]) == [0, 1, 2]
    with pytest.raises(Tampered, match="altered"):
        segments.open("seg", "index", digest, only=["b"])


def test_a_file_in_quarantine_is_kept_and_opens_no_more(segments: Segments) -> None:
    digest = segments.write("seg", "index", {"rows": np.arange(4)})
    content = segments.path("seg").read_bytes()
    segments.doubt("seg")
    first = segments.quarantine("seg")
    assert first is not None and first.read_bytes() == content and not segments.doubted()
    with pytest.raises(Tampered, match="missing"):
        segments.open("seg", "index", digest)
    segments.path("seg").write_bytes(b"another")
    second = segments.quarantine("seg")
    segments.sweep([])
    assert second not in (None, first) and first.exists() and segments.quarantine("seg") is None
    assert segments.quarantined.stat().st_mode & 0o077 == 0


def test_what_a_reader_doubts_is_remembered_until_it_is_trusted_or_gone(segments: Segments) -> None:
    for name in ("seg_a", "seg_b"):
        segments.write(name, "index", {"rows": np.arange(4)})
        segments.doubt(name)
    assert segments.doubted() == {"seg_a", "seg_b"}
    segments.trust("seg_a")
    segments.sweep({"seg_a"})
    assert segments.doubted() == set()


def test_a_file_that_this_process_may_not_open_is_not_taken_for_damaged(segments: Segments) -> None:
    digest = segments.write("seg", "index", {"rows": np.arange(4)})
    segments.path("seg").rename(segments.folder / "away")
    segments.path("seg").symlink_to(segments.path("seg"))
    with pytest.raises(Unavailable, match="cannot be opened"):
        segments.open("seg", "index", digest)


def test_an_open_segment_outlives_its_file(segments: Segments) -> None:
    digest = segments.write("seg", "index", {}, kept_by_row(ROWS))
    file = segments.open("seg", "index", digest)
    segments.sweep([])
    assert (file.rows("exact", np.array([1])) == ROWS[1]).all()


def test_rows_that_do_not_come_as_announced_leave_no_segment(segments: Segments) -> None:
    with pytest.raises(ValueError, match="240 bytes came with 228"):
        segments.write("seg", "index", {}, kept_by_row(ROWS[:19]))
    assert list(segments.folder.iterdir()) == []


def test_a_missing_segment_is_named_with_the_fix(segments: Segments) -> None:
    with pytest.raises(Tampered, match="seg_a is missing"):
        segments.open("seg_a", "index", "sha256:00")


def test_the_same_arrays_never_give_the_same_bytes(segments: Segments) -> None:
    digests = {segments.write(f"seg{n}", "index", {"rows": np.arange(4)}) for n in range(20)}
    assert len(digests) == 20


def test_a_disk_that_fails_leaves_the_earlier_segment_whole(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = segments.write("seg", "index", {"rows": np.arange(4)})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            segments.write("seg", "index", {"rows": np.arange(9)})
    assert list(segments.open("seg", "index", digest).arrays["rows"]) == [0, 1, 2, 3]
    assert [path.name for path in segments.folder.iterdir()] == ["seg.segment"]


def test_a_half_written_file_is_no_segment(segments: Segments) -> None:
    segments.write("seg", "index", {"rows": np.arange(4)})
    (segments.folder / "seg2.partial").write_bytes(b"half")
    assert segments.names() == ["seg"]


def test_a_segment_of_objects_is_refused_even_under_the_right_key(segments: Segments) -> None:
    with pytest.raises((Tampered, ValueError, TypeError)):
        segments.open("seg", "index", segments.write("seg", "index", {"rows": np.array([{}], dtype=object)}))


def test_sweeping_removes_what_is_not_kept_and_what_is_half_written(segments: Segments) -> None:
    segments.sweep([])
    for name in ("seg_a", "seg_b"):
        segments.write(name, "index", {"rows": np.arange(4)})
    (segments.folder / "seg_c.partial").write_bytes(b"half")
    segments.sweep({"seg_b"})
    assert [path.name for path in segments.folder.iterdir()] == ["seg_b.segment"]


def test_the_folder_is_closed_to_other_accounts(segments: Segments) -> None:
    segments.write("seg", "index", {"rows": np.arange(4)})
    assert segments.folder.stat().st_mode & 0o077 == 0
