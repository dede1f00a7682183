"""Many people who ask at the same moment, each of whom may read another secret: who gets what, and who waits.

Each is signed in, asks on the page as a browser does, and reads the answer as it is streamed. Whoever is told that
there is no room comes again when the server said to, as the page does.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

SOURCE = "vaults"
_SECRET = re.compile(r"walnut-\d{4}-[0-9a-f]{12}")
_TRIES = 60
_PROBE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is signed in."""

    name: str
    number: int
    cookie: str
    csrf: str

    @property
    def secret(self) -> str:
        """What stands in the one document that is theirs alone."""
        return secret_of(self.number)

    @property
    def question(self) -> str:
        """What they ask; nobody else asks it."""
        return f"What is the code of the vault number {self.number}?"


@dataclass(slots=True)
class Told:
    """What a reader was told."""

    reader: Reader
    answer: str = ""
    """Its id."""
    body: str = ""
    refused: int = 0
    """How often there was no room."""
    unclear: int = 0
    """Refusals that did not say when to come again."""
    seconds: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What came of all of them."""

    told: list[Told] = field(default_factory=list[Told])
    health: list[float] = field(default_factory=list[float])
    """Seconds in which the server said meanwhile that it lives; endless where it did not."""

    def crossed(self, workspace: Workspace) -> list[str]:
        """Return who was told another's secret, or has an answer that is not stored as theirs."""
        wrong: list[str] = []
        for one in self.told:
            foreign = set(_SECRET.findall(one.body)) - {one.reader.secret}
            if foreign or (
                one.answer and workspace.lineage.owner(one.answer).ref != f"user:{one.reader.name}"
            ):
                wrong.append(one.reader.name)
        ids = [one.answer for one in self.told if one.answer]
        return wrong + [one for one in set(ids) if ids.count(one) > 1]

    @property
    def unanswered(self) -> list[str]:
        """Who was not told their own secret."""
        return [one.reader.name for one in self.told if one.reader.secret not in one.body]


def secret_of(number: int) -> str:
    """Return the secret of a reader."""
    return f"walnut-{number:04d}-{hashlib.sha256(str(number).encode()).hexdigest()[:12]}"


def settle(workspace: Workspace, count: int) -> list[Reader]:
    """Make so many people the directory, each with a document that nobody else may read, and sign them in."""
    names = [f"reader{number:04d}" for number in range(count)]
    file = workspace.home / "readers.toml"
    file.write_text("".join(f"[users.{name}]\n" for name in names))
    workspace.directory.import_file(file, OPERATOR)
    with tempfile.TemporaryDirectory(prefix="muniment-readers-") as folder:
        for number, name in enumerate(names):
            place = Path(folder) / name
            place.mkdir()
            (place / "access.toml").write_text(f'allow = ["user:{name}"]\n')
            said = f"The code of the vault number {number} is {secret_of(number)}.\n"
            (place / "vault.txt").write_text(said)
        workspace.ingest(Path(folder), SOURCE)
    return [_signed_in(workspace, name, number) for number, name in enumerate(names)]


def _signed_in(workspace: Workspace, name: str, number: int) -> Reader:
    link = workspace.sessions.create_link(workspace.directory.principal(name), OPERATOR)
    opened = workspace.sessions.redeem(link)
    return Reader(name, number, f"muniment={opened.secret}", opened.csrf)


def ask(port: int, readers: Sequence[Reader]) -> Outcome:
    """Let all of them ask at the same moment, and return once each was answered or gave up."""
    outcome = Outcome()
    start = threading.Barrier(len(readers) + 1)
    over = threading.Event()

    def one(told: Told) -> None:
        start.wait()
        begun = time.perf_counter()
        for _ in range(_TRIES):
            wait = _asked(port, told)
            if wait is None:
                break
            time.sleep(wait * (1 + told.reader.number % 10 / 10))
        told.seconds = time.perf_counter() - begun

    def probe() -> None:
        while not over.wait(_PROBE_SECONDS):
            outcome.health.append(_health(port))

    outcome.told = [Told(reader) for reader in readers]
    threads = [threading.Thread(target=one, args=[told]) for told in outcome.told]
    for thread in threads:
        thread.start()
    start.wait()
    probing = threading.Thread(target=probe)
    probing.start()
    for thread in threads:
        thread.join()
    over.set()
    probing.join()
    return outcome


def _asked(port: int, told: Told) -> float | None:
    """Read one answer to its end; return the seconds to wait where there was no room."""
    reader = told.reader
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {
        "accept": "text/event-stream",
        "content-type": "application/x-www-form-urlencoded",
        "cookie": reader.cookie,
        "origin": f"http://127.0.0.1:{port}",
    }
    fields = {"csrf": reader.csrf, "question": reader.question, "conversation": "new"}
    try:
        connection.request("POST", "/ask", urlencode(fields), headers)
        response = connection.getresponse()
        body = response.read().decode()
        if response.status in (429, 503):
            told.refused += 1
            wait = response.headers.get("retry-after")
            told.unclear += wait is None
            return float(wait or 1)
        told.body += body
        told.answer = _answer_of(body)
    except (OSError, http.client.HTTPException) as error:
        told.body += f"no answer: {type(error).__name__}"
    finally:
        connection.close()
    return None


def _answer_of(body: str) -> str:
    found = re.search(r"^event: started\ndata: (.*)$", body, re.MULTILINE)
    return str(json.loads(found[1])["href"]).rpartition("/")[2] if found else ""


def _health(port: int) -> float:
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        alive = connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        alive = False
    finally:
        connection.close()
    return time.perf_counter() - begun if alive else float("inf")
