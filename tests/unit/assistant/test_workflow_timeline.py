"""The line of time of a run: what was recorded, as steps, proposals, decisions and timers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from muniment.assistant.workflows.timeline import moments_of
from muniment.foundation.errors import Unavailable
from muniment.foundation.workflows.attempts import Attempt
from muniment.foundation.workflows.runs import Recorded

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def done(number: int, name: str, result: object = None) -> Recorded:
    return Recorded(number, name, at(number), at(number + 1), result)


def waits(number: int, ended: int | None = None, result: object = None) -> Recorded:
    return Recorded(number, "", at(number), None if ended is None else at(ended), result, at(3600))


PROPOSED = done(2, "propose", {"action": "act_a"})
LOOKS = done(3, "decided-look-1", {"state": "waiting"})


def test_a_wait_for_people_is_one_moment_until_they_have_decided() -> None:
    moments = moments_of([done(1, "mail"), PROPOSED, LOOKS, waits(4)], [])
    assert [(one.name, one.kind, one.state) for one in moments] == [
        ("mail", "step", "done"),
        ("propose", "proposal", "done"),
        ("decided", "decision", "waiting"),
    ]
    assert (moments[2].action, moments[2].became, moments[2].until) == ("act_a", "waiting", at(3600))
    told = [waits(4, 8, {"state": "approved"}), done(8, "decided-look-2", {"state": "done"})]
    [*_, last] = moments_of([done(1, "mail"), PROPOSED, LOOKS, *told], [])
    assert (last.state, last.became, last.started_at, last.ended_at) == ("done", "done", at(3), at(9))
    assert last.until is None


def test_a_timer_says_when_the_run_goes_on() -> None:
    [timer] = moments_of([waits(1)], [])
    assert (timer.kind, timer.state, timer.until) == ("timer", "waiting", at(3600))
    [over] = moments_of([waits(1, 3600)], [])
    assert (over.state, over.until) == ("done", None)


def test_attempts_stand_at_their_step_whether_it_was_done_failed_or_is_tried_again() -> None:
    tried = [Attempt("order", at(1), "It does not answer."), Attempt("order", at(2), "It does not answer.")]
    [one] = moments_of([done(3, "order", {})], tried)
    assert (one.state, len(one.attempts)) == ("done", 2)
    [failed] = moments_of([done(3, "order", Unavailable("It is gone.", fix="Wait."))], tried)
    assert failed.state == "failed" and failed.says.startswith("It is gone.")
    [trying] = moments_of([], tried)
    assert (trying.name, trying.state) == ("order", "trying")


def test_what_a_run_waited_for_when_it_ended_was_cut_short() -> None:
    moments = moments_of([PROPOSED, LOOKS, waits(4)], [], over=True)
    assert (moments[-1].state, moments[-1].until) == ("ended", None)
    assert moments_of([waits(1)], [], over=True)[0].state == "ended"


def test_what_was_read_or_said_is_left_out_of_what_others_are_told() -> None:
    moments = moments_of([PROPOSED, LOOKS, waits(4)], [Attempt("propose", at(1), "No order A-1.")])
    assert "act_a" not in str(bare := [one.bare() for one in moments]) and "A-1" not in str(bare)
    assert [one.name for one in bare] == ["propose", "decided"] and len(bare[0].attempts) == 1
