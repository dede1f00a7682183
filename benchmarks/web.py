"""The web interface: what pages weigh, when they are painted, how long the server takes; two hundred who ask at once.

Run by `muniment bench web [--rows 100000] [--keep FOLDER] [--readers 200] [--loads 10]`. Which pages there are, the
routes say; each is asked for by somebody for whom it opens. Servers are the real command in processes of their own,
over the sample company, over a library of `--rows` chunks, and over people who each may read one document.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import home, load, openbao, pages, readers
from benchmarks.bars import Bar, Progress, bar, p50, p95
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from benchmarks.pages import Page
from benchmarks.past_the_door import SERVED
from benchmarks.scale import FEWEST, MOST
from benchmarks.workload import GROUPS, Workload
from muniment import app
from muniment.assistant.dialogue import NEW
from muniment.assistant.values import Finished
from muniment.foundation.errors import BadInput
from muniment.foundation.shipped import shipped
from muniment.governance.identity.principal import OPERATOR, Actor

BY_DEFAULT = 100_000
_READERS, _LOADS, _ROUNDS = 200, 10, 20
_QUESTION = "How many days of parental leave are there?"
_STAFF = dict(zip(("alice", "judy", "erin", "grace", "ivan", "carol", "frank"), pages.ROLES, strict=True))
"""People of the sample company, each with a role."""
_LIGHTEST, _PAINT, _SMALL, _LARGE = 60, 150, 120, 300


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars; options `rows` and `keep` as of `scale`, `readers` who ask at once, `loads` of each page."""
    checked(options, "rows", "keep", "readers", "loads")
    rows, count = whole_number(options, "rows", BY_DEFAULT), whole_number(options, "readers", _READERS)
    loads = whole_number(options, "loads", _LOADS)
    if not FEWEST <= rows <= MOST:
        raise BadInput(f"--rows is {rows}.", fix=f"Give {FEWEST} to {MOST}.")
    with tempfile.TemporaryDirectory(prefix="muniment-web-") as temporary:
        scratch = Path(temporary)
        bars, table, left_out = _sample(scratch, loads, progress)
        place = Path(str(options["keep"])) if options.get("keep") else scratch / "large"
        bars += _large(place, rows, scratch, progress)
        bars += _many(scratch, count, progress)
    return {"name": "web", "machine": described(), "pages": table, "left out": left_out, "bars": bars}


def _sample(
    scratch: Path, loads: int, progress: Progress
) -> tuple[list[Bar], list[dict[str, object]], list[str]]:
    progress("ingesting the sample company")
    place = scratch / "sample"
    with closing(app.create(place, settings=SERVED)) as workspace:
        workspace.directory.import_file(shipped("examples/acme/directory.toml"), OPERATOR)
        workspace.ingest(shipped("examples/acme/documents"), "acme")
        cookies, samples = pages.staffed(workspace, _STAFF), _asked(workspace, "alice")
        with _served(place, scratch, progress) as port:
            found, left_out = pages.opened(port, cookies, samples)
            _timed(port, found, progress)
            for page in found:
                pages.weigh(port, page)
            progress("painting")
            painted = pages.paints(port, found, loads)
    heaviest = max(found, key=lambda page: page.weight)
    bars = [
        bar("pages measured", None, len(found), "pages"),
        bar(f"heaviest page, {heaviest.route}", _LIGHTEST, heaviest.weight / 1000, "kB"),
        *_server_times("sample company", found, _SMALL),
    ]
    if painted is None:
        progress("no Chromium or no playwright: first paint is not measured")
    else:
        latest = max(painted, key=lambda route: painted[route])
        bars.append(bar(f"latest first paint, {latest}, median", _PAINT, painted[latest], "ms"))
    return bars, [_row(page, painted) for page in found], left_out


def _row(page: Page, painted: Mapping[str, float] | None) -> dict[str, object]:
    return {
        "page": page.route,
        "weight kB": round(page.weight / 1000, 1),
        "html kB": round(page.html / 1000, 1),
        "html if packed kB": round(page.packed / 1000, 1),
        "first paint ms": round(painted[page.route], 1) if painted else None,
        "server p50 ms": round(p50(page.seconds), 1),
        "server p95 ms": round(p95(page.seconds), 1),
    }


