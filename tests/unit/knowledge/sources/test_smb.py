"""What a connection to a real Samba shows: paging, moves, folders to pass through, links, drops and refusals."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.simulators.samba_server import ADMIN, Samba, samba
from tests.simulators.sources.scene import TEAMS
from tests.simulators.sources.smb_scene import READER, people_file, stated

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress, Refused
from muniment.foundation.errors import BadInput, MunimentError, Unavailable
from muniment.foundation.secret import Secret
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import AccessPage, Gone, Item, Unreadable, account
from muniment.knowledge.sources.connectors import smb
from muniment.knowledge.sources.connectors.smb import SmbConnector
from muniment.knowledge.sources.kinds import Doors

USERS = ("alice", "bob")
READ = f"{READER}:ALLOWED/OI|CI/READ"
FULL = f"{ADMIN}:ALLOWED/OI|CI/FULL"
NAME = "filer.example"


def _fill(server: Samba) -> None:
    for name in TEAMS:
        server.add_group(name)
    for name in (*USERS, READER):
        server.add_user(name, *(["engineering"] if name == "alice" else []))


@pytest.fixture(scope="module")
def server() -> Iterator[Samba]:
    with samba(_fill) as made:
        made.set_acl("", READ, FULL)
        yield made


@pytest.fixture
def share(server: Samba, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Share]:
    made = _Share(server, request.node.name, tmp_path)
    yield made
    for one in made.connections:
        one.close()


class _Share:
    """A folder of the server for one test, and connections that read it."""

    def __init__(self, server: Samba, folder: str, place: Path) -> None:
        self.server, self.folder, self.place = server, folder, place
        self.connections: list[SmbConnector] = []
        (place / "people.toml").write_text(people_file(server, USERS, {"engineering": ["alice"]}))
        server.make_folder(folder)

    def put(self, path: str, content: bytes = b"x", *entries: str) -> None:
        self.server.put(f"{self.folder}/{path}", content)
        if entries:
            self.server.set_acl(f"{self.folder}/{path}", READ, *entries, FULL)

    def connect(self, **more: object) -> SmbConnector:
        told: dict[str, object] = {"folder": self.folder, **more}
        settings = kinds.settings_of("smb", stated(self.server, self.place, **told))

        async def resolve(_host: str, _port: int) -> Sequence[str]:
            return [self.server.host]

        def egress(origins: object, private: bool) -> Egress:
            named = tuple(origins)  # type: ignore[arg-type]
            return Egress(
                () if private else named, named if private else (), purpose="sources", resolve=resolve
            )

        doors = Doors(egress, self._secret, FixedClock(), self.place, 1 << 20)
        made = kinds.connect("smb", settings, doors)
        assert isinstance(made, SmbConnector)
        self.connections.append(made)
        return made

    def _secret(self, reference: str, _setting: str) -> Secret | None:
        file = Path(reference.removeprefix("file:"))
        return Secret(file.read_text()) if file.exists() else None

    def readers(self, connector: SmbConnector) -> Mapping[str, set[str]]:
        """Return who reads what, by path."""
        paths = {one.id: one.path for one in items(connector)}
        names = {account(self.server.sid(name)): name for name in USERS}
        found: dict[str, set[str]] = {}
        for page in pages(connector):
            for item, scope in page.items.items():
                clauses = page.scopes[scope].clauses
                found[paths[item]] = {names[one] for clause in clauses for one in clause}
        return found


def items(connector: SmbConnector) -> list[Item]:
    found: list[Item] = []
    cursor, more = "", True
    while more:
        page = connector.changes(cursor)
        found += page.items
        cursor, more = page.cursor, page.more
    return found


def pages(connector: SmbConnector) -> Iterator[AccessPage]:
    cursor, more = "", True
    while more:
        page = connector.access(cursor)
        yield page
        cursor, more = page.cursor, page.more


def test_a_reader_passes_through_every_folder_unless_told_otherwise(share: _Share) -> None:
    share.put("a/b/x.txt", b"x", "Everyone:ALLOWED/0/READ")
    everybody = "Everyone:ALLOWED/0/READ"
    assert share.readers(share.connect()) == {"a/b/x.txt": set()}
    assert share.readers(share.connect(traverse="bypassed")) == {"a/b/x.txt": {"alice", "bob"}}
    # Samba lets by who may not pass; so does Windows, where nobody took that privilege away.
    assert share.server.fetch("alice", f"{share.folder}/a/b/x.txt") == b"x"

    share.server.set_acl("", READ, everybody, FULL)
    share.server.set_acl(share.folder, READ, everybody, FULL)
    share.server.set_acl(f"{share.folder}/a", READ, everybody, FULL)
    share.server.set_acl(f"{share.folder}/a/b", READ, "alice:DENIED/0/0x20", everybody, FULL)
    assert share.readers(share.connect()) == {"a/b/x.txt": {"bob"}}
    share.server.set_acl("", READ, FULL)


def test_whom_the_share_itself_keeps_out_reads_nothing(share: _Share) -> None:
    share.put("x.txt", b"x", "Everyone:ALLOWED/0/READ")
    there = share.connect(traverse="bypassed", share_readers=["engineering"])
    assert share.readers(there) == {"x.txt": {"alice"}}
    with pytest.raises(BadInput, match="share_readers"):
        share.readers(share.connect(share_readers=["sales"]))


def test_a_file_keeps_its_id_through_a_move_and_leaves_it_to_no_other(share: _Share) -> None:
    share.put("a.txt", b"one")
    there = share.connect()
    (first,) = items(there)
    share.put("a.txt", b"two, longer")
    (written,) = items(there)
    assert written.id == first.id and written.revision != first.revision and written.size == 11
    share.server.move(f"{share.folder}/a.txt", f"{share.folder}/deep/b.txt")
    (moved,) = items(there)
    assert (moved.id, moved.path) == (first.id, "deep/b.txt")
    seen = {first.id}
    for _ in range(5):
        share.server.remove(f"{share.folder}/deep/b.txt")
        share.put("deep/b.txt", b"two, longer")
        (again,) = items(there)
        assert again.id not in seen
        seen.add(again.id)


def test_a_large_folder_is_read_whole_and_a_pass_outlives_its_process(
    share: _Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    share.put("many/seed")
    on_disk = share.server.folder / "share" / share.folder / "many"
    for number in range(700):
        (on_disk / f"{number:04}-{'long' * 12}").write_bytes(b"")
    assert len(items(share.connect())) == 701
    monkeypatch.setattr(smb, "PAGE", 300)
    whole = [one.path for one in items(share.connect())]
    first = share.connect().changes("")
    assert [one.path for one in first.items] == whole[:300] and first.more
    second = share.connect().changes(first.cursor)
    assert [one.path for one in second.items] == whole[300:600]
    assert sum(len(page.items) for page in pages(share.connect())) == 701


def test_links_are_not_followed_out_of_the_share_and_circles_end(share: _Share) -> None:
    share.put("a/x.txt")
    on_disk = share.server.folder / "share" / share.folder
    os.symlink("/etc/passwd", on_disk / "a" / "out.txt")
    os.symlink(on_disk / "a", on_disk / "a" / "round")
    found = items(share.connect())
    assert [one.path for one in found if not one.problem] == ["a/x.txt"]
    assert [one.path for one in found if one.problem] == ["a/round"]


def test_hidden_files_are_read_only_where_that_is_wanted(share: _Share) -> None:
    share.put(".secret")
    share.put("plain")
    assert [one.path for one in items(share.connect())] == ["plain"]
    assert [one.path for one in items(share.connect(hidden=True))] == [".secret", "plain"]


def test_what_our_account_may_not_list_or_read_is_told_of(share: _Share) -> None:
    share.put("shut/x.txt")
    share.put("y.txt")
    share.server.set_acl(f"{share.folder}/shut", FULL)
    share.server.set_acl(f"{share.folder}/y.txt", "alice:ALLOWED/0/READ", FULL)
    there = share.connect(traverse="bypassed")
    told = {one.path: one.problem for one in items(there)}
    assert set(told) == {"shut", "y.txt"} and told["shut"] and not told["y.txt"]
    assert share.readers(there) == {"y.txt": set()}
    with pytest.raises(Unreadable) as refused:
        there.fetch(next(one for one in items(there) if one.path == "y.txt"))
    assert refused.value.why == "refused"


def test_content_comes_with_the_scope_that_it_was_in(share: _Share) -> None:
    share.put("x.txt", b"The Heron flies.", "alice:ALLOWED/0/READ")
    there = share.connect(traverse="bypassed")
    (item,) = items(there)
    (page,) = pages(there)
    content = there.fetch(item)
    assert (content.content, content.scope) == (b"The Heron flies.", page.items[item.id])
    share.server.set_acl(f"{share.folder}/x.txt", READ, "bob:ALLOWED/0/READ", FULL)
    assert there.fetch(item).scope not in (None, page.items[item.id])
    share.put("x.txt", b"y" * ((1 << 20) + 1))
    with pytest.raises(Unreadable) as large:
        there.fetch(item)
    assert large.value.why == "size"
    share.put("x.txt", b"z" * (1 << 20))
    assert there.fetch(item).content == b"z" * (1 << 20)
    share.put("empty.txt", b"")
    assert there.fetch(items(there)[0]).content == b""
    share.server.remove(f"{share.folder}/x.txt")
    share.put("x.txt", b"Another.")
    with pytest.raises(Unreadable, match="Something else"):
        there.fetch(item)
    share.server.remove(f"{share.folder}/x.txt")
    with pytest.raises(Gone):
        there.fetch(item)


def test_a_session_that_drops_is_begun_anew(share: _Share) -> None:
    share.put("x.txt", b"x", "alice:ALLOWED/0/READ")
    there = share.connect(traverse="bypassed")
    assert share.readers(there) == {"x.txt": {"alice"}}
    _end_sessions(share.server)
    assert share.readers(there) == {"x.txt": {"alice"}}


def _end_sessions(server: Samba) -> None:
    """End the process of each session, as a server does that is short of memory."""
    for one in psutil.process_iter(["cmdline"]):
        if "smbd" in (one.info["cmdline"] or ()) and str(server.folder / "smb.conf") in one.info["cmdline"]:
            for child in one.children(recursive=True):
                with suppress(psutil.Error):
                    if any(at.status == "ESTABLISHED" for at in child.net_connections()):
                        child.kill()
    server.close()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"user": "nobody-knows"}, "user"),
        ({"share": "absent"}, "share"),
        ({"folder": "absent"}, "folder"),
        ({"port": 1}, "does not answer"),
        ({"people": "absent.toml"}, "people"),
        ({"password": "file:/absent"}, "password"),
    ],
)
def test_a_source_that_cannot_be_asked_is_never_an_empty_one(
    share: _Share, wrong: dict[str, object], says: str
) -> None:
    asks: list[Callable[[SmbConnector], object]] = [SmbConnector.check, lambda one: one.access("")]
    for ask in asks:
        with pytest.raises((Unavailable, BadInput)) as failed:
            ask(share.connect(**wrong))
        assert says in str(failed.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\x08nonsense",
        b"\0\0\0\x60\xfeSMB" + bytes(92),
        b"\0\0\1\0\xfeSMB\x40" + b"\xff" * 251,
    ],
    ids=["nothing", "HTTP", "nonsense", "zeros", "ones"],
)
def test_what_speaks_no_smb_is_unavailable(share: _Share, answer: bytes) -> None:
    with socket.create_server((share.server.host, 0)) as listening:
        threading.Thread(target=_say, args=(listening, answer), daemon=True).start()
        with pytest.raises(Unavailable):
            share.connect(port=listening.getsockname()[1]).access("")


def _say(listening: socket.socket, answer: bytes) -> None:
    with suppress(OSError):
        while True:
            with listening.accept()[0] as asked:
                asked.recv(4096)
                asked.sendall(answer)


def test_who_is_who_is_not_taken_from_an_export_that_stopped(share: _Share) -> None:
    share.put("x.txt", b"x", "alice:ALLOWED/0/READ")
    there = share.connect(traverse="bypassed", people_seconds=60)
    now = there._clock.now().timestamp()  # pyright: ignore[reportPrivateUsage]
    os.utime(share.place / "people.toml", (now, now - 59))
    assert share.readers(there) == {"x.txt": {"alice"}}
    os.utime(share.place / "people.toml", (now, now - 61))
    with pytest.raises(Unavailable, match="people"):
        share.readers(there)


def test_a_name_that_leads_inside_is_followed_only_where_the_operator_says_so(share: _Share) -> None:
    share.put("x.txt")
    with pytest.raises(Refused):
        items(share.connect(server=NAME, private_network=False))
    assert [one.path for one in items(share.connect(server=NAME))] == ["x.txt"]


def test_a_trial_says_how_the_server_is_spoken_to(share: _Share) -> None:
    share.put("x.txt")
    said = share.connect().check().says
    assert said[0].endswith("SMB 3.1, encrypted") and "1 files" in said[1] and "2 accounts" in said[2]
    assert "signed" in share.connect(encryption=False).check().says[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("folder", "../up"), ("folder", "a//b"), ("share", "a/b"), ("share_readers", []), ("traverse", "never")],
)
def test_settings_that_cannot_be_meant_are_refused_by_name(field: str, value: object, tmp_path: Path) -> None:
    settings = {"server": "filer", "share": "s", "user": "u", "password": "env:P", "people": "p"}
    with pytest.raises(BadInput, match=field):
        kinds.settings_of("smb", {**settings, "share_readers": ["Everyone"], field: value})


def test_a_server_that_cannot_be_one_is_refused(share: _Share) -> None:
    with pytest.raises(MunimentError):
        share.connect(server="0x7f.1")
