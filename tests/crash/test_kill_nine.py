"""WF1: kill -9 during ingest and access changes loses no acknowledged write, tears no document, leaves no gap in the
log. A real process works on a real workspace; each cycle kills it at another moment and looks at what it left."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from tests.crash.worker import SOURCE

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library, tables
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval import segment

CYCLES = 3
"""One for each of `EMBEDDERS`, and one complete ingest after them."""
PROVE_CYCLES = 100
ROOT = Path(__file__).resolve().parents[2]
PLACES = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
RECOVER_EVERY = 3
"""Kills between complete ingests, so that what they leave piles up."""
PEOPLE = ("alice", "bob", "carol")
EMBEDDERS = (0, 64, 32)
"""Dimensions of the worker's embedding model by cycle: a change of model makes segments anew."""
MOST_SECONDS = 1.6
"""Longest life of a worker once it is at work; most live shorter, so that most are killed while they ingest."""
MANIFESTS = (
    'allow = ["group:everyone"]\n',
    'allow = ["group:engineering"]\n',
    'allow = ["group:sales", "user:carol"]\ndeny = ["user:bob"]\n',
    'allow = ["group:everyone"]\ndeny = ["group:platform"]\n',
)


class Company:
    """A folder that changes between cycles, and the digests of everything that ever lay in it."""

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root = root
        self.rng = rng
        self.ever: set[str] = set()
        for team in range(4):
            self._write(f"team{team}/keep.md")
            for name in range(4):
                self._write(f"team{team}/note{name}.md")
            (root / f"team{team}/access.toml").write_text(MANIFESTS[team])

    def _write(self, path: str) -> None:
        words = [f"term{self.rng.randrange(400)}" for _ in range(self.rng.choice([12, 60, 350]))]
        text = f"# Note {self.rng.randrange(10**9)}\n\nQuarterly {' '.join(words)}.\n"
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        self.ever.add(hashlib.sha256(text.encode()).hexdigest())

    def change(self) -> None:
        """Change, add, remove and rename files, and the access that one team states."""
        for team in range(4):
            folder = self.root / f"team{team}"
            self._write(f"team{team}/keep.md")
            for name in range(6):
                path = folder / f"note{name}.md"
                if self.rng.random() < 0.5:
                    (folder / f"moved{name}.md").unlink(missing_ok=True)
                chance = self.rng.random()
                if chance < 0.55:
                    self._write(f"team{team}/{path.name}")
                elif chance < 0.65:
                    path.unlink(missing_ok=True)
                elif chance < 0.75 and path.exists():
                    path.replace(folder / f"moved{name}.md")
        chosen = self.rng.choice(MANIFESTS)
        (self.root / f"team{self.rng.randrange(4)}/access.toml").write_text(chosen)


@dataclass
class Acknowledged:
    """What the killed worker had been told was done, and the one change that it was waiting for."""

    documents: list[str] = field(default_factory=list)
    changes: list[tuple[str, AccessList | None]] = field(default_factory=list)
    pending: list[tuple[str, AccessList | None]] = field(default_factory=list)
    ingested: bool = False


def acknowledged(said: bytes) -> Acknowledged:
    found = Acknowledged()
    for line in said.split(b"\n")[:-1]:
        word = json.loads(line)
        match word["say"]:
            case "document":
                found.documents.append(word["path"])
            case "ingested":
                found.ingested = True
            case "setting":
                change = word["change"]
                access = change and AccessList(
                    frozenset(change["allow"]), frozenset(change["deny"]), change["sensitivity"]
                )
                found.pending = [(word["target"], access)]
            case "set":
                found.changes += found.pending
                found.pending = []
    return found


