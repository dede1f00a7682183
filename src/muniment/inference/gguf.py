"""The head of a GGUF file, as far as we need it: which texts are not words to the model but signals.

Why: a chat is one text to a model, in which such signals say who speaks. A passage that held one could speak for us.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

_MAGIC = b"GGUF"
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each plain type."""
_STRING, _ARRAY, _INT32 = 8, 9, 5
_TOKENS, _KINDS = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_CONTROL, _USER_DEFINED = 3, 4
_MOST = 1 << 24
"""No count or length in a head is larger."""


class NotGguf(Exception):
    """The file has no head that can be read."""


def signals(file: BinaryIO) -> tuple[str, ...]:
    """Return the tokens that the model takes for signals, longest first; raises NotGguf."""
    if file.read(4) != _MAGIC:
        raise NotGguf("not a GGUF file")
    version, _, entries = _unpack(file, "<IQQ")
    if version not in (2, 3) or entries > _MOST:
        raise NotGguf(f"version {version} with {entries} entries")
    tokens: list[bytes] = []
    kinds: tuple[int, ...] = ()
    for _ in range(entries):
        key = _string(file).decode("utf-8", "replace")
        (kind,) = _unpack(file, "<I")
        if key == _TOKENS and kind == _ARRAY:
            tokens = _strings(file)
        elif key == _KINDS and kind == _ARRAY:
            kinds = _integers(file)
        else:
            _skip(file, kind)
    found = {
        token.decode("utf-8", "replace")
        for token, kind in zip(tokens, kinds, strict=False)
        if kind in (_CONTROL, _USER_DEFINED)
    }
    return tuple(sorted((one for one in found if len(one) > 2), key=lambda one: (-len(one), one)))


def without_signals(text: str, found: tuple[str, ...]) -> str:
    """Return `text` in which a space breaks up each signal, so that it stays readable and means nothing."""
    for signal in found:
        if signal in text:
            text = text.replace(signal, f"{signal[0]} {signal[1:]}")
    return text


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    size = struct.calcsize(form)
    content = file.read(size)
    if len(content) != size:
        raise NotGguf("the file ends early")
    return struct.unpack(form, content)


def _string(file: BinaryIO) -> bytes:
    (length,) = _unpack(file, "<Q")
    if length > _MOST:
        raise NotGguf(f"a text of {length} bytes")
    content = file.read(length)
    if len(content) != length:
        raise NotGguf("the file ends early")
    return content


def _head(file: BinaryIO) -> tuple[int, int]:
    kind, count = _unpack(file, "<IQ")
    if count > _MOST:
        raise NotGguf(f"a list of {count}")
    return kind, count


def _strings(file: BinaryIO) -> list[bytes]:
    kind, count = _head(file)
    if kind != _STRING:
        raise NotGguf("tokens that are no texts")
    return [_string(file) for _ in range(count)]


def _integers(file: BinaryIO) -> tuple[int, ...]:
    kind, count = _head(file)
    if kind != _INT32:
        raise NotGguf("kinds of tokens that are no integers")
    return _unpack(file, f"<{count}i")


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        of, count = _head(file)
        if of in _SIZES:
            file.seek(_SIZES[of] * count, 1)
        else:
            for _ in range(count):
                _skip(file, of)
    elif kind in _SIZES:
        file.seek(_SIZES[kind], 1)
    else:
        raise NotGguf(f"a value of kind {kind}")
