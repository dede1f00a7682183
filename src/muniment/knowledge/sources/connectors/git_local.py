"""A repository that lies on this machine: where its objects and its branch are, and who may read them.

Nothing is run in it, and no configuration of it is read. What leads out of it, as a link or objects borrowed from
another repository, is refused: whoever writes it could name what only we can read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import UNREADABLE, Stated, account
from muniment.knowledge.sources.connectors.posix_rights import PASS, READ, Person, readers_of, rights_of

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"refs(/(?!\.)[^\x00-\x20\x7f~^:?*\[\\/]+)+")
_LEADS_OUT = ("info/alternates", "info/http-alternates")
_MOST_FILES = 1_000_000
_MOST_BYTES = 64 << 20
_MOST_LINKS = 5


def is_hash(text: str) -> bool:
    """Return whether this is the name of an object."""
    return _HASH.fullmatch(text) is not None


def ref_of(branch: str) -> str:
    """Return the whole name of a branch; raises BadInput for what can be none."""
    name = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
    if not _NAME.fullmatch(name) or ".." in name or "@{" in name or name.endswith(("/", ".", ".lock")):
        raise BadInput(f"branch: {branch!r} cannot name a branch.", fix="Write for example main.")
    return name


@dataclass(frozen=True, slots=True)
class LocalRepository:
    """A repository by its own folder, without a link in its path."""

    folder: Path

    @property
    def objects(self) -> Path:
        """Return where its objects lie."""
        return self.folder / "objects"

    def head(self, ref: str) -> str:
        """Return the newest commit of a branch, of the one that HEAD names without `ref`; raises Unavailable."""
        at = ref or "HEAD"
        for _ in range(_MOST_LINKS):
            said = self._read(at).strip() or self._packed(at)
            if is_hash(said):
                return said
            if not said.startswith("ref: "):
                break
            at = ref_of(said.removeprefix("ref: ").strip())
        raise Unavailable(
            f"branch: {at} is not in {self.folder}.", fix="Check the branch, and that it has a commit."
        )

    def check(self) -> None:
        """Raise Unavailable where something leads out of it."""
        for _ in self.files():
            pass

    def check_borrowing(self) -> None:
        """Raise Unavailable where it borrows objects of another repository."""
        for name in _LEADS_OUT:
            if os.path.lexists(self.objects / name):
                raise self._leads_out(str(self.objects / name))

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the folders and files by which its commits are read; raises Unavailable where one leads out of it."""
        try:
            for name in ("HEAD", "config", "packed-refs"):
                if (self.folder / name).exists():
                    yield from self._seen(str(self.folder / name))
            for count, name in enumerate((*self._below("refs"), *self._below("objects"))):
                if count > _MOST_FILES:
                    raise Unavailable(f"{self.folder} holds too many files.", fix="Run `git gc` there.")
                yield from self._seen(name)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be read.", fix="Mend its permissions.") from error

    def readers(self, people: Mapping[str, Person]) -> Stated:
        """Return who may read every one of those files, through every folder from the root down."""
        reading = frozenset(people)
        known: dict[object, frozenset[str]] = {}
        try:
            for above in (*reversed(self.folder.parents), self.folder):
                reading = readers_of(people, reading, rights_of(str(above), stat.S_ISDIR)[0], PASS)
            for name, facts in self.files():
                is_folder = stat.S_ISDIR(facts.st_mode)
                rights, _ = rights_of(name, stat.S_ISDIR if is_folder else stat.S_ISREG)
                kind = (rights, is_folder)
                if kind not in known:
                    found = readers_of(people, frozenset(people), rights, READ)
                    known[kind] = readers_of(people, found, rights, PASS) if kind[1] else found
                reading &= known[kind]
        except FileNotFoundError as error:
            # Git tidied up in between: whoever asks again sees one state or the other.
            raise Unavailable(f"{self.folder} changed while it was looked at.") from error
        except OSError:
            return UNREADABLE
        return Stated((frozenset(account(name) for name in reading),)) if reading else UNREADABLE

    def _below(self, name: str) -> Iterator[str]:
        for place, folders, files in os.walk(self.folder / name, onerror=_raise):
            yield place
            yield from (
                os.path.join(place, one) for one in (*files, *folders) if one in files or _links(place, one)
            )

    def _seen(self, name: str) -> Iterator[tuple[str, os.stat_result]]:
        facts = os.lstat(name)
        leads_out = any(name == str(self.objects / one) for one in _LEADS_OUT)
        if leads_out or not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
            raise self._leads_out(name)
        yield name, facts

    @staticmethod
    def _leads_out(name: str) -> Unavailable:
        return Unavailable(
            f"{name} leads out of the repository.", fix="Make it a repository of its own: `git clone`."
        )

    def _read(self, name: str) -> str:
        path = self.folder / name
        try:
            if os.path.realpath(path) != str(path) or not stat.S_ISREG(os.lstat(path).st_mode):
                return ""
            with path.open("rb") as file:
                return file.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def _packed(self, ref: str) -> str:
        for line in self._read("packed-refs").splitlines():
            name, _, found = line.partition(" ")
            if found == ref:
                return name
        return ""


def local_repository(stated: str) -> LocalRepository:
    """Return the repository at a path; raises BadInput for another kind of place, Unavailable for none."""
    if not os.path.isabs(stated):
        raise BadInput(f"repository: {stated} is not absolute.", fix="Write the whole path.")
    place = Path(os.path.realpath(stated))
    for folder in (place / ".git", place):
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            if folder.is_symlink() or (folder / "commondir").exists():
                break
            return LocalRepository(folder)
    if (place / ".git").exists():
        raise BadInput(
            f"repository: {stated} has its repository elsewhere.", fix="State that one: a worktree has none."
        )
    raise Unavailable(f"repository: there is none at {stated}.", fix="Check the path and its permissions.")


def _links(place: str, name: str) -> bool:
    return os.path.islink(os.path.join(place, name))


def _raise(error: OSError) -> None:
    raise error
