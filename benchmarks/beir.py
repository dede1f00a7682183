"""A BEIR folder: read, embedded once, and stored in a workspace, a document being one passage (title and text).

Folder: corpus.jsonl[.gz], queries.jsonl[.gz] and qrels_SPLIT.tsv or qrels/SPLIT.tsv.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bars import Progress
from muniment import app
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.inference.embedding import Embedder
from muniment.knowledge import changes
from muniment.knowledge.access import AccessList
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion, SegmentRow
from muniment.knowledge.retrieval import segment

SOURCE = "beir"
_BATCH = 500
_EMBED_BATCH = 64

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, questions and which documents answer which question."""

    name: str
    corpus: list[dict[str, str]]
    questions: list[tuple[str, str]]
    relevant: dict[str, dict[str, int]]


def read_collection(folder: Path, split: str) -> Collection:
    """Read a BEIR folder; raises BadInput naming what is missing or wrong."""
    corpus_file = _one_of(folder, ("corpus.jsonl", "corpus.jsonl.gz"))
    queries_file = _one_of(folder, ("queries.jsonl", "queries.jsonl.gz"))
    qrels_file = _one_of(folder, (f"qrels_{split}.tsv", f"qrels/{split}.tsv"))
    relevant: dict[str, dict[str, int]] = {}
    with open(qrels_file, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            cells = line.split()
            if number == 1 and cells[-1:] == ["score"]:
                continue
            if len(cells) not in (3, 4) or not cells[-1].lstrip("-").isdigit():
                raise BadInput(f"{qrels_file}:{number} is not query, document, score.", fix="Mend that line.")
            relevant.setdefault(cells[0], {})[cells[-2]] = int(cells[-1])
    corpus = [
        {"id": str(item["_id"]), "title": str(item.get("title") or ""), "text": str(item.get("text") or "")}
        for item in _json_lines(corpus_file)
    ]
    questions = [
        (str(item["_id"]), str(item["text"]))
        for item in _json_lines(queries_file)
        if str(item["_id"]) in relevant
    ]
    if not questions:
        raise BadInput(f"{qrels_file} names no query of {queries_file}.", fix="Use files of one collection.")
    return Collection(f"{folder.name}/{split}", corpus, questions, relevant)


def embedded(
    collection: Collection, embedder: Embedder | None, cache: Path | None, progress: Progress
) -> tuple[Vectors | None, dict[str, float]]:
    """Return the documents' vectors, from the cache where the same model made them of the same texts."""
    if embedder is None:
        return None, {}
    texts = _texts(collection)
    key = hashlib.sha256("\0".join([embedder.model.digest, *texts]).encode()).hexdigest()[:32]
    kept = cache / f"{key}.npy" if cache else None
    if kept is not None and kept.is_file():
        return np.load(kept, allow_pickle=False), {}
    parts: list[Vectors] = []
    started = time.perf_counter()
    for at in range(0, len(texts), _EMBED_BATCH):
        parts.append(embedder.embed_documents(texts[at : at + _EMBED_BATCH]))
        say(progress, "embedding", min(at + _EMBED_BATCH, len(texts)), len(texts))
    rate = len(texts) / (time.perf_counter() - started)
    vectors = np.concatenate(parts)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors)
    return vectors, {"documents_embedded_per_second": round(rate, 2)}


def load(
    workspace: app.Workspace,
    documents: Sequence[Mapping[str, str]],
    access: Sequence[AccessList],
    vectors: Vectors | None,
    model: str,
    progress: Progress,
) -> dict[str, str]:
    """Store and index documents of a corpus; return the corpus's name of each by its id here.

    `access` and `vectors` (which the model of this digest made) are side by side with `documents`.
    """
    at = timestamp(workspace.clock.now())
    names: dict[str, str] = {}
    with workspace.database.write() as connection:
        changes.put_source(connection, SOURCE, "bench", "", at)
    for start in range(0, len(documents), _BATCH):
        part, lists = documents[start : start + _BATCH], access[start : start + _BATCH]
        with workspace.database.write() as connection:
            new = [
                NewDocument(item["id"], _version(item, at), one)
                for item, one in zip(part, lists, strict=True)
            ]
            key = workspace.keyring.data_key("identifiers")
            stored = changes.put_versions(connection, key, SOURCE, new, at)
            names |= {row.id: item["id"] for row, item in zip(stored, part, strict=True)}
            rows = [
                segment.IndexRow(row.id, 1, 0, row.access_class, item["title"], "", item["text"])
                for row, item in zip(stored, part, strict=True)
            ]
            name = f"bench{start}"
            piece = None if vectors is None else vectors[start : start + len(part)]
            digest = workspace.segments.write(name, segment.KIND, *segment.contents(rows, piece, model))
            changes.add_segment(connection, SegmentRow(name, digest, len(rows), model), at)
        say(progress, "indexing", start + len(part), len(documents))
    return names


def _version(item: Mapping[str, str], at: str) -> NewVersion:
    text = item["text"]
    return NewVersion(
        title=item["title"],
        media_type="text/plain",
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        modified_at=at,
        units=(),
        notes=(),
        text=text,
        chunks=(ChunkText(0, 0, len(text), None, "", text),),
    )


def say(progress: Progress, what: str, done: int, total: int) -> None:
    """Say how far it is, about ten times in all."""
    step = max(1, total // 10)
    if done == total or done // step != (done - _EMBED_BATCH if what == "embedding" else done - 1) // step:
        progress(f"{what} {done}/{total}")


def _one_of(folder: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise BadInput(f"{folder} has no {' or '.join(names)}.", fix="Give a BEIR folder with --beir.")


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    for line in content.decode("utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _texts(collection: Collection) -> list[str]:
    return [segment.embedding_text(item["title"], "", item["text"]) for item in collection.corpus]
