"""`muniment serve --workers 2`: two processes that are one server to whoever asks, and that end as one."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command
from tests.simulators.certificates import Authority

from muniment import app

PER_MINUTE = 20
SETTINGS = (
    f"{WORDS_ALONE}[limits]\nuser_per_minute = {PER_MINUTE}\nfailures_per_minute = {PER_MINUTE}\n"
    "[keys]\nlease_seconds = 3\n"
)
TLS = '[network]\ncertificate = "server.pem"\nkey = "server.key"\n'
PEOPLE = "[users.alice]\n[users.bob]\n[users.carol]\n[users.dave]\n"


def workers_of(parent: int) -> list[int]:
    """The children of a process."""
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(one) for one in text.split()]


def lives(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until(true: Callable[[], object], seconds: float = 20.0, every: float = 0.02) -> float:
    """Wait until something is true; return how many seconds that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it did not come true"
        time.sleep(every)
    return time.monotonic() - began


@dataclass
class Server:
    """A running `serve`, and who knows its home."""

    command: Command
    process: subprocess.Popen[str]
    port: int
    trusts: ssl.SSLContext | None = None

    @property
    def workers(self) -> list[int]:
        return workers_of(self.process.pid)

    def open(self) -> http.client.HTTPConnection:
        if self.trusts is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        return http.client.HTTPSConnection("localhost", self.port, timeout=10, context=self.trusts)

    def ask(
        self, by: http.client.HTTPConnection, token: str = "", query: str = "canteen"
    ) -> tuple[int, object]:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        by.request("POST", "/v1/search", json.dumps({"query": query}), headers)
        answer = by.getresponse()
        return answer.status, json.loads(answer.read())

    def alive(self, by: http.client.HTTPConnection) -> int:
        by.request("GET", "/healthz")
        answer = by.getresponse()
        answer.read()
        return answer.status

    def to(self, worker: int) -> http.client.HTTPConnection:
        """Return a connection to one of the workers: the others could not take it."""
        others = [one for one in self.workers if one != worker]
        for one in others:
            os.kill(one, signal.SIGSTOP)
        try:
            made = self.open()
            assert self.alive(made) == 200
        finally:
            for one in others:
                os.kill(one, signal.SIGCONT)
        return made

    def to_each(self) -> list[http.client.HTTPConnection]:
        return [self.to(worker) for worker in self.workers]

    def ready(self) -> None:
        until(lambda: len(self.workers) == 2)
        for worker in self.workers:
            self.to(worker).close()

    def token(self, name: str, tenant: str = "") -> str:
        words = ["--tenant", tenant] if tenant else []
        return str(self.command(*words, "token", "--as", name, "--json").document["token"])


