"""What every connector keeps to, whatever system of record it reads."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.simulators.sources.confluence_scene import ConfluenceScene
from tests.simulators.sources.dav_acl_scene import DavAclScene
from tests.simulators.sources.drive_scene import DriveScene
from tests.simulators.sources.folder_scene import PosixScene
from tests.simulators.sources.git_scene import GitScene
from tests.simulators.sources.graph_scene import GraphScene
from tests.simulators.sources.imap_scene import ImapScene, end_dovecot
from tests.simulators.sources.jira_scene import JiraScene
from tests.simulators.sources.manifest_scene import ManifestScene
from tests.simulators.sources.memory_source import MemoryScene
from tests.simulators.sources.postgres_scene import PostgresScene
from tests.simulators.sources.s3_scene import S3Scene, end_server
from tests.simulators.sources.scene import GUEST, PEOPLE, Scene
from tests.simulators.sources.slack_scene import SlackScene
from tests.simulators.sources.smb_scene import SmbScene, end_samba
from tests.simulators.sources.webdav_scene import WebdavScene

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources import kinds
from muniment.knowledge.syncing import patience

DIRECTORY = "".join(f'[users.{name}]\nname = "{name.title()}"\ngroups = []\n' for name in (*PEOPLE, GUEST))
SCENES: dict[str, Callable[..., Scene]] = {
    "git": GitScene,
    "imap": ImapScene,
    "manifests": ManifestScene,
    "confluence": ConfluenceScene,
    "jira": JiraScene,
    "drive": DriveScene,
    "memory": lambda _place: MemoryScene(),
    "posix": PosixScene,
    "postgres": PostgresScene,
    "s3": lambda place: S3Scene(place, "readers"),
    "s3 by tags": lambda place: S3Scene(place, "tags"),
    "sharepoint": GraphScene,
    "smb": SmbScene,
    "webdav": WebdavScene,
    "webdav by lists": DavAclScene,
    "slack": SlackScene,
}
"""Every source under test, made in an empty folder; one that cannot run here skips with its reason."""
SERVERS = {"postgres": "postgres"}
"""The fixture that gives the server which a source under test lies on."""


@dataclass
class Mirror:
    """A workspace that reads a source under test."""

    scene: Scene
    workspace: Workspace
    words: dict[str, str] = field(default_factory=dict)
    """The word that only this item holds, by path."""
    stated: Mapping[str, object] = field(default_factory=dict)
    """The settings that were last given."""

    def put(self, path: str) -> str:
        """Make an item, and return the word that it alone holds."""
        word = f"quill{len(self.words)}x"
        self.words[path] = word
        self.scene.put(path, f"Report {word} of the archive.\n")
        return word

    def sync(self) -> None:
        """Read access and content to the end, twice: an item's access may be known before it is listed."""
        self.access()
        self.workspace.sources.sync_content("under-test", OPERATOR)

    def state(self) -> None:
        """Give the source its settings, where they are new: access can be a matter of settings."""
        settings = dict(self.scene.settings)
        if settings != self.stated:
            self.workspace.sources.add("under-test", self.scene.kind.name, settings, OPERATOR)
            self.stated = settings

    def access(self) -> None:
        self.state()
        self.workspace.sources.sync_access("under-test", OPERATOR)

    def finds(self, who: str, path: str) -> bool:
        """Return whether a user finds an item by its own word."""
        found = self.workspace.search(self.words[path], as_=who)
        return any(self.words[path] in one.text for one in found.passages)

    def readers(self, path: str) -> set[str]:
        return {who for who in (*PEOPLE, GUEST) if self.finds(who, path)}

    def agrees(self, path: str) -> set[str]:
        """Return who finds an item, having compared it with what the source itself says."""
        here = self.readers(path)
        there = {who for who in (*PEOPLE, GUEST) if self.scene.reads(who, path)}
        assert here == there, f"{path}: the source lets {sorted(there)} read, we {sorted(here)}"
        return here


@pytest.fixture(scope="module", autouse=True)
def _servers() -> Iterator[None]:
    """End the servers that scenes share."""
    yield
    end_samba()
    end_server()
    end_dovecot()


