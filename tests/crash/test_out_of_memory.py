"""A build that runs out of memory tears nothing, keeps what was committed, and the next run goes on from there."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crash.starved import POINTS
from tests.crash.test_kill_nine import PLACES, ROOT, Company, check_recovers, check_whole
from tests.crash.worker import SOURCE

from muniment import app
from muniment.app import Workspace


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Company]:
    """A workspace that holds a company's documents, and the company after it changed some of them."""
    from tests.conftest import DIRECTORY

    from muniment.governance.identity.principal import OPERATOR

    base = tmp_path_factory.mktemp("starved")
    company = Company(base / "documents", random.Random(4))
    workspace = app.create(base / "home", embedder=lambda: None)
    (base / "people.toml").write_text(DIRECTORY)
    workspace.directory.import_file(base / "people.toml", OPERATOR)
    workspace.ingest(company.root, SOURCE)
    workspace.close()
    company.change()
    return base / "home", company


def starve(home: Path, company: Company, point: str, number: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tests.crash.starved", str(home), str(company.root), point, str(number)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PLACES, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        timeout=120,
    )


OFTEN = [("sealing a segment", 1), ("merging", 1), ("dropping merged segments", 1), ("limit", 1)]
CASES = [
    *((point, nth) for point in POINTS for nth in (1, 3)),
    *(("limit", megabytes) for megabytes in (1, 8, 64)),
]
MAY_HAVE_ENOUGH = [("merging", 3), ("dropping merged segments", 3), ("limit", 8), ("limit", 64)]


@pytest.mark.parametrize(
    ("point", "number"),
    [pytest.param(*case, marks=() if case in OFTEN else pytest.mark.prove) for case in CASES],
)
def test_a_build_without_memory_tears_nothing_and_the_next_one_ends_it(
    template: tuple[Path, Company],
    make_workspace: Callable[..., Workspace],
    tmp_path: Path,
    point: str,
    number: int,
) -> None:
    home, company = template
    shutil.copytree(home, tmp_path / "copy")
    ran = starve(tmp_path / "copy", company, point, number)
    assert ran.returncode != 0 or (point, number) in MAY_HAVE_ENOUGH, "it had enough memory"
    workspace = app.open(tmp_path / "copy", embedder=lambda: None)
    try:
        check_whole(workspace, company.ever)
        assert not any(one.problem for one in workspace.upkeep.check())
        assert not list(workspace.segments.quarantined.glob("*"))
        check_recovers(workspace, make_workspace("fresh"), company.root)
        check_whole(workspace, company.ever)
    finally:
        workspace.close()


def test_the_command_says_it_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.journeys.command import Command, write_documents

    from muniment.foundation.segments import Segments

    command = Command(tmp_path / "home").with_people()
    write_documents(tmp_path / "documents")

    def starved(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Segments, "write", starved)
        ran = command("ingest", tmp_path / "documents", "--source", "papers")
    assert ran.code == 1 and "not enough memory" in ran.line and "run it again" in ran.line
    assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
    assert "300 crowns" in command("search", "on-call", "--as", "alice").out
