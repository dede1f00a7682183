"""AZ7: names compare byte for byte: nothing that only looks like a name stands for it, anywhere."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attacks.worlds import File, World, memory_folder, readable_by

from muniment import app
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.ids import SeededIds
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import Principal
from muniment.knowledge import changes, library
from muniment.knowledge.retrieval.visibility import visible

JOSE = unicodedata.normalize("NFC", "josé")
LIKENESSES = {
    "another case": "José",
    "upper case": "JOSÉ",
    "decomposed": unicodedata.normalize("NFD", JOSE),
    "full width": "ｊosé",
    "a trailing space": JOSE + " ",
    "a leading space": " " + JOSE,
    "a no-break space": JOSE + "\u00a0",
    "a homoglyph": "jоsé",
    "a long s": "joſé",
}
UNNAMEABLE = {
    "a NUL": JOSE + "\x00",
    "a NUL inside": "jo\x00sé",
    "a zero-width space": JOSE + "\u200b",
    "a direction mark": "\u202e" + JOSE,
    "a soft hyphen": "jo\u00adsé",
    "a lone surrogate": JOSE + "\udc80",
    "a line break": JOSE + "\n",
    "nothing": "",
    "a kind before it": "user:" + JOSE,
}


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        app.create(folder / "template", clock=FixedClock(), ids=SeededIds(1)).close()
        yield folder / "template"


@pytest.fixture
def world(template: Path) -> Iterator[World]:
    home = template.parent / "home"
    made = World.copy(template, home)
    made.directory("[users.alice]\n[users.bob]\n[services.helpdesk]")
    yield made
    made.close()
    shutil.rmtree(home)


def toml(name: str) -> str:
    return '"' + "".join(f"\\U{ord(c):08x}" for c in name) + '"'


def company(*names: str) -> str:
    return "".join(f'[users.{toml(name)}]\ngroups = ["staff"]\n' for name in names) + "[groups.staff]\n"


def paths_of(world: World, principal: Principal) -> set[str]:
    return {passage.path for passage in world.workspace.search("quarterly", principal).passages}


@pytest.mark.parametrize("why", LIKENESSES)
def test_two_names_that_look_alike_are_two_people(world: World, why: str) -> None:
    other = LIKENESSES[why]
    assert other != JOSE
    world.directory(company(JOSE, other))
    world.put(
        [
            File("his.txt", "quarterly his", readable_by(f"user:{JOSE}")),
            File("other.txt", "quarterly other", readable_by(f"user:{other}")),
            File("not-his.txt", "quarterly not his", readable_by("group:staff", deny=[f"user:{JOSE}"])),
            File("not-other.txt", "quarterly not other", readable_by("group:staff", deny=[f"user:{other}"])),
        ]
    )
    assert paths_of(world, Principal("user", JOSE)) == {"his.txt", "not-other.txt"}
    assert paths_of(world, Principal("user", other)) == {"other.txt", "not-his.txt"}


@pytest.mark.parametrize("why", LIKENESSES)
def test_a_name_that_only_looks_like_a_known_one_is_nobody(world: World, why: str) -> None:
    world.directory(company(JOSE))
    world.put([File("his.txt", "quarterly his", readable_by(f"user:{JOSE}", "group:everyone"))])
    other = Principal("user", LIKENESSES[why])
    with pytest.raises(BadInput):
        world.workspace.directory.principal(other.name)
    with pytest.raises(Denied):
        world.workspace.search("quarterly", other)
    assert world.workspace.directory.active_since(other) is None


@pytest.mark.parametrize("why", UNNAMEABLE)
def test_a_name_that_cannot_be_shown_is_refused_everywhere(world: World, why: str) -> None:
    name = UNNAMEABLE[why]
    world.directory(company(JOSE))
    for principal in (Principal("user", name), Principal("service", name)):
        with world.workspace.database.read() as connection, pytest.raises(Denied):
            grants(connection, principal)
    if why != "a lone surrogate":
        with pytest.raises(BadInput):
            world.directory(company(JOSE, name))
    with world.workspace.database.read() as connection:
        assert grants(connection, Principal("user", JOSE))


@pytest.mark.parametrize("why", LIKENESSES)
def test_two_groups_that_look_alike_are_two_groups(world: World, why: str) -> None:
    one, other = JOSE, LIKENESSES[why]
    world.directory(
        f"[users.u]\ngroups = [{toml(one)}]\n[users.v]\ngroups = [{toml(other)}]\n"
        f"[groups.{toml(one)}]\n[groups.{toml(other)}]\n"
    )
    world.put(
        [
            File("one.txt", "quarterly one", readable_by(f"group:{one}")),
            File("other.txt", "quarterly other", readable_by(f"group:{other}")),
        ]
    )
    assert paths_of(world, Principal("user", "u")) == {"one.txt"}
    assert paths_of(world, Principal("user", "v")) == {"other.txt"}


def test_lists_that_differ_only_in_how_a_letter_is_composed_are_two_lists(world: World) -> None:
    composed = readable_by(f"user:{JOSE}")
    decomposed = readable_by(f"user:{unicodedata.normalize('NFD', JOSE)}")
    with world.workspace.database.write() as connection:
        first, second = (changes.class_of(connection, access) for access in (composed, decomposed))
        assert first != second
        assert changes.class_of(connection, composed) == first
        classes = library.access_classes(connection)
    assert (classes[first], classes[second]) == (composed, decomposed)


@pytest.mark.parametrize(
    "entry",
    ["everyone", "alice", "User:alice", "USER:alice", "user: alice", "user:alice ", "group:alice", "*", ""],
)
def test_an_entry_in_another_spelling_matches_nobody(world: World, entry: str) -> None:
    world.put([File("a.txt", "quarterly", readable_by(entry))])
    for principal in world.workspace.directory.principals():
        with world.workspace.database.read() as connection:
            sees = visible(connection, principal)
            row = library.document_at(connection, "files", "a.txt")
            assert row is not None
            assert not sees.may_read(row)


def test_a_user_and_a_service_of_one_name_are_two_principals(world: World) -> None:
    world.directory("[users.robot]\n[services.robot]\n[users.everyone]\n[users.admin]\n")
    world.put(
        [
            File("person.txt", "quarterly", readable_by("user:robot")),
            File("machine.txt", "quarterly", readable_by("service:robot")),
        ]
    )
    assert paths_of(world, Principal("user", "robot")) == {"person.txt"}
    assert paths_of(world, Principal("service", "robot")) == {"machine.txt"}
    assert paths_of(world, Principal("user", "everyone")) == set()


def test_a_token_holds_for_its_own_spelling_only(world: World) -> None:
    for why, other in LIKENESSES.items():
        world.directory(company(JOSE, other))
        token = world.workspace.tokens.issue(Principal("user", other))
        assert world.workspace.tokens.verify(token) == Principal("user", other), why
        assert world.workspace.tokens.verify(token) != Principal("user", JOSE)


def test_a_manifest_names_exactly_one_spelling(world: World, tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", JOSE)
    world.directory(company(JOSE, decomposed))
    root = tmp_path / "docs"
    for folder, name in (("nfc", JOSE), ("nfd", decomposed)):
        (root / folder).mkdir(parents=True)
        (root / folder / "access.toml").write_bytes(f'allow = ["user:{name}"]'.encode())
        (root / folder / "a.txt").write_text(f"quarterly {folder}")
    assert not world.workspace.ingest(root, "docs").failed
    assert paths_of(world, Principal("user", JOSE)) == {"nfc/a.txt"}
    assert paths_of(world, Principal("user", decomposed)) == {"nfd/a.txt"}
