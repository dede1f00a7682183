"""A real Dovecot server with its own users, groups and shared folders, on the loopback, with and without TLS."""

from __future__ import annotations

import imaplib
import json
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulators.certificates import Authority
from tests.simulators.server_process import needs, place, running

from benchmarks.openbao import free_port

MASTER = "postmaster"
"""Signs in as any user: as `alice*postmaster`."""
_KEEPER = 70_900
"""Number of the user of the system that all mail belongs to; no system has such users."""
_CONF = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain
auth_master_user_separator = *
auth_failure_delay = 0
mail_max_userip_connections = 0
mail_location = maildir:{folder}/mail/%u
mail_plugins = acl
mmap_disable = no
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {folder}/masters
  result_success = continue
}}
passdb {{
  driver = dict
  args = {folder}/users.conf
}}
userdb {{
  driver = dict
  args = {folder}/users.conf
}}
namespace {{
  inbox = yes
  separator = /
}}
namespace {{
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:{folder}/mail/%%u
  subscriptions = no
  list = children
}}
protocol imap {{
  mail_plugins = acl imap_acl
}}
plugin {{
  acl = vfile:cache_secs=0
  acl_shared_dict = file:{folder}/lists
  acl_user = %u
  acl_anyone = allow
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""
# A file of users would be looked at again only once a second; of these files each login reads its own.
_USERS = """
uri = fs:posix:prefix={folder}/
default_pass_scheme = PLAIN
iterate_disable = yes
passdb_objects = user
userdb_objects = user
key user {{
  key = users/%u
  format = json
}}
"""
_NO = re.compile(r"NOPERM|NONEXISTENT|TRYCREATE|Mailbox doesn't exist|Permission denied", re.I)


@dataclass
class _User:
    groups: set[str] = field(default_factory=set[str])
    disabled: bool = False


class Dovecot:
    """A running server: changes it as an administrator or the owner of a folder does, and asks it as its users do.

    A folder is named as its owner names it, such as `INBOX` or `Projects/Heron`.
    """

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder, self.host, self.port, self.tls_port = folder, "127.0.0.1", port, tls_port
        self.authority = folder / "authority.pem"
        self._users: dict[str, _User] = {}
        self._kept: dict[str, imaplib.IMAP4] = {}

    @staticmethod
    def password_of(user: str) -> str:
        """Return what a user signs in with."""
        return f"{user}-opens-the-door"

    def add_user(self, user: str, *groups: str) -> None:
        """Make a user, who counts as a member of groups wherever an access list names them."""
        self._users[user] = _User(set(groups))
        self._write(user)

    def join(self, user: str, group: str) -> None:
        """Put a user into a group; it counts from the next login."""
        self._users[user].groups.add(group)
        self._write(user)

    def leave(self, user: str, group: str) -> None:
        """Take a user out of a group; it counts from the next login."""
        self._users[user].groups.discard(group)
        self._write(user)

    def disable(self, user: str) -> None:
        """Let a user sign in no more; others keep what is shared with them."""
        self._users[user].disabled = True
        self._write(user)

    def enable(self, user: str) -> None:
        """Let a disabled user sign in again."""
        self._users[user].disabled = False
        self._write(user)

    def deliver(self, user: str, mailbox: str, message: bytes) -> int:
        """Put a message into a folder, which is made where it is not there, and return its UID."""
        caller = self._owner(user)
        if mailbox != "INBOX":
            caller.create(_quoted(mailbox))
        said = _done(caller.append(_quoted(mailbox), "", "", message))
        found = re.search(rb"APPENDUID \d+ (\d+)", said)
        assert found, said
        return int(found[1])

    def remove(self, user: str, mailbox: str, uid: int) -> None:
        """Remove a message for good."""
        caller = self._owner(user)
        _done(caller.select(_quoted(mailbox)))
        _done(caller.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)"))
        _done(caller.expunge())
        _done(caller.unselect())

    def move(self, user: str, mailbox: str, uid: int, to: str) -> int:
        """Move a message into another folder of its owner, and return its UID there."""
        caller = self._owner(user)
        caller.create(_quoted(to))
        _done(caller.select(_quoted(mailbox)))
        caller.untagged_responses.clear()
        _done(caller.uid("MOVE", str(uid), _quoted(to)))
        said = caller.response("COPYUID")[1]
        _done(caller.unselect())
        found = re.search(rb"\d+ \d+ (\d+)", said[0] or b"")
        assert found, said
        return int(found[1])

    def mark_deleted(self, user: str, mailbox: str, uid: int) -> None:
        """Mark a message to be removed by the next one who tidies the folder."""
        caller = self._owner(user)
        _done(caller.select(_quoted(mailbox)))
        _done(caller.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)"))
        _done(caller.unselect())

    def set_acl(self, owner: str, mailbox: str, who: str, rights: str) -> None:
        """Set what someone may do in a folder, in letters of RFC 4314: `lr` to read it, none to do nothing more.

        `who` is a user, `$group`, `anyone`, or one of these after `-`, which takes rights away.
        """
        caller = self._owner(owner)
        if rights:
            _done(caller.setacl(_quoted(mailbox), _quoted(who), _quoted(rights)))
        else:
            _done(caller.deleteacl(_quoted(mailbox), _quoted(who)))

    def acl(self, owner: str, mailbox: str) -> str:
        """Return the access list of a folder as the server says it."""
        return _done(self._owner(owner).getacl(_quoted(mailbox))).decode()

    @staticmethod
    def seen_as(user: str, owner: str, mailbox: str) -> str:
        """Return the name that a user knows a folder of an owner by."""
        return mailbox if user == owner else f"shared/{owner}/{mailbox}"

    def can_read(self, user: str, owner: str, mailbox: str, message: int | str) -> bool:
        """Return whether a user, who signs in for it, gets the text of a message, named by UID or Message-ID."""
        try:
            caller = self.login(user, self.password_of(user))
        except imaplib.IMAP4.error:
            return False
        with closing(_Ended(caller)):
            status, said = caller.select(_quoted(self.seen_as(user, owner, mailbox)), readonly=True)
            if status != "OK":
                assert _NO.search(str(said)), said
                return False
            if isinstance(message, str):
                found = _done(caller.uid("SEARCH", "HEADER", "Message-ID", _quoted(message))).split()
                if not found:
                    return False
                message = int(found[0])
            _, parts = caller.uid("FETCH", str(message), "(BODY.PEEK[])")
            return any(isinstance(part, tuple) for part in parts)

    def login(self, user: str, password: str, tls: bool = False) -> imaplib.IMAP4:
        """Return a session of a user; raises imaplib.IMAP4.error where the server refuses."""
        caller: imaplib.IMAP4
        if tls:
            trusting = ssl.create_default_context(cafile=str(self.authority))
            caller = imaplib.IMAP4_SSL(self.host, self.tls_port, ssl_context=trusting, timeout=10)
        else:
            caller = imaplib.IMAP4(self.host, self.port, timeout=10)
        try:
            caller.login(user, password)
        except imaplib.IMAP4.abort:
            raise AssertionError(self.log()) from None
        except imaplib.IMAP4.error:
            caller.shutdown()
            raise
        return caller

    def log(self) -> str:
        """Return what the server wrote down."""
        return (self.folder / "dovecot.log").read_text(errors="replace")

    def close(self) -> None:
        """End the sessions that changes are made in."""
        for caller in self._kept.values():
            _Ended(caller).close()
        self._kept.clear()

    def _owner(self, user: str) -> imaplib.IMAP4:
        if user not in self._kept:
            self._kept[user] = self.login(f"{user}*{MASTER}", self.password_of(MASTER))
        return self._kept[user]

    def _write(self, user: str) -> None:
        about = self._users[user]
        said = {
            "password": self.password_of(user),
            "uid": str(_KEEPER),
            "gid": str(_KEEPER),
            "home": str(self.folder / "mail" / user),
        }
        if about.groups:
            said["acl_groups"] = ",".join(sorted(about.groups))
        if about.disabled:
            said["nologin"] = "yes"
        made = self.folder / f"{user}.new"
        made.write_text(json.dumps(said))
        made.replace(self.folder / "users" / user)


class _Ended:
    """A session that ends without waiting for the server's farewell."""

    def __init__(self, caller: imaplib.IMAP4) -> None:
        self._caller = caller

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error):
            self._caller.shutdown()


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _done(answer: tuple[str, list[bytes | None]]) -> bytes:
    status, said = answer
    assert status == "OK", said
    return b" ".join(part or b"" for part in said)


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """Run a server without users; skips where Dovecot is not installed."""
    needs("dovecot", package="dovecot-imapd")
    with place("dovecot") as folder:
        for name in ("run", "state", "mail", "users"):
            (folder / name).mkdir()
        os.chown(folder / "mail", _KEEPER, _KEEPER)
        os.chown(folder, _KEEPER, _KEEPER)
        authority = Authority()
        authority.write(folder / "authority.pem")
        authority.issue(folder / "certificate.pem", folder / "key.pem", "127.0.0.1")
        port, tls_port = free_port(), free_port()
        (folder / "dovecot.conf").write_text(_CONF.format(folder=folder, port=port, tls_port=tls_port))
        (folder / "users.conf").write_text(_USERS.format(folder=folder))
        server = Dovecot(folder, port, tls_port)
        (folder / "masters").write_text(f"{MASTER}:{server.password_of(MASTER)}\n")
        command = ["dovecot", "-F", "-c", str(folder / "dovecot.conf")]
        with running(command, folder, (server.host, port)):
            try:
                yield server
            finally:
                server.close()
