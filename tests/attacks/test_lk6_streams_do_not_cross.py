"""LK6: of many people who ask over streams at one time, each gets their own answer, and the server is reachable."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.simulators.served import served

from benchmarks.readers import ask, settle
from muniment.app import Workspace
from muniment.settings import parse


def streamed(make_workspace: Callable[..., Workspace], count: int, slots: int = 72) -> int:
    workspace = make_workspace(settings=parse({"limits": {"tenant_concurrent": slots}}))
    readers = settle(workspace, count)
    with served(workspace) as url:
        outcome = ask(int(urlsplit(url).port or 0), readers)
    assert outcome.crossed(workspace) == []
    assert outcome.unanswered == []
    # In how many milliseconds, the benchmark says: here all readers share the server's process.
    assert max(outcome.health, default=0.0) < 5.0
    assert not any(one.unclear for one in outcome.told)
    return sum(one.refused for one in outcome.told)


def test_twenty_people_get_their_own_answers_where_few_find_room_at_once(
    make_workspace: Callable[..., Workspace],
) -> None:
    assert streamed(make_workspace, 20, slots=9) > 0


def test_more_people_than_threads_and_places_get_their_own_answers(
    make_workspace: Callable[..., Workspace],
) -> None:
    streamed(make_workspace, 40)


@pytest.mark.prove
def test_two_hundred_people_get_their_own_answers_at_one_time(
    make_workspace: Callable[..., Workspace],
) -> None:
    streamed(make_workspace, 200)
