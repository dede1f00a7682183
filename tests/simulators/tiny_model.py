"""Real model files of some kilobytes: an encoder that gives each word a fixed direction, and its tokenizer."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

DIMENSIONS = 24
_WORDS = 4096


def write(folder: Path, seed: int = 1, dimensions: int = DIMENSIONS) -> dict[str, str]:
    """Write `model.onnx` and `tokenizer.json`; return the SHA-256 of each."""
    folder.mkdir(parents=True, exist_ok=True)
    table = np.random.default_rng(seed).standard_normal((_WORDS, dimensions)).astype("<f4")
    files = {"model.onnx": _model(table), "tokenizer.json": _tokenizer()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def settings(name: str, folder: Path, digests: dict[str, str], dimensions: int = DIMENSIONS) -> str:
    """Return what stands in the settings for such a model."""
    return (
        f'[embedding.{name}]\nfolder = "{folder}"\nmodel_sha256 = "{digests["model.onnx"]}"\n'
        f'tokenizer_sha256 = "{digests["tokenizer.json"]}"\ndimensions = {dimensions}\npooling = "mean"\n'
    )


def _tokenizer() -> bytes:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = [*sorted(set(re.findall(r"[a-z0-9]+", _text()))), "[UNK]"]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer.to_str().encode()


def _text() -> str:
    from tests.journeys.command import DOCUMENTS

    return " ".join(DOCUMENTS.values()).lower() + " how much when does a ferry leave"


def _model(table: np.ndarray) -> bytes:
    """Return an ONNX model of one node: for each token its row of the table."""
    tensor = b"".join(_number(1, size) for size in table.shape) + _number(2, 1) + _bytes(8, b"table")
    graph = (
        _bytes(1, _bytes(1, b"table") + _bytes(1, b"input_ids") + _bytes(2, b"states") + _bytes(4, b"Gather"))
        + _bytes(2, b"tiny")
        + _bytes(5, tensor + _bytes(9, table.tobytes()))
        + _bytes(11, _value(b"input_ids", 7, (1, None)))
        + _bytes(12, _value(b"states", 1, (1, None, table.shape[1])))
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 13))


def _value(name: bytes, kind: int, shape: tuple[int | None, ...]) -> bytes:
    sizes = b"".join(_bytes(1, _bytes(2, b"tokens") if size is None else _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
