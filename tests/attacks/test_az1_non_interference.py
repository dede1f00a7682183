"""AZ1: worlds that differ only in what a person may not read give that person the same bytes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attacks.worlds import File, World, memory_folder, readable_by
from tests.postgres import Server
from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import SeededIds
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge.access import AccessList

WORLDS = 60
POSTGRES_WORLDS = 12
PROVE_WORLDS = 10_000
PROVE_PARTS = 10
"""So that several processes can share the work."""
CHANGES_PER_COMPANY = 30
UMA = Principal("user", "uma")
MINE = ("user:uma", "group:readers", "group:staff", "group:everyone")
THEIRS = ("user:vic", "user:wes", "group:board", "group:audit", "service:robot", "user:nobody", "everyone")
WORDS = ["harbour", "lantern", "tariff", "copper", "ferry", "ledger", "orchard", "signal", "velvet", "quarry"]


class Company:
    """What Uma may read, and beside it what she may not, which changes at random."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        shared = random.Random(seed // 2)
        """The same in both worlds of a pair."""
        self.ceiling = shared.random() < 0.5
        """Whether Uma may read what is internal at most."""
        self.visible = [self.file(shared, f"open/{n}.txt", self.mine(shared)) for n in range(5)]
        self.queries = [" ".join(shared.sample(WORDS, 2)), shared.choice(WORDS), "absent"]
        self.hidden: dict[str, AccessList] = {}
        self.count = 0
        self.ids: list[str] = []

    def build(self) -> None:
        self.change_directory()
        files = [*self.visible, *(self.new_file() for _ in range(self.random.randint(0, 5)))]
        self.random.shuffle(files)
        cut = self.random.randint(1, len(files) - 1)
        found: dict[str, str] = {}
        for part in (files[:cut], files[cut:]):
            found |= dict(zip((file.path for file in part), self.world.put(part), strict=True))
        self.ids = [found[file.path] for file in self.visible]

    def mine(self, source: random.Random) -> AccessList:
        label = source.choice(["public", "internal"]) if self.ceiling else source.choice([None, "internal"])
        return readable_by(*source.sample(MINE, source.randint(1, 2)), label=label)

    def denied(self) -> AccessList:
        """An access list that does not let Uma read."""
        draw, some = self.random.random(), self.random.sample(THEIRS, 2)
        if draw < 0.3:
            return readable_by()
        if draw < 0.5:
            return readable_by(*some, label=self.random.choice([None, "internal"]))
        if draw < 0.7 and self.ceiling:
            return readable_by(*MINE, *some, label=self.random.choice([None, "secret", "restricted"]))
        return readable_by(self.random.choice(MINE), *some, deny=[self.random.choice(MINE), some[0]])

    def file(self, source: random.Random, path: str, access: AccessList) -> File:
        paragraphs = [
            " ".join(source.choices(WORDS, k=source.randint(3, 12))).capitalize() + "."
            for _ in range(source.randint(1, 3))
        ]
        return File(path, "\n\n".join(paragraphs), access)

    def new_file(self) -> File:
        self.count += 1
        file = self.file(self.random, f"shut/{self.random.choice(WORDS)}-{self.count}.txt", self.denied())
        self.hidden[file.path] = file.access
        return file

    def change(self) -> str:
        """Change something that Uma may not see; return what."""
        kinds: list[Callable[[], object]] = [self.change_directory, self.add, self.loosen, self.others_ask]
        if self.hidden:
            kinds += [self.rewrite, self.remove, self.move, self.relist, self.recreate] * 2
        chosen = self.random.choice(kinds)
        chosen()
        return chosen.__name__

    def change_directory(self) -> None:
        """Uma's own groups stay; everybody else's change."""
        groups = ["board", "audit", "readers", "staff"]
        ceiling = '\nclearance = "internal"' if self.ceiling else ""
        lines = [f'[users.uma]\ngroups = ["readers"]{ceiling}', '[groups.readers]\nmembers_of = ["staff"]']
        lines += ["[groups.staff]"]
        lines += [f"[groups.board]\nmembers_of = {self.random.choice([['audit'], ['staff'], []])!r}"]
        lines += [f"[groups.audit]\nmembers_of = {self.random.choice([['readers'], []])!r}"]
        for name in self.random.sample(["vic", "wes", "xan", "Uma", "uma2"], self.random.randint(1, 5)):
            lines += [f"[users.{name}]\ngroups = {self.random.sample(groups, self.random.randint(0, 3))!r}"]
        if self.random.random() < 0.5:
            lines += [f"[services.robot]\ngroups = {self.random.sample(groups, 1)!r}"]
        self.world.directory("\n".join(lines))

    def add(self) -> None:
        self.world.put([self.new_file() for _ in range(self.random.randint(1, 3))])

    def pick(self) -> str:
        return self.random.choice(sorted(self.hidden))

    def rewrite(self) -> None:
        path = self.pick()
        self.world.put([self.file(self.random, path, self.hidden[path])])

    def remove(self) -> None:
        path = self.pick()
        self.world.remove(path)
        del self.hidden[path]

    def recreate(self) -> None:
        path = self.pick()
        self.world.remove(path)
        self.world.put([self.file(self.random, path, self.hidden[path])])

    def move(self) -> None:
        path = self.pick()
        self.count += 1
        to = f"shut/moved-{self.count}.txt"
        self.world.move(path, to)
        self.hidden[to] = self.hidden.pop(path)

    def relist(self) -> None:
        path = self.pick()
        self.hidden[path] = self.denied()
        self.world.set_access(path, self.hidden[path])

    def loosen(self) -> None:
        """Who else may read Uma's documents is not Uma's to see either."""
        file = self.random.choice(self.visible)
        others = self.random.sample(THEIRS, 2)
        allow = {*file.access.allow, others[0]}
        self.world.set_access(
            file.path, AccessList(frozenset(allow), frozenset({others[1]}), file.access.sensitivity)
        )

    def others_ask(self) -> None:
        listing = self.world.workspace.directory.principals()
        other = self.random.choice([p for p in listing if p != UMA])
        self.world.workspace.search(self.queries[0], other)

    def observed(self) -> bytes:
        return self.world.observed(UMA, self.queries, [*self.ids, "doc_absent"])


