"""OP7: a backup or a restore that is killed leaves nothing that looks like one, and the next one goes through."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, NotSetUp
from muniment.governance.identity.principal import OPERATOR

ROOT = Path(__file__).resolve().parents[2]
PLACES = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
SLICE = (0.1, 0.4, 0.7, 0.9, 1.0)
"""Where, between the first and the last step, the runs of the suite are killed."""


class Scene:
    """A workspace with documents, closed, a backup of it, and its key elsewhere."""

    def __init__(self, place: Path, made: Workspace, folder: Path, worker: subprocess.Popen[str]) -> None:
        self.place = place
        self.worker = worker
        self.home = made.home
        made.ingest(folder, "docs")
        made.backups.make(place / "kept", OPERATOR, lambda *_: None)
        made.close()
        self.kek = Path(shutil.copy(made.home / "keys" / "kek", place / "kek"))
        shutil.copy(made.home / "keys" / "subjects.key", place / "subjects.key")

    def run(self, what: str, at: int = 0) -> tuple[int, int]:
        """Return how it ended, and how many steps it took."""
        home, folder = (self.home, self.new) if what == "backup" else (self.new, self.place / "kept")
        words = [what, str(home), str(folder), str(self.kek), at]
        self.worker.stdin.write(json.dumps(words) + "\n")  # type: ignore[union-attr]
        self.worker.stdin.flush()  # type: ignore[union-attr]
        ended, steps = json.loads(self.worker.stdout.readline())  # type: ignore[union-attr]
        return ended, steps

    @property
    def new(self) -> Path:
        return self.place / "new"

    def left(self) -> list[str]:
        return [path.name for path in self.place.iterdir() if ".unfinished" in path.name]

    def check_whole(self, what: str) -> None:
        """What is there under its name is whole and opens."""
        if what == "backup":
            workspace = app.open(self.home, embedder=lambda: None)
            assert app.check_backup(self.new, workspace.keyring, lambda *_: None).findings == ()
            assert workspace.audit.verify().ok
        else:
            workspace = app.open(self.new, embedder=lambda: None)
            assert workspace.search("canteen", "alice").passages
            assert workspace.audit.verify().ok
            assert len(workspace.audit.query(kind="workspace.restored")) == 1
        workspace.close()


@pytest.fixture(scope="module")
def worker() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.crash.backup_worker"]
    environment = {**os.environ, "PYTHONPATH": PLACES}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as running:
        yield running
        running.stdin.close()  # type: ignore[union-attr]


@pytest.fixture
def scene(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path, worker: subprocess.Popen[str]
) -> Scene:
    return Scene(tmp_path, make_workspace(), folder, worker)


def kill_at(scene: Scene, what: str, at: int) -> None:
    assert scene.run(what, at)[0] == -signal.SIGKILL
    if scene.new.exists():
        scene.check_whole(what)
        shutil.rmtree(scene.new)
    elif what == "backup":
        with pytest.raises(BadInput, match="holds no backup"):
            app.check_backup(scene.new, None, lambda *_: None)
    else:
        with pytest.raises(NotSetUp):
            app.open(scene.new)


def kill_and_go_on(scene: Scene, what: str, choose: Callable[[int], list[int]]) -> None:
    ended, steps = scene.run(what)
    assert ended == 0
    scene.check_whole(what)
    shutil.rmtree(scene.new)
    for at in choose(steps):
        kill_at(scene, what, at)
    assert scene.run(what)[0] == 0
    scene.check_whole(what)
    assert scene.left() == []


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_killed_one_leaves_nothing_and_the_next_goes_through(scene: Scene, what: str) -> None:
    kill_and_go_on(scene, what, lambda steps: [max(1, round(part * steps)) for part in SLICE])


@pytest.mark.prove
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_killed_at_every_step_it_leaves_nothing_and_the_next_goes_through(scene: Scene, what: str) -> None:
    kill_and_go_on(scene, what, lambda steps: list(range(1, steps + 1)))
