"""A repository on a server: copied whole into a folder of ours for as long as it is read, and removed then.

The folder is private and lies in memory where the machine has room for that, so that no copy stays on a disk.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from muniment.foundation.egress import Egress, Refused, Unreached
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.git_command import Git, GitFailed, OutOfBounds, skeleton
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connectors.git_local import is_hash

_MEMORY = "/dev/shm"  # noqa: S108
_HEAD = "refs/muniment/head"
_LIST_BYTES = 16 << 20
_FIRST = ("Authentication failed", "could not read Username", "error: 401", "error: 403")


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """A repository by its address."""

    url: str
    egress: Egress
    user: str
    password: Callable[[], Secret | None]
    ca_file: Path | None
    seconds: float
    most_bytes: int

    def head(self, git: Git, ref: str) -> str:
        """Return the newest commit of a branch, of the server's own where `ref` is empty; raises Unavailable."""
        said = self._asked(git, "ls-remote", "--exit-code", "--", self.url, ref or "HEAD", most=_LIST_BYTES)
        for line in said.decode("utf-8", "replace").splitlines():
            name, _, found = line.partition("\t")
            if found == (ref or "HEAD") and is_hash(name):
                return name
        raise Unavailable(f"branch: {ref or 'HEAD'} is not at {self.url}.", fix="Check the branch.")

    def copy(self, git: Git, ref: str) -> str:
        """Bring the newest commit of a branch with all it holds; return which it is."""
        refs = f"+{ref or 'HEAD'}:{_HEAD}"
        self._asked(
            git, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--", self.url, refs
        )
        return git.ask("rev-parse", "--verify", "--quiet", f"{_HEAD}^{{commit}}").decode().strip()

    def git(self, folder: Path) -> Git:
        """Return git that reaches this server alone, at an address that was vetted."""
        scheme = urlsplit(self.url).scheme
        return Git(folder, protocols=scheme, config=self._config())

    def _config(self) -> dict[str, str]:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            addresses = self.egress.addresses((parts.scheme, host, port), 10.0)
        except (Refused, Unreached) as error:
            raise self._unreached(str(error)) from error
        if not addresses:
            raise self._unreached("no address")
        shown = ",".join(f"[{one}]" if one.version == 6 else str(one) for one in addresses)
        config = {"http.curloptResolve": f"{host}:{port}:{shown}", "http.lowSpeedLimit": "1"}
        config["http.lowSpeedTime"] = "60"
        if self.ca_file is not None:
            config["http.sslCAInfo"] = str(self.ca_file)
        if self.user:
            secret = self.password()
            if secret is None:
                raise BadInput("password: nothing is there.", fix="Write env:NAME or file:PATH, and set it.")
            pair = base64.b64encode(f"{self.user}:{secret.reveal()}".encode()).decode("ascii")
            config["http.extraHeader"] = f"Authorization: Basic {pair}"
        return config

    def _asked(self, git: Git, *arguments: str, most: int = 1 << 20) -> bytes:
        try:
            return git.ask(*arguments, seconds=self.seconds, most_bytes=most, most_written=self.most_bytes)
        except OutOfBounds as error:
            raise Unavailable(
                f"{self.url}: {error.public}", fix="Raise copy_seconds or copy_mb, or read less of it."
            ) from error
        except GitFailed as error:
            if any(one in error.detail for one in _FIRST):
                raise Unavailable(
                    f"{self.url} refuses to be read.", fix="Check user and password, and their rights there."
                ) from error
            raise self._unreached("git failed", error.detail) from error

    def _unreached(self, why: str, detail: str = "") -> Unavailable:
        fix = "Check repository, branch, ca_file and private_network."
        return Unavailable(f"{self.url} cannot be asked ({why}).", fix=fix, detail=detail)


def checked_url(stated: str) -> str:
    """Return an address that may be read; raises BadInput."""
    parts = urlsplit(stated)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise BadInput(
            f"repository: {parts.scheme or stated} is not read.", fix="Write a path, file://… or https://…"
        )
    if parts.scheme == "http" and not local:
        raise BadInput("repository: http is for this machine alone.", fix="Write https://…")
    if parts.username or parts.password:
        raise BadInput("repository: the address holds a name.", fix="Use user and password.")
    return stated


def origin(url: str) -> str:
    """Return the origin of an address."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def private_folder(sha256: bool = False) -> tempfile.TemporaryDirectory[str]:
    """Return a folder of ours with an empty repository in it."""
    place = _MEMORY if os.path.isdir(_MEMORY) and os.access(_MEMORY, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="muniment-git-", dir=place, ignore_cleanup_errors=True)
    skeleton(Path(made.name), sha256)
    return made
