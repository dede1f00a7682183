"""Bare repositories that the git command makes and serves over HTTP, each to users of its own."""

from __future__ import annotations

import base64
import http.client
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

_AUTHOR = "Test <test@example.org>"
_FIRST_DAY = 1_700_000_000


class Git:
    """The repositories: changes them as those who push do, and asks the server as its users do."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, ""
        self._readers: dict[str, set[str]] = {}
        self._disabled: set[str] = set()
        self._commits = 0
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
        }

    @staticmethod
    def password_of(user: str) -> str:
        """Return what a user signs in with."""
        return f"{user}-opens-the-door"

    def path_of(self, repository: str) -> Path:
        """Return where a bare repository lies."""
        return self.folder / f"{repository}.git"

    def url_of(self, repository: str) -> str:
        """Return the address of a repository."""
        return f"{self.url}/{repository}.git"

    def add_repository(self, repository: str, *users: str) -> None:
        """Make an empty repository that users may read."""
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path_of(repository)))
        self._readers[repository] = set(users)

    def grant(self, repository: str, user: str) -> None:
        """Let a user read a repository."""
        self._readers[repository].add(user)

    def revoke(self, repository: str, user: str) -> None:
        """Let a user read a repository no more."""
        self._readers[repository].discard(user)

    def disable(self, user: str) -> None:
        """Let a user in nowhere."""
        self._disabled.add(user)

    def enable(self, user: str) -> None:
        """Let a disabled user in again."""
        self._disabled.discard(user)

    def commit(
        self, repository: str, files: Mapping[str, bytes | None], branch: str = "main", anew: bool = False
    ) -> str:
        """Write files, remove those without content, and return the commit.

        `anew` begins the branch again with these files alone, as a forced push of another history does.
        """
        self._commits += 1
        ref = f"refs/heads/{branch}"
        before = self.head(repository, branch)
        message = f"Change {self._commits}".encode()
        told = [f"commit {ref}\ncommitter {_AUTHOR} {_FIRST_DAY + self._commits} +0000\n".encode()]
        told.append(b"data %d\n%s\n" % (len(message), message))
        if before and not anew:
            told.append(f"from {before}\n".encode())
        for path, content in files.items():
            if content is None:
                told.append(f'D "{path}"\n'.encode())
            else:
                told.append(f'M 100644 inline "{path}"\ndata {len(content)}\n'.encode() + content + b"\n")
        place = str(self.path_of(repository))
        self.git("-C", place, "fast-import", "--quiet", "--force", said=b"".join(told))
        made = self.head(repository, branch)
        assert made is not None
        return made

    def remove_branch(self, repository: str, branch: str) -> None:
        """Remove a branch."""
        self.git("-C", str(self.path_of(repository)), "update-ref", "-d", f"refs/heads/{branch}")

    def head(self, repository: str, branch: str = "main") -> str | None:
        """Return the newest commit of a branch, none where there is no such branch."""
        command = [
            "-C",
            str(self.path_of(repository)),
            "rev-parse",
            "--verify",
            "--quiet",
            f"refs/heads/{branch}",
        ]
        return self.git(*command, fails=True).decode().strip() or None

    def can_read(self, user: str | None, repository: str, path: str, branch: str = "main") -> bool:
        """Return whether the server gives a user, or anyone without a name, a branch that holds a file."""
        address = urlsplit(self.url_of(repository))
        headers = {"Authorization": self.authorization(user)} if user else {}
        with closing(http.client.HTTPConnection(address.netloc, timeout=20)) as connection:
            connection.request(
                "GET", f"{quote(address.path)}/info/refs?service=git-upload-pack", headers=headers
            )
            answer = connection.getresponse()
            shown = answer.read()
        assert answer.status in (200, 401), (answer.status, shown)
        found = re.search(rb"([0-9a-f]{40}) refs/heads/%s\n" % re.escape(branch.encode()), shown)
        if answer.status == 401 or found is None:
            return False
        kind = ("-C", str(self.path_of(repository)), "cat-file", "-t", f"{found[1].decode()}:{path}")
        return self.git(*kind, fails=True) == b"blob\n"

    def authorization(self, user: str) -> str:
        """Return the header by which a user signs in."""
        return "Basic " + base64.b64encode(f"{user}:{self.password_of(user)}".encode()).decode()

    def may_read(self, header: str | None, repository: str) -> bool:
        """Return whether a request is that of a reader."""
        readers = self._readers.get(repository, set()) - self._disabled
        return any(header == self.authorization(user) for user in readers)

    def git(self, *arguments: str, said: bytes = b"", fails: bool = False) -> bytes:
        """Run the git command, and return what it prints."""
        done = subprocess.run(
            ["git", *arguments], input=said, env=self.environment, capture_output=True, timeout=20
        )
        assert fails or not done.returncode, done.stderr
        return done.stdout


class _Handler(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        git: Git = self.server.git
        asked = urlsplit(self.path)
        path = unquote(asked.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if not git.may_read(self.headers.get("authorization"), path.split(".git/", 1)[0].lstrip("/")):
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
            return
        # The program of git that speaks its protocol behind any web server, as RFC 3875 says.
        told = {
            "GIT_PROJECT_ROOT": str(git.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": asked.query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=git.environment | told, capture_output=True, timeout=20
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        headers = [(name, value) for name, _, value in lines if name != "Status"]
        status = next((int(value[:3]) for name, _, value in lines if name == "Status"), 200)
        self._answer(status, headers, content)

    do_POST = do_GET

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def git_server(folder: Path) -> Iterator[Git]:
    """Serve repositories that lie in a folder, none at first; skips where git is not installed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed (package git)")
    git = Git(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.git = git  # type: ignore[attr-defined]
        git.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield git
        server.shutdown()
