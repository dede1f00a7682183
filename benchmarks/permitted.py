"""A corpus with access lists: what each reader finds, beside a library that holds only what that reader may read.

Five documents share a list; lists and readers are the workload's. The second library is made with the keys of the
first, so that documents have the same ids, and of the same vectors, and everybody may read all of it. Whatever the
documents of others do to a search, to its candidates, statistics, scores or ties, makes the two differ.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks import beir, home
from benchmarks.bars import Bar, Progress, bar, percent
from benchmarks.beir import Collection, Vectors
from benchmarks.workload import FOLDER, GROUPS, SHARES, Workload
from muniment import app
from muniment.assurance.evaluation.graders import ranking
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import EVERYONE, Principal
from muniment.inference.embedding import Embedder
from muniment.knowledge.access import AccessList
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval.retrieval_settings import MAX_PASSAGES
from muniment.settings import Settings

DOCUMENTS = 5
"""Documents that share an access list."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One reader's claims, asked of both libraries."""

    aim: float
    """About which share of the documents the reader may read."""
    documents: int
    """How many the reader may read."""
    claims: int
    passages: int
    """How many the first library gave, all claims together."""
    differing: int
    """Claims whose passages, down to scores and order, or notes are not the same."""
    judged: int
    """Claims for which the reader may read a relevant document."""
    ndcg: float | None
    """Mean nDCG@10 of these in the first library; None where there is none."""
    ideal: float | None
    """The same in the second."""

    def row(self) -> dict[str, object]:
        """Return it as a table shows it."""
        return {
            "readable": percent(self.aim),
            "documents": self.documents,
            "claims": self.claims,
            "passages": self.passages,
            "differing": self.differing,
            "judged": self.judged,
            "ndcg@10": None if self.ndcg is None else round(self.ndcg, 4),
            "ideal": None if self.ideal is None else round(self.ideal, 4),
        }


@dataclass(frozen=True, slots=True)
class _Company:
    """Who may read what."""

    access: list[AccessList]
    """By document of the corpus."""
    groups: list[str]
    readers: list[_Reader]


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    groups: list[str]
    aim: float
    reads: list[int]
    """Documents of the corpus."""


@dataclass(frozen=True, slots=True)
class _Library:
    workspace: app.Workspace
    names: Mapping[str, str]
    """What the corpus calls each document, by its id here."""

    def find(self, reader: str, text: str) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
        """Return all that a search tells the reader: passages and notes."""
        principal = Principal("user", reader)
        by = Actor(principal.ref, "python")
        found = self.workspace.retriever.retrieve(principal, text, MAX_PASSAGES, by, "answer")
        return found.passages, found.notes

    def ndcg(self, found: Sequence[Passage], gains: Mapping[str, int]) -> float:
        """Return nDCG@10 of what was found."""
        return ranking.ndcg([self.names[passage.document] for passage in found], gains, 10)


