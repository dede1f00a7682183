"""AZ1 and KM5 on a damaged index: a search goes on over what is sound, says so to those who lost a document and to
nobody else, and gives what it would give if the lost documents had never been."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.attacks.worlds import File, World, memory_folder, readable_by
from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Unavailable
from muniment.foundation.ids import SeededIds
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge import library, tables
from muniment.knowledge.retrieval import embedded
from muniment.knowledge.retrieval.retrieve import INCOMPLETE

UMA, VIC = Principal("user", "uma"), Principal("user", "vic")
DIRECTORY = "[users.uma]\n[users.vic]\n"
QUERIES = ("copper lantern", "harbour", "ledger -tariff")
WORDS = ["harbour", "lantern", "tariff", "copper", "ferry", "ledger", "orchard", "signal", "velvet", "quarry"]


def files(who: str, count: int, seed: int) -> list[File]:
    rng = random.Random(seed)
    return [
        File(
            f"{who}/{n}.txt",
            "\n\n".join(" ".join(rng.choices(WORDS, k=8)) for _ in range(3)),
            readable_by(f"user:{who}"),
        )
        for n in range(count)
    ]


MINE, LOST, THEIRS = files("uma", 4, 1), files("uma", 7, 2)[4:], files("vic", 4, 3)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with memory_folder() as folder:
        workspace = app.create(folder / "template", clock=FixedClock(), ids=SeededIds(1))
        (folder / "people.toml").write_text(DIRECTORY)
        workspace.directory.import_file(folder / "people.toml", OPERATOR)
        workspace.close()
        yield folder


@pytest.fixture(params=[False, True], ids=["words", "vectors"])
def make(place: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Return a function that makes a company, each list of files in a segment of its own."""
    made: list[World] = []

    def world(*segments: list[File]) -> World:
        embedder = HashedEmbedder() if request.param else None
        count = len(list(place.iterdir()))
        company = World.copy(place / "template", place / f"home-{count}", 0, lambda: embedder)
        made.append(company)
        for one in segments:
            company.put(one)
        return company

    yield world
    for company in made:
        company.close()


def segment_of(workspace: Workspace, path: str) -> str:
    """Return the segment that was written last before a document's: the manifest in the order of writing."""
    with workspace.database.read() as connection:
        order = list(
            connection.execute(tables.segment.select().order_by(tables.segment.c.created_at)).mappings()
        )
        for row in order:
            opened = workspace.segments.open(row["name"], "index", row["digest"])
            document = library.document_at(connection, "files", path)
            assert document is not None
            if document.id.encode() in opened.arrays["documents"].tobytes():
                return str(row["name"])
    raise LookupError(path)


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(bytes(content))


