"""The folder connector: what only it meets, in a real file system."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.simulators.posix_tree import PosixTree, posix_tree

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources import folder as folders
from muniment.knowledge.sources.connector import Gone, Item, Unreadable
from muniment.knowledge.sources.connectors import folder as connectors
from muniment.knowledge.sources.connectors.folder import FolderConnector, connect
from muniment.knowledge.sources.connectors.posix_mounts import Mounts
from muniment.knowledge.sources.connectors.posix_rights import READ, Person, Rights
from muniment.knowledge.sources.kinds import Doors, settings_of

Opened = Callable[..., FolderConnector]


@pytest.fixture
def tree() -> Iterator[PosixTree]:
    with posix_tree() as made:
        made.add_group("red")
        made.add_user("ann", "red")
        made.add_user("ben")
        yield made


@pytest.fixture
def opened(tree: PosixTree, tmp_path: Path) -> Opened:
    """Return a function that opens the tree with some settings."""

    def make(**settings: object) -> FolderConnector:
        people = tmp_path / "people.toml"
        said = [f"[users.{n}]\nuid = {tree.uid(n)}\ngids = {tree.groups_of(n)}\n" for n in ("ann", "ben")]
        people.write_text("".join(said))
        doors = Doors(lambda _o, _p: Egress(()), lambda _r, _k: None, FixedClock(), tmp_path, 1 << 20)
        stated = {"root": str(tree.folder), "people": str(people), **settings}
        return connect(settings_of("folder", stated), doors)

    return make


def readers(connector: FolderConnector) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    cursor, more = "", True
    while more:
        page = connector.access(cursor)
        for path, scope in page.items.items():
            clauses = page.scopes[scope].clauses
            found[path] = {name.removeprefix("account:") for clause in clauses for name in clause}
        cursor, more = page.cursor, page.more
    return found


def listed(connector: FolderConnector) -> dict[str, Item]:
    found: dict[str, Item] = {}
    cursor, more = "", True
    while more:
        page = connector.changes(cursor)
        assert not found.keys() & {one.id for one in page.items}
        found |= {one.id: one for one in page.items}
        cursor, more = page.cursor, page.more
    return found


def test_a_folder_that_may_be_passed_but_not_listed_hides_what_is_in_it(
    tree: PosixTree, opened: Opened
) -> None:
    tree.put("drop/secret-name.txt", b"x", mode=0o644)
    tree.chmod("drop", 0o711)
    assert tree.can_read("ann", "drop/secret-name.txt")
    assert readers(opened()) == {"drop/secret-name.txt": set()}
    tree.chmod("drop", 0o755)
    assert readers(opened()) == {"drop/secret-name.txt": {"ann", "ben"}}


def test_a_folder_above_the_source_shuts_out_whom_it_does_not_let_through(
    tree: PosixTree, opened: Opened
) -> None:
    tree.put("above/source/a.txt", b"x", mode=0o644)
    tree.chmod("above", 0o710)
    tree.chown("above", "root", "red")
    assert readers(opened(root=str(tree.folder / "above/source"))) == {"a.txt": {"ann"}}


def test_a_folder_that_became_a_link_shows_the_rights_of_nothing_behind_it(
    tree: PosixTree, opened: Opened
) -> None:
    tree.put("shut/a.txt", b"theirs", mode=0o600)
    tree.put("open/a.txt", b"ours", mode=0o644)
    connector = opened()
    connector._listed("", "access")
    (tree.folder / "shut").rename(tree.folder / "gone")
    (tree.folder / "shut").symlink_to(tree.folder / "open")
    page = connector.access("a")  # Goes on with the listing that was made before.
    assert page.scopes[page.items["shut/a.txt"]].clauses == ()
    with pytest.raises(Unreadable):
        connector.fetch(Item("shut/a.txt", "shut/a.txt", ""))


def test_a_file_that_is_replaced_while_it_is_read_is_not_taken(
    tree: PosixTree, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.put("a.txt", b"ann's", "ann", mode=0o600)
    tree.put("b.txt", b"ben's", "ben", mode=0o600)
    connector, whole = opened(), folders.Folder.read

    def read_late(self: folders.Folder, path: str) -> folders.FileContent:
        (tree.folder / "b.txt").replace(tree.folder / "a.txt")
        return whole(self, path)

    item = listed(connector)["a.txt"]
    assert connector.fetch(item).scope == connector.access("").items["a.txt"]
    monkeypatch.setattr(folders.Folder, "read", read_late)
    with pytest.raises(Unreadable, match="changed while it was read"):
        connector.fetch(item)


def test_what_was_moved_away_is_gone(tree: PosixTree, opened: Opened) -> None:
    tree.put("a.txt", b"x", mode=0o644)
    connector = opened()
    item = listed(connector)["a.txt"]
    tree.remove("a.txt")
    with pytest.raises((Gone, Unreadable)):
        connector.fetch(item)
    assert not connector.access("").items and not connector.changes("").items


def test_a_change_of_rights_moves_no_mark_and_a_change_of_content_does(
    tree: PosixTree, opened: Opened
) -> None:
    tree.put("a.txt", b"x", mode=0o644)
    before = opened().access("").revisions["a.txt"]
    tree.chmod("a.txt", 0o600)
    assert opened().access("").revisions["a.txt"] == before
    assert listed(opened())["a.txt"].revision.startswith(before)
    tree.remove("a.txt")
    tree.put("a.txt", b"another", mode=0o644)
    assert not listed(opened())["a.txt"].revision.startswith(before)


def test_every_file_comes_once_however_pages_are_cut_and_a_pass_that_is_resumed_goes_on(
    tree: PosixTree, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {f"{name}.txt" for name in ("a", "a b", "a.b", "a-b", "aa", "é", "\U0001f600", "B")}
    paths |= {f"a/{number}.txt" for number in range(7)}
    for path in paths:
        tree.put(path, b"x", mode=0o644)
    (tree.folder / "link").symlink_to("a.txt")
    (tree.folder / os.fsdecode(b"not-\xff-utf8.txt")).write_text("x")
    for size in (1, 2, 5, 100):
        monkeypatch.setattr(connectors, "PAGE", size)
        assert readers(opened()).keys() == paths
        problems = {path: item.problem for path, item in listed(opened()).items() if item.problem}
        assert len(problems) == 2 and "link" in problems["link"]
        found: set[str] = set()
        cursor, more = "", True
        while more:
            page = opened().changes(cursor)
            found |= {one.id for one in page.items if not one.problem}
            cursor, more = page.cursor, page.more
        assert found == paths


def test_a_folder_that_the_disk_fails_to_show_takes_nothing_away(
    tree: PosixTree, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.put("a/a.txt", b"x", mode=0o644)
    whole = os.scandir

    def failing(path: Path) -> object:
        if str(path).endswith("/a"):
            raise OSError(5, "Input/output error", str(path))
        return whole(path)

    monkeypatch.setattr(folders.os, "scandir", failing)
    for read in (opened().access, opened().changes):
        with pytest.raises(Unavailable, match="Input/output error"):
            read("")


def test_a_time_beyond_all_calendars_stops_nothing(tree: PosixTree, opened: Opened) -> None:
    tree.put("a.txt", b"x", mode=0o644)
    os.utime(tree.folder / "a.txt", (1e11, 1e13))
    connector = opened()
    item = listed(connector)["a.txt"]
    assert item.modified_at == "" or item.modified_at > "9"
    assert connector.fetch(item).content == b"x"


def test_an_access_list_that_is_not_understood_denies() -> None:
    def listing(*entries: tuple[int, int, int], version: int = 2) -> bytes:
        return struct.pack("<I", version) + b"".join(struct.pack("<HHI", *one) for one in entries)

    base = ((0x01, 6, 0), (0x04, 4, 0), (0x20, 4, 0))
    ann, ben = Person(71_000, frozenset({1})), Person(71_001, frozenset({2}))

    def reads(person: Person, acl: bytes) -> bool:
        return Rights(71_000, 1, 0o644, acl).grants(person, READ)

    assert reads(ann, listing(*base)) and reads(ben, listing(*base))
    assert reads(ben, listing(*base, (0x02, 4, 71_001), (0x10, 4, 0)))
    assert not reads(ben, listing(*base, (0x02, 4, 71_001), (0x10, 1, 0)))
    assert not reads(ben, listing(*base, (0x08, 0, 2), (0x10, 7, 0)))
    for broken in (
        listing(*base, version=3),
        listing(*base)[:-1],
        listing(*base, (0x40, 7, 0)),
        listing(*base, (0x02, 0xFFFF, 71_001)),
        b"\x02",
        listing((0x01, 6, 0)),
    ):
        assert not reads(ben, broken)


def test_a_list_of_another_kind_makes_a_file_nobodys(
    tree: PosixTree, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.put("a.txt", b"x", mode=0o644)
    whole = os.listxattr

    def told(path: str, *, follow_symlinks: bool = True) -> list[str]:
        mine = whole(path, follow_symlinks=follow_symlinks)
        return [*mine, "system.nfs4_acl"] if path.endswith("a.txt") else mine

    monkeypatch.setattr(os, "listxattr", told)
    assert readers(opened()) == {"a.txt": set()}


def test_where_others_than_modes_decide_nobody_reads_unless_the_operator_says_so(
    tree: PosixTree, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree.put("share/a.txt", b"x", mode=0o644)
    table = tmp_path / "mountinfo"
    share = str(tree.folder / "share").replace(" ", "\\040")
    table.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 0:9 / {share} rw - ext4 /dev/sdb rw\n3 2 0:9 / {share} rw shared:1 - cifs //server/share rw\n"
    )
    assert Mounts((), table).type_of(f"{tree.folder}/share/deep") == "cifs"
    assert Mounts((), table).type_of(f"{tree.folder}/shared") == "ext4"
    monkeypatch.setattr(connectors, "Mounts", lambda trusted: Mounts(trusted, table))
    assert readers(opened()) == {"share/a.txt": set()}
    assert readers(opened(filesystems=["cifs"])) == {"share/a.txt": {"ann", "ben"}}
    assert any("cifs" in one for one in opened(root=str(tree.folder / "share")).check().warnings)
    with pytest.raises(Unavailable):
        Mounts((), tmp_path / "none")


@pytest.mark.parametrize("said", ["uid = true\ngids = []", "uid = 1\ngids = [true]", "uid = -1\ngids = []"])
def test_people_without_plain_numbers_are_refused(opened: Opened, tmp_path: Path, said: str) -> None:
    people = tmp_path / "others.toml"
    people.write_text(f"[users.ann]\n{said}\n")
    with pytest.raises(Unavailable, match=r"users\.ann"):
        list(opened(people=str(people)).people())
