"""WF3: the power goes at each sync of the scenario. What was acknowledged is there, the log is whole, no effect is
there twice, and what was under way can be done again: with what was synced alone, and with some of the rest torn."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.players import Players
from tests.crash.replayed import Disk, Moment
from tests.crash.scenario import OF, Stage
from tests.crash.shim import build

SLICE = 4
"""Moments of the suite."""
TORN = 3
"""Times that chance has its way with each moment in `make prove`."""


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Players]:
    place = tmp_path_factory.mktemp("power")
    shim = build(place)
    if shim is None:
        pytest.skip("there is no C compiler to build what writes down every write")
    made = Players(place, shim)
    yield made
    made.close()


@pytest.fixture(scope="module")
def record(players: Players, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the whole scenario did to its disk, in one process."""
    made = tmp_path_factory.mktemp("record") / "record"
    status, said = players.ask(do="play", record=str(made))
    assert [line["say"] for line in said] == ["done"], (status, said)
    return made


def lose(players: Players, disk: Disk, moment: Moment, rng: random.Random | None) -> None:
    """Let the power go, and look at what is left."""
    shutil.rmtree(players.live, ignore_errors=True)
    players.live.mkdir()
    stage = Stage(players.live)
    disk.after_loss(stage.disk, rng)
    for name in moment.begun:
        OF[name].prepare(stage)
    (players.live / "effects").write_text("".join(f"{key}\n" for key in moment.effects))
    players.left(dict(moment.told), moment.current)


def test_the_power_goes_at_some_syncs(players: Players, record: Path) -> None:
    rng = random.Random(4)
    number = sum(1 for _ in Disk().moments(record))
    chosen = set(rng.sample(range(number), SLICE))
    disk = Disk()
    for at, moment in enumerate(disk.moments(record)):
        if at in chosen:
            lose(players, disk, moment, rng if at % 2 else None)


@pytest.mark.prove
def test_the_power_goes_at_every_sync(players: Players, record: Path) -> None:
    rng, disk = random.Random(5), Disk()
    problems: list[str] = []
    lost = moments = 0
    for moments, moment in enumerate(disk.moments(record), 1):
        for number in range(1 + TORN):
            lost += 1
            try:
                lose(players, disk, moment, rng if number else None)
            except AssertionError as error:
                problems.append(f"{moment.current}, moment {moments}.{number}: {error}")
    print(f"{moments} syncs, {lost} losses of power, {len(problems)} problems")
    assert not problems, "\n\n".join(problems)