def _large(place: Path, rows: int, scratch: Path, progress: Progress) -> list[Bar]:
    company = Workload(rows)
    with closing(home.company(place, company, progress)) as workspace:
        people = {home.name(one): [f"g{group}" for group in one.groups] for one in company.readers}
        asker = home.name(company.readers[0])
        staff = {f"staff-{role}": role for role in pages.ROLES}
        home.enter(
            workspace, [f"g{group}" for group in range(GROUPS)], {**people, **dict.fromkeys(staff, ())}
        )
        held = {one.member.partition(":")[2] for one in workspace.roles.listing()}
        fresh = {name: "" if name in held else role for name, role in staff.items()}
        cookies = [*pages.staffed(workspace, {asker: ""}), *pages.staffed(workspace, fresh)]
        samples = _asked(workspace, asker)
        with _served(place, scratch, progress) as port:
            found, _ = pages.opened(port, cookies, samples)
            _timed(port, found, progress)
    return _server_times(f"{rows:,} chunks", found, _LARGE)


def _many(scratch: Path, count: int, progress: Progress) -> list[Bar]:
    progress(f"{count} readers who each may read one document")
    place = scratch / "readers"
    with closing(app.create(place)) as workspace:
        people = readers.settle(workspace, count)
        with _served(place, scratch, progress) as port:
            outcome = readers.ask(port, people)
        crossed = outcome.crossed(workspace)
    waited = [one.seconds for one in outcome.told]
    return [
        bar(f"of {count} streaming readers, told what is another's", 0, len(crossed), "readers"),
        bar("not told what is theirs", 0, len(outcome.unanswered), "readers"),
        bar("slowest answer of /healthz meanwhile", 1.0, max(outcome.health, default=0.0), "s"),
        bar(
            "told to come again without being told when", 0, sum(one.unclear for one in outcome.told), "times"
        ),
        bar("told to come again", None, sum(one.refused for one in outcome.told), "times"),
        bar("a reader's whole wait, p50", None, p50(waited) / 1000, "s"),
        bar("a reader's whole wait, longest", None, max(waited), "s"),
    ]


def _asked(workspace: app.Workspace, name: str) -> dict[str, str]:
    """Return what may stand in the addresses of a person's pages, after they asked once."""
    principal = workspace.directory.principal(name)
    by = Actor(principal.ref, "web")
    thread = workspace.dialogue.resume(principal, NEW, _QUESTION, by)
    *_, last = workspace.dialogue.stream(principal, thread, by)
    if not isinstance(last, Finished):
        raise RuntimeError("the answer did not come to its end")
    answer = last.answer
    samples = {"answer_id": answer.id, "conversation_id": answer.conversation}
    documents = [one.document for one in (*answer.citations, *answer.nearest)]
    return samples | ({"document_id": documents[0]} if documents else {})


def _timed(port: int, found: Sequence[Page], progress: Progress) -> None:
    progress(f"asking for {len(found)} pages")
    for page in found:
        pages.clock(port, page, _ROUNDS)


def _server_times(of: str, found: Sequence[Page], target: float) -> list[Bar]:
    slowest = max(found, key=lambda page: p95(page.seconds))
    every = [one for page in found for one in page.seconds]
    return [
        bar(f"{of}: a page, p50 of all", None, p50(every), "ms"),
        bar(f"{of}: slowest page, {slowest.route}, p50", None, p50(slowest.seconds), "ms"),
        bar(f"{of}: slowest page, {slowest.route}, p95", target, p95(slowest.seconds), "ms"),
    ]


@contextmanager
def _served(place: Path, scratch: Path, progress: Progress) -> Generator[int]:
    progress("starting a server")
    port = openbao.free_port()
    command = [str(Path(sys.executable).parent / "muniment"), "--home", str(place), "serve"]
    with (scratch / "server.log").open("w") as said:
        process = subprocess.Popen([*command, "--port", str(port)], stdout=said, stderr=said)
        try:
            load.await_server(port, process, said.name)
            yield port
        finally:
            process.terminate()
            process.wait()