def truncate(file: Path, other: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def swap(file: Path, other: Path) -> None:
    kept = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(kept)


FAULTS: dict[str, Callable[[Path, Path], object]] = {
    "missing": lambda file, other: file.unlink(),
    "empty": lambda file, other: file.write_bytes(b""),
    "truncated": truncate,
    "longer": lambda file, other: file.write_bytes(file.read_bytes() + b"\x00"),
    "a flipped byte in the head": lambda file, other: flip(file, 60),
    "a flipped byte in the arrays": lambda file, other: flip(file, file.read_bytes().index(b"}]}") + 30),
    "another segment's bytes": lambda file, other: file.write_bytes(other.read_bytes()),
    "a folder": lambda file, other: (file.unlink(), file.mkdir()),
}


def observed(world: World, who: Principal) -> bytes:
    return world.observed(who, QUERIES, ["doc_absent"])


def found(world: World, who: Principal) -> list[object]:
    """Return what each question gives, without how long it took and how it is said."""
    given = [world.workspace.search(query, who, k=50) for query in QUERIES]
    return [[asdict(passage) for passage in one.passages] for one in given]


def notes(world: World, who: Principal) -> list[bool]:
    return [INCOMPLETE in world.workspace.search(query, who, k=50).notes for query in QUERIES]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_segment_takes_away_its_documents_and_nothing_else(
    make: Callable[..., World], fault: str
) -> None:
    hurt, never = make(MINE, LOST, THEIRS), make(MINE, THEIRS)
    segments = hurt.workspace.segments
    before = observed(hurt, VIC)
    hurt.workspace.__dict__.pop("engine")
    hurt.workspace.__dict__.pop("retriever")
    other = segments.path(segment_of(hurt.workspace, MINE[0].path))
    FAULTS[fault](segments.path(segment_of(hurt.workspace, LOST[0].path)), other)
    assert found(hurt, UMA) == found(never, UMA) != [[], [], []]
    assert all(notes(hurt, UMA)) and not any(notes(never, UMA))
    assert observed(hurt, VIC) == before and not any(notes(hurt, VIC))
    asked = hurt.workspace.audit.query(kind="search.request", limit=1000)
    assert {(e.actor, e.about["complete"]) for e in asked if e.actor == "user:uma"} == {("user:uma", False)}
    assert {e.about["complete"] for e in asked if e.actor == "user:vic"} == {True}


def test_exchanged_files_are_both_damaged(make: Callable[..., World]) -> None:
    hurt, never = make(MINE, LOST, THEIRS), make(THEIRS)
    segments = hurt.workspace.segments
    swap(*(segments.path(segment_of(hurt.workspace, one[0].path)) for one in (MINE, LOST)))
    assert found(hurt, UMA) == [[], [], []] and all(notes(hurt, UMA))
    assert found(hurt, VIC) == found(never, VIC) and not any(notes(hurt, VIC))


def test_a_wrong_digest_in_the_manifest_is_a_damaged_segment(make: Callable[..., World]) -> None:
    hurt, never = make(MINE, LOST, THEIRS), make(MINE, THEIRS)
    name = segment_of(hurt.workspace, LOST[0].path)
    with hurt.workspace.database.write() as connection:
        table = tables.segment
        connection.execute(table.update().where(table.c.name == name).values(digest="sha256:" + "0" * 64))
    assert found(hurt, UMA) == found(never, UMA) and all(notes(hurt, UMA))
    assert not any(notes(hurt, VIC))


def flip_rows(world: World, path: str, ordinals: list[int]) -> None:
    """Flip a byte of the exact vector of some chunks of a document."""
    workspace = world.workspace
    name = segment_of(workspace, path)
    with workspace.database.read() as connection:
        document = library.document_at(connection, "files", path)
        row = next(row for row in library.segments(connection) if row.name == name)
    assert document is not None
    from muniment.knowledge.retrieval import segment

    held = segment.load(workspace.segments.open(name, "index", row.digest))
    first = int(held.extent_starts[held.positions[document.id]])
    file = workspace.segments.path(name)
    size = HashedEmbedder().model.dimensions * 4 + 16
    for ordinal in ordinals:
        flip(file, file.stat().st_size - (held.rows - first - ordinal) * size)


@pytest.mark.parametrize("make", [True], indirect=True, ids=["vectors"])
@pytest.mark.parametrize("opened", ["before", "after"])
def test_a_damaged_vector_takes_away_its_document_from_those_who_may_read_it_and_only_when_it_is_read(
    make: Callable[..., World], opened: str
) -> None:
    """One segment holds documents of both: what is wrong in Vic's is nothing to Uma."""
    hurt, whole = make([*MINE, *LOST, *THEIRS]), make([*MINE, *LOST, *THEIRS])
    never = make([*MINE, *LOST[1:], *THEIRS])
    before = observed(hurt, UMA), observed(hurt, VIC)
    if opened == "after":
        hurt.workspace.__dict__.pop("engine")
        hurt.workspace.__dict__.pop("retriever")
    flip_rows(hurt, THEIRS[0].path, [0, 1, 2])
    assert any(notes(hurt, VIC))
    assert observed(hurt, UMA) == before[0]
    assert observed(hurt, VIC) != before[1]
    flip_rows(hurt, THEIRS[0].path, [0, 1, 2])
    flip_rows(hurt, LOST[0].path, [1])
    told = 0
    for query in QUERIES:
        shown = hurt.workspace.search(query, UMA, k=50)
        lost = INCOMPLETE in shown.notes
        told += lost
        assert shown.passages == (never if lost else whole).workspace.search(query, UMA, k=50).passages
    assert told
    assert not any(notes(hurt, VIC))


@pytest.mark.parametrize("make", [True], indirect=True, ids=["vectors"])
def test_a_search_that_finds_too_much_damage_says_that_it_cannot(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_ATTEMPTS", 1)
    hurt = make([*MINE, *THEIRS])
    before = observed(hurt, VIC)
    for file in MINE:
        flip_rows(hurt, file.path, [0, 1, 2])
    with pytest.raises(Unavailable, match="damaged"):
        hurt.workspace.search(QUERIES[0], UMA)
    assert observed(hurt, VIC) == before


def test_worlds_that_differ_in_hidden_damage_look_the_same(make: Callable[..., World]) -> None:
    """Whatever happens to the segments of others, alone and while Vic searches: Uma is given the same bytes."""
    rng = random.Random(5)
    for fault in FAULTS.values():
        world = make(MINE, THEIRS[:2], THEIRS[2:])
        before = observed(world, UMA)
        segments = world.workspace.segments
        names = [segment_of(world.workspace, one.path) for one in (THEIRS[0], THEIRS[2])]
        reopened = app.open(
            world.workspace.home,
            clock=FixedClock(),
            ids=SeededIds(9),
            embedder=lambda one=world.workspace.embedder: one,
        )
        rng.shuffle(names)
        fault(segments.path(names[0]), segments.path(names[1]))
        after = World(reopened)
        assert observed(after, UMA) == before
        assert any(notes(after, VIC))
        assert observed(after, UMA) == before
        reopened.upkeep.repair(OPERATOR)
        assert observed(after, UMA) == before and not any(notes(after, VIC))
        after.close()


def test_a_refusal_says_nothing_of_what_a_segment_holds(
    make: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    hurt = make(MINE, LOST, THEIRS)
    name = segment_of(hurt.workspace, LOST[0].path)
    hurt.workspace.segments.path(name).write_bytes(b"harbour")
    assert all(notes(hurt, UMA))
    lines = [record.getMessage() for record in caplog.records if record.name == "muniment.index"]
    assert len(lines) == 1 and name in lines[0] and "muniment index repair" in lines[0]
    assert not any(word in lines[0] for word in [*WORDS, "uma", "doc_"])


@pytest.mark.parametrize("make", [True], indirect=True, ids=["vectors"])
def test_reasons_are_those_of_the_ranking_that_left_the_damaged_document_out(
    make: Callable[..., World],
) -> None:
    hurt, never = make([*MINE, *LOST, *THEIRS]), make([*MINE, *LOST[1:], *THEIRS])
    flip_rows(hurt, LOST[0].path, [0, 1, 2])
    shown = hurt.workspace.search(QUERIES[0], UMA, k=50, explain=True)
    true = never.workspace.search(QUERIES[0], UMA, k=50, explain=True)
    assert INCOMPLETE in shown.notes and shown.passages == true.passages
    assert [one.why for one in shown.passages] == [one.why for one in true.passages] != []
