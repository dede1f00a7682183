"""What an index segment holds: rows, their vectors, and the postings of their words.

A segment is written once by ingestion and read by the index; a row is one chunk of one version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from muniment.foundation.errors import Tampered
from muniment.knowledge.retrieval import wording

KIND = "index"
FORMAT = 1
FIELDS = ("title", "heading", "body")
_MOST = np.iinfo(np.uint16).max

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A chunk to be indexed."""

    document: str
    version: int
    ordinal: int
    title: str
    heading: str
    body: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment in memory."""

    documents: tuple[str, ...]
    """Distinct, sorted."""
    row_document: npt.NDArray[np.int32]
    """Position in `documents`, by row."""
    versions: npt.NDArray[np.int32]
    ordinals: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float32]
    """Shape (rows, dimensions), or (0, 0) without vectors."""
    model: str
    """Digest of the model that made the vectors, or empty."""
    wording: str
    terms: tuple[str, ...]
    """Distinct, sorted."""
    starts: npt.NDArray[np.int64]
    """Where each term's postings start; one more entry closes the last."""
    posting_rows: npt.NDArray[np.int32]
    counts: npt.NDArray[np.uint16]
    """Shape (postings, fields): how often the term stands in each field of the row."""
    lengths: npt.NDArray[np.int32]
    """Shape (rows, fields), in terms."""


def embedding_text(title: str, heading: str, body: str) -> str:
    """Return what is embedded for a chunk: its title and heading above its text."""
    return "\n".join(part for part in (title, heading if heading != title else "", body) if part)


def arrays(rows: Sequence[IndexRow], vectors: npt.NDArray[np.float32] | None, model: str) -> Arrays:
    """Return the arrays of a segment; `vectors` has one row per row, made by the model of digest `model`."""
    if vectors is not None and len(vectors) != len(rows):
        raise ValueError(f"{len(vectors)} vectors for {len(rows)} rows")
    documents = sorted({row.document for row in rows})
    position = {document: at for at, document in enumerate(documents)}
    terms, starts, posting_rows, counts, lengths = _postings(rows)
    blank = np.zeros((0, 0), np.float32)
    return {
        "format": np.array([FORMAT], np.int32),
        "documents": _pack(documents),
        "row_document": np.array([position[row.document] for row in rows], np.int32),
        "versions": np.array([row.version for row in rows], np.int32),
        "ordinals": np.array([row.ordinal for row in rows], np.int32),
        "vectors": blank if vectors is None else np.ascontiguousarray(vectors, np.float32),
        "model": _pack([model if vectors is not None else ""]),
        "wording": _pack([wording.VERSION]),
        "terms": _pack(terms),
        "starts": starts,
        "posting_rows": posting_rows,
        "counts": counts,
        "lengths": lengths,
    }


def load(found: Mapping[str, npt.NDArray[Any]]) -> Segment:
    """Return the segment that `arrays` described; raises Tampered for another format."""
    if "format" not in found or int(found["format"][0]) != FORMAT:
        raise Tampered("An index segment has a format that this version does not read.", fix="Ingest again.")
    return Segment(
        documents=_unpack(found["documents"]),
        row_document=found["row_document"],
        versions=found["versions"],
        ordinals=found["ordinals"],
        vectors=found["vectors"],
        model=_unpack(found["model"])[0],
        wording=_unpack(found["wording"])[0],
        terms=_unpack(found["terms"]),
        starts=found["starts"],
        posting_rows=found["posting_rows"],
        counts=found["counts"],
        lengths=found["lengths"],
    )


def _postings(
    rows: Sequence[IndexRow],
) -> tuple[
    list[str],
    npt.NDArray[np.int64],
    npt.NDArray[np.int32],
    npt.NDArray[np.uint16],
    npt.NDArray[np.int32],
]:
    lengths = np.zeros((len(rows), len(FIELDS)), np.int32)
    postings: dict[str, list[tuple[int, ...]]] = {}
    for at, row in enumerate(rows):
        fields = [Counter(wording.terms(text)) for text in (row.title, row.heading, row.body)]
        lengths[at] = [sum(field.values()) for field in fields]
        for term in dict.fromkeys(term for field in fields for term in field):
            entry = (at, *(min(field[term], _MOST) for field in fields))
            postings.setdefault(term, []).append(entry)
    terms = sorted(postings)
    sizes = [len(postings[term]) for term in terms]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    flat = np.array([entry for term in terms for entry in postings[term]], np.int64).reshape(
        -1, 1 + len(FIELDS)
    )
    return terms, starts, flat[:, 0].astype(np.int32), flat[:, 1:].astype(np.uint16), lengths


def _pack(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return texts as bytes, each closed by a line feed; none holds one: ids and terms have no space."""
    return np.frombuffer("".join(text + "\n" for text in texts).encode(), np.uint8)


def _unpack(packed: npt.NDArray[Any]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n")[:-1])
