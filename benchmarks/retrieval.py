"""Retrieval quality and speed on a BEIR folder, through the real road.

A temporary workspace is made; the corpus becomes documents, versions, chunks and an encrypted segment; one user
may read them; each claim goes through the Retriever as a question does, with its access check, snapshot and
audit entries: a sentence, so that a dash or a quotation mark in it asks for nothing. A document is one passage
here (title and text), so that figures compare with published ones.

Folder: corpus.jsonl[.gz], queries.jsonl[.gz] and qrels_SPLIT.tsv or qrels/SPLIT.tsv.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from muniment import app
from muniment import settings as settings_file
from muniment.assurance.evaluation import graders
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.inference import weights
from muniment.inference.embedders import Embedders, open_bundled
from muniment.inference.embedding import Embedder
from muniment.inference.reranking import OnnxReranker, Reranker
from muniment.knowledge import changes
from muniment.knowledge.access import AccessList
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion, SegmentRow
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.rank import Legs, RankingSettings
from muniment.knowledge.retrieval.retrieve import RerankSettings, RetrievalSettings, Retriever

Progress = Callable[[str], None]
"""Takes a line for a person."""

READER = Principal("user", "reader")
DEPTH = 100
TARGETS = {"lexical": 0.69, "dense": 0.745, "hybrid": 0.77}
GOAL = 0.79
_BATCH = 500
_EMBED_BATCH = 64


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, questions and which documents answer which question."""

    name: str
    corpus: list[dict[str, str]]
    questions: list[tuple[str, str]]
    relevant: dict[str, dict[str, int]]


