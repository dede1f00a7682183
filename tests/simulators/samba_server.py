"""A real Samba server on the loopback: a temporary share with NT access lists, and its own users and groups."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from tests.simulators.server_process import answers, needs, place, running
from tests.simulators.smb_caller import NotAdmitted, SmbCaller, descriptor

from benchmarks.openbao import free_port

ADMIN = "admin"
"""Reads and changes everything, whatever an access list says."""
SHARE = "papers"
_DOMAIN = "FILER"
_PEOPLE = 70_000
"""Number of the group that every user is in first, and of the first user; no system has such users."""
_WRAPPER = "libnss_wrapper.so"
_CONF = """
[global]
workgroup = MUNIMENT
netbios name = {domain}
server role = standalone server
passdb backend = tdbsam:{folder}/private/passdb.tdb
private dir = {folder}/private
state directory = {folder}/state
lock directory = {folder}/lock
cache directory = {folder}/cache
pid directory = {folder}/run
ncalrpc dir = {folder}/ncalrpc
interfaces = {host}/8
bind interfaces only = yes
smb ports = {ports}
disable netbios = yes
disable spoolss = yes
load printers = no
printcap name = /dev/null
map to guest = never
log level = 0
[{share}]
path = {folder}/share
read only = no
admin users = {admin}
vfs objects = acl_xattr
acl_xattr:ignore system acls = yes
"""
_WELL_KNOWN = {"Everyone": "S-1-1-0", "Owner": "S-1-3-4", "Authenticated": "S-1-5-11"}
_RIGHTS = {"READ": 0x001200A9, "CHANGE": 0x001301BF, "FULL": 0x001F01FF}
_FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8, "I": 16}
_KINDS = {"ALLOWED": 0, "DENIED": 1}
_lasts = count(1)


class Samba:
    """A running server: changes it as an administrator does, and asks it as its users do.

    Every user has the password `password_of(name)`.
    """

    def __init__(self, folder: Path, host: str, port: int, library: str) -> None:
        self.folder, self.host, self.port = folder, host, port
        self.share = SHARE
        self._wrapped = {
            "PATH": os.environ["PATH"],
            "LD_PRELOAD": library,
            "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(folder / "group"),
        }
        self._numbers = count(_PEOPLE)
        self._users: dict[str, int] = {}
        self._groups: dict[str, tuple[int, set[str]]] = {}
        self._sids = dict(_WELL_KNOWN)
        self._callers: dict[str, SmbCaller] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which a program sees the users and groups of this server."""
        return self._wrapped

    @staticmethod
    def password_of(user: str) -> str:
        """Return what a user signs in with."""
        return f"{user}-opens-the-door"

    def add_user(self, user: str, *groups: str) -> None:
        """Make a user, a member of groups that are there."""
        self._users[user] = next(self._numbers)
        self._write_names()
        twice = f"{self.password_of(user)}\n" * 2
        self._as_root("pdbedit", "-t", "-a", "-u", user, said=twice)
        for group in groups:
            self.join(user, group)

    def add_group(self, group: str, *users: str) -> None:
        """Make a group of users, which access lists name by a SID of the server."""
        self._groups[group] = next(self._numbers), set(users)
        self._write_names()
        self._as_root("net", "groupmap", "add", f"ntgroup={group}", f"unixgroup={group}", "type=domain")
        self._drop(*users)

    def add_local_group(self, group: str, *members: str) -> None:
        """Make a group whose members are groups or users: what nests."""
        self._groups[group] = next(self._numbers), set()
        self._write_names()
        self._as_root("net", "groupmap", "add", f"ntgroup={group}", f"unixgroup={group}", "type=local")
        for member in members:
            self.nest(member, group)

    def nest(self, member: str, group: str) -> None:
        """Put a group or user into a local group."""
        self._as_root("net", "groupmap", "addmem", self.sid(group), self.sid(member))
        self._drop(*self._users)

    def take_out(self, member: str, group: str) -> None:
        """Take a group or user out of a local group."""
        self._as_root("net", "groupmap", "delmem", self.sid(group), self.sid(member))
        self._drop(*self._users)

    def join(self, user: str, group: str) -> None:
        """Put a user into a group; it counts from the user's next session."""
        self._groups[group][1].add(user)
        self._write_names()
        self._drop(user)

    def leave(self, user: str, group: str) -> None:
        """Take a user out of a group; it counts from the user's next session."""
        self._groups[group][1].discard(user)
        self._write_names()
        self._drop(user)

    def disable(self, user: str) -> None:
        """Let a user sign in no more."""
        self._as_root("smbpasswd", "-c", str(self.folder / "smb.conf"), "-d", user, conf=False)
        self._drop(user)

    def enable(self, user: str) -> None:
        """Let a disabled user sign in again."""
        self._as_root("smbpasswd", "-c", str(self.folder / "smb.conf"), "-e", user, conf=False)
        self._drop(user)

    def members(self, group: str) -> set[str]:
        """Return the users in a group that is not local."""
        return set(self._groups[group][1])

    def sid(self, name: str) -> str:
        """Return the SID of a user, of a group, or of `Everyone`, `Authenticated` or `Owner`; a SID stays."""
        if name.startswith("S-1-"):
            return name
        if name not in self._sids:
            self._sids.update(self._said_sids())
        return self._sids[name]

    def unix_sid(self, name: str) -> str:
        """Return the SID that Samba gives a user or group of the system by number."""
        number = self._users.get(name)
        return f"S-1-22-1-{number}" if number is not None else f"S-1-22-2-{self._groups[name][0]}"

    def put(self, path: str, content: bytes) -> None:
        """Write a file, making its folders; each gets the rights that the folder above hands down."""
        admin, parts = self._caller(ADMIN), path.split("/")
        for depth in range(1, len(parts)):
            admin.make_folder("/".join(parts[:depth]))
        admin.put(path, content)

    def make_folder(self, path: str) -> None:
        """Make a folder in one that is there; it gets the rights that the one above hands down."""
        self._caller(ADMIN).make_folder(path)

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        self._caller(ADMIN).remove(path)

    def move(self, path: str, to: str) -> None:
        """Give a file or folder another name or place, making the folders there; it keeps its rights."""
        admin, parts = self._caller(ADMIN), to.split("/")
        for depth in range(1, len(parts)):
            admin.make_folder("/".join(parts[:depth]))
        admin.move(path, to)

    def set_acl(self, path: str, *entries: str, owner: str = "", protected: bool = True) -> None:
        """Set an access list of `NAME:ALLOWED|DENIED/FLAGS/RIGHTS`, as smbcacls writes them, in this order.

        Flags are `OI|CI|IO|NP|I` or a number, rights READ, CHANGE, FULL or a number. What lies below keeps its own
        list: the server hands rights down only to what is made later.
        """
        aces = [self._ace(entry) for entry in entries]
        made = descriptor(aces, self.sid(owner) if owner else "", protected)
        self._caller(ADMIN).set_rights(path, made, bool(owner))

    def set_descriptor(self, path: str, raw: bytes) -> None:
        """Set a security descriptor that no entries of `set_acl` make."""
        self._caller(ADMIN).set_rights(path, raw, False)

    def smbcacls(self, path: str, *arguments: str) -> str:
        """Run Samba's own program on the access list of a path, and return what it prints."""
        if not answers((self.host, 445)):
            pytest.skip("smbcacls knows port 445 only, and something else has it")
        return self._ask("smbcacls", f"//{self.host}/{SHARE}", path, *arguments, user=ADMIN).stdout

    def can_read(self, user: str, path: str) -> bool:
        """Return whether the server gives a user bytes of a file, in a session that is kept for the next question."""
        try:
            return self._caller(user).can_read(path)
        except NotAdmitted:
            return False

    def fetch(self, user: str, path: str) -> bytes | None:
        """Return what smbclient gets in a session of its own, nothing where the server refuses."""
        into = self.folder / "fetched"
        into.unlink(missing_ok=True)
        said = self._ask(
            "smbclient",
            f"//{self.host}/{SHARE}",
            "-p",
            str(self.port),
            "-c",
            f'get "{path}" "{into}"',
            user=user,
        )
        if into.exists() and not said.returncode:
            return into.read_bytes()
        assert re.search(
            "ACCESS_DENIED|LOGON_FAILURE|ACCOUNT_DISABLED|NOT_FOUND", said.stdout + said.stderr
        ), said
        return None

    def close(self) -> None:
        """End the sessions."""
        self._drop(*list(self._callers))

    def _caller(self, user: str) -> SmbCaller:
        if user not in self._callers:
            self._callers[user] = SmbCaller(self.host, self.port, SHARE, user, self.password_of(user))
        return self._callers[user]

    def _drop(self, *users: str) -> None:
        # A session keeps the groups that it began with.
        for user in users:
            if caller := self._callers.pop(user, None):
                caller.close()

    def _ace(self, entry: str) -> tuple[int, int, int, str]:
        name, _, rest = entry.rpartition(":")
        kind, flags, rights = rest.split("/")
        mask = _RIGHTS[rights] if rights in _RIGHTS else int(rights, 0)
        bits = (
            int(flags, 0) if flags[:1].isdigit() else sum(_FLAGS[flag] for flag in flags.split("|") if flag)
        )
        return _KINDS[kind], bits, mask, self.sid(name)

    def _said_sids(self) -> list[tuple[str, str]]:
        users = re.findall(
            r"^Unix username: +(\S+)\n(?:.*\n)*?User SID: +(S-\S+)", self._as_root("pdbedit", "-Lv"), re.M
        )
        groups = re.findall(r"^(.+) \((S-\S+)\) -> ", self._as_root("net", "groupmap", "list"), re.M)
        return users + groups

    def _write_names(self) -> None:
        users = {"root": 0, "nobody": 65534, **self._users}
        lines = [f"{name}:x:{uid}:{uid and _PEOPLE}::/:/bin/false\n" for name, uid in users.items()]
        _replace(self.folder / "passwd", "".join(lines))
        lines = ["root:x:0:\n", "nogroup:x:65534:\n", f"people:x:{_PEOPLE}:\n"]
        lines += [f"{name}:x:{gid}:{','.join(sorted(of))}\n" for name, (gid, of) in self._groups.items()]
        _replace(self.folder / "group", "".join(lines))

    def _as_root(self, program: str, *arguments: str, said: str = "", conf: bool = True) -> str:
        command = [program, *(("-s", str(self.folder / "smb.conf")) if conf else ()), *arguments]
        done = subprocess.run(
            command, input=said, env=self._wrapped, capture_output=True, text=True, timeout=20
        )
        assert not done.returncode, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _ask(self, program: str, *arguments: str, user: str) -> subprocess.CompletedProcess[str]:
        command = [program, "-s", str(self.folder / "smb.conf"), "-U", f"{user}%{self.password_of(user)}"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=20)


