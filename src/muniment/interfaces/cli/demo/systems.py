"""The sample company's systems of record, as a process that ends with the demo, however that ends."""

from __future__ import annotations

import json
import selectors
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from muniment.actions.toml_text import table
from muniment.foundation.errors import Unavailable
from muniment.settings import FILE_NAME

ISSUER = "muniment-demo"
MAIL_DOMAIN = "marrowby.example"
_START_SECONDS = 30
_END_SECONDS = 5
_SAYS = "listening on "


@dataclass(frozen=True, slots=True)
class Systems:
    """Running systems of record."""

    url: str
    folder: Path

    def effects(self) -> int:
        """Return how much they did since their first start, by their own journal."""
        return int(str(self._rows("SELECT count(*) FROM effect")[0][0]))

    def refunds(self, order: str) -> list[str]:
        """Return what was paid back of an order, in words."""
        found = self._rows(
            "SELECT amount, currency, made_by FROM refunds WHERE order_id = ? AND state = 'paid'", order
        )
        return [f"{int(str(cents)) / 100:.2f} {currency}, made by {who}" for cents, currency, who in found]

    def _rows(self, query: str, *values: str) -> list[tuple[object, ...]]:
        address = f"{(self.folder / 'systems.sqlite').absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            return connection.execute(query, values).fetchall()


@contextmanager
def running(program: Path, folder: Path, key: Mapping[str, str]) -> Generator[Systems]:
    """Run the systems on a free port of this machine until the end of the block; `key` signs the calls.

    Raises Unavailable where they do not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    callers, said = folder / "callers.json", folder / "stderr.txt"
    callers.write_text(json.dumps(key), "utf-8")
    command = [sys.executable, program, "--folder", folder, "--key", callers]
    with said.open("wb") as errors:
        # In a group of its own: Ctrl-C is for the demo, whose end of the pipe then closes.
        process = subprocess.Popen(
            [*map(str, command), "--issuer", ISSUER, "--until-stdin-ends"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            process_group=0,
        )
    try:
        yield Systems(_address(process, said), folder)
    finally:
        _end(process)


_POISON = """
# Poisoned documents are read like any other here, to show that they move nothing. Without this line they are held
# back until somebody looks at them.
[ingestion.quality]
quarantine = []
"""


def write_settings(home: Path, systems: Systems) -> None:
    """Let a home's settings name the systems, below what they say already."""
    stated = {"issuer": ISSUER, "origins": [systems.url], "mail_domains": [MAIL_DOMAIN]}
    with (home / FILE_NAME).open("a", encoding="utf-8") as settings:
        settings.write(f"# The sample company's systems, while the demo runs.\n{table('tools', stated)}\n")
        settings.write(_POISON)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    if process.stdout is None:
        raise TypeError("nothing to read from")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline().decode().strip() if selector.select(_START_SECONDS) else ""
    if not line.startswith(_SAYS):
        raise Unavailable("The sample company's systems do not start.", fix=f"{said} says why.")
    return line.removeprefix(_SAYS)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