ALWAYS = ("memory", "posix")
"""Sources of which every run tries the whole contract; of the others it tries CORE, and the whole is `prove`."""
OTHERWISE = ("confluence", "jira", "s3", "sharepoint", "webdav")
"""Those whose random changes are compared elsewhere each time, or whose kind has another way that is tried here."""
CORE = "test_nothing_is_wider_than_the_source_through_random_changes"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test for each source."""
    if "mirror" in metafunc.fixturenames:
        whole = metafunc.function.__name__ == CORE
        marks = {
            name: () if (whole and name not in OTHERWISE) or name in ALWAYS else (pytest.mark.prove,)
            for name in SCENES
        }
        params = [pytest.param(name, marks=marks[name]) for name in sorted(SCENES)]
        metafunc.parametrize("mirror", params, indirect=True)


@pytest.fixture
def mirror(
    request: pytest.FixtureRequest, make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mirror]:
    place: Path = request.getfixturevalue("tmp_path")
    servers = [request.getfixturevalue(SERVERS[request.param])] if request.param in SERVERS else []
    scene = SCENES[request.param](*servers, place)
    monkeypatch.setitem(kinds.KINDS, scene.kind.name, scene.kind)  # type: ignore[arg-type]
    monkeypatch.setattr(patience.time, "sleep", _at_once)
    workspace = make_workspace(directory=DIRECTORY, clock=FixedClock())
    made = Mirror(scene, workspace)
    made.state()
    try:
        yield made
    finally:
        scene.close()


def _at_once(_seconds: float) -> None:
    return


def needs(mirror: Mirror, *what: str) -> None:
    """Leave a test out where the source cannot express what it is about."""
    if missing := set(what) - set(mirror.scene.can):
        pytest.skip(f"this source knows no {', '.join(sorted(missing))}")


def test_a_trial_says_what_it_found(mirror: Mirror) -> None:
    mirror.put("a.md")
    assert mirror.workspace.sources.test(mirror.scene.kind.name, mirror.scene.settings).says


def test_items_are_found_by_whom_the_source_lets_read(mirror: Mirror) -> None:
    for number in range(8):
        mirror.put(f"files/{number}.md")
        mirror.scene.allow(f"files/{number}.md", [PEOPLE[number % 3]])
    mirror.sync()
    for number in range(8):
        assert mirror.agrees(f"files/{number}.md") == {PEOPLE[number % 3]}


def test_what_nobody_may_read_is_nobodys(mirror: Mirror) -> None:
    mirror.put("files/shut.md")
    mirror.scene.allow("files/shut.md", [])
    mirror.sync()
    assert mirror.agrees("files/shut.md") == set()


def test_a_change_of_access_alone_is_felt_without_reading_content(mirror: Mirror) -> None:
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["alice", "bob"])
    mirror.sync()
    assert mirror.agrees("files/a.md") == {"alice", "bob"}
    mirror.scene.allow("files/a.md", ["bob", "carol"])
    mirror.access()
    assert mirror.agrees("files/a.md") == {"bob", "carol"}


def test_access_known_before_content_holds_when_content_comes(mirror: Mirror) -> None:
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["alice", "bob"])
    mirror.access()
    mirror.scene.allow("files/a.md", ["bob"])
    mirror.access()
    mirror.workspace.sources.sync_content("under-test", OPERATOR)
    mirror.access()
    assert mirror.agrees("files/a.md") == {"bob"}


def test_a_change_of_a_group_is_felt(mirror: Mirror) -> None:
    needs(mirror, "groups")
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["@engineering"])
    mirror.sync()
    assert mirror.agrees("files/a.md") == {"alice", "bob"}
    mirror.scene.team("engineering", ["bob", "carol"])
    mirror.access()
    assert mirror.agrees("files/a.md") == {"bob", "carol"}


def test_who_is_denied_does_not_read_though_a_group_may(mirror: Mirror) -> None:
    needs(mirror, "groups", "deny")
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["@engineering"], deny=["bob"])
    mirror.sync()
    assert mirror.agrees("files/a.md") == {"alice"}


def test_a_denial_of_somebody_unknown_lets_nobody_in(mirror: Mirror) -> None:
    needs(mirror, "deny", "groups")
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["@engineering"], deny=["nobody-knows"])
    mirror.sync()
    assert mirror.readers("files/a.md") <= {w for w in PEOPLE if mirror.scene.reads(w, "files/a.md")}


def test_access_is_inherited_broken_and_inherited_again(mirror: Mirror) -> None:
    needs(mirror, "folders", "break")
    mirror.scene.allow("files", ["alice"])
    mirror.put("files/a.md")
    mirror.put("files/deep/b.md")
    mirror.sync()
    assert (mirror.agrees("files/a.md"), mirror.agrees("files/deep/b.md")) == ({"alice"}, {"alice"})
    mirror.scene.allow("files/a.md", ["carol"])
    mirror.access()
    assert (mirror.agrees("files/a.md"), mirror.agrees("files/deep/b.md")) == ({"carol"}, {"alice"})
    mirror.scene.allow("files", ["bob"])
    mirror.scene.inherit("files/a.md")
    mirror.access()
    assert (mirror.agrees("files/a.md"), mirror.agrees("files/deep/b.md")) == ({"bob"}, {"bob"})


def test_a_link_to_share_lets_nobody_in_by_itself(mirror: Mirror) -> None:
    needs(mirror, "links")
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["alice"])
    mirror.scene.share_by_link("files/a.md")
    mirror.sync()
    assert mirror.readers("files/a.md") == {"alice"}


def test_a_guest_reads_only_what_was_given_to_the_guest(mirror: Mirror) -> None:
    needs(mirror, "guests")
    mirror.put("files/all.md")
    mirror.scene.allow("files/all.md", ["everyone"])
    mirror.put("files/guest.md")
    mirror.scene.allow("files/guest.md", [GUEST])
    mirror.sync()
    assert GUEST not in mirror.agrees("files/all.md")
    assert mirror.agrees("files/guest.md") == {GUEST}


def test_a_changed_item_is_found_by_its_new_words_alone(mirror: Mirror) -> None:
    old = mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["alice"])
    mirror.sync()
    mirror.put("files/a.md")
    mirror.sync()
    assert mirror.finds("alice", "files/a.md")
    found = mirror.workspace.search(old, as_="alice").passages
    assert not [one for one in found if old in one.text]


def test_a_removed_item_is_found_by_nobody(mirror: Mirror) -> None:
    for path in ("files/a.md", "files/b.md"):
        mirror.put(path)
        mirror.scene.allow(path, ["alice"])
    mirror.sync()
    mirror.scene.remove("files/a.md")
    mirror.sync()
    assert mirror.readers("files/a.md") == set()
    assert mirror.readers("files/b.md") == {"alice"}


def test_a_moved_item_lies_where_it_was_moved(mirror: Mirror) -> None:
    needs(mirror, "move")
    word = mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["alice"])
    mirror.sync()
    before = mirror.workspace.search(word, as_="alice").passages[0].document
    mirror.scene.move("files/a.md", "elsewhere/z.md")
    mirror.sync()
    after = mirror.workspace.search(word, as_="alice").passages
    with mirror.workspace.database.read() as connection:
        from muniment.knowledge import library

        row = library.get_document(connection, after[0].document)
    assert row is not None
    assert (row.id, row.path) == (before, "elsewhere/z.md")


def test_an_item_that_cannot_be_opened_fails_alone_and_can_be_tried_again(mirror: Mirror) -> None:
    needs(mirror, "unreadable")
    for path in ("files/a.md", "files/b.md"):
        mirror.put(path)
        mirror.scene.allow(path, ["alice"])
    mirror.scene.lock("files/a.md", True)
    mirror.sync()
    dead = mirror.workspace.sources.dead("under-test")
    assert [one.path for one in dead] == ["files/a.md"]
    assert dead[0].reason
    assert mirror.readers("files/b.md") == {"alice"}
    mirror.scene.lock("files/a.md", False)
    assert mirror.workspace.sources.retry("under-test", None, OPERATOR) == 1
    mirror.sync()
    assert mirror.agrees("files/a.md") == {"alice"}


def test_a_source_that_asks_for_patience_gets_it(mirror: Mirror) -> None:
    needs(mirror, "throttle")
    for number in range(7):
        mirror.put(f"files/{number}.md")
        mirror.scene.allow(f"files/{number}.md", ["alice"])
    mirror.scene.throttle(3)
    mirror.access()
    mirror.scene.throttle(3)
    mirror.workspace.sources.sync_content("under-test", OPERATOR)
    assert all(mirror.agrees(f"files/{number}.md") == {"alice"} for number in range(7))


def test_reading_again_what_did_not_change_stores_nothing(mirror: Mirror) -> None:
    for number in range(4):
        mirror.put(f"files/{number}.md")
        mirror.scene.allow(f"files/{number}.md", ["alice"])
    mirror.sync()
    report = mirror.workspace.sources.sync_content("under-test", OPERATOR)
    assert (report.stored, report.removed, report.failed) == (0, 0, 0)
    assert "waiting" not in mirror.workspace.sources.standing("under-test").items


def test_nothing_is_wider_than_the_source_through_random_changes(mirror: Mirror) -> None:
    drawn = random.Random(7)
    paths = [f"files/{number}.md" for number in range(4)]
    for path in paths:
        mirror.put(path)
        mirror.scene.allow(path, ["alice"])
    mirror.sync()
    groups = ["@engineering"] if "groups" in mirror.scene.can else []
    for _ in range(12):
        path = drawn.choice(paths)
        who = drawn.sample([*PEOPLE, *groups], drawn.randint(0, 2))
        deny = drawn.sample(PEOPLE, 1) if "deny" in mirror.scene.can and drawn.random() < 0.3 else []
        if groups and drawn.random() < 0.3:
            mirror.scene.team("engineering", drawn.sample(PEOPLE, drawn.randint(0, 3)))
        mirror.scene.allow(path, who, deny)
        mirror.access()
        for one in paths:
            mirror.agrees(one)


def test_past_the_lease_nothing_is_found_until_access_is_read_again(mirror: Mirror) -> None:
    mirror.put("files/a.md")
    mirror.scene.allow("files/a.md", ["alice"])
    mirror.sync()
    clock = mirror.workspace.clock
    if not isinstance(clock, FixedClock):
        pytest.skip("needs a clock that can be set")
    clock.advance(seconds=901)
    assert mirror.readers("files/a.md") == set()
    mirror.access()
    assert mirror.readers("files/a.md") == {"alice"}