def _replace(path: Path, text: str) -> None:
    # The wrapper reads the file again while a session begins: never half of it.
    made = path.with_suffix(".new")
    made.write_text(text)
    made.replace(path)


@contextmanager
def samba(fill: Callable[[Samba], None] | None = None) -> Iterator[Samba]:
    """Run a server; the share is empty, and only the administrator may read what is put there.

    Users and groups that `fill` adds before the server starts take less time. Skips where Samba is not installed.
    """
    needs("smbd", "pdbedit", package="samba")
    needs("smbclient", "smbcacls", package="smbclient")
    library = _library(_WRAPPER, "libnss-wrapper")
    _library("samba/vfs/acl_xattr.so", "samba-vfs-modules")
    # Every worker of the tests has an address of its own, for smbcacls knows no port but 445.
    host = f"127.{64 + next(_lasts) % 64}.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}"
    with place("samba") as folder:
        _check_attributes(folder)
        for name in ("private", "state", "lock", "cache", "run", "ncalrpc", "logs", "share"):
            (folder / name).mkdir()
        (folder / "share").chmod(0o777)
        port = free_port()
        ports = f"{port} 445" if not answers((host, 445)) else str(port)
        conf = folder / "smb.conf"
        filled = {"domain": _DOMAIN, "host": host, "ports": ports, "share": SHARE, "admin": ADMIN}
        conf.write_text(_CONF.format(folder=folder, **filled))
        server = Samba(folder, host, port, library)
        server.add_user(ADMIN)
        if fill is not None:
            fill(server)
        command = ["smbd", "-s", str(conf), "-l", str(folder / "logs"), "--foreground", "--no-process-group"]
        with running(command, folder, (host, port), server.environment):
            try:
                server.set_acl("", f"{ADMIN}:ALLOWED/OI|CI/FULL")
                yield server
            finally:
                server.close()


def _check_attributes(folder: Path) -> None:
    try:
        os.setxattr(folder, "security.NTACL", b"x")
        os.removexattr(folder, "security.NTACL")
    except OSError as error:
        pytest.skip(
            f"{folder.parent} keeps no security attributes, in which Samba keeps access lists ({error})"
        )


def _library(name: str, package: str) -> str:
    found = next(Path("/usr/lib").glob(f"*/{name}"), None) or next(Path("/usr/lib64").glob(name), None)
    if found is None:
        pytest.skip(f"{name} is not installed (package {package})")
    return str(found)
