"""Many waiting threads, one commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from muniment.governance.audit.group_commit import GroupCommit

Take = Callable[[], Sequence[int]]


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_each_caller_gets_its_own_result_and_few_commits_serve_many() -> None:
    commits: list[int] = []

    def commit(take: Take) -> list[int]:
        items = list(take())
        time.sleep(0.01)
        commits.append(len(items))
        return [item * 10 for item in items]

    group = GroupCommit[int, int](commit)
    results: dict[int, int] = {}
    in_threads(40, lambda n: results.__setitem__(n, group.submit(n)))
    assert results == {n: n * 10 for n in range(40)}
    assert sum(commits) == 40
    assert len(commits) < 20


def test_a_failed_commit_is_raised_in_each_of_its_callers_and_in_no_other() -> None:
    def commit(take: Take) -> list[int]:
        items = list(take())
        time.sleep(0.005)
        if any(item % 7 == 0 for item in items):
            raise OSError("disk full")
        return list(items)

    group = GroupCommit[int, int](commit)
    outcomes: dict[int, object] = {}

    def work(n: int) -> None:
        try:
            outcomes[n] = group.submit(n)
        except OSError as error:
            outcomes[n] = error

    in_threads(30, work)
    assert all(isinstance(outcomes[n], OSError) for n in range(0, 30, 7))
    assert all(outcomes[n] == n or isinstance(outcomes[n], OSError) for n in range(30))
    assert group.submit(1) == 1


def test_a_commit_that_cannot_begin_fails_whoever_waits_and_the_next_may_try() -> None:
    broken = threading.Event()
    broken.set()

    def commit(take: Take) -> list[int]:
        if broken.is_set():
            time.sleep(0.01)
            raise OSError("locked")
        return list(take())

    group = GroupCommit[int, int](commit)
    failures: list[int] = []

    def work(n: int) -> None:
        try:
            group.submit(n)
        except OSError:
            failures.append(n)

    in_threads(12, work)
    assert sorted(failures) == list(range(12))
    broken.clear()
    assert group.submit(5) == 5


def test_a_leader_that_is_interrupted_leaves_no_one_waiting() -> None:
    interrupted = threading.Event()

    def commit(take: Take) -> list[int]:
        items = list(take())
        if not interrupted.is_set():
            time.sleep(0.05)
            interrupted.set()
            raise KeyboardInterrupt
        return items

    group = GroupCommit[int, int](commit)
    outcomes: list[str] = []

    def work(n: int) -> None:
        try:
            group.submit(n)
            outcomes.append("stored")
        except KeyboardInterrupt:
            outcomes.append("interrupted")
        except OSError:
            outcomes.append("failed")

    in_threads(10, work)
    assert len(outcomes) == 10
    assert outcomes.count("interrupted") == 1


def test_a_commit_that_forgets_a_result_is_an_error() -> None:
    group = GroupCommit[int, int](lambda take: list(take())[:-1])
    with pytest.raises(ValueError, match="zip"):
        group.submit(1)
