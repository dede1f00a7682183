"""A workspace whose documents are written without files, with vectors of the model in use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from muniment.app import Workspace
from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import changes, index_model, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion.fitness import by_fitness
from muniment.knowledge.ingestion.in_use import embedder_in_use
from muniment.knowledge.ingestion.rows import index_rows
from muniment.knowledge.ingestion.turn import turn
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion
from muniment.knowledge.retrieval.segment import embedding_text

EVERYONE = AccessList(frozenset({"group:everyone"}))
SOURCE = "s"


def put(workspace: Workspace, papers: Mapping[str, Sequence[str]], access: AccessList = EVERYONE) -> None:
    """Store and index documents, by path their pieces, in one transaction."""
    with turn(workspace.database, 0.0):
        with workspace.database.write() as connection:
            parts = workspace.ingestion
            at = timestamp(workspace.clock.now())
            embedder = embedder_in_use(parts, connection)
            changes.put_source(connection, SOURCE, "folder", "/nowhere", at)
            new = [NewDocument(path, _version(pieces, at), access) for path, pieces in papers.items()]
            key = workspace.keyring.data_key("identifiers")
            rows = index_rows(connection, changes.put_versions(connection, key, SOURCE, new, at))
            texts = [embedding_text(row.title, row.heading, row.body) for row in rows]
            vectors = embedder.embed_documents(texts) if embedder and texts else None
            for some, theirs in by_fitness(rows, vectors):
                digest = embedder.model.digest if embedder and theirs is not None else ""
                workspace.index.add(connection, some, theirs, digest)
            workspace.audit.append(connection, [Entry("ingest.document", OPERATOR, {"chunks": len(rows)})])
        workspace.index.settle(OPERATOR)


def remove(workspace: Workspace, path: str) -> None:
    """Take a document out of everyone's sight, if it is there."""
    with workspace.database.write() as connection:
        row = library.document_at(connection, SOURCE, path)
        if row is not None:
            changes.remove_document(connection, row.id, timestamp(workspace.clock.now()))


def set_access(workspace: Workspace, path: str, access: AccessList | None) -> None:
    """Set or clear the list that rules at a path."""
    with workspace.database.write() as connection:
        changes.put_source(connection, SOURCE, "folder", "/nowhere", "now")
        changes.set_override(connection, SOURCE, path, access, timestamp(workspace.clock.now()))


def model_in_use(workspace: Workspace) -> str:
    """Return the digest of the model in use; empty without one."""
    with workspace.database.read() as connection:
        live = index_model.live(connection)
    return "" if live is None else live.model.digest


def seen(workspace: Workspace, who: str, query: str, k: int = 10) -> list[tuple[str, str, float]]:
    """Return what someone finds: path, text and score."""
    return [(one.path, one.text, one.score) for one in workspace.search(query, who, k).passages]


def _version(pieces: Sequence[str], at: str) -> NewVersion:
    text = "\n".join(pieces)
    starts = [sum(len(piece) + 1 for piece in pieces[:number]) for number in range(len(pieces))]
    return NewVersion(
        title=pieces[0][:20] if pieces else "",
        media_type="text/plain",
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        modified_at=at,
        units=(),
        notes=(),
        text=text,
        chunks=[
            ChunkText(number, start, start + len(piece), None, "", piece)
            for number, (start, piece) in enumerate(zip(starts, pieces, strict=True))
        ],
    )
