"""The files of one branch of a Git repository, as of its newest commit.

A file is known by its path: what is moved is another item. A repository of this machine is read where it lies; one on
a server is copied for as long as it is read (see `git_remote`). Symbolic links, submodules and pointers of LFS are
reported and not followed.

Who may read is what the operator states by path, or whoever may read every file of the repository itself; an
access.toml of the branch can only narrow that. Narrower than the source where rights within a repository differ:
whoever cannot read one of its files reads nothing of it.

Content goes with the access of the very commit that it was read from: where that is not the access which is known,
it is nobody's until access is read again; of a copy whose access.toml files moved, until its next commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Self, cast
from urllib.parse import unquote, urlsplit

from pydantic import Field, model_validator

from muniment.foundation.errors import BadInput
from muniment.foundation.git_command import Blobs, Git, GitFailed, OutOfBounds
from muniment.knowledge.sources.connector import (
    AccessPage,
    Account,
    Checked,
    Content,
    ContentPage,
    CursorLost,
    Gone,
    Item,
    People,
    Stated,
    Unreadable,
)
from muniment.knowledge.sources.connectors.folder import people_of, scope_of
from muniment.knowledge.sources.connectors.git_local import LocalRepository, is_hash, local_repository, ref_of
from muniment.knowledge.sources.connectors.git_remote import (
    RemoteRepository,
    checked_url,
    origin,
    private_folder,
)
from muniment.knowledge.sources.connectors.git_tree import Touched, Tree, item_of, touched, tree_of
from muniment.knowledge.sources.connectors.posix_rights import Person
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.sources.stated_readers import PathReaders, StatedReaders

PAGE = 500
_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_BYTES = 1024


class Settings(SourceSettings):
    """Of a Git repository."""

    repository: str = Field(min_length=1)
    """Its absolute path, file://…, or https://…; http:// to this machine alone."""
    branch: str = ""
    """Empty: the one that HEAD names."""
    folder: str = ""
    """Only what lies below it, such as `docs`; empty: all."""
    access: Literal["readers", "posix"] = "readers"
    """Who decides: the readers stated here, or the rights of the repository's files on this machine."""
    readers: tuple[PathReaders, ...] = ()
    manifests: bool = False
    """Whether the access.toml files of the branch narrow that."""
    people: str = ""
    """A TOML file of accounts (`[users.alice]` with `uid` and `gids`); empty: those of this machine."""
    user: str = ""
    password: str = ""
    """A reference such as `env:NAME`, to a password or token that may only read."""
    ca_file: str = ""
    private_network: bool = False
    copy_seconds: float = Field(default=600.0, gt=0, le=86400)
    """How long a repository on a server may take to be copied."""
    copy_mb: int = Field(default=2048, ge=1, le=1 << 20)
    """How large its copy may become."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.access == "posix" and self.readers:
            raise ValueError('readers are read with access = "readers" only')
        if self.user and not self.password:
            raise ValueError("user needs password")
        if self.folder != self.folder.strip("/"):
            raise ValueError("folder is written without slashes around it")
        return self


def connect(settings: SourceSettings, doors: Doors) -> GitConnector:
    """Return a connection; raises BadInput, and Unavailable where there is no repository."""
    return GitConnector(cast("Settings", settings), doors)


class GitConnector:
    """Fills `Connector`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        self._ref = ref_of(settings.branch) if settings.branch else ""
        self._stated = StatedReaders(settings.readers)
        self._where = self._found()
        self._stack = ExitStack()
        self._git: Git | None = None
        self._blobs: Blobs | None = None
        self._copied = ""
        """The commit that was copied from a server."""
        self._trees: dict[str, Tree] = {}
        self._told: tuple[str, tuple[dict[str, Touched], Touched]] | None = None
        self._head = ""
        """The commit that content is read from; empty until it is looked for."""

    def check(self) -> Checked:
        """List the newest commit."""
        tree = self._tree(self._newest())
        odd = [f"{path}: {one.problem}" for path, one in tree.entries.items() if one.problem]
        warnings = odd[:10]
        if self._settings.access == "readers" and not self._settings.readers:
            warnings.append("No readers are stated, so that nobody reads anything. State [[readers]].")
        return Checked([f"commit {tree.commit}", f"{len(tree.entries)} files"], warnings)

    def people(self) -> Iterable[People]:
        """Return the accounts of the machine; stated readers are accounts of ours, so that there are none."""
        if self._settings.access == "posix":
            yield People([Account(name, name) for name in sorted(self._people())])

    def access(self, cursor: str) -> AccessPage:
        """Return the readers of the next files; of a copy, nothing where the commit is the one that was read."""
        kind, commit, after = _parts(cursor)
        if kind != "list":
            newest = self._newest()
            if kind == "at" and newest == commit:
                return AccessPage({}, {}, (), cursor, False)
            if kind == "at":
                raise CursorLost("There is a newer commit.")
            commit, after = newest, ""
        tree, base = self._tree(commit), self._base()
        page, more = _behind(tree.paths, after)
        stated = {path: self._readers(tree, path, base) for path in page}
        last = "" if isinstance(self._where, LocalRepository) else f"at {commit}"
        return AccessPage(
            {scope_of(one): one for one in stated.values()},
            {path: scope_of(one) for path, one in stated.items()},
            (),
            f"list {commit} {page[-1]}" if more else last,
            more,
        )

    def changes(self, cursor: str) -> ContentPage:
        """Return the next files that are others than at the commit of the cursor; raises CursorLost."""
        kind, commit, after = _parts(cursor)
        since = ""
        if kind == "diff":
            since, _, commit = commit.partition("..")
        elif kind in ("", "at"):
            since, commit, after = commit, self._newest(), ""
            if since == commit:
                return ContentPage((), (), cursor, False)
        tree = self._tree(commit)
        self._head = commit
        paths, gone = tree.paths, list[str]()
        if since:
            old = self._tree(since)
            paths = [path for path in tree.paths if old.entries.get(path) != tree.entries[path]]
            gone = sorted(old.entries.keys() - tree.entries.keys())
        page, more = _behind(paths, after)
        told = self._touched(commit, since)
        way = f"diff {since}..{commit}" if since else f"list {commit}"
        following = f"{way} {page[-1]}" if more else f"at {commit}"
        return ContentPage(
            [item_of(path, tree, told) for path in page], () if more else gone, following, more
        )

    def fetch(self, item: Item) -> Content:
        """Return what a file holds, and the scope it is in, at one commit."""
        if isinstance(self._where, LocalRepository):
            self._head = self._where.head(self._ref)
        self._head = self._head or self._newest()
        tree = self._tree(self._head)
        entry = tree.entries.get(item.id)
        if entry is None:
            raise Gone(f"{item.path} is no more.")
        if entry.problem:
            raise Unreadable(entry.problem, why="kind")
        try:
            content = self._read(entry.blob, self._doors.max_file_bytes)
        except OutOfBounds as error:
            raise Unreadable(error.public, why="size") from error
        except GitFailed as error:
            raise Unreadable(f"{item.path} could not be read.", fix="Run `git fsck` there.") from error
        if content is None:
            raise Unreadable(f"{item.path} is missing from the repository.", fix="Run `git fsck` there.")
        if len(content) < _LFS_BYTES and content.startswith(_LFS):
            raise Unreadable("A pointer of LFS; its content is kept elsewhere and not read.", why="kind")
        return Content(content, entry.blob, scope_of(self._readers(tree, item.id, self._base())))

    def close(self) -> None:
        """End git, and remove what was copied."""
        if self._blobs is not None:
            self._blobs.close()
        self._stack.close()
        self._git = self._blobs = None
        self._trees.clear()

    def _found(self) -> LocalRepository | RemoteRepository:
        settings, stated = self._settings, self._settings.repository
        parts = urlsplit(stated)
        if parts.scheme == "file":
            if parts.netloc not in ("", "localhost"):
                raise BadInput("repository: file:// is for this machine alone.", fix="Write file:///PATH.")
            return local_repository(unquote(parts.path))
        if "://" not in stated:
            return local_repository(stated)
        if settings.access == "posix":
            raise BadInput('access: "posix" is for a repository of this machine.', fix='Use "readers".')
        url = checked_url(stated)
        own = self._doors.home / Path(settings.ca_file).expanduser() if settings.ca_file else None
        return RemoteRepository(
            url,
            self._doors.egress([origin(url)], settings.private_network),
            settings.user,
            lambda: self._doors.secret(settings.password, "password"),
            own,
            settings.copy_seconds,
            settings.copy_mb << 20,
        )

    def _runner(self) -> Git:
        if self._git is None:
            where = self._where
            sha256 = isinstance(where, LocalRepository) and len(where.head(self._ref)) != 40
            folder = Path(self._stack.enter_context(private_folder(sha256)))
            if isinstance(where, LocalRepository):
                self._git = Git(folder, where.objects)
            else:
                self._git = where.git(folder)
        return self._git

    def _newest(self) -> str:
        where = self._where
        if isinstance(where, LocalRepository):
            where.check()
            return where.head(self._ref)
        return where.head(self._runner(), self._ref)

    def _tree(self, commit: str) -> Tree:
        """Return what a commit holds; raises CursorLost where it is not there any more."""
        if commit not in self._trees:
            git = self._runner()
            if isinstance(self._where, RemoteRepository) and self._copied != commit:
                self._copied = self._copied or self._where.copy(git, self._ref)
            try:
                git.ask("cat-file", "-e", f"{commit}^{{commit}}")
            except GitFailed as error:
                raise CursorLost(f"The commit {commit} is not there.") from error
            settings = self._settings
            made = tree_of(git, commit, settings.folder, settings.manifests, self._read)
            self._trees = {name: tree for name, tree in [*self._trees.items(), (commit, made)][-2:]}
        return self._trees[commit]

    def _read(self, blob: str, most_bytes: int) -> bytes | None:
        if isinstance(self._where, LocalRepository):
            self._where.check_borrowing()
        if self._blobs is None:
            self._blobs = Blobs(self._runner())
        return self._blobs.read(blob, most_bytes)

    def _touched(self, commit: str, since: str) -> tuple[dict[str, Touched], Touched]:
        if self._told is None or self._told[0] != f"{since}..{commit}":
            told = touched(self._runner(), commit, since)
            if isinstance(self._where, RemoteRepository):
                # Of a copy without history, all files seem to be of its only commit.
                told = ({}, told[1])
            self._told = (f"{since}..{commit}", told)
        return self._told[1]

    def _base(self) -> Stated | None:
        """Return who may read the repository by its own rights; None where readers are stated by path."""
        if self._settings.access == "readers" or not isinstance(self._where, LocalRepository):
            return None
        return self._where.readers(self._people())

    def _readers(self, tree: Tree, path: str, base: Stated | None) -> Stated:
        return tree.narrowed(path, self._stated.of(path) if base is None else base)

    def _people(self) -> dict[str, Person]:
        own = self._settings.people
        return dict(people_of(self._doors.home / Path(own).expanduser() if own else None))


def _parts(cursor: str) -> tuple[str, str, str]:
    kind, _, rest = cursor.partition(" ")
    commit, _, after = rest.partition(" ")
    if kind not in ("", "at", "list", "diff") or (
        kind and not all(is_hash(one) for one in commit.split(".."))
    ):
        raise CursorLost("The cursor is not understood.")
    return kind, commit, after


def _behind(paths: Sequence[str], after: str) -> tuple[Sequence[str], bool]:
    left = [path for path in paths if path > after] if after else paths
    return left[:PAGE], len(left) > PAGE
