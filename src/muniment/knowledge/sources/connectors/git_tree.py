"""What a commit holds, as git lists it, and who may read it by the manifests in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from muniment.foundation.clock import timestamp
from muniment.foundation.database import storable
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.git_command import Git, GitFailed
from muniment.governance.identity.clearance import LEVELS
from muniment.knowledge.access import nearest
from muniment.knowledge.sources.connector import UNREADABLE, Item, Stated
from muniment.knowledge.sources.manifest import FILE_NAME, parse

_LINK, _SUBMODULE = "120000", "160000"
_LIST_BYTES = 512 << 20
_LOG_SECONDS, _LOG_BYTES = 20.0, 64 << 20
_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit."""

    mode: str
    blob: str
    size: int

    @property
    def problem(self) -> str:
        """Return why it is no file to be read."""
        if self.mode == _LINK:
            return "A symbolic link; only files are read."
        if self.mode == _SUBMODULE:
            return "A submodule; add its repository as a source of its own."
        return ""


@dataclass(frozen=True, slots=True)
class Touched:
    """When a file last changed, and by whom."""

    modified_at: str = ""
    author: str = ""


@dataclass(frozen=True)
class Tree:
    """The files of one commit, by path."""

    commit: str
    entries: Mapping[str, Entry]
    manifests: Mapping[str, Stated] = field(default_factory=dict[str, Stated])
    """By folder, what its access.toml states."""
    odd: frozenset[str] = frozenset()
    """Paths that are shown otherwise than they are spelled."""

    @cached_property
    def paths(self) -> list[str]:
        """The paths in order."""
        return sorted(self.entries)

    def narrowed(self, path: str, base: Stated) -> Stated:
        """Return who reads a path: whoever `base` lets read, and the nearest manifest too."""
        own = nearest(path.rpartition("/")[0], self.manifests)
        if own is None or not base.clauses:
            return base
        if not own.clauses:
            return UNREADABLE
        return Stated((*base.clauses, *own.clauses), base.deny | own.deny, _higher(base.sensitivity, own))


def _higher(stated: str | None, manifest: Stated) -> str | None:
    """Return the label of both that lets fewer read; one that is none of the levels lies above them."""
    if stated not in LEVELS or manifest.sensitivity is None:
        return stated
    if manifest.sensitivity not in LEVELS:
        return manifest.sensitivity
    return max(stated, manifest.sensitivity, key=LEVELS.index)


def tree_of(
    git: Git, commit: str, folder: str, manifests: bool, read: Callable[[str, int], bytes | None]
) -> Tree:
    """List a commit, below a folder of it; raises Unavailable where it cannot be listed.

    `read` gives what a blob holds.
    """
    try:
        said = git.ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit, most_bytes=_LIST_BYTES)
    except GitFailed as error:
        raise Unavailable(
            "The commit cannot be listed.", fix="Run `git fsck` there.", detail=error.detail
        ) from error
    entries: dict[str, Entry] = {}
    stated: dict[str, Stated] = {}
    odd: set[str] = set()
    for line in said.split(b"\0"):
        head, tab, name = line.partition(b"\t")
        if not tab:
            continue
        mode, _, blob, size = head.decode("ascii").split()
        path, plain = _path(name)
        entry = Entry(mode, blob, int(size) if size.isdigit() else 0)
        if manifests and path.rpartition("/")[2] == FILE_NAME:
            stated[path.rpartition("/")[0]] = _manifest(path, entry, read)
        elif not folder or path.startswith(f"{folder}/"):
            entries[path] = entry
            if not plain:
                odd.add(path)
    return Tree(commit, entries, stated, frozenset(odd))


def _path(name: bytes) -> tuple[str, bool]:
    """Return a path, and whether it is spelled so there."""
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("utf-8", "backslashreplace"), False
    return path, storable(path) and path.isprintable()


def _manifest(path: str, entry: Entry, read: Callable[[str, int], bytes | None]) -> Stated:
    if entry.problem or entry.size > _MANIFEST_BYTES:
        return UNREADABLE
    content = read(entry.blob, _MANIFEST_BYTES)
    if content is None:
        return UNREADABLE
    try:
        found = parse(content, path)
    except BadInput:
        return UNREADABLE
    return Stated((found.allow,), found.deny, found.sensitivity) if found.allow else UNREADABLE


def touched(git: Git, commit: str, since: str) -> tuple[dict[str, Touched], Touched]:
    """Return when files last changed, as far as that is told in time, and what to say of the others."""
    form = "--format=%x00%x00%ct%x00%aN"
    try:
        last = git.ask("log", "-1", "--no-show-signature", form, commit, "--").decode("utf-8", "replace")
        head = _touch(last.strip("\0\n").split("\0"))
        span = [commit, *([f"^{since}"] if since else [])]
        log = ("log", "-z", "--name-only", "--no-renames", "--diff-merges=first-parent", form, *span, "--")
        said = git.ask(*log, seconds=_LOG_SECONDS, most_bytes=_LOG_BYTES)
    except GitFailed:
        return {}, Touched()
    found: dict[str, Touched] = {}
    for record in said.split(b"\0\0\0"):
        parts = record.decode("utf-8", "replace").lstrip("\0\n").split("\0")
        if len(parts) < 2:
            continue
        one = _touch(parts)
        for path in parts[2:]:
            found.setdefault(path.lstrip("\n"), one)
    return found, head


def _touch(parts: list[str]) -> Touched:
    try:
        at = timestamp(datetime.fromtimestamp(int(parts[0]), UTC))
    except (ValueError, OverflowError, OSError):
        at = ""
    author = "".join(letter for letter in parts[1] if letter.isprintable()) if len(parts) > 1 else ""
    return Touched(at, author[:200])


def item_of(path: str, tree: Tree, told: tuple[Mapping[str, Touched], Touched]) -> Item:
    """Return a file of a commit as an item."""
    entry = tree.entries[path]
    about = told[0].get(path) or Touched(told[1].modified_at)
    problem = entry.problem or ("Its name is not plain text." if path in tree.odd else "")
    return Item(
        path,
        path,
        entry.blob,
        size=entry.size,
        modified_at=about.modified_at,
        author=about.author,
        problem=problem,
    )
