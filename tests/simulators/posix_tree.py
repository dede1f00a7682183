"""A tree of files with owners, groups, modes and POSIX access lists, and a process that opens them as anyone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from tests.simulators.server_process import needs, place

_FIRST = 71_000
"""Number of the first user and the first group; no system has such users, and none is made in it."""
_ASKER = """
import json, os, sys
for line in sys.stdin:
    uid, groups, path, what = json.loads(line)
    os.setgroups(groups)
    os.setegid(groups[0])
    os.seteuid(uid)
    try:
        if what == "list":
            os.listdir(path)
        else:
            with open(path, "rb", buffering=0) as file:
                file.read(1)
        said = "read"
    except OSError as error:
        said = type(error).__name__
    os.seteuid(0)
    print(said, flush=True)
"""


class PosixTree:
    """The tree: changes it as root does, and asks the system as its users do.

    Paths are relative to the tree. What is put there belongs to root and is nobody else's to read.
    """

    def __init__(self, folder: Path, asker: subprocess.Popen[str]) -> None:
        self.folder, self._asker = folder, asker
        self._numbers = count(_FIRST)
        self._users: dict[str, int] = {"root": 0}
        self._groups: dict[str, int] = {"root": 0}
        self._members: dict[str, list[str]] = {}

    def add_user(self, user: str, *groups: str) -> None:
        """Name a user, the only member of a first group of the same name."""
        self._users[user] = self._groups[user] = next(self._numbers)
        self._members[user] = [user, *groups]

    def add_group(self, group: str) -> None:
        """Name a group."""
        self._groups[group] = next(self._numbers)

    def join(self, user: str, group: str) -> None:
        """Put a user into a group; it counts from the next question."""
        if group not in self._members[user]:
            self._members[user].append(group)

    def leave(self, user: str, group: str) -> None:
        """Take a user out of a group."""
        self._members[user].remove(group)

    def uid(self, user: str) -> int:
        """Return the number of a user."""
        return self._users[user]

    def gid(self, group: str) -> int:
        """Return the number of a group."""
        return self._groups[group]

    def groups_of(self, user: str) -> list[int]:
        """Return the numbers of the groups that a user is in, the first one first."""
        return [self._groups[group] for group in self._members[user]]

    def put(
        self, path: str, content: bytes, owner: str = "root", group: str = "root", mode: int = 0o600
    ) -> None:
        """Write a file; folders that are not there are made for all to pass through."""
        made = self.folder / path
        for above in reversed(made.relative_to(self.folder).parents):
            if not (self.folder / above).exists():
                self.make_folder(str(above))
        made.write_bytes(content)
        self.chown(path, owner, group)
        self.chmod(path, mode)

    def make_folder(self, path: str, owner: str = "root", group: str = "root", mode: int = 0o755) -> None:
        """Make a folder in one that is there."""
        (self.folder / path).mkdir()
        self.chown(path, owner, group)
        self.chmod(path, mode)

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all it holds."""
        gone = self.folder / path
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    def chmod(self, path: str, mode: int) -> None:
        """Set the mode, and with it the mask of an access list."""
        (self.folder / path).chmod(mode)

    def chown(self, path: str, owner: str, group: str) -> None:
        """Set the owner and the group."""
        os.chown(self.folder / path, self.uid(owner), self.gid(group))

    def setfacl(self, path: str, *entries: str, how: str = "-m") -> None:
        """Change an access list by entries as setfacl takes them, such as `u:alice:r--`, `d:g:sales:rx` or `m::---`.

        `how` is `-m` to add, `-x` to take away, `-b` to take away all. Skips where the file system keeps no lists.
        """
        told = [",".join(self._numbered(entry) for entry in entries)] if entries else []
        command = ["setfacl", how, *told, str(self.folder / path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        if "not supported" in done.stderr:
            pytest.skip(f"the file system of {self.folder} keeps no access lists")
        assert not done.returncode, done.stderr

    def can_read(self, user: str, path: str) -> bool:
        """Return whether the system lets a user open a file and read of it."""
        return self._ask(user, path, "read")

    def can_list(self, user: str, path: str) -> bool:
        """Return whether the system shows a user the names in a folder."""
        return self._ask(user, path, "list")

    def _ask(self, user: str, path: str, what: str) -> bool:
        assert self._asker.stdin and self._asker.stdout
        question = self.uid(user), self.groups_of(user), str(self.folder / path), what
        self._asker.stdin.write(json.dumps(question) + "\n")
        self._asker.stdin.flush()
        said = self._asker.stdout.readline().strip()
        assert said in ("read", "PermissionError", "FileNotFoundError", "NotADirectoryError", "OSError"), said
        return said == "read"

    def _numbered(self, entry: str) -> str:
        parts = entry.split(":")
        at = 1 if parts[0] in ("d", "default") else 0
        if parts[at] in ("u", "user", "g", "group") and parts[at + 1]:
            known = self._users if parts[at][0] == "u" else self._groups
            parts[at + 1] = str(known[parts[at + 1]])
        return ":".join(parts)


@contextmanager
def posix_tree() -> Iterator[PosixTree]:
    """Yield an empty tree; skips where setfacl is not installed or the test is not root."""
    needs("setfacl", package="acl")
    with place("posix") as folder:
        command = [sys.executable, "-I", "-S", "-c", _ASKER]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as asker:
            yield PosixTree(folder, asker)
