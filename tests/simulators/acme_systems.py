"""The sample company's systems of record as the real process that they are, and a caller that signs each call."""

from __future__ import annotations

import hashlib
import json
import secrets
import select
import shutil
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey

SYSTEMS = Path(__file__).resolve().parents[2] / "examples" / "acme" / "systems"
AUDIENCE = "marrowby-systems"
ISSUER = "https://caller.example"


@dataclass
class AcmeSystems:
    """Running systems of record."""

    folder: Path
    faults: bool = False
    ahead: int = 0
    """How many seconds their clock, and the caller's, is ahead."""
    url: str = ""
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))
    """Signs unless a call says otherwise."""
    jwks: dict[str, Any] | None = None
    """What the systems verify with, where it is not that key alone."""
    _process: subprocess.Popen[str] | None = None
    _first: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:"))
    _client: httpx2.Client = field(default_factory=lambda: httpx2.Client(trust_env=False, verify=False))

    def start(self) -> None:
        """Start the process and wait until it listens."""
        key_file = self.folder / "callers.json"
        key_file.write_text(json.dumps(self.jwks or self.key.as_dict(private=False)))
        command = [sys.executable, str(SYSTEMS), "--folder", str(self.folder), "--key", str(key_file)]
        command += ["--issuer", ISSUER, "--ahead", str(self.ahead)] + ["--faults"] * self.faults
        with (self.folder / "stderr.txt").open("a") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 20)
        line = self._process.stdout.readline().strip() if ready else ""
        if not line.startswith("listening on http://"):
            self.kill()
            raise AssertionError(
                (self.folder / "stderr.txt").read_text() or "the systems did not start in time"
            )
        self.url = line.removeprefix("listening on ")
        if self._first.execute("PRAGMA page_count").fetchone() == (0,):
            with closing(sqlite3.connect(self.folder / "systems.sqlite", timeout=10)) as connection:
                connection.backup(self._first)

    def kill(self) -> None:
        """End the process at once: nothing is finished or said."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def restart(self, ahead: int | None = None) -> None:
        """Kill the process and start another on the same folder."""
        self.kill()
        self.ahead = self.ahead if ahead is None else ahead
        self.start()

    def close(self) -> None:
        """Kill the process and hang up."""
        self.kill()
        self._client.close()
        self._first.close()

    def wait(self) -> int:
        """Return how the process ended by itself."""
        assert self._process is not None
        return self._process.wait(10)

    def reset(self) -> None:
        """Make everything as it was at the first start; far quicker than another folder and process."""
        if self._process is None or self._process.poll() is not None or self.ahead:
            self.restart(ahead=0)
        shutil.copyfile(SYSTEMS / "permissions.toml", self.folder / "permissions.toml")
        with closing(sqlite3.connect(self.folder / "systems.sqlite", timeout=10)) as connection:
            self._first.backup(connection)

    def claims(self, sub: str, scope: str, method: str, target: str, body: bytes = b"") -> dict[str, Any]:
        """Return the claims of a good token for one call."""
        now = int(time.time()) + self.ahead
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": sub if ":" in sub else f"user:{sub}",
            "scope": scope,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(12),
            "htm": method,
            "htu": target,
            "bsh": hashlib.sha256(body).hexdigest(),
        }

    def sign(self, claims: Mapping[str, Any], key: OKPKey | None = None, **header: str) -> str:
        """Return a token; a claim `...` is left out."""
        told = json.dumps({name: value for name, value in claims.items() if value is not ...})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return jws.serialize_compact(
                {"alg": "EdDSA"} | header, told, key or self.key, algorithms=["EdDSA"]
            )

    def call(
        self,
        sub: str,
        scope: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        claims: Mapping[str, Any] | None = None,
        timeout: float = 30,
    ) -> httpx2.Response:
        """Call as a person; `key` is the idempotency key, `claims` changes the token's."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if raw else {}
        if method not in ("GET", "HEAD"):
            sent["idempotency-key"] = key or secrets.token_hex(8)
        request = httpx2.Request(method, self.url + path, content=raw, headers=sent | dict(headers or {}))
        if "authorization" not in request.headers:
            target = request.url.raw_path.decode()
            made = self.claims(sub, scope, method, target, raw) | dict(claims or {})
            request.headers["authorization"] = f"Bearer {self.sign(made)}"
        request.extensions["timeout"] = httpx2.Timeout(timeout).as_dict()
        return self._client.send(request)

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return what the database of the systems holds."""
        with closing(sqlite3.connect(self.folder / "systems.sqlite", timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def effects(self, operation: str | None = None, key: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of the journal: one for each effect there was, oldest first."""
        return self.rows(
            "SELECT * FROM effect WHERE (?1 IS NULL OR operation = ?1) AND (?2 IS NULL OR key = ?2) ORDER BY rowid",
            operation,
            key,
        )


@contextmanager
def acme_systems(folder: Path, *, faults: bool = False, ahead: int = 0) -> Iterator[AcmeSystems]:
    """Run the systems in a folder until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    systems = AcmeSystems(folder, faults, ahead)
    systems.start()
    try:
        yield systems
    finally:
        systems.close()
