"""The whole control plane over HTTP: authenticate, authorise, search, and a durable entry in the log for each step.

Run by `muniment bench control [--rows 100000] [--keep FOLDER] [--workers N]`. A server of N processes of its own
answers searches of readers of four shares, who ask near what they may read and far from it; client and server share
the machine. What a question's embedding takes is left out: its vector is looked up. Beside it, in the same run: a
request that does nothing, the same searches without HTTP, and what it takes to make one search's entries durable.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import home, load, openbao
from benchmarks.bars import Bar, Progress, bar, p50, p95, p99
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from benchmarks.scale import FEWEST, MOST
from benchmarks.searches import K
from benchmarks.workload import Workload
from muniment import app
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR

BY_DEFAULT = 100_000
_RATE, _SECONDS = 50, 30
_FASTER, _CONNECTIONS = 150, 32


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars; options `rows`, `keep` as of `scale`, `seconds` that each rate is held for, and `workers`."""
    checked(options, "rows", "keep", "seconds", "workers")
    rows, seconds = whole_number(options, "rows", BY_DEFAULT), whole_number(options, "seconds", _SECONDS)
    workers = whole_number(options, "workers", 1)
    if not FEWEST <= rows <= MOST:
        raise BadInput(f"--rows is {rows}.", fix=f"Give {FEWEST} to {MOST}.")
    company = Workload(rows)
    with tempfile.TemporaryDirectory(prefix="muniment-control-") as temporary:
        place = Path(str(options["keep"])) if options.get("keep") else Path(temporary) / "home"
        with closing(home.company(place, company, progress)) as workspace:
            make = _searches(workspace, company)
            with _served(place, rows, workers, Path(temporary), progress) as port:
                bars = _measured(workspace, port, make, seconds, progress)
            bars += _beside(workspace, place)
    return {"name": "control", "machine": described(), "workers": workers, "bars": bars}


def _searches(workspace: app.Workspace, company: Workload) -> Callable[[int], load.Request]:
    tokens = [
        workspace.tokens.issue(workspace.directory.principal(home.name(one))) for one in company.readers
    ]
    # Readers take turns, near and far questions too.
    order = sorted(range(len(company.questions)), key=lambda at: (at % 12 * 7 % 12, at))

    def make(at: int) -> load.Request:
        number = order[at % len(order)]
        asked = company.questions[number]
        return load.search(tokens[asked.reader], f"{' '.join(asked.words)} q{number}", K)

    return make


@contextmanager
def _served(place: Path, rows: int, workers: int, scratch: Path, progress: Progress) -> Generator[int]:
    progress("starting a server")
    port = openbao.free_port()
    command = [sys.executable, str(Path(__file__).with_name("control_server.py"))]
    with (scratch / "server.log").open("w") as said:
        process = subprocess.Popen(
            [*command, str(place), str(rows), str(port), str(workers)], stdout=said, stderr=said
        )
        try:
            load.await_server(port, process, said.name)
            while workers > 1 and Path(said.name).read_text().count(" serves\n") < workers:
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait()


def _measured(
    workspace: app.Workspace,
    port: int,
    make: Callable[[int], load.Request],
    seconds: int,
    progress: Progress,
) -> list[Bar]:
    load.unpaced(port, make, 400, 4)
    nothing = load.Request("GET", "/healthz", {}, b"", lambda status, _: status == 200)
    floor = load.paced(port, lambda _: nothing, _RATE, _RATE * 4, 4)
    before = _recorded(workspace)
    progress(f"{_RATE} searches a second for {seconds} s")
    steady = load.paced(port, make, _RATE, _RATE * seconds, _CONNECTIONS)
    progress(f"{_FASTER} searches a second for {seconds} s")
    faster = load.paced(port, make, _FASTER, _FASTER * seconds, _CONNECTIONS)
    progress("as many as it answers")
    most = load.unpaced(port, make, _FASTER * seconds, 16)
    answered = sum(len(one.seconds) for one in (steady, faster, most))
    wrong = sum(one.wrong for one in (steady, faster, most))
    missing = answered - (_recorded(workspace) - before)
    return [
        bar(f"search over HTTP at {_RATE} a second, p50", 15, p50(steady.seconds), "ms"),
        bar(f"search over HTTP at {_RATE} a second, p95", 30, p95(steady.seconds), "ms"),
        bar(f"search over HTTP at {_RATE} a second, p99", 60, p99(steady.seconds), "ms"),
        bar("sustained, 16 callers that wait for their answers", 150, most.per_second, "1/s", least=True),
        bar(f"answered when asked {_FASTER} a second", None, faster.per_second, "1/s"),
        bar(f"at {_FASTER} a second, p50", None, p50(faster.seconds), "ms"),
        bar(f"at {_FASTER} a second, p99", None, p99(faster.seconds), "ms"),
        bar("requests without a right answer", 0, wrong, "requests"),
        bar("answers without their entry in the log", 0, missing, "answers"),
        bar("a request that does nothing, p50", None, p50(floor.seconds), "ms"),
    ]


def _beside(workspace: app.Workspace, place: Path) -> list[Bar]:
    entries = [Entry("retrieval.chunk", OPERATOR, {"document": "d" * 20, "rank": at}) for at in range(K + 1)]
    log = [_timed(lambda: workspace.audit.record(entries)) for _ in range(200)]
    with tempfile.TemporaryFile(dir=place) as file:

        def sync() -> None:
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            os.fsync(file.fileno())

        synced = [_timed(sync) for _ in range(200)]
    return [
        bar(f"{K + 1} entries made durable in the log, p50", None, p50(log), "ms"),
        bar("4 kB made durable in a file, p50", None, p50(synced), "ms"),
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _recorded(workspace: app.Workspace) -> int:
    return len(workspace.audit.query("search.request", limit=1 << 30))
