"""AZ5: rights are read when passages are found and again when each claim is given; a stream stops where they end."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.worlds import File, World, memory_folder, readable_by

from muniment import app
from muniment.assistant.values import NOTHING_FOUND, WITHDRAWN, Claim, Finished, Started
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Denied, NotFound
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.inference.gateway import Call
from muniment.inference.messages import Draft, Mark, Usage

BOB = Principal("user", "bob")
BY = Actor("user:bob", "python")
QUESTION = "What does the ferry cost?"
COMPANY = (
    '[users.bob]\ngroups = ["crew"]\n[users.eve]\n[groups.crew]\nmembers_of = ["fleet"]\n[groups.fleet]\n'
)
SENTENCES = [f"The ferry to island number {n} costs {n}00 crowns." for n in range(1, 7)]
SEEDS = 20
PROVE_SEEDS = 2_000

Revoke = Callable[[World], object]


class Reciting:
    """A gateway whose model recites the passages it was given, and lets something happen before each draft."""

    def __init__(self, gateway: Any, between: Callable[[int], None] = lambda _: None) -> None:
        self._gateway = gateway
        self._between = between

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def complete(self, _standing: Any, _by: Any, endpoint: Any, request: Any) -> Call:
        return Call(endpoint, lambda _: self._recited(request))

    def _recited(self, request: Any) -> Generator[Any]:
        for at, passage in enumerate(request.passages):
            self._between(at)
            yield Draft(passage.text, (Mark(passage.n, passage.text),))
        self._between(len(request.passages))
        yield Usage()


@pytest.fixture
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        app.create(folder / "template", clock=FixedClock(), ids=SeededIds(1)).close()
        yield folder / "template"


@pytest.fixture
def world(template: Path) -> Iterator[World]:
    made = fresh(template, "home")
    yield made
    made.close()


def fresh(template: Path, name: str) -> World:
    world = World.copy(template, template.parent / name)
    world.directory(COMPANY)
    world.put([File(f"{n}.txt", text, readable_by("group:fleet")) for n, text in enumerate(SENTENCES)])
    return world


def recite(world: World, between: Callable[[int], None] = lambda _: None) -> None:
    world.workspace.__dict__["gateway"] = Reciting(world.gateway, between)
    world.workspace.__dict__.pop("assistant", None)


def paths_cited(world: World, claim: Claim) -> set[str]:
    from muniment.knowledge import library

    with world.workspace.database.read() as connection:
        return {
            row.path
            for row in library.documents(connection)
            if row.id in {citation.document for citation in claim.citations}
        }


REVOCATIONS: dict[str, Revoke] = {
    "denied by name": lambda w: w.workspace.access.set("files", ["group:fleet"], ["user:bob"], OPERATOR),
    "list emptied": lambda w: w.workspace.access.set("files", [], [], OPERATOR),
    "taken out of the group": lambda w: w.workspace.directory.remove_member("crew", "bob", OPERATOR),
    "group taken out of its group": lambda w: w.workspace.directory.remove_member(
        "fleet", "group:crew", OPERATOR
    ),
    "account switched off": lambda w: w.directory(
        COMPANY.replace("[users.bob]", "[users.bob]\nactive = false")
    ),
    "account removed": lambda w: w.directory("[users.eve]"),
    "documents removed": lambda w: [w.remove(f"{n}.txt") for n in range(len(SENTENCES))],
}


@pytest.mark.parametrize("how", REVOCATIONS)
def test_a_stream_stops_before_the_next_claim_after_a_revocation(world: World, how: str) -> None:
    recite(world)
    stream = world.workspace.assistant.stream(BOB, QUESTION, BY)
    assert isinstance(next(stream), Started)
    first = next(stream)
    assert isinstance(first, Claim)
    REVOCATIONS[how](world)
    rest = list(stream)
    assert [type(event) for event in rest] == [Finished]
    answer = rest[0].answer  # type: ignore[union-attr]
    assert answer.status == "refused"
    assert answer.citations == ()
    assert "crowns" not in str(answer.as_json())
    assert WITHDRAWN in answer.notes


@pytest.mark.parametrize("how", REVOCATIONS)
def test_rights_that_end_between_finding_and_giving_give_nothing(world: World, how: str) -> None:
    recite(world, lambda at: REVOCATIONS[how](world) if at == 0 else None)
    events = list(world.workspace.assistant.stream(BOB, QUESTION, BY))
    assert [type(event) for event in events] == [Started, Finished]
    assert "crowns" not in str(events[-1].answer.as_json())  # type: ignore[union-attr]


@pytest.mark.parametrize("how", REVOCATIONS)
def test_rights_that_end_while_the_claim_is_recorded_give_nothing(world: World, how: str) -> None:
    recite(world)
    log = world.workspace.audit
    record, done = log.record, []

    def recorded(entries: Sequence[Entry]) -> object:
        found = record(entries)
        if not done and any(entry.kind == "answer.claim" for entry in entries):
            done.append(REVOCATIONS[how](world))
        return found

    log.record = recorded  # type: ignore[method-assign, assignment]
    events = list(world.workspace.assistant.stream(BOB, QUESTION, BY))
    assert done
    assert not [event for event in events if isinstance(event, Claim)]
    assert "crowns" not in str(events[-1].answer.as_json())  # type: ignore[union-attr]


def test_rights_that_end_after_the_last_claim_are_felt_by_the_whole_answer(world: World) -> None:
    recite(world, lambda at: REVOCATIONS["list emptied"](world) if at == len(SENTENCES) else None)
    answer = world.workspace.ask(QUESTION, BOB)
    assert (answer.status, answer.citations) == ("refused", ())
    assert "crowns" not in str(answer.as_json())


def test_an_answer_read_again_is_judged_by_the_rights_of_that_moment(world: World) -> None:
    recite(world)
    workspace = world.workspace
    answer = workspace.ask(QUESTION, BOB)
    assert answer.status == "answered" and len(answer.citations) == len(SENTENCES)
    world.set_access("2.txt", readable_by("group:fleet", deny=["user:bob"]))
    explained = workspace.lineage.explain(BOB, answer.id).as_json()
    assert "300 crowns" not in str(explained) and "400 crowns" in str(explained)
    assert explained["withheld"] == 1
    workspace.directory.remove_member("crew", "bob", OPERATOR)
    assert "crowns" not in str(workspace.lineage.explain(BOB, answer.id).as_json())
    with pytest.raises(NotFound):
        workspace.lineage.explain(Principal("user", "eve"), answer.id)
    world.directory("[users.eve]")
    with pytest.raises(Denied):
        workspace.lineage.explain(BOB, answer.id)


def test_a_document_that_changed_since_it_was_found_is_not_quoted(world: World) -> None:
    def rewrite(at: int) -> None:
        if at == 0:
            files = [
                File(f"{n}.txt", "Withdrawn.", readable_by("group:fleet")) for n in range(len(SENTENCES))
            ]
            world.put(files)

    recite(world, rewrite)
    assert "crowns" not in str(world.workspace.ask(QUESTION, BOB).as_json())


def test_the_built_in_model_too_stops_at_a_revocation(world: World) -> None:
    stream = world.workspace.assistant.stream(BOB, QUESTION, BY)
    events = [next(stream), next(stream)]
    assert isinstance(events[1], Claim)
    REVOCATIONS["taken out of the group"](world)
    assert not [event for event in stream if isinstance(event, Claim)]
    assert world.workspace.ask(QUESTION, BOB).answer == NOTHING_FOUND


def single_documents(template: Path, seeds: range) -> None:
    """Revoke single documents at random moments of a stream: none is given after its own revocation."""
    for seed in seeds:
        chance = random.Random(seed)
        world = fresh(template, f"home-{seed}")
        revoked: set[str] = set()

        def between(_: int, world: World = world, revoked: set[str] = revoked, chance: Any = chance) -> None:
            while chance.random() < 0.3 and len(revoked) < len(SENTENCES):
                path = chance.choice([f"{n}.txt" for n in range(len(SENTENCES)) if f"{n}.txt" not in revoked])
                world.set_access(path, readable_by("group:fleet", deny=["user:bob"]))
                revoked.add(path)

        recite(world, between)
        for event in world.workspace.assistant.stream(BOB, QUESTION, BY):
            if isinstance(event, Claim):
                assert not paths_cited(world, event) & revoked, seed
            if isinstance(event, Finished):
                shown = str(event.answer.as_json())
                assert not [p for p in revoked if SENTENCES[int(p[0])] in shown], seed
        world.close()
        shutil.rmtree(world.workspace.home)


def test_no_document_is_quoted_after_its_own_revocation(template: Path) -> None:
    single_documents(template, range(SEEDS))


@pytest.mark.prove
def test_no_document_is_quoted_after_its_own_revocation_in_thousands_of_streams(template: Path) -> None:
    single_documents(template, range(10_000, 10_000 + PROVE_SEEDS))
