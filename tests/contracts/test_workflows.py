"""Workflows on both kinds of database: they go on where they were, once for each key, and undo what they began."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Denied, MunimentError, NotFound, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.leased_database import LeasedDatabase
from muniment.foundation.postgres import PostgresDatabase, schema_of
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.foundation.workflows import engine as engine_module
from muniment.foundation.workflows import takeover
from muniment.foundation.workflows.definition import Definition, Steps, workflow
from muniment.foundation.workflows.engine import Workflows
from muniment.foundation.workflows.runs import Run, State
from muniment.settings import WorkspaceSettings

POLL = 0.02
KEY = b"k" * 32
Given = Mapping[str, Any]


@dataclass
class Scene:
    """One workspace's database, and as many engines on it as a test asks for."""

    database: Database
    again: Callable[[], Database]
    place: Path
    closing: ExitStack
    done: list[str] = field(default_factory=list)

    def engine(
        self, *definitions: Definition, database: Database | None = None, runs: bool = True
    ) -> Workflows:
        made = Workflows(
            database or self.database, definitions, self.place, Clock(), Ids(), poll_seconds=POLL
        )
        self.closing.callback(made.close)
        if runs:
            made.launch()
            assert made.is_running(10)
        return made

    def note(self, what: str) -> str:
        self.done.append(what)
        return what