def hidden_ids(company: Company) -> list[str]:
    from muniment.knowledge import library

    with company.world.workspace.database.read() as connection:
        rows = library.documents(connection)
    return [row.id for row in rows if row.path.startswith("shut/")][:2]


class Worlds:
    """Makes companies from one template, so that all have the same keys."""

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        self.folder = folder
        self.template = folder / "template"
        self.server = server
        self.url = ""
        if server is not None:
            self.url = server.database()
            self.template.mkdir()
            (self.template / "database-url").write_text(self.url)
            (self.template / "settings.toml").write_text('[database]\nurl = "file:database-url"\n')
        app.create(self.template, clock=FixedClock(), ids=SeededIds(1)).close()
        self.made = 0

    def company(self, seed: int) -> Company:
        self.made += 1
        embedder = HashedEmbedder() if seed // 2 % 2 else None
        url = self.server.copy(self.url) if self.server is not None else ""
        world = World.copy(self.template, self.folder / f"home-{self.made}", seed, lambda: embedder, url)
        company = Company(world, seed)
        company.build()
        return company

    def drop(self, company: Company) -> None:
        company.world.close()
        if self.server is not None:
            self.server.drop((company.world.workspace.home / "database-url").read_text())
        shutil.rmtree(company.world.workspace.home)


@pytest.fixture(scope="module", params=["file", "postgres"])
def worlds(request: pytest.FixtureRequest) -> Iterator[Worlds]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with memory_folder() as folder:
        made = Worlds(folder, server)
        yield made
        if server is not None:
            server.drop(made.url)


def compare(worlds: Worlds, count: int, first_seed: int) -> None:
    """Compare `count` worlds: mostly one company before and after a hidden change, some built apart."""
    seen = seed = 0
    while seen < count:
        company = worlds.company(first_seed + 2 * seed)
        before = company.observed()
        if seed % 2 == 0:
            other = worlds.company(first_seed + 2 * seed + 1)
            assert other.observed() == before, f"pair {first_seed + 2 * seed}"
            worlds.drop(other)
            seen += 1
        for _ in range(CHANGES_PER_COMPANY):
            what = company.change()
            assert company.observed() == before, f"seed {first_seed + 2 * seed}, after {what}"
            assert company.world.refused(UMA, hidden_ids(company))
            seen += 1
            if seen >= count:
                break
        worlds.drop(company)
        seed += 1


def test_worlds_that_differ_in_what_is_hidden_look_the_same(worlds: Worlds) -> None:
    compare(worlds, WORLDS if worlds.server is None else POSTGRES_WORLDS, first_seed=1000)


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PROVE_PARTS))
def test_ten_thousand_worlds_look_the_same(worlds: Worlds, part: int) -> None:
    each = PROVE_WORLDS // PROVE_PARTS
    compare(worlds, each if worlds.server is None else each // 10, first_seed=2_000_000 + 100_000 * part)


def test_what_is_compared_moves_with_what_is_visible(worlds: Worlds) -> None:
    """The comparison is worth something only if it sees a difference that is there."""
    company = worlds.company(4)
    before = company.observed()
    assert b'"answered"' in before or b'"abstained"' in before
    assert before.count(b'"score"') > 2
    company.world.put(
        [File("open/new.txt", f"{company.queries[0]} again.", readable_by("user:uma", label="public"))]
    )
    assert company.observed() != before
    worlds.drop(company)


def test_taking_a_document_away_looks_like_its_never_having_been(worlds: Worlds) -> None:
    company = worlds.company(6)
    before = company.observed()
    company.world.put(
        [
            File(
                "open/brief.txt",
                f"{company.queries[0]} for a moment.",
                readable_by("user:uma", label="public"),
            )
        ]
    )
    assert company.observed() != before
    company.world.workspace.access.set("files/open/brief.txt", [], ["user:uma"], OPERATOR)
    assert company.observed() == before
    worlds.drop(company)
