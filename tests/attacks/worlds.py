"""Small companies for attacks: a real workspace whose documents are written without parsing files, so that hundreds
can be built and changed in seconds. Keys, clock and identifiers repeat, so that two worlds differ only as told."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests import memory

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock, timestamp
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.inference import prompts
from muniment.inference.embedding import Embedder
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion
from muniment.knowledge.retrieval import segment

SOURCE = "files"
FILTERS: tuple[dict[str, object], ...] = (
    {"folder": ["open", "shut/a"], "after": "2026-01-05"},
    {"source": SOURCE, "folder": "shut"},
    {"sensitivity": ["internal", "restricted"], "type": "text"},
)


@dataclass(frozen=True)
class File:
    """A document to be written: its paragraphs become its chunks."""

    path: str
    text: str
    access: AccessList


def readable_by(*allow: str, deny: Sequence[str] = (), label: str | None = None) -> AccessList:
    return AccessList(frozenset(allow), frozenset(deny), label)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: these tests are about answers, not about discs."""
    with tempfile.TemporaryDirectory(prefix="muniment-test-", dir=memory.place()) as folder:
        yield Path(folder)


class Capturing:
    """The real gateway, keeping the exact text of every prompt that goes through it."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway
        self.prompts: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def complete(self, standing: Any, by: Any, endpoint: Any, request: Any) -> Any:
        self.prompts.append(f"{request.prompt}\n{request.instructions}\n{prompts.user_text(request)}")
        return self._gateway.complete(standing, by, endpoint, request)


class World:
    """One workspace and the short ways to change it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.gateway = Capturing(workspace.gateway)
        workspace.__dict__["gateway"] = self.gateway

    @classmethod
    def copy(
        cls,
        template: Path,
        home: Path,
        seed: int = 0,
        embedder: Callable[[], Embedder | None] = lambda: None,
        url: str = "",
    ) -> World:
        """Open a copy of a workspace that was made once; `url` is where a copy of its Postgres database is."""
        shutil.copytree(template, home)
        if url:
            (home / "database-url").write_text(url)
        return cls(app.open(home, clock=FixedClock(), ids=SeededIds(seed + 2), embedder=embedder))

    def directory(self, text: str) -> None:
        file = self.workspace.home / "directory.toml"
        file.write_bytes(text.encode())
        self.workspace.directory.import_file(file, OPERATOR)

    def put(self, files: Sequence[File], source: str = SOURCE) -> list[str]:
        """Write new documents or new versions, in one transaction; return their ids."""
        workspace = self.workspace
        key = workspace.keyring.data_key("identifiers")
        at = timestamp(workspace.clock.now())
        rows: list[segment.IndexRow] = []
        found: list[str] = []
        with workspace.database.write() as connection:
            changes.put_source(connection, source, "folder", "/nowhere", at)
            new = [NewDocument(file.path, _version(file, at), file.access) for file in files]
            stored = changes.put_versions(connection, key, source, new, at)
            for document, row in zip(new, stored, strict=True):
                found.append(row.id)
                rows += [
                    segment.IndexRow(
                        row.id,
                        row.version,
                        c.ordinal,
                        row.access_class,
                        document.version.title,
                        c.heading,
                        c.text,
                    )
                    for c in document.version.chunks
                ]
            embedder = workspace.embedder
            vectors = embedder.embed_documents([r.body for r in rows]) if embedder else None
            model = embedder.model.digest if embedder else ""
            workspace.index.add(connection, rows, vectors, model)
            workspace.audit.append(connection, [Entry("ingest.document", OPERATOR, {"chunks": len(rows)})])
        return found

    def change(self, path: str, do: Callable[[Any, library.DocumentRow, str], object]) -> None:
        """Run one of the library's writers on the live document at a path."""
        at = timestamp(self.workspace.clock.now())
        with self.workspace.database.write() as connection:
            row = library.document_at(connection, SOURCE, path)
            assert row is not None
            do(connection, row, at)

    def set_access(self, path: str, access: AccessList) -> None:
        self.change(path, lambda c, row, at: changes.set_override(c, SOURCE, path, access, at))

    def remove(self, path: str) -> None:
        self.change(path, lambda c, row, at: changes.remove_document(c, row.id, at))

    def move(self, path: str, to: str) -> None:
        self.change(path, lambda c, row, at: changes.rename_document(c, row.id, to, at))

    def observed(self, principal: Principal, queries: Sequence[str], ids: Sequence[str]) -> bytes:
        """Return everything that one person can get out of the workspace, as bytes."""
        seen: list[Any] = [self._search(principal, query) for query in queries]
        seen += [self._search(principal, queries[0], limits) for limits in FILTERS]
        seen.append(self._ask(principal, queries[0]))
        seen += [self._read(principal, document) for document in ids]
        return json.dumps(seen, sort_keys=False, indent=1, default=str).encode()

    def _search(self, principal: Principal, query: str, limits: dict[str, object] | None = None) -> Any:
        try:
            found = self.workspace.search(query, principal, k=20, filters=limits, explain=True)
        except MunimentError as error:
            return _refusal(error)
        passages = [asdict(passage) for passage in found.passages]
        return {"passages": passages, "decision": found.decision(), "took_ms": found.took_ms}

    def _ask(self, principal: Principal, question: str) -> Any:
        """Ask with identifiers that repeat, and return events, prompt bytes and the answer's explanation."""
        self.workspace.ids = SeededIds(7)
        self.workspace.__dict__.pop("assistant", None)
        self.gateway.prompts.clear()
        by = Actor(principal.ref, "python")
        events: list[Any] = []
        try:
            for event in self.workspace.assistant.stream(principal, question, by):
                events.append((type(event).__name__, event))
        except MunimentError as error:
            return [*events, _refusal(error)]
        finished = events[-1][1].answer
        explained = self.workspace.lineage.explain(principal, finished.id, by).as_json()
        self._forget(finished.id)
        return [events[:-1], finished.as_json(), self.gateway.prompts[:], explained]

    def _forget(self, answer_id: str) -> None:
        """Identifiers repeat here, so the answer makes room for the next of the same name."""
        from muniment.assistant.lineage import answer

        with self.workspace.database.write() as connection:
            connection.execute(answer.delete().where(answer.c.id == answer_id))

    def _read(self, principal: Principal, document: str) -> Any:
        try:
            read = self.workspace.reading.read(principal, document, None, Actor(principal.ref, "python"))
        except MunimentError as error:
            return _refusal(error)
        return [read.document.id, read.document.path, read.document.version, asdict(read.version)]

    def refused(self, principal: Principal, ids: Sequence[str]) -> bool:
        """Return whether each of these documents is as absent to this person as one that never was."""
        absent = self._read(principal, "doc_absent")
        return all(self._read(principal, document) == absent for document in ids)

    def close(self) -> None:
        self.workspace.close()


def _refusal(error: MunimentError) -> list[object]:
    return [error.code, error.status, error.public, error.fix]


def _version(file: File, at: str) -> NewVersion:
    title = file.path.rpartition("/")[2].removesuffix(".txt")
    pieces: list[ChunkText] = []
    start = 0
    for ordinal, paragraph in enumerate(file.text.split("\n\n")):
        pieces.append(ChunkText(ordinal, start, start + len(paragraph), None, "", paragraph))
        start += len(paragraph) + 2
    digest = hashlib.sha256(file.text.encode()).hexdigest()
    return NewVersion(title, "text/plain", digest, at, (), (), file.text, pieces)
