"""Segments made for tests, in memory of a folder, and what a reader of some access classes selects of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from muniment.foundation.ids import Ids
from muniment.foundation.keys import PURPOSES, Keyring
from muniment.foundation.segments import Rows, Segments
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.attributes import Attributes
from muniment.knowledge.retrieval.segment import Arrays, IndexRow, Segment
from muniment.knowledge.retrieval.view import Part, Selection, View

ATTRIBUTES = Attributes()
KEYRING = Keyring("acme", {purpose: bytes([n]) * 32 for n, purpose in enumerate(PURPOSES)}, Ids())


def stored(
    folder: Path,
    rows: Sequence[IndexRow],
    vectors: np.ndarray | None = None,
    model: str = "",
    name: str = "seg",
) -> Segment:
    """Return a segment of these rows as it is read back from its file."""
    return store(folder, *segment.contents(rows, vectors, model), name)


def store(folder: Path, arrays: Arrays, by_row: dict[str, Rows], name: str) -> Segment:
    """Return a segment with these contents as it is read back from its file."""
    segments = Segments(folder, KEYRING)
    digest = segments.write(name, segment.KIND, arrays, by_row)
    return segment.load(segments.open(name, segment.KIND, digest))


def part_of(made: Segment, classes: dict[str, int] | None = None) -> Part:
    """Return a segment as a part of a view, in the classes that it was written with or in others."""
    written = np.repeat(made.block_classes, np.diff(made.block_extents))
    now = [(classes or {}).get(one, int(number)) for one, number in zip(made.documents, written, strict=True)]
    return Part.of(made, np.array(now, np.int64), ATTRIBUTES.columns([None] * len(now)))


def selection_of(*parts: Part, classes: Sequence[int]) -> Selection:
    """Return what a reader of these access classes may read."""
    return View.of(1, 1, parts, ATTRIBUTES).select(mask(classes))


def mask(classes: Sequence[int]) -> np.ndarray:
    """Return access classes as a search is given them."""
    return np.isin(np.arange(max(classes, default=0) + 1), classes)


def text_rows(texts: Sequence[str], classes: Sequence[int] | None = None) -> list[IndexRow]:
    """Return one row a text, each a document of its own; by default each in an access class of its own."""
    numbers = range(len(texts)) if classes is None else classes
    return [
        IndexRow(f"doc_{at:04d}", 1, 0, number, "", "", text)
        for at, (text, number) in enumerate(zip(texts, numbers, strict=True))
    ]


def names(selection: Selection) -> list[tuple[str, int]]:
    """Return document and ordinal of every place."""
    rows = selection.rows(np.arange(selection.size))
    return [(document, ordinal) for document, _, ordinal in selection.layout.named(rows)]
