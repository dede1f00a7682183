"""The folder source: the files below a folder, and the access that manifests state for them.

Invariants:
- nothing outside the folder is read: links are reported, not followed, and every open refuses a link;
- a file that changes while it is read is read again, and given up with a report after three tries;
- what cannot be read is reported by name and does not stop the rest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from muniment.foundation.errors import BadInput
from muniment.knowledge.access import NOBODY, AccessList, nearest
from muniment.knowledge.sources import manifest

MAX_DEPTH = 64
READ_TRIES = 3
_IGNORED = {".git", ".DS_Store", "Thumbs.db"}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the source, not yet read."""

    path: str
    """Relative to the folder, with `/`."""
    size: int
    modified_ns: int


Why = Literal["name", "link", "depth", "kind", "size", "unreachable", "list", "content", "words_only"]
"""`kind`: no plain file. `list`: an access manifest. `content`: what is in it. `words_only`: it was taken in, but is
found by words alone."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was left out, and why, in one line."""

    path: str
    reason: str
    why: Why = "content"
    """The reason without a word of the file, as the log may hold it."""
    errno: int = 0
    """What the system said, where it did not let us look."""


@dataclass(slots=True)
class Listing:
    """What a walk over the folder found."""

    files: list[FileEntry] = field(default_factory=list[FileEntry])
    manifests: dict[str, AccessList] = field(default_factory=dict[str, AccessList])
    problems: list[Problem] = field(default_factory=list[Problem])

    def access(self, path: str) -> AccessList:
        """Return the list of the nearest manifest above `path`; nobody without one."""
        return nearest(path, self.manifests) or NOBODY


@dataclass(frozen=True, slots=True)
class Stated:
    """What the nearest manifest says."""

    folder: str | None
    """Where it lies; None where there is none, and "" is the root."""
    access: AccessList
    problem: str = ""
    """Why it cannot be used, so that nobody may read."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's bytes as they were at one moment."""

    content: bytes
    sha256: str
    modified_ns: int
    identity: tuple[int, int, int]
    """Device, inode and time of change, which no program can set."""


class Folder:
    """A folder of the local file system as a source."""

    def __init__(self, root: Path, max_file_bytes: int) -> None:
        if not root.exists():
            raise BadInput(f"No folder at {root}.", fix="Mend the path.")
        if not root.is_dir():
            raise BadInput(f"{root} is not a folder.", fix="Name the folder that holds the documents.")
        if not os.access(root, os.R_OK | os.X_OK):
            raise BadInput(f"The folder {root} cannot be read.", fix="Mend its permissions.")
        self.root = root.resolve()
        self._max_file_bytes = max_file_bytes

    def walk(self) -> Listing:
        """List the files and the access that manifests state, in path order."""
        listing = Listing()
        pending: list[tuple[str, int]] = [("", 0)]
        while pending:
            folder, depth = pending.pop()
            pending.extend((name, depth + 1) for name in self._visit(folder, depth, listing))
        listing.files.sort(key=lambda entry: entry.path)
        return listing

    def _visit(self, folder: str, depth: int, listing: Listing) -> Iterator[str]:
        if depth > MAX_DEPTH:
            listing.problems.append(Problem(folder, f"deeper than {MAX_DEPTH} folders; move it up", "depth"))
            return
        try:
            with os.scandir(self.root / folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            listing.problems.append(
                Problem(
                    folder,
                    f"the folder cannot be read ({error.strerror})",
                    "unreachable",
                    error.errno or 0,
                )
            )
            listing.manifests[folder] = NOBODY
            return
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name in _IGNORED:
                continue
            if not _is_text(path):
                listing.problems.append(
                    Problem(ascii(path), "the name is not valid UTF-8; rename it", "name")
                )
            elif entry.is_symlink():
                self._report_link(path, folder, entry.name, listing)
            elif entry.name == manifest.FILE_NAME:
                listing.manifests[folder] = self._manifest(path, listing)
            elif entry.is_dir(follow_symlinks=False):
                yield path
            else:
                self._add(path, entry, listing)

    def _report_link(self, path: str, folder: str, name: str, listing: Listing) -> None:
        if name == manifest.FILE_NAME:
            listing.manifests[folder] = NOBODY
        listing.problems.append(
            Problem(path, "a link; links are not followed, copy the file here instead", "link")
        )

    def _add(self, path: str, entry: os.DirEntry[str], listing: Listing) -> None:
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
            listing.problems.append(Problem(path, reason, "unreachable", error.errno or 0))
            return
        if not stat.S_ISREG(facts.st_mode):
            listing.problems.append(Problem(path, "not a plain file", "kind"))
        elif facts.st_size > self._max_file_bytes:
            limit = self._max_file_bytes // (1 << 20)
            listing.problems.append(
                Problem(
                    path,
                    f"{facts.st_size:,} bytes, over the limit of {limit} MB (ingestion.max_file_mb)",
                    "size",
                )
            )
        else:
            listing.files.append(FileEntry(path, facts.st_size, facts.st_mtime_ns))

    def stated(self, path: str) -> Stated:
        """Return what the manifests say now of a file or folder, there or not, by a look at no other folder."""
        at = path
        while True:
            name = f"{at}/{manifest.FILE_NAME}" if at else manifest.FILE_NAME
            try:
                os.close(self._open(name))
            except (FileNotFoundError, NotADirectoryError):
                if not at:
                    return Stated(None, NOBODY)
                at = at.rpartition("/")[0]
                continue
            except OSError as error:
                return Stated(at, NOBODY, f"{name}: cannot be read ({error.strerror}).")
            try:
                return Stated(at, manifest.parse(self.read(name).content, name))
            except BadInput as error:
                return Stated(at, NOBODY, str(error))

    def _manifest(self, path: str, listing: Listing) -> AccessList:
        try:
            return manifest.parse(self.read(path).content, path)
        except BadInput as error:
            listing.problems.append(Problem(path, str(error).removeprefix(f"{path}: "), "list"))
            return NOBODY

    def read(self, path: str) -> FileContent:
        """Return a file's bytes; raises BadInput when it cannot be read or keeps changing."""
        for _ in range(READ_TRIES):
            content = self._read_once(path)
            if content is not None:
                return content
        raise BadInput(f"{path}: changed while it was read.", fix="Ingest again when it is at rest.")

    def _read_once(self, path: str) -> FileContent | None:
        try:
            handle = self._open(path)
        except OSError as error:
            raise BadInput(
                f"{path}: cannot be read ({error.strerror}).", fix="Mend its permissions."
            ) from error
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            os.close(handle)
            raise BadInput(f"{path}: not a plain file.")
        with os.fdopen(handle, "rb") as file:
            content = file.read(self._max_file_bytes + 1)
            after = os.fstat(handle)
        if len(content) > self._max_file_bytes:
            raise BadInput(
                f"{path}: over the limit of {self._max_file_bytes // (1 << 20)} MB (ingestion.max_file_mb)."
            )
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size) or len(
            content
        ) != after.st_size:
            return None
        return FileContent(
            content, hashlib.sha256(content).hexdigest(), after.st_mtime_ns, identity_of(before)
        )

    def _open(self, path: str) -> int:
        """Open below the root without following any link on the way."""
        at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            *folders, name = path.split("/")
            for folder in folders:
                below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = below
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        finally:
            os.close(at)


def identity_of(facts: os.stat_result) -> tuple[int, int, int]:
    """Return what is another for another file, and for one whose content or rights were changed."""
    return facts.st_dev, facts.st_ino, facts.st_ctime_ns


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in path