class _Asker:
    """An embedder that embeds each question once, so that both libraries are asked with the same vector."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
        self.embed_documents = embedder.embed_documents
        self.embed_query = lru_cache(maxsize=None)(embedder.embed_query)
        self.embed_sentences = embedder.embed_sentences


def compared(
    collection: Collection,
    questions: Sequence[tuple[str, str]],
    vectors: Vectors | None,
    embedder: Embedder | None,
    progress: Progress,
    shares: Sequence[float] = SHARES,
) -> list[Compared]:
    """Ask both libraries these questions as one reader of each share; a share of less than one list has none.

    `vectors` are those of the corpus, in its order.
    """
    company = _company(len(collection.corpus), shares)
    if not company.readers:
        progress("too few documents for access lists: nobody would read a whole list")
        return []
    asker = _Asker(embedder) if embedder else None
    everything = range(len(collection.corpus))
    found: list[Compared] = []
    with tempfile.TemporaryDirectory(prefix="muniment-permitted-") as scratch:
        whole = _library(Path(scratch) / "whole", asker)
        with closing(whole):
            home.enter(whole, company.groups, {reader.name: reader.groups for reader in company.readers})
            first = _filled(whole, collection, everything, company.access, vectors, asker)
            for reader in company.readers:
                progress(f"asking as a reader of about {percent(reader.aim)}, and of a library of that alone")
                place = Path(scratch) / reader.name
                shutil.copytree(whole.home / "keys", place / "keys")
                ideal = _library(place, asker)
                with closing(ideal):
                    home.enter(ideal, (), {reader.name: ()})
                    everybody = [AccessList(frozenset({EVERYONE}))] * len(reader.reads)
                    second = _filled(ideal, collection, reader.reads, everybody, vectors, asker)
                    found.append(_compared(collection, questions, reader, first, second))
                shutil.rmtree(place)
    return found


def bars(found: Sequence[Compared]) -> list[Bar]:
    """Return, by reader, how many claims and what of nDCG@10 are not as in the library of the permitted alone."""
    made: list[Bar] = []
    for one in found:
        share = f"{percent(one.aim)} readable"
        made.append(bar(f"{share}: claims unlike the permitted-only ideal", 0, one.differing, "claims"))
        if one.ndcg is not None and one.ideal is not None:
            off = abs(one.ndcg - one.ideal)
            made.append(bar(f"{share}: nDCG@10 off the permitted-only ideal", 0, off, "nDCG@10"))
    return made


def _company(documents: int, shares: Sequence[float]) -> _Company:
    folders = -(-documents // DOCUMENTS)
    drawn = Workload(folders * FOLDER, [share for share in shares if share * folders >= 1])
    access = [AccessList(frozenset(f"group:g{group}" for group in groups)) for groups in drawn.access]
    readers: list[_Reader] = []
    for reader in {reader.aim: reader for reader in drawn.readers}.values():
        may = drawn.readable(reader)
        reads = [at for at in range(documents) if may[at // DOCUMENTS]]
        readers.append(
            _Reader(home.name(reader), [f"g{group}" for group in reader.groups], reader.aim, reads)
        )
    by_document = [access[at // DOCUMENTS] for at in range(documents)]
    return _Company(by_document, [f"g{group}" for group in range(GROUPS)], readers)


def _library(place: Path, embedder: Embedder | None) -> app.Workspace:
    return app.create(place, settings=Settings(), embedder=lambda: embedder)


def _filled(
    workspace: app.Workspace,
    collection: Collection,
    which: Sequence[int],
    access: Sequence[AccessList],
    vectors: Vectors | None,
    embedder: Embedder | None,
) -> _Library:
    """Store these documents of the corpus, with a list for each."""
    documents = [collection.corpus[at] for at in which]
    own = None if vectors is None else vectors[list(which)]
    model = embedder.model.digest if embedder else ""
    return _Library(workspace, beir.load(workspace, documents, access, own, model, lambda _: None))


def _compared(
    collection: Collection,
    questions: Sequence[tuple[str, str]],
    reader: _Reader,
    whole: _Library,
    ideal: _Library,
) -> Compared:
    readable = {collection.corpus[at]["id"] for at in reader.reads}
    passages = differing = 0
    ndcg: list[float] = []
    best: list[float] = []
    for question, text in questions:
        found, wanted = whole.find(reader.name, text), ideal.find(reader.name, text)
        passages += len(found[0])
        differing += found != wanted
        relevant = collection.relevant[question]
        gains = {name: gain for name, gain in relevant.items() if name in readable and gain > 0}
        if gains:
            ndcg.append(whole.ndcg(found[0], gains))
            best.append(ideal.ndcg(wanted[0], gains))
    return Compared(
        aim=reader.aim,
        documents=len(readable),
        claims=len(questions),
        passages=passages,
        differing=differing,
        judged=len(ndcg),
        ndcg=statistics.fmean(ndcg) if ndcg else None,
        ideal=statistics.fmean(best) if best else None,
    )
