"""The real servers that sources are read from: each says itself who may read what, and follows a change at once."""

from __future__ import annotations

from pathlib import Path

import psutil
from tests.simulators.dovecot_server import MASTER, dovecot
from tests.simulators.samba_server import Samba, samba
from tests.simulators.server_process import MARK

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
        folder = str(mail.folder)
    assert not [one for one in psutil.process_iter() if _marked(one, folder)] and not Path(folder).exists()


def _marked(process: psutil.Process, folder: str) -> bool:
    try:
        return process.environ().get(MARK) == folder
    except psutil.Error:
        return False
