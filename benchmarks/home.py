"""Synthetic documents in a muniment home: made once, opened again where they were kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.bars import Progress
from benchmarks.workload import FOLDER, GROUPS, Reader, Workload
from muniment import app
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion.compaction import Compaction
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion, SegmentRow
from muniment.knowledge.retrieval import segment

SOURCE = "scale"
NOBODY = "nobody"
"""A user without a group."""
_FOLDERS = 500
"""Documents of one commit; a document is one folder of the workload."""
_WRITTEN = "2026-01-01T00:00:00.000Z"
GROUPED = 200
"""Documents below one path: 10,000 chunks."""

Batch = tuple[Sequence[NewDocument], npt.NDArray[np.float32]]
"""Documents, and the vectors of all their chunks."""


def company(home: Path, workload: Workload, progress: Progress) -> app.Workspace:
    """Return the company's library, opened where `home` holds it; raises BadInput where that is another one."""
    if (home / app.DATABASE_FILE).exists():
        return opened(home, workload.folders)
    people = {name(reader): [f"g{group}" for group in reader.groups] for reader in workload.readers}
    groups = [f"g{group}" for group in range(GROUPS)]
    return made(home, groups, people, _folders(workload, progress))


def made(
    home: Path, groups: Iterable[str], people: Mapping[str, Sequence[str]], batches: Iterable[Batch]
) -> app.Workspace:
    """Return a new library of these documents, with these groups, and users who hold some of them."""
    workspace = app.create(home)
    enter(workspace, groups, {**people, NOBODY: ()})
    compaction = Compaction(_parts(workspace))
    for documents, vectors in batches:
        _put(workspace, documents, vectors)
        compaction.run(OPERATOR)
    return workspace


def enter(workspace: app.Workspace, groups: Iterable[str], people: Mapping[str, Sequence[str]]) -> None:
    """Make these groups, and users who hold some of them, the directory."""
    stated = [f"[groups.{group}]" for group in groups]
    for user, held in people.items():
        stated.append(f"[users.{user}]\ngroups = {json.dumps(list(held))}")
    file = workspace.home / "company.toml"
    file.write_text("\n".join(stated) + "\n")
    workspace.directory.import_file(file, OPERATOR)


def name(reader: Reader) -> str:
    """Return what the directory calls a reader."""
    return reader.name.replace(".", "_")


def folders(workspace: app.Workspace) -> dict[str, int]:
    """Return the number of the workload's folder by document."""
    with workspace.database.read() as connection:
        return {row.id: int(row.title.split()[1]) for row in library.documents(connection, SOURCE)}


def document(number: int, path: str, allow: Iterable[str], texts: Sequence[str]) -> NewDocument:
    """Return a document whose chunks have these texts."""
    chunks: list[ChunkText] = []
    for ordinal, text in enumerate(texts):
        start = chunks[-1].end + 1 if chunks else 0
        chunks.append(ChunkText(ordinal, start, start + len(text), None, "", text))
    version = NewVersion(
        f"folder {number}", "text/plain", str(number), _WRITTEN, (), (), "\n".join(texts), chunks
    )
    return NewDocument(path, version, AccessList(frozenset(allow)))


def model(workspace: app.Workspace) -> str:
    """Return what the library says has made its vectors."""
    with workspace.database.read() as connection:
        return library.segments(connection)[0].model


def opened(home: Path, documents: int) -> app.Workspace:
    """Return a library that was kept, as it was made; raises BadInput where it has not so many documents."""
    workspace = app.open(home)
    with workspace.database.read() as connection:
        kept = library.documents(connection, SOURCE)
        by_hand = library.overrides(connection, SOURCE)
    if len(kept) == documents:
        for path in by_hand:
            workspace.access.clear(f"{SOURCE}/{path}", OPERATOR)
        return workspace
    workspace.close()
    raise BadInput(
        f"--keep {home} holds {len(kept)} documents where this size has {documents}.",
        fix="Name another folder, or remove it: its making may have been cut short.",
    )


def _folders(workload: Workload, progress: Progress) -> Iterator[Batch]:
    for start in range(0, workload.folders, _FOLDERS):
        progress(f"indexing {start * FOLDER:,} of {workload.rows:,} chunks")
        numbers = range(start, min(start + _FOLDERS, workload.folders))
        documents = [
            document(
                number,
                f"f{number // GROUPED:05d}/d{number:06d}",
                (f"group:g{group}" for group in workload.access[number]),
                workload.texts(number),
            )
            for number in numbers
        ]
        yield documents, np.concatenate([workload.folder(number) for number in numbers])


def _parts(workspace: app.Workspace) -> Parts:
    return Parts(
        workspace.database,
        workspace.audit,
        workspace.segments,
        workspace.keyring,
        workspace.embedders,
        workspace.clock,
        workspace.ids,
    )


def _put(
    workspace: app.Workspace, documents: Sequence[NewDocument], vectors: npt.NDArray[np.float32]
) -> None:
    at = timestamp(workspace.clock.now())
    with workspace.database.write() as connection:
        changes.put_source(connection, SOURCE, "bench", "", at)
        key = workspace.keyring.data_key("identifiers")
        stored = changes.put_versions(connection, key, SOURCE, documents, at)
        rows = [
            segment.IndexRow(row.id, 1, chunk.ordinal, row.access_class, row.title, "", chunk.text)
            for row, one in zip(stored, documents, strict=True)
            for chunk in one.version.chunks
        ]
        # Under the name of the weights where they are present, so that whole searches rank by vectors too.
        made_by = workspace.embedder.model.digest if workspace.embedder else "synthetic"
        segment_name = workspace.ids.new("seg")
        digest = workspace.segments.write(
            segment_name, segment.KIND, *segment.contents(rows, vectors, made_by)
        )
        changes.add_segment(connection, SegmentRow(segment_name, digest, len(rows), made_by), at)


def disk(home: Path) -> int:
    """Return the bytes of a library on disk: database and segments."""
    files = [*home.glob(f"{app.DATABASE_FILE}*"), *(home / "segments").rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())
