"""Retrieval quality and speed on a BEIR folder, through the real road.

A temporary workspace is made; the corpus becomes documents, versions, chunks and an encrypted segment; one user
may read them; each claim goes through the Retriever as a question does, with its access check, snapshot and
audit entries: a sentence, so that a dash or a quotation mark in it asks for nothing. A document is one passage
here (title and text), so that figures compare with published ones. See `beir` for the folder.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import beir, home, permitted
from benchmarks.bars import Progress
from muniment import app
from muniment import settings as settings_file
from muniment.assurance.evaluation.graders import ranking
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.inference import weights
from muniment.inference.embedders import Embedders, open_bundled
from muniment.inference.embedding import Embedder
from muniment.inference.reranking import OnnxReranker, Reranker
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval.rank import Legs, RankingSettings
from muniment.knowledge.retrieval.retrieval_settings import RerankSettings, RetrievalSettings
from muniment.knowledge.retrieval.retrieve import Retriever

READER = Principal("user", "reader")
DEPTH = 100
TARGETS = {"lexical": 0.69, "dense": 0.745, "hybrid": 0.77}
GOAL = 0.79


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
    """Measure lexical, dense, hybrid and reranked search, and hybrid within access lists.

    Options: `beir` (folder), `split` (default train), `cache` (folder for document vectors), `rerank_claims`
    (how many claims to rerank, evenly spread; default 60, 0 for none), `claims` (how many to ask within access
    lists, evenly spread; default all, 0 for none).
    """
    if options.get("beir") in (None, "", True):
        raise BadInput("No collection to measure on.", fix="Give a BEIR folder with --beir FOLDER.")
    folder = Path(str(options["beir"]))
    collection = beir.read_collection(folder, str(options.get("split") or "train"))
    chosen = settings_file.Settings()
    folders = settings_file.weight_folders(chosen)
    found, reranking = weights.find(weights.EMBEDDING, folders), weights.find(weights.RERANKING, folders)
    embedder = open_bundled(found) if found else None
    cache = Path(str(options["cache"])) if options.get("cache") else None
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as scratch:
        workspace = app.create(Path(scratch) / "home", settings=chosen, embedder=lambda: embedder)
        vectors, embedding_rate = beir.embedded(collection, embedder, cache, progress)
        home.enter(workspace, (), {READER.name: ()})
        everybody = [AccessList(frozenset({READER.ref}))] * len(collection.corpus)
        model = embedder.model.digest if embedder else ""
        names = beir.load(workspace, collection.corpus, everybody, vectors, model, progress)
        rows: dict[str, dict[str, float]] = {}
        modes: tuple[Legs, ...] = ("lexical", "dense", "hybrid") if embedder else ("lexical",)
        for legs in modes:
            retriever = _retriever(workspace, embedder, RetrievalSettings(RankingSettings(legs)))
            rows[legs] = _measure(retriever, collection, collection.questions, names, legs, progress).row()
        count = int(str(options.get("rerank_claims", 60)))
        if embedder and reranking and count:
            part = _spread(collection.questions, count)
            rows |= _reranked(workspace, embedder, OnnxReranker(reranking), collection, part, names, progress)
        speed = _speed(workspace, embedder, collection)
        workspace.close()
    asked = _spread(collection.questions, int(str(options.get("claims", len(collection.questions)))))
    within = permitted.compared(collection, asked, vectors, embedder, progress) if asked else []
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
        "within_access_lists": [one.row() for one in within],
        "bars": [*_bars(rows), *permitted.bars(within)],
        "goals": [_bar("hybrid nDCG@10", GOAL, _figure(rows, "hybrid"), "nDCG@10")],
    }


def _spread(questions: Sequence[tuple[str, str]], count: int) -> Sequence[tuple[str, str]]:
    """Return so many questions, evenly spread."""
    return questions[:: max(1, len(questions) // count)][:count] if count > 0 else []


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
    collection: beir.Collection,
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
        scores.ndcg.append(ranking.ndcg(ranked, gains, 10))
        scores.recall.append(ranking.recall(ranked, gains, 100))
        scores.precision.append(ranking.average_precision(ranked, gains))
        scores.reciprocal.append(ranking.reciprocal_rank(ranked, gains))
        beir.say(progress, what, done, len(questions))
    return scores


def _reranked(
    workspace: app.Workspace,
    embedder: Embedder,
    reranker: Reranker,
    collection: beir.Collection,
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


def _speed(
    workspace: app.Workspace, embedder: Embedder | None, collection: beir.Collection
) -> dict[str, float]:
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
