"""A branch of a repository whose folders hold access.toml files, which narrow readers that the operator states."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.simulators.git_server import Git, git_server
from tests.simulators.sources.scene import GUEST, PEOPLE

from muniment.knowledge.sources.kinds import KINDS


class GitScene:
    """Fills `Scene`: each item lies in a folder of its own, with a manifest."""

    kind = KINDS["git"]
    can = frozenset({"deny", "feed"})

    def __init__(self, place: Path) -> None:
        self._stack = ExitStack()
        folder = place / "repositories"
        folder.mkdir()
        self.git: Git = self._stack.enter_context(git_server(folder))
        self.git.add_repository("docs", *PEOPLE, GUEST)
        self._lists: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self.settings: Mapping[str, object] = {
            "repository": str(self.git.path_of("docs")),
            "manifests": True,
            "readers": [{"allow": ["group:everyone"]}],
        }

    def put(self, path: str, text: str) -> None:
        files: dict[str, bytes | None] = {_file(path): text.encode()}
        if path not in self._lists:
            self._lists[path] = (frozenset(), frozenset())
            files[_manifest(path)] = b"allow = []\n"
        self.git.commit("docs", files)

    def remove(self, path: str) -> None:
        del self._lists[path]
        self.git.commit("docs", {_file(path): None, _manifest(path): None})

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        self._lists[path] = (frozenset(who), frozenset(deny))
        lines = [
            f"{key} = {json.dumps([f'user:{one}' for one in names])}\n"
            for key, names in (("allow", who), ("deny", deny))
        ]
        self.git.commit("docs", {_manifest(path): "".join(lines).encode()})

    def inherit(self, path: str) -> None:
        raise NotImplementedError

    def team(self, name: str, members: Collection[str]) -> None:
        raise NotImplementedError

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        """Return whether the server gives the branch, and the manifest lets the account read."""
        allow, deny = self._lists.get(path, (frozenset(), frozenset()))
        return who in allow - deny and self.git.can_read(who, "docs", _file(path))

    def close(self) -> None:
        self._stack.close()


def _folder(path: str) -> str:
    return path.replace("/", "-")


def _file(path: str) -> str:
    return f"{_folder(path)}/{path.rpartition('/')[2]}"


def _manifest(path: str) -> str:
    return f"{_folder(path)}/access.toml"