@pytest.fixture(params=["file", "postgres"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(engine_module, "_TRY_AGAIN", 0.05)
    with ExitStack() as closing:
        if request.param == "file":

            def opened() -> Database:
                database = SqlCipherDatabase(tmp_path / "muniment.db", KEY)
                closing.callback(database.close)
                return database

        else:
            server = request.getfixturevalue("postgres")
            url = server.prepared()
            closing.callback(server.drop, url)

            def opened() -> Database:
                database = PostgresDatabase(url, schema_of(WorkspaceSettings().tenant), KEY)
                closing.callback(database.close)
                return database

        database = opened()
        database.create()
        yield Scene(database, opened, tmp_path / "place", closing)


def until(engine: Workflows, run: str, *states: State, seconds: float = 10) -> Run:
    """Return a run once it is in one of these states."""
    limit = time.monotonic() + seconds
    while (found := engine.run(run)).state not in states:
        assert time.monotonic() < limit, found
        time.sleep(0.01)
    return found


def execute(scene: Scene, sql: str, **said: object) -> Sequence[Any]:
    """Run a statement about the tables of workflows, wherever they are."""
    schema = scene.database.beside
    with scene.database.write() as connection:
        result = connection.execute(sa.text(sql.replace("{}", f'"{schema}".' if schema else "")), said)
        return result.all() if result.returns_rows else []


def refund(scene: Scene) -> Definition:
    """Return a workflow that prepares, waits for a word, and pays or not."""

    @workflow("refund")
    def run(steps: Steps, given: Given) -> Given:
        draft = steps.do("prepare", lambda: {"draft": scene.note("prepare") and given["amount"]})
        steps.tell(stage="asked", draft=draft)
        steps.undo("take-back", scene.note, "take-back")
        answer = steps.wait("approval", 60)
        steps.tell(stage="decided")
        if not answer:
            return {"paid": False}
        steps.undo("return-money", scene.note, "return-money")
        return {"paid": steps.do("pay", scene.note, f"pay {given['amount']}")}

    return run


def test_it_waits_for_a_message_and_says_where_it_stands(scene: Scene) -> None:
    engine = scene.engine(refund(scene))
    run = engine.start("refund", "a", {"amount": 30})
    waiting = until(engine, run, State.WAITING)
    assert (waiting.name, waiting.version, waiting.given) == ("refund", 1, {"amount": 30})
    assert waiting.tells == {"stage": "asked", "draft": {"draft": 30}}
    engine.send(run, "approval", {"ok": True}, "first")
    done = until(engine, run, State.DONE)
    assert done.result == {"paid": "pay 30"} and done.tells["stage"] == "decided"
    assert scene.done == ["prepare", "pay 30"]


def test_messages_come_once_for_each_key_and_only_on_their_topic(scene: Scene) -> None:
    @workflow("listen")
    def listen(steps: Steps, given: Given) -> Given:
        steps.wait("start", 60)
        heard = [steps.wait("word", 60), steps.wait("word", 0), steps.wait("other", 0)]
        return {"heard": heard}

    engine = scene.engine(listen)
    run = engine.start("listen", "a", {})
    for _ in range(3):
        engine.send(run, "word", "yes", "one")
    engine.send(run, "start", True, "one")
    assert until(engine, run, State.DONE).result == {"heard": ["yes", None, None]}
    with pytest.raises(Conflict):
        engine.send(run, "word", "late", "two")
    with pytest.raises(NotFound):
        engine.send("run_none", "word", "late", "two")


def test_twenty_starts_of_one_key_are_one_run(scene: Scene) -> None:
    @workflow("once")
    def once(steps: Steps, given: Given) -> Given:
        return {"did": steps.do("it", scene.note, "it")}

    engines = [scene.engine(once), scene.engine(once, database=scene.again(), runs=False)]
    gate = threading.Barrier(20)

    def start(number: int) -> str:
        gate.wait()
        return engines[number % 2].start("once", "key", {"n": 1})

    with ThreadPoolExecutor(20) as pool:
        runs = set(pool.map(start, range(20)))
    assert len(runs) == 1
    assert until(engines[0], runs.pop(), State.DONE).result == {"did": "it"}
    assert len(engines[0].runs()) == 1 and scene.done == ["it"]
    with pytest.raises(Conflict):
        engines[0].start("once", "key", {"n": 2})


def test_a_start_and_a_message_belong_to_the_callers_transaction(scene: Scene) -> None:
    engine = scene.engine(refund(scene))
    with suppress(ZeroDivisionError), scene.database.write() as connection:
        lost = engine.start("refund", "lost", {"amount": 1}, within=connection)
        raise ZeroDivisionError
    with pytest.raises(NotFound):
        engine.run(lost)
    run = engine.start("refund", "kept", {"amount": 1})
    until(engine, run, State.WAITING)
    with suppress(ZeroDivisionError), scene.database.write() as connection:
        engine.send(run, "approval", True, "one", within=connection)
        raise ZeroDivisionError
    time.sleep(5 * POLL)
    assert engine.run(run).state is State.WAITING
    with scene.database.write() as connection:
        engine.send(run, "approval", True, "one", within=connection)
    assert until(engine, run, State.DONE).result == {"paid": "pay 1"}


def test_what_json_cannot_say_is_refused(scene: Scene) -> None:
    @workflow("values")
    def values(steps: Steps, given: Given) -> Given:
        first = steps.do("pair", lambda: (1, 2))
        assert first == [1, 2], "a result is the same when it is first there as when it is read again"
        return {"bad": steps.do("bad", lambda: given["kind"] == "nan" and float("nan"))}

    engine = scene.engine(values)
    for bad in ({"x": float("inf")}, {"x": {1, 2}}, {"x": 2**60}, {"x": b""}):
        with pytest.raises(BadInput):
            engine.start("values", "bad", bad)
    run = engine.start("values", "a", {"kind": "nan"})
    assert "canonical JSON" in until(engine, run, State.FAILED).why


def test_only_what_is_not_final_is_tried_again(scene: Scene) -> None:
    @workflow("attempts")
    def attempts(steps: Steps, given: Given) -> Given:
        def fail(error: type[MunimentError]) -> None:
            scene.note(error.__name__)
            if scene.done.count(error.__name__) < 3:
                raise error("Not now.")

        steps.do("later", fail, Unavailable, attempts=5, backoff=0.01)
        try:
            steps.do("never", fail, Denied, attempts=5, backoff=0.01)
        except Denied as error:
            return {"denied": error.public}
        return {}

    engine = scene.engine(attempts)
    run = engine.start("attempts", "a", {})
    assert until(engine, run, State.DONE).result == {"denied": "Not now."}
    assert scene.done == ["Unavailable"] * 3 + ["Denied"]


def test_a_failure_undoes_the_last_step_first(scene: Scene) -> None:
    @workflow("saga")
    def saga(steps: Steps, given: Given) -> Given:
        for name in ("one", "two", "three"):
            steps.undo(f"undo-{name}", scene.note, f"undo-{name}")
            steps.do(name, scene.note, name)
        steps.do("break", lambda: 1 // 0)
        return {}

    engine = scene.engine(saga)
    failed = until(engine, engine.start("saga", "a", {}), State.FAILED)
    assert scene.done == ["one", "two", "three", "undo-three", "undo-two", "undo-one"]
    assert "ZeroDivisionError" in failed.why and "integer" not in failed.why


def test_cancelling_ends_a_waiting_run_and_undoes_it(scene: Scene) -> None:
    engine = scene.engine(refund(scene))
    run = engine.start("refund", "a", {"amount": 3})
    until(engine, run, State.WAITING)
    engine.cancel(run)
    engine.cancel(run)
    assert engine.run(run).state is State.CANCELLED
    while engine.run(run).undoing is not State.DONE:
        time.sleep(0.01)
    assert scene.done == ["prepare", "take-back"]
    with pytest.raises(Conflict):
        engine.send(run, "approval", True, "late")


def test_cancelling_waits_for_the_step_under_way_before_it_undoes_it(scene: Scene) -> None:
    entered, go_on = threading.Event(), threading.Event()

    @workflow("slow")
    def slow(steps: Steps, given: Given) -> Given:
        def pay() -> None:
            entered.set()
            go_on.wait(10)
            scene.note("pay")

        steps.undo("return", scene.note, "return")
        steps.do("pay", pay)
        steps.do("never", scene.note, "never")
        return {}

    engine = scene.engine(slow)
    run = engine.start("slow", "a", {})
    assert entered.wait(10)
    engine.cancel(run)
    time.sleep(5 * POLL)
    assert scene.done == []
    go_on.set()
    while engine.run(run).undoing is not State.DONE:
        time.sleep(0.01)
    assert scene.done == ["pay", "return"]


def test_it_goes_on_in_the_next_process_that_has_the_turn(scene: Scene) -> None:
    first = scene.engine(refund(scene))
    second = scene.engine(refund(scene), database=scene.again(), runs=False)
    second.launch()
    run = second.start("refund", "a", {"amount": 5})
    until(second, run, State.WAITING)
    assert not second.is_running()
    first.close()
    assert second.is_running(10)
    second.send(run, "approval", True, "one")
    assert until(second, run, State.DONE).result == {"paid": "pay 5"}
    assert scene.done == ["prepare", "pay 5"]


def test_a_clock_that_jumps_fires_a_timer_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    @workflow("timer")
    def timer(steps: Steps, given: Given) -> Given:
        steps.sleep(until=datetime.now(UTC) + timedelta(hours=1))
        return {"rang": steps.do("ring", scene.note, "ring")}

    first = scene.engine(timer)
    run = first.start("timer", "a", {})
    until(first, run, State.WAITING)
    ahead[0] = -7200
    first.close()
    second = scene.engine(timer)
    time.sleep(10 * POLL)
    assert second.run(run).state is State.WAITING and scene.done == []
    second.close()
    ahead[0] = 7200
    third = scene.engine(timer)
    until(third, run, State.DONE)
    ahead[0] = 0
    third.close()
    fourth = scene.engine(timer)
    time.sleep(5 * POLL)
    assert fourth.run(run).state is State.DONE and scene.done == ["ring"]


def test_a_run_of_a_version_that_is_gone_stays_as_it_is(scene: Scene) -> None:
    def made(version: int) -> Definition:
        def run(steps: Steps, given: Given) -> Given:
            steps.wait("go", 60)
            return {"version": version}

        return Definition("change", version, run)

    old = scene.engine(made(1))
    run = old.start("change", "a", {})
    until(old, run, State.WAITING)
    old.close()
    new = scene.engine(made(2))
    new.send(run, "go", True, "one")
    assert new.start("change", "a", {}) == run
    time.sleep(5 * POLL)
    held = new.run(run)
    assert held.state is State.HELD and "change@1" in held.why
    for refused in (new.resume, new.cancel):
        with pytest.raises(Conflict):
            refused(run)
    new.close()
    both = scene.engine(made(1), made(2))
    assert until(both, run, State.DONE).result == {"version": 1}
    again = both.start("change", "b", {})
    both.send(again, "go", True, "one")
    assert until(both, again, State.DONE).result == {"version": 2}


def test_code_that_does_something_else_under_the_same_version_ends_the_run(scene: Scene) -> None:
    def made(step: str) -> Definition:
        def run(steps: Steps, given: Given) -> Given:
            steps.undo("undo", scene.note, "undo")
            steps.do(step, scene.note, step)
            steps.wait("go", 60)
            return {}

        return Definition("drift", 1, run)

    first = scene.engine(made("one"))
    run = first.start("drift", "a", {})
    until(first, run, State.WAITING)
    first.close()
    assert "new version" in until(scene.engine(made("two")), run, State.FAILED).why
    assert scene.done == ["one"]


def test_a_copy_of_a_home_does_nothing_until_it_is_told_to(scene: Scene) -> None:
    first = scene.engine(refund(scene))
    run, other = (first.start("refund", key, {"amount": 5}) for key in ("a", "b"))
    until(first, run, State.WAITING), until(first, other, State.WAITING)
    first.send(run, "approval", True, "one")
    until(first, run, State.DONE)
    first.close()
    scene.place.unlink()
    copy = scene.engine(refund(scene))
    copy.send(other, "approval", True, "one")
    time.sleep(10 * POLL)
    held = copy.run(other)
    assert held.state is State.HELD and "copy" in held.why and copy.run(run).state is State.DONE
    assert [each.id for each in copy.runs(state=State.HELD)] == [other]
    copy.close()
    again = scene.engine(refund(scene))
    assert again.run(other).state is State.HELD
    again.resume(other)
    assert until(again, other, State.DONE).result == {"paid": "pay 5"}
    with pytest.raises(Conflict):
        again.resume(other)


def test_a_pickle_in_the_database_is_not_read(scene: Scene, tmp_path: Path) -> None:
    import base64

    proof = tmp_path / "executed"
    payload = base64.b64encode(f"cos\nsystem\n(S'touch {proof}'\ntR.".encode()).decode()
    engine = scene.engine(refund(scene))
    runs = [engine.start("refund", key, {"amount": 5}) for key in ("step", "message", "input")]
    for run in runs:
        until(engine, run, State.WAITING)
    engine.close()
    tell = {"payload": payload, "kind": "py_pickle"}
    execute(
        scene,
        "UPDATE {}operation_outputs SET output = :payload, serialization = :kind"
        " WHERE function_name = 'prepare' AND workflow_uuid = :run",
        run=runs[0],
        **tell,
    )
    execute(
        scene,
        "UPDATE {}workflow_input SET inputs = :payload WHERE workflow_uuid = :run",
        run=runs[2],
        payload=payload,
    )
    execute(
        scene,
        "UPDATE {}workflow_status SET serialization = :kind WHERE workflow_uuid = :run",
        run=runs[2],
        kind="py_pickle",
    )
    engine = scene.engine(refund(scene))
    engine.send(runs[1], "approval", True, "one")
    execute(
        scene,
        "UPDATE {}notifications SET message = :payload, serialization = :kind WHERE consumed = FALSE",
        **tell,
    )
    limit = time.monotonic() + 3
    while time.monotonic() < limit and not proof.exists():
        time.sleep(0.1)
        with suppress(MunimentError):
            if engine.run(runs[0]).state is State.FAILED:
                break
    for run in runs:
        with suppress(MunimentError):
            engine.run(run)
    assert not proof.exists()


def test_the_pickle_of_that_test_would_run_if_it_were_read(tmp_path: Path) -> None:
    import pickle

    proof = tmp_path / "executed"
    pickle.loads(f"cos\nsystem\n(S'touch {proof}'\ntR.".encode())
    assert proof.exists()


def test_while_the_key_is_gone_nothing_runs_and_nothing_fails(scene: Scene) -> None:
    gone = threading.Event()

    def check() -> None:
        if gone.is_set():
            raise Unavailable("The key is switched off.")

    def pay(steps: Steps, given: Given) -> Given:
        steps.wait("go", 60)
        return {"did": [steps.do("one", scene.note, "one"), steps.do("two", take_the_key)]}

    def take_the_key() -> str:
        if "two" not in scene.done:
            gone.set()
        return scene.note("two")

    engine = scene.engine(Definition("pay", 1, pay), database=LeasedDatabase(scene.database, check))
    run = engine.start("pay", "a", {})
    until(engine, run, State.WAITING)
    engine.send(run, "go", True, "one")
    assert gone.wait(10)
    time.sleep(10 * POLL)
    for refused in (lambda: engine.run(run), lambda: engine.start("pay", "b", {}), engine.runs):
        with pytest.raises(Unavailable):
            refused()
    gone.clear()
    assert until(engine, run, State.DONE).result == {"did": ["one", "two"]}


def test_runs_are_listed_by_name_and_state_the_youngest_first(scene: Scene) -> None:
    @workflow("other")
    def other(steps: Steps, given: Given) -> Given:
        return {}

    engine = scene.engine(refund(scene), other)
    waiting = [engine.start("refund", str(n), {"amount": n}) for n in range(3)]
    done = engine.start("other", "a", {})
    until(engine, done, State.DONE)
    for run in waiting:
        until(engine, run, State.WAITING)
    engine.cancel(waiting[0])
    assert {each.id for each in engine.runs("refund")} == set(waiting)
    assert {each.id for each in engine.runs(state=State.WAITING)} == set(waiting[1:])
    assert engine.runs(state=State.WAITING, most=1) and not engine.runs(state=State.RUNNING)
    assert not engine.runs(state=State.HELD)
    assert len(scene.engine(other, runs=False).runs(state=State.HELD)) == 2
    assert [each.id for each in engine.runs(state=State.DONE)] == [done]
    assert [each.id for each in engine.runs(state=State.CANCELLED)] == [waiting[0]]
    assert len(engine.runs(most=2)) == 2
    with pytest.raises(BadInput):
        engine.runs(most=10**6)


def test_who_loses_the_turn_stops_and_what_it_still_does_is_not_recorded(scene: Scene) -> None:
    if not isinstance(scene.database, PostgresDatabase):
        pytest.skip("the lock of a file ends with its process alone")
    entered, go_on = threading.Event(), threading.Event()

    def made(who: str) -> Definition:
        def run(steps: Steps, given: Given) -> Given:
            def one() -> str:
                if who == "first":
                    entered.set()
                    go_on.wait(20)
                return scene.note(who)

            return {"by": [steps.do("one", one), steps.do("two", scene.note, f"{who} two")]}

        return Definition("fenced", 1, run)

    first = scene.engine(made("first"))
    run = first.start("fenced", "a", {})
    assert entered.wait(10)
    heir = scene.engine(made("heir"), database=scene.again(), runs=False)
    heir.launch()
    assert not heir.is_running(5 * POLL)
    execute(
        scene,
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND a.state = 'idle in transaction' AND a.datname = current_database()",
    )
    assert heir.is_running(10)
    assert not first.is_running()
    assert until(heir, run, State.DONE).result == {"by": ["heir", "heir two"]}
    go_on.set()
    time.sleep(10 * POLL)
    assert heir.run(run).result == {"by": ["heir", "heir two"]}
    assert "first two" not in scene.done


def test_takeover_holds_waiting_against_no_run(scene: Scene) -> None:
    run = ""
    for _ in range(takeover.ATTEMPTS + 3):
        engine = scene.engine(refund(scene))
        run = engine.start("refund", "a", {"amount": 1})
        until(engine, run, State.WAITING)
        time.sleep(3 * POLL)
        engine.close()
    engine = scene.engine(refund(scene))
    engine.send(run, "approval", True, "one")
    assert until(engine, run, State.DONE).result == {"paid": "pay 1"}
