"""A folder of documents ingested by the real command, in a process of its own, while something else goes on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.workload import Workload
from muniment import app
from muniment.foundation import revisions

SOURCE = "bulk"
_DOCUMENTS, _DOCUMENTS_WITHOUT_VECTORS = 400, 4000
"""More than are ingested within the time."""
_CHUNKS = 8
"""Texts of the workload in one document; the pipeline cuts it as it will."""
_COMMITS = 3
_SECONDS, _MOST_SECONDS, _START_SECONDS = 20.0, 90.0, 120.0
"""At least so long and so many commits, at most so long; and how long the first commit may take."""


@contextmanager
def ingesting(
    workspace: app.Workspace, place: Path, company: Workload, scratch: Path
) -> Generator[Callable[[], bool]]:
    """Ingest, from the first commit on, for a while; give a function that tells whether it still goes on.

    Nobody may read the documents. Then the command is stopped, and they are taken out again.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as temporary:
        folder = Path(temporary) / "documents"
        _write(folder, company, _DOCUMENTS if workspace.embedder else _DOCUMENTS_WITHOUT_VECTORS)
        log = Path(temporary) / "log"
        before = content(workspace)
        command = [sys.executable, "-m", "muniment.interfaces.cli.main", "--home", str(place)]
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "ingest", str(folder), "--source", SOURCE], stdout=output, stderr=output
            )
        try:
            until = time.perf_counter() + _START_SECONDS
            while content(workspace) == before:
                if process.poll() is not None or time.perf_counter() > until:
                    raise RuntimeError(f"the ingest committed nothing: {log.read_text()[-500:]}")
                time.sleep(0.01)
            started, first = time.perf_counter(), content(workspace)

            def goes_on() -> bool:
                passed = time.perf_counter() - started
                enough = passed > _SECONDS and content(workspace) - first >= _COMMITS
                return process.poll() is None and not enough and passed < _MOST_SECONDS

            yield goes_on
            if process.poll():
                raise RuntimeError(f"the ingest failed: {log.read_text()[-500:]}")
        finally:
            process.kill()
            process.wait()
            for file in folder.glob("*.md"):
                file.unlink()
            workspace.ingest(folder, SOURCE)


def _write(folder: Path, company: Workload, documents: int) -> None:
    folder.mkdir()
    (folder / "access.toml").write_text("allow = []\n")
    for number in range(documents):
        texts = company.texts(number % company.folders)[:_CHUNKS]
        (folder / f"d{number:05d}.md").write_text(f"# Document {number}\n\n" + "\n\n".join(texts) + "\n")


def content(workspace: app.Workspace) -> int:
    """Return how often the content of the library has changed."""
    with workspace.database.read() as connection:
        return revisions.current(connection).content