def children(process: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def work_and_kill(home: Path, folder: Path, first: int, dimensions: int, seconds: float) -> Acknowledged:
    """Run the worker, kill it `seconds` after it started to work, and return what it had said."""
    said = home.parent / "said.txt"
    command = [
        sys.executable,
        "-m",
        "tests.crash.worker",
        str(home),
        str(folder),
        str(first),
        str(dimensions),
    ]
    with open(said, "wb") as out:
        worker = subprocess.Popen(command, cwd=ROOT, stdout=out, env={**os.environ, "PYTHONPATH": PLACES})
    deadline = time.monotonic() + 60
    while not said.stat().st_size and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(seconds)
    assert worker.poll() is None, "the worker ended by itself"
    parsers = children(worker.pid)
    worker.kill()
    worker.wait()
    while not all(gone(parser) for parser in parsers):
        assert time.monotonic() < deadline, "a parser outlived its killed parent"
        time.sleep(0.01)
    return acknowledged(said.read_bytes())


def log_of_changes(workspace: Workspace, after: int) -> list[tuple[str, str | None]]:
    return [
        (str(entry.about["target"]), entry.about["access"])  # type: ignore[misc]
        for entry in workspace.audit.query(after=after, limit=10**6)
        if entry.kind in ("access.set", "access.cleared")
    ]


def check_acknowledged(
    workspace: Workspace, told: Acknowledged, folder: Path, before: dict[str, AccessList], after: int
) -> int:
    """Every acknowledged write is there, and the log tells the same story; return how many there were."""
    with workspace.database.read() as connection:
        for path in told.documents:
            row = library.document_at(connection, SOURCE, path)
            assert row is not None, f"lost: {path}"
            assert row.content_hash == hashlib.sha256((folder / path).read_bytes()).hexdigest(), (
                f"old: {path}"
            )
        held = library.overrides(connection, SOURCE)
    recorded = log_of_changes(workspace, after)
    made = [*told.changes, *told.pending][: max(len(recorded), len(told.changes))]
    assert recorded == [
        (workspace.audit.commitment(path), access and access.digest()) for path, access in made
    ], "the log does not hold exactly the acknowledged changes"
    expected: dict[str, AccessList | None] = {**before, **dict(made)}
    assert held == {path: access for path, access in expected.items() if access is not None}
    return len(told.documents) + len(told.changes)


def check_whole(workspace: Workspace, ever: set[str]) -> None:
    """No document is torn: version, chunks, index rows and log entry are all there or all absent."""
    with workspace.database.read() as connection:
        manifest = library.segments(connection)
        live = library.documents(connection)
        chunk, version = tables.chunk.c, tables.document_version.c
        chunks = connection.execute(
            sa.select(chunk.document, chunk.version, chunk.ordinal, chunk.start, chunk.end, chunk.text)
        ).all()
        versions = {
            (row.document, row.version): row
            for row in connection.execute(
                sa.select(version.document, version.version, version.text, version.content_hash)
            )
        }
    indexed: set[tuple[str, int, int]] = set()
    for row in manifest:
        part = segment.load(workspace.segments.open(row.name, segment.KIND, row.digest))
        part.file.check()
        assert part.rows == row.rows
        extents = np.repeat(np.arange(len(part.documents)), np.diff(part.extent_starts))
        names = [part.documents[at] for at in extents]
        indexed |= set(zip(names, part.versions[extents].tolist(), part.ordinals.tolist(), strict=True))
    for found in chunks:
        text = versions[found.document, found.version].text
        assert found.text == text[found.start : found.end]
    for document in live:
        stored = versions[document.id, document.version]
        assert stored.content_hash == document.content_hash
        assert stored.content_hash in ever
        ordinals = sorted(
            c.ordinal for c in chunks if (c.document, c.version) == (document.id, document.version)
        )
        assert ordinals == list(range(len(ordinals))) and ordinals
        assert ordinals == sorted(row[2] for row in indexed if row[:2] == (document.id, document.version))
    entries = workspace.audit.query(kind="ingest.document", limit=10**6)
    logged = sorted((e.about["document"], e.about["version"], e.about["content"]) for e in entries)
    assert logged == sorted((*key, f"sha256:{row.content_hash}") for key, row in versions.items())
    assert workspace.audit.verify().findings == ()


def readable(workspace: Workspace) -> dict[str, set[tuple[str, str]]]:
    found = {who: workspace.search("quarterly note", who, k=100).passages for who in PEOPLE}
    assert all(len(passages) < 100 for passages in found.values())
    return {who: {(p.path, p.text) for p in passages} for who, passages in found.items()}


def check_recovers(workspace: Workspace, fresh: Workspace, folder: Path) -> None:
    """One complete ingest later everyone reads what they would in a workspace that was never killed."""
    workspace.ingest(folder, SOURCE)
    fresh.ingest(folder, SOURCE)
    with workspace.database.read() as connection:
        by_hand = library.overrides(connection, SOURCE)
    for path, access in by_hand.items():
        fresh.access.set(f"{SOURCE}/{path}", access.allow, access.deny, OPERATOR, access.sensitivity)
    assert readable(workspace) == readable(fresh)
    workspace.ingest(folder, SOURCE)
    with workspace.database.read() as connection:
        named = {row.name for row in library.segments(connection)}
    assert {path.name for path in workspace.segments.folder.iterdir()} == {
        f"{name}.segment" for name in named
    }


def kill_again_and_again(
    make_workspace: Callable[..., Workspace], place: Path, cycles: int
) -> tuple[int, int]:
    """Return how many writes had been acknowledged, and how many ingests were cut short."""
    rng = random.Random(9)
    company = Company(place / "documents", rng)
    first = make_workspace("home")
    first.ingest(company.root, SOURCE)
    after = first.audit.tail(1)[0].seq
    first.close()
    writes = cut = 0
    before: dict[str, AccessList] = {}
    for cycle in range(cycles):
        company.change()
        told = work_and_kill(
            place / "home",
            company.root,
            cycle * 100_000,
            EMBEDDERS[cycle % len(EMBEDDERS)],
            rng.random() ** 2 * MOST_SECONDS,
        )
        workspace = app.open(place / "home", embedder=lambda: None)
        try:
            writes += check_acknowledged(workspace, told, company.root, before, after)
            cut += not told.ingested
            check_whole(workspace, company.ever)
            if (cycle + 1) % RECOVER_EVERY == 0:
                check_recovers(workspace, make_workspace(f"fresh{cycle}"), company.root)
                check_whole(workspace, company.ever)
            with workspace.database.read() as connection:
                before = library.overrides(connection, SOURCE)
            after = workspace.audit.tail(1)[0].seq
        finally:
            workspace.close()
    return writes, cut


def test_kill_nine_loses_no_acknowledged_write(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    writes, cut = kill_again_and_again(make_workspace, tmp_path, CYCLES)
    assert writes > CYCLES
    assert cut > 0


@pytest.mark.prove
def test_a_hundred_kills_lose_no_acknowledged_write(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    writes, cut = kill_again_and_again(make_workspace, tmp_path, PROVE_CYCLES)
    print(f"{PROVE_CYCLES} kills, {cut} in mid-ingest, {writes} acknowledged writes, none lost")
    assert cut > PROVE_CYCLES // 4


TEARS = (
    "DELETE FROM chunk WHERE rowid = (SELECT max(rowid) FROM chunk)",
    "UPDATE chunk SET text = text || '.' WHERE ordinal = 0",
    "UPDATE document_version SET text = 'x' || text",
    "DELETE FROM segment",
    "UPDATE document SET content_hash = 'a'",
    "INSERT INTO document_version"
    " (document, version, title, content_hash, modified_at, stored_at, units, notes, text)"
    " SELECT document, 9, title, content_hash, modified_at, stored_at, units, notes, text"
    " FROM document_version LIMIT 1",
    "DELETE FROM audit_entry WHERE kind = 'ingest.document'",
)


def test_the_check_itself_sees_every_tear(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    company = Company(tmp_path / "documents", random.Random(1))
    whole = make_workspace("whole")
    whole.ingest(company.root, SOURCE)
    check_whole(whole, company.ever)
    whole.close()
    for number, tear in enumerate(TEARS):
        shutil.copytree(tmp_path / "whole", tmp_path / f"torn{number}")
        torn = app.open(tmp_path / f"torn{number}", embedder=lambda: None)
        with torn.database.write() as connection:
            connection.exec_driver_sql(tear)
        with pytest.raises((AssertionError, KeyError)):
            check_whole(torn, company.ever)
        torn.close()