@contextmanager
def serving(command: Command, trusts: ssl.SSLContext | None = None) -> Generator[Server]:
    process = command.start("serve", "--workers", "2", "--port", "0", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    port = int(process.stdout.readline().split()[2].rpartition(":")[2])
    server = Server(command, process, port, trusts)
    workers = list[int]()
    try:
        server.ready()
        workers = server.workers
        yield server
    finally:
        with suppress(OSError):
            workers += server.workers
        process.kill()
        process.wait()
        for worker in filter(lives, workers):
            os.kill(worker, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Generator[Server]:
    """Two workers that serve a home and its tenant acme over TLS."""
    place = tmp_path_factory.mktemp("workers")
    documents = place / "documents" / "all"
    documents.mkdir(parents=True)
    (documents / "access.toml").write_text('allow = ["group:everyone"]\n')
    (documents / "canteen.txt").write_text("The canteen opens at eight.\n")
    command = Command(place / "home", SETTINGS).with_people(PEOPLE)
    (place / "tenant.toml").write_text(SETTINGS)
    assert command("tenants", "create", "acme", "--settings", place / "tenant.toml").code == 0
    people = command.home / "people.toml"
    assert command("--tenant", "acme", "directory", "import", people).code == 0
    assert command("--tenant", "acme", "ingest", place / "documents", "--source", "docs").code == 0
    authority.issue(command.home / "server.pem", command.home / "server.key", "localhost")
    with (command.home / "settings.toml").open("a") as settings:
        settings.write(TLS)
    trusts = ssl.create_default_context(cafile=authority.write(place / "authority.pem"))
    with serving(command, trusts) as running:
        yield running


def test_a_limit_is_reached_at_the_same_count_as_in_one_process(server: Server) -> None:
    token, both = server.token("alice"), server.to_each()
    began, answers = time.monotonic(), list[int]()
    while not answers or answers[-1] == 200:
        answers.append(server.ask(both[len(answers) % 2], token)[0])
    again = (time.monotonic() - began) * PER_MINUTE / 60
    assert answers[-1] == 429 and PER_MINUTE <= len(answers) - 1 <= PER_MINUTE + again
    assert [server.ask(one, token)[0] for one in both] == [429, 429]
    acme = server.token("alice", "acme")
    assert [server.ask(one, acme)[0] for one in both] == [200, 200]
    wrong = [server.ask(both[at % 2], f"{token}x")[0] for at in range(PER_MINUTE + 8)]
    assert wrong[:PER_MINUTE] == [401] * PER_MINUTE and wrong[-1] == 429


def test_what_is_counted_is_counted_over_both(server: Server) -> None:
    def count(by: http.client.HTTPConnection) -> int:
        by.request("GET", "/metrics")
        text = by.getresponse().read().decode()
        row = r'^http_server_request_duration_seconds_count\{http_route="/healthz".*\} (\d+)$'
        return int(re.findall(row, text, re.MULTILINE)[0])

    each = server.to_each()
    before = count(each[0])
    for by in (*each, *each):
        assert server.alive(by) == 200
    assert [count(by) - before for by in each] == [4, 4]


def test_what_another_process_revokes_every_worker_refuses_next(server: Server) -> None:
    token, both = server.token("bob", "acme"), server.to_each()

    def found() -> list[int]:
        answers = [server.ask(one, token) for one in both]
        return [len(body["passages"]) for _, body in answers]  # type: ignore[index]

    assert found() == [1, 1]
    with_acme = ("--tenant", "acme", "access", "set", "docs/all")
    assert server.command(*with_acme, "--allow", "user:alice").code == 0
    assert found() == [0, 0]
    (server.command.home / "people.toml").write_text(PEOPLE.replace("[users.bob]\n", ""))
    people = server.command.home / "people.toml"
    assert server.command("--tenant", "acme", "directory", "import", people).code == 0
    assert [server.ask(one, token)[0] for one in both] == [401, 401]


def test_a_new_certificate_is_served_by_every_worker(server: Server, authority: Authority) -> None:
    home = server.command.home

    def shown() -> list[bytes | None]:
        found: list[bytes | None] = []
        for connection in server.to_each():
            found.append(connection.sock.getpeercert(binary_form=True))
            connection.close()
        return found

    before = shown()
    assert before[0] == before[1]
    authority.issue(home / "server.pem", home / "server.key", "localhost")
    until(lambda: not set(before) & set(shown()))
    with_worker = server.command("audit", "tail", "-n", "50", "--json").out
    assert '"tls.renewed"' in with_worker


def test_a_key_that_is_switched_off_closes_every_worker_and_each_says_so(server: Server) -> None:
    token, both = server.token("carol"), server.to_each()
    assert server.command("keys", "disable").code == 0
    off = time.monotonic()
    until(lambda: [server.ask(one, token)[0] for one in both] == [503, 503], 5.0, every=0.2)
    assert time.monotonic() - off < 5.0
    assert server.command("keys", "enable").code == 0
    until(lambda: [server.ask(one, token)[0] for one in both] == [200, 200], every=0.2)
    workspace = app.open(server.command.home)
    for kind in ("keys.lost", "keys.recovered"):
        until(lambda kind=kind: len(workspace.audit.query(kind)) == 2)
        assert sorted(one.about["worker"] for one in workspace.audit.query(kind)) == [1, 2]
    assert workspace.audit.verify().ok
    workspace.close()


def test_one_that_is_killed_fails_only_what_it_had_in_hand_and_comes_back(server: Server) -> None:
    token, stop = server.token("dave", "acme"), threading.Event()
    asked, failed = [0] * 3, [0] * 3

    def ask(number: int) -> None:
        while not stop.is_set():
            connection = server.open()
            try:
                asked[number] += server.alive(connection) == 200
            except (OSError, http.client.HTTPException):
                failed[number] += 1
            connection.close()

    threads = [threading.Thread(target=ask, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: min(asked) > 5)
    first, second = server.workers
    os.kill(first, signal.SIGKILL)
    before = sum(asked)
    until(lambda: sum(asked) > before + 30)
    until(lambda: len(server.workers) == 2 and first not in server.workers)
    stop.set()
    for thread in threads:
        thread.join()
    new = next(one for one in server.workers if one != second)
    assert server.ask(server.to(new), token)[0] == 200
    assert sum(failed) <= 3 and lives(second)


def refused(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_ends_all_of_it_and_running_requests_are_answered(server: Server) -> None:
    workers, (connection, idle) = server.workers, server.to_each()
    body = json.dumps({"query": "canteen"}).encode()
    connection.putrequest("POST", "/v1/search")
    connection.putheader("authorization", f"Bearer {server.token('dave', 'acme')}")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(len(body)))
    connection.endheaders(body[:5])
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: refused(server))
    connection.send(body[5:])
    assert connection.getresponse().status == 200
    connection.close()
    idle.close()
    _, said = server.process.communicate(timeout=20)
    assert server.process.returncode == -signal.SIGTERM and not any(map(lives, workers))
    assert "Traceback" not in said and said.count("was ended by signal 9; it is started again in 0.5 s") == 1


def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    with serving(Command(tmp_path / "home", SETTINGS).with_people(PEOPLE)) as running:
        workers = running.workers
        running.process.kill()
        running.process.wait()
        assert until(lambda: not any(map(lives, workers))) < 8.0


def test_what_keeps_it_from_starting_is_said_as_ever(tmp_path: Path) -> None:
    command = Command(tmp_path / "home").with_people(PEOPLE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = command("serve", "--workers", "2", "--port", port)
    assert ran.code == 1 and f"127.0.0.1:{port}" in ran.line and "--port" in ran.line
    (command.home / "settings.toml").write_text("[server]\nworkers = 0\n")
    ran = command("serve")
    assert ran.code == 2 and "server.workers" in ran.line
