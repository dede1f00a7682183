"""The real servers that sources are read from: each says itself who may read what, and follows a change at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest
from tests.postgres import Server
from tests.simulators.dovecot_server import MASTER, dovecot
from tests.simulators.git_server import git_server
from tests.simulators.posix_tree import posix_tree
from tests.simulators.rls_tables import EVERYONE, tickets
from tests.simulators.s3_policies import statement
from tests.simulators.s3_server import s3
from tests.simulators.samba_server import Samba, samba
from tests.simulators.webdav_server import webdav

LETTER = b"Message-ID: <heron@test>\r\nSubject: Heron\r\n\r\nThe Heron flies on Monday.\r\n"


def _two_departments(server: Samba) -> None:
    server.add_group("engineers")
    server.add_group("sellers")
    server.add_user("alice", "engineers")
    server.add_user("bob", "sellers")
    server.add_local_group("staff", "engineers")


def test_samba_lets_each_user_read_what_the_access_list_says() -> None:
    with samba(_two_departments) as share:
        share.put("plans/heron.txt", b"The Heron flies on Monday.")
        readers = lambda: {user for user in ("alice", "bob") if share.can_read(user, "plans/heron.txt")}  # noqa: E731
        assert readers() == set()

        share.set_acl("plans/heron.txt", "engineers:ALLOWED/0/READ")
        assert readers() == {"alice"}
        assert share.fetch("alice", "plans/heron.txt") == b"The Heron flies on Monday."
        assert share.fetch("bob", "plans/heron.txt") is None
        assert f"ACL:{share.sid('engineers')}:0/0x0/0x001200a9" in share.smbcacls(
            "plans/heron.txt", "--numeric"
        )

        share.join("bob", "engineers")
        assert readers() == {"alice", "bob"}
        share.leave("bob", "engineers")
        share.set_acl("plans/heron.txt", "alice:DENIED/0/READ", "staff:ALLOWED/0/READ")
        assert readers() == set()
        share.nest("sellers", "staff")
        assert readers() == {"bob"}
        share.disable("bob")
        assert readers() == set()

        # What a folder hands down goes to what is made later; it does not stand in the way of what names the reader.
        share.set_acl("plans", "alice:ALLOWED/OI|CI/READ", "admin:ALLOWED/OI|CI/FULL")
        share.put("plans/tarn.txt", b"Later.")
        share.set_acl("plans", "alice:DENIED/OI|CI/FULL", "admin:ALLOWED/OI|CI/FULL")
        assert share.can_read("alice", "plans/tarn.txt")


def test_dovecot_lets_each_user_read_what_the_owner_shares() -> None:
    with dovecot() as mail:
        mail.add_user("alice", "engineers")
        mail.add_user("bob", "sellers")
        uid = mail.deliver("alice", "Projects/Heron", LETTER)
        reads = lambda user: mail.can_read(user, "alice", "Projects/Heron", uid)  # noqa: E731
        assert reads("alice") and not reads("bob")

        mail.set_acl("alice", "Projects/Heron", "$sellers", "lr")
        assert reads("bob") and mail.can_read("bob", "alice", "Projects/Heron", "<heron@test>")
        mail.leave("bob", "sellers")
        assert not reads("bob")
        mail.set_acl("alice", "Projects/Heron", "anyone", "lr")
        assert reads("bob")
        mail.set_acl("alice", "Projects/Heron", "-bob", "lr")
        assert not reads("bob")
        mail.set_acl("alice", "Projects/Heron", "-bob", "")
        mail.disable("bob")
        assert not reads("bob")

        session = mail.login(f"alice*{MASTER}", mail.password_of(MASTER), tls=True)
        assert session.select('"Projects/Heron"')[1] == [b"1"]
        session.shutdown()
        mail.remove("alice", "Projects/Heron", uid)
        assert not reads("alice")
        started = psutil.Process().children(recursive=True)
        assert {"dovecot/auth", "dovecot/imap-login"} <= {" ".join(one.cmdline()) for one in started}
    assert not any(_is_dovecot(one) for one in started) and not mail.folder.exists()


def test_webdav_lets_each_user_into_its_own_shares(tmp_path: Path) -> None:
    with webdav(tmp_path, tls=True) as site:
        site.add_share("plans", "alice")
        site.add_share("prices", "bob")
        site.put("plans/über heron.txt", b"The Heron flies on Monday.")
        assert site.ask("GET", "plans/über heron.txt", "alice") == (200, b"The Heron flies on Monday.")
        assert b"heron.txt" in site.ask("PROPFIND", "plans", "alice", Depth="1")[1]
        assert site.ask("PROPFIND", "plans", "bob", Depth="1")[0] == site.ask("GET", "plans", None)[0] == 401

        site.grant("plans", "bob")
        assert site.can_read("bob", "plans/über heron.txt")
        site.disable("bob")
        assert not site.can_read("bob", "plans/über heron.txt")
        site.enable("bob")
        site.revoke("plans", "bob")
        assert not site.can_read("bob", "plans/über heron.txt")
        site.remove("plans/über heron.txt")
        assert not site.can_read("alice", "plans/über heron.txt")


def test_s3_lets_each_user_read_what_policies_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    path, everything, plans = "plans/heron + tarn.txt", "arn:aws:s3:::papers/*", "arn:aws:s3:::papers/plans/*"
    with s3() as store:
        store.add_group("engineers")
        store.add_user("alice", "engineers")
        store.add_user("bob")
        store.add_bucket("papers", versioned=True)
        first = store.put("papers", path, b"Monday.")
        store.put("papers", path, b"Tuesday.")
        readers = lambda: {user for user in ("alice", "bob", None) if store.can_read(user, "papers", path)}  # noqa: E731
        assert readers() == set()

        store.set_group_policy("engineers", statement("Allow", "s3:GetObject", plans))
        assert readers() == {"alice"}
        monkeypatch.setitem(store.keys, "mallory", (store.keys["alice"][0], "a guess"))
        assert not store.can_read("mallory", "papers", path)
        assert not store.can_read("alice", "papers", path, first)
        store.set_bucket_policy("papers", statement("Allow", "s3:Get*", everything, [store.arn_of("bob")]))
        assert readers() == {"alice", "bob"}
        assert store.can_read("bob", "papers", path, first)
        open_to_all = statement("Allow", "s3:GetObject", plans, "*")
        not_to_alice = statement("Deny", "s3:*", everything, store.arn_of("alice"))
        store.set_bucket_policy("papers", open_to_all, not_to_alice)
        assert readers() == {"bob", None}
        store.set_bucket_policy("papers")
        store.leave("alice", "engineers")
        assert readers() == set()
        store.join("alice", "engineers")
        store.disable("alice")
        assert readers() == set()


def test_postgres_shows_each_role_the_rows_of_its_policies(postgres: Server) -> None:
    with tickets(postgres) as table:
        table.add_group("sales")
        table.add_group("north")
        table.join("north", "sales")
        for user, groups in {"alice": ["sales"], "bob": ["north"], "carol": []}.items():
            table.add_user(user, *groups)
        own = table.put("The lift is stuck", owner="carol")
        team = table.put("Prices of the Heron", team="sales")
        shared = table.put("The canteen opens at eight", team=EVERYONE)
        lost = table.put("Nobody's", team="absent")
        shown = lambda: {user: table.visible_ids(user) for user in ("alice", "bob", "carol")}  # noqa: E731
        assert shown() == {"alice": {team, shared}, "bob": {team, shared}, "carol": {own, shared}}
        assert not any(table.can_read(user, lost) for user in ("alice", "bob", "carol", "service"))

        table.leave("north", "sales")
        table.disable("alice")
        table.change(own, owner="bob")
        table.remove(shared)
        assert shown() == {"alice": set(), "bob": {own}, "carol": set()}


def test_the_system_lets_each_user_open_what_modes_and_lists_allow() -> None:
    with posix_tree() as tree:
        tree.add_group("sales")
        tree.add_user("alice", "sales")
        tree.add_user("bob")
        tree.put("plans/heron.txt", b"The Heron flies on Monday.")
        readers = lambda: {user for user in ("alice", "bob") if tree.can_read(user, "plans/heron.txt")}  # noqa: E731
        assert readers() == set()

        tree.chown("plans/heron.txt", "alice", "sales")
        assert readers() == {"alice"}
        # An owner whom the mode gives nothing gets nothing as a member either.
        tree.chmod("plans/heron.txt", 0o040)
        assert readers() == set()
        tree.join("bob", "sales")
        assert readers() == {"bob"}
        tree.leave("bob", "sales")
        tree.setfacl("plans/heron.txt", "u:bob:r")
        assert readers() == {"bob"}
        tree.setfacl("plans/heron.txt", "m::---")
        assert readers() == set()
        tree.chmod("plans/heron.txt", 0o644)
        assert readers() == {"alice", "bob"}
        tree.chmod("plans", 0o700)
        assert readers() == set()
        tree.setfacl("plans", "g:sales:x")
        assert readers() == {"alice"}

        # A process that is this user for good is told the same.
        as_bob = ("setpriv", f"--reuid={tree.uid('bob')}", f"--regid={tree.gid('bob')}", "--clear-groups")
        cat = (*as_bob, "cat", str(tree.folder / "plans/heron.txt"))
        assert subprocess.run(cat, capture_output=True).returncode
        tree.chmod("plans", 0o711)
        assert readers() == {"alice", "bob"}
        assert subprocess.run(cat, capture_output=True).stdout == b"The Heron flies on Monday."


def test_git_gives_each_user_the_repositories_it_may_read(tmp_path: Path) -> None:
    with git_server(tmp_path) as forge:
        forge.add_repository("heron", "alice")
        first = forge.commit("heron", {"docs/to fly.md": b"# Monday\n", "old.md": b"gone soon"})
        assert forge.commit("heron", {"docs/to fly.md": b"# Tuesday\n", "old.md": None}) != first
        people = ("alice", "bob", None)
        readers = lambda path: {user for user in people if forge.can_read(user, "heron", path)}  # noqa: E731
        assert readers("docs/to fly.md") == {"alice"} and readers("old.md") == readers("docs") == set()

        forge.grant("heron", "bob")
        signed = f"http.extraHeader=Authorization: {forge.authorization('bob')}"
        forge.git("-c", signed, "clone", "--quiet", forge.url_of("heron"), str(tmp_path / "copy"))
        assert (tmp_path / "copy/docs/to fly.md").read_text() == "# Tuesday\n"
        forge.disable("bob")
        forge.revoke("heron", "alice")
        assert readers("docs/to fly.md") == set()
        forge.enable("bob")
        forge.commit("heron", {"new.md": b"Another history."}, anew=True)
        assert readers("new.md") == {"bob"} and readers("docs/to fly.md") == set()
        forge.remove_branch("heron", "main")
        assert readers("new.md") == set()


def _is_dovecot(process: psutil.Process) -> bool:
    try:
        return process.is_running() and any("dovecot" in part for part in process.cmdline())
    except psutil.Error:
        return False
