"""WF2, WF4: kill -9, EIO and a full disk at each write, sync, rename, making and removal of a file of the scenario.

Whatever goes wrong: what was acknowledged is there, the log is whole, no effect is there twice or claimed where it is
not, and what was not acknowledged is refused in our words and done once the disk is well again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.crash.players import Before, Players
from tests.crash.scenario import NAMES
from tests.crash.shim import Fault, build

FAULTS = (Fault.KILL, Fault.EIO, Fault.ENOSPC)
SLICE = 6
"""Points of the suite, over all steps."""
MORE = 20
"""Beyond the points of a run without faults: threads do not always write as often."""


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Players]:
    place = tmp_path_factory.mktemp("faults")
    shim = build(place)
    if shim is None:
        pytest.skip("there is no C compiler to build what lets calls fail")
    made = Players(place, shim)
    yield made
    made.close()


@pytest.fixture(scope="module")
def rehearsed(players: Players) -> dict[str, Before]:
    return players.rehearse(look=False)


@pytest.fixture(scope="module")
def wholly_rehearsed(players: Players) -> dict[str, Before]:
    return players.rehearse(look=True)


def test_a_fault_at_some_points_loses_nothing(players: Players, rehearsed: dict[str, Before]) -> None:
    rng = random.Random(2)
    points = [(name, at) for name in NAMES[1:] for at in range(1, rehearsed[name].points + 1)]
    for number, (name, at) in enumerate(rng.sample(points, SLICE)):
        fault = FAULTS[number % len(FAULTS)]
        try:
            players.play(rehearsed[name], name, fault, at)
        except AssertionError as error:
            raise AssertionError(f"{name}, {fault.name} at {at}: {error}") from error


@pytest.mark.prove
@pytest.mark.parametrize("name", NAMES)
def test_a_fault_at_every_point_loses_nothing(
    players: Players, wholly_rehearsed: dict[str, Before], name: str
) -> None:
    before = wholly_rehearsed[name]
    played, problems = 0, []
    for fault in FAULTS:
        for at in range(1, before.points + MORE):
            try:
                fired = players.play(before, name, fault, at)
            except AssertionError as error:
                problems.append(f"{fault.name} at {at}: {error}")
                fired = "a problem"
            if not fired:
                break
            played += 1
    print(f"{name}: {played} faults at {before.points} points, {len(problems)} problems")
    assert not problems, "\n\n".join(problems)
    assert played >= len(FAULTS) * before.points * 0.9