@dataclass(slots=True)
class Scores:
    """Figures of one way of searching, claim by claim."""

    ndcg: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    precision: list[float] = field(default_factory=list)
    reciprocal: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Return the means, and the times at 100 passages per claim."""
        return {
            "claims": len(self.ndcg),
            "ndcg@10": round(statistics.fmean(self.ndcg), 4),
            "recall@100": round(statistics.fmean(self.recall), 4),
            "map": round(statistics.fmean(self.precision), 4),
            "mrr": round(statistics.fmean(self.reciprocal), 4),
            "ms_p50": round(statistics.median(self.ms), 2),
            "ms_p95": round(sorted(self.ms)[int(len(self.ms) * 0.95)], 2),
        }


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Measure lexical, dense, hybrid and reranked search.

    Options: `beir` (folder), `split` (default train), `cache` (folder for document vectors), `rerank_claims`
    (how many claims to rerank, evenly spread; default 60, 0 for none).
    """
    if options.get("beir") in (None, "", True):
        raise BadInput("No collection to measure on.", fix="Give a BEIR folder with --beir FOLDER.")
    beir = Path(str(options["beir"]))
    collection = read_collection(beir, str(options.get("split") or "train"))
    chosen = settings_file.Settings()
    folders = settings_file.weight_folders(chosen)
    found, reranking = weights.find(weights.EMBEDDING, folders), weights.find(weights.RERANKING, folders)
    embedder = open_bundled(found) if found else None
    cache = Path(str(options["cache"])) if options.get("cache") else None
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as home:
        workspace = app.create(Path(home) / "home", settings=chosen, embedder=lambda: embedder)
        vectors, embedding_rate = _vectors(collection, embedder, cache, progress)
        names = _load(workspace, collection, vectors, embedder, progress)
        rows: dict[str, dict[str, float]] = {}
        modes: tuple[Legs, ...] = ("lexical", "dense", "hybrid") if embedder else ("lexical",)
        for legs in modes:
            retriever = _retriever(workspace, embedder, RetrievalSettings(RankingSettings(legs)))
            rows[legs] = _measure(retriever, collection, collection.questions, names, legs, progress).row()
        count = int(str(options.get("rerank_claims", 60)))
        if embedder and reranking and count:
            part = collection.questions[:: max(1, len(collection.questions) // count)][:count]
            rows |= _reranked(workspace, embedder, OnnxReranker(reranking), collection, part, names, progress)
        speed = _speed(workspace, embedder, collection)
        workspace.close()
    return {
        "name": "retrieval",
        "collection": {
            "name": collection.name,
            "documents": len(collection.corpus),
            "claims": len(collection.questions),
        },
        "machine": _machine(embedder),
        "results": rows,
        "speed": {**speed, **embedding_rate},
        "bars": _bars(rows),
        "goals": [_bar("hybrid nDCG@10", GOAL, _figure(rows, "hybrid"), "nDCG@10")],
    }


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


def _say(progress: Progress, what: str, done: int, total: int) -> None:
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


def _vectors(
    collection: Collection, embedder: Embedder | None, cache: Path | None, progress: Progress
) -> tuple[np.ndarray[Any, np.dtype[np.float32]] | None, dict[str, float]]:
    """Return the documents' vectors, from the cache where the same model made them of the same texts."""
    if embedder is None:
        return None, {}
    texts = _texts(collection)
    key = hashlib.sha256("\0".join([embedder.model.digest, *texts]).encode()).hexdigest()[:32]
    kept = cache / f"{key}.npy" if cache else None
    if kept is not None and kept.is_file():
        return np.load(kept, allow_pickle=False), {}
    parts: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    started = time.perf_counter()
    for at in range(0, len(texts), _EMBED_BATCH):
        parts.append(embedder.embed_documents(texts[at : at + _EMBED_BATCH]))
        _say(progress, "embedding", min(at + _EMBED_BATCH, len(texts)), len(texts))
    rate = len(texts) / (time.perf_counter() - started)
    vectors = np.concatenate(parts)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors)
    return vectors, {"documents_embedded_per_second": round(rate, 2)}


def _load(
    workspace: app.Workspace,
    collection: Collection,
    vectors: np.ndarray[Any, np.dtype[np.float32]] | None,
    embedder: Embedder | None,
    progress: Progress,
) -> dict[str, str]:
    """Store and index the corpus for one reader; return the collection's id by document."""
    directory = workspace.home / "directory.toml"
    directory.write_text(f'[users.{READER.name}]\nname = "Reader"\ngroups = []\n')
    workspace.directory.import_file(directory, OPERATOR)
    access = AccessList(frozenset({READER.ref}))
    at = timestamp(workspace.clock.now())
    model = embedder.model.digest if embedder else ""
    names: dict[str, str] = {}
    with workspace.database.write() as connection:
        changes.put_source(connection, "beir", "bench", "", at)
    for start in range(0, len(collection.corpus), _BATCH):
        part = collection.corpus[start : start + _BATCH]
        with workspace.database.write() as connection:
            new = [NewDocument(item["id"], _version(item, at), access) for item in part]
            key = workspace.keyring.data_key("identifiers")
            stored = changes.put_versions(connection, key, "beir", new, at)
            names |= {row.id: item["id"] for row, item in zip(stored, part, strict=True)}
            rows = [
                segment.IndexRow(row.id, 1, 0, row.access_class, item["title"], "", item["text"])
                for row, item in zip(stored, part, strict=True)
            ]
            name = f"bench{start}"
            piece = None if vectors is None else vectors[start : start + len(part)]
            digest = workspace.segments.write(name, segment.KIND, *segment.contents(rows, piece, model))
            changes.add_segment(connection, SegmentRow(name, digest, len(rows), model), at)
        _say(progress, "indexing", start + len(part), len(collection.corpus))
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


def _retriever(
    workspace: app.Workspace,
    embedder: Embedder | None,
    settings: RetrievalSettings,
    reranker: Reranker | None = None,
) -> Retriever:
    return Retriever(
        database=workspace.database,
        engine=workspace.engine,
        audit=workspace.audit,
        policy=workspace.policy,
        clock=workspace.clock,
        embedders=Embedders.given(embedder),
        reranker=reranker,
        settings=settings,
    )


def _measure(
    retriever: Retriever,
    collection: Collection,
    questions: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    what: str,
    progress: Progress,
) -> Scores:
    by = Actor(READER.ref, "python")
    retriever.retrieve(READER, questions[0][1], 1, by, "answer")
    scores = Scores()
    for done, (question, text) in enumerate(questions, 1):
        started = time.perf_counter()
        found = retriever.retrieve(READER, text, DEPTH, by, "answer")
        scores.ms.append((time.perf_counter() - started) * 1000)
        ranked = [names[passage.document] for passage in found.passages]
        gains = collection.relevant[question]
        scores.ndcg.append(graders.ndcg(ranked, gains, 10))
        scores.recall.append(graders.recall(ranked, gains, 100))
        scores.precision.append(graders.average_precision(ranked, gains))
        scores.reciprocal.append(graders.reciprocal_rank(ranked, gains))
        _say(progress, what, done, len(questions))
    return scores


def _reranked(
    workspace: app.Workspace,
    embedder: Embedder,
    reranker: Reranker,
    collection: Collection,
    part: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    progress: Progress,
) -> dict[str, dict[str, float]]:
    """Return hybrid with reranking on some claims, and hybrid alone on the same ones to compare."""
    plain = _retriever(workspace, embedder, RetrievalSettings())
    second = _retriever(workspace, embedder, RetrievalSettings(rerank=RerankSettings(seconds=60.0)), reranker)
    return {
        "hybrid, the reranked claims": _measure(plain, collection, part, names, "hybrid", progress).row(),
        "hybrid+rerank": _measure(second, collection, part, names, "hybrid+rerank", progress).row(),
    }


def _speed(workspace: app.Workspace, embedder: Embedder | None, collection: Collection) -> dict[str, float]:
    """Return times of one search at k = 10, and of embedding one question, on 100 claims."""
    retriever = _retriever(workspace, embedder, RetrievalSettings())
    by = Actor(READER.ref, "python")
    questions = [text for _, text in collection.questions[:100]]
    retriever.retrieve(READER, questions[0], 10, by, "answer")
    times: dict[str, list[float]] = {"search_ms": [], "query_embedding_ms": []}
    for text in questions:
        started = time.perf_counter()
        retriever.retrieve(READER, text, 10, by, "answer")
        times["search_ms"].append((time.perf_counter() - started) * 1000)
        if embedder is not None:
            started = time.perf_counter()
            embedder.embed_query(text)
            times["query_embedding_ms"].append((time.perf_counter() - started) * 1000)
    return {f"{name}_p50": round(statistics.median(taken), 2) for name, taken in times.items() if taken}


def _bars(rows: Mapping[str, Mapping[str, float]]) -> list[dict[str, object]]:
    return [
        _bar(f"{mode} nDCG@10", target, _figure(rows, mode), "nDCG@10") for mode, target in TARGETS.items()
    ]


def _figure(rows: Mapping[str, Mapping[str, float]], mode: str) -> float | None:
    return rows[mode]["ndcg@10"] if mode in rows else None


def _bar(what: str, target: float, value: float | None, unit: str) -> dict[str, object]:
    return {
        "what": what,
        "target": target,
        "value": value,
        "unit": unit,
        "ok": value is not None and value >= target,
    }


def _machine(embedder: Embedder | None) -> dict[str, object]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "embedding": embedder.model.name if embedder else None,
    }
