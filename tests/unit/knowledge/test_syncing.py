"""The engine that mirrors sources: what it does where a source, or this machine, fails in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.simulators.sources.memory_source import KIND, MemoryScene

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import Content, Item, Throttled
from muniment.knowledge.syncing import patience
from muniment.knowledge.syncing.tables import source_connection


def _at_once(_seconds: float) -> None:
    return


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryScene]:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    monkeypatch.setattr(patience.time, "sleep", _at_once)
    made = MemoryScene()
    yield made
    made.close()


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], scene: MemoryScene) -> Workspace:
    made = make_workspace(clock=FixedClock())
    made.sources.add("wiki", KIND.name, scene.settings, OPERATOR)
    return made


def fill(scene: MemoryScene, count: int = 5) -> None:
    for number in range(count):
        scene.put(f"files/{number}.md", f"Quince number{number} in the orchard.\n")
        scene.allow(f"files/{number}.md", ["alice"])


def sync(workspace: Workspace) -> None:
    workspace.sources.sync_access("wiki", OPERATOR)
    workspace.sources.sync_content("wiki", OPERATOR)


def found(workspace: Workspace, who: str = "alice", words: str = "quince orchard") -> int:
    return len({one.document for one in workspace.search(words, as_=who, k=50).passages})


def test_what_comes_twice_is_stored_once(workspace: Workspace, scene: MemoryScene) -> None:
    fill(scene)
    scene.world.twice = True
    sync(workspace)
    assert found(workspace) == 5


def test_a_feed_whose_cursor_is_lost_begins_anew_and_loses_nothing(
    workspace: Workspace, scene: MemoryScene
) -> None:
    fill(scene)
    sync(workspace)
    scene.remove("files/0.md")
    scene.world.gone.clear()  # The source does not tell of it: only a whole pass finds out.
    scene.world.lost_cursors = 1
    sync(workspace)
    assert found(workspace) == 4


def test_what_was_read_before_is_given_to_nobody_new_until_it_is_read_again(
    workspace: Workspace, scene: MemoryScene
) -> None:
    scene.world.tells_revisions = True
    fill(scene, 2)
    sync(workspace)
    for path in ("files/0.md", "files/1.md"):
        scene.put(path, "Quince, rewritten.\n")
    scene.allow("files/0.md", ["bob"])
    workspace.sources.sync_access("wiki", OPERATOR)
    assert (found(workspace, "bob"), found(workspace, "alice")) == (0, 1)
    sync(workspace)
    workspace.sources.sync_access("wiki", OPERATOR)
    assert (found(workspace, "bob"), found(workspace, "alice")) == (1, 1)


def test_who_may_read_on_reads_what_was_read_before(workspace: Workspace, scene: MemoryScene) -> None:
    scene.world.tells_revisions = True
    fill(scene, 1)
    scene.allow("files/0.md", ["alice", "bob"])
    sync(workspace)
    scene.put("files/0.md", "Quince, rewritten.\n")
    scene.allow("files/0.md", ["bob"])
    workspace.sources.sync_access("wiki", OPERATOR)
    assert (found(workspace, "bob"), found(workspace, "alice")) == (1, 0)


@pytest.mark.parametrize("what", ["people", "access"])
def test_a_pass_over_access_that_fails_renews_no_lease(
    workspace: Workspace, scene: MemoryScene, what: str
) -> None:
    fill(scene, 8)
    sync(workspace)
    before = workspace.sources.standing("wiki").lease
    assert isinstance(workspace.clock, FixedClock)
    workspace.clock.advance(seconds=60)
    scene.world.throttled = 0
    scene.world.fails = what
    monkey = patience.TRIES
    try:
        patience.TRIES = 1
        with pytest.raises(Throttled):
            workspace.sources.sync_access("wiki", OPERATOR)
    finally:
        patience.TRIES = monkey
    assert workspace.sources.standing("wiki").lease == before
    assert workspace.sources.standing("wiki").connected.access.problem
    workspace.sources.sync_access("wiki", OPERATOR)
    assert workspace.sources.standing("wiki").lease != before


def test_a_revocation_holds_while_content_is_still_being_read(
    workspace: Workspace, scene: MemoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(scene)
    sync(workspace)
    scene.put("files/slow.md", "Quince that takes long.\n")
    scene.allow("files/slow.md", ["alice"])
    asked, go_on = [], []
    from tests.simulators.sources import memory_source

    whole = memory_source.Memory.fetch

    def slow(self: memory_source.Memory, item: object) -> object:
        asked.append(item)
        while not go_on:
            time.sleep(0)
        return whole(self, item)  # type: ignore[arg-type]

    monkeypatch.setattr(memory_source.Memory, "fetch", slow)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(workspace.sources.sync_content, "wiki", OPERATOR)
        try:
            while not asked:
                time.sleep(0)
            scene.allow("files/0.md", ["bob"])
            scene.allow("files/slow.md", ["bob"])
            workspace.sources.sync_access("wiki", OPERATOR)
            assert found(workspace) == 4
        finally:
            go_on.append(True)
        reading.result(30)
    assert found(workspace, "alice") == 4
    assert found(workspace, "bob") == 2


def test_accounts_that_two_people_could_be_are_nobody(workspace: Workspace, scene: MemoryScene) -> None:
    from muniment.knowledge.sources.connector import Account, People
    from muniment.knowledge.sources.source_settings import SourceSettings
    from muniment.knowledge.syncing.people import known

    twice = People([Account("1", "alice"), Account("2", "alice"), Account("3", "bob", guest=True)])
    assert known([twice], SourceSettings()).principals == {}
    stated = SourceSettings(accounts={"2": "alice", "3": "bob"})
    assert known([twice], stated).principals == {"2": "user:alice", "3": "user:bob"}


def test_who_may_read_a_connected_source_is_not_set_by_hand(workspace: Workspace, scene: MemoryScene) -> None:
    fill(scene)
    sync(workspace)
    with pytest.raises(BadInput, match="decided where its documents come from"):
        workspace.access.set("wiki/files", ["user:bob"], [], OPERATOR)


def test_a_name_that_is_taken_connects_nothing_else(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "by-hand")
    with pytest.raises(Conflict):
        workspace.sources.add("by-hand", KIND.name, {"root": "x"}, OPERATOR)
    with pytest.raises(Conflict):
        workspace.ingest(folder, "wiki")
    with pytest.raises(BadInput):
        workspace.sources.add("a:b", KIND.name, {"root": "x"}, OPERATOR)


def test_a_paused_source_is_withheld_when_its_lease_ends(workspace: Workspace, scene: MemoryScene) -> None:
    fill(scene)
    sync(workspace)
    workspace.sources.pause("wiki", OPERATOR)
    assert found(workspace) == 5
    assert isinstance(workspace.clock, FixedClock)
    workspace.clock.advance(seconds=901)
    workspace.feeding.alarm()
    workspace.feeding.alarm()
    assert found(workspace) == 0
    assert len([one for one in workspace.audit.tail(99) if one.kind == "source.withheld"]) == 1
    workspace.sources.resume("wiki", OPERATOR)
    workspace.sources.sync_access("wiki", OPERATOR)
    assert found(workspace) == 5
    assert len([one for one in workspace.audit.tail(99) if one.kind == "source.served_again"]) == 1


def test_a_document_found_in_another_scope_than_is_known_is_nobodys_for_now(
    workspace: Workspace, scene: MemoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from tests.simulators.sources import memory_source

    fill(scene, 2)
    whole = memory_source.Memory.fetch

    def elsewhere(self: memory_source.Memory, item: Item) -> Content:
        return replace(whole(self, item), scope="elsewhere")

    monkeypatch.setattr(memory_source.Memory, "fetch", elsewhere)
    sync(workspace)
    assert found(workspace) == 0
    workspace.sources.sync_access("wiki", OPERATOR)
    assert found(workspace) == 2


def test_settings_that_are_changed_during_a_pass_end_it(workspace: Workspace, scene: MemoryScene) -> None:
    """What the old settings let in must not outlive them: bob's account is taken from bob in the middle."""
    for number in range(8):
        scene.put(f"files/{number}.md", f"Quince number{number} of the orchard.\n")
        scene.allow(f"files/{number}.md", ["bob"])
    sync(workspace)
    assert found(workspace, "bob") == 8
    stricter = {**scene.settings, "accounts": {"bob": "nobody-here"}}

    def change(_report: object) -> None:
        workspace.sources.add("wiki", KIND.name, stricter, OPERATOR)
        assert found(workspace, "bob") == 0

    with pytest.raises(Conflict, match="settings"):
        workspace.sources.sync_access("wiki", OPERATOR, change)
    assert found(workspace, "bob") == 0
    assert workspace.sources.standing("wiki").lease is None
    workspace.sources.sync_access("wiki", OPERATOR)
    assert workspace.sources.standing("wiki").served
    assert found(workspace, "bob") == 0


def test_settings_that_lead_elsewhere_leave_nothing_of_the_former_place(
    workspace: Workspace, scene: MemoryScene
) -> None:
    """The other place has an item of the same id and revision, and lets others read it."""
    scene.put("files/0.md", "Quince of the first orchard.\n")
    scene.allow("files/0.md", ["alice"])
    sync(workspace)
    other = MemoryScene()
    other.put("files/0.md", "Medlar of the second orchard.\n")
    other.allow("files/0.md", ["bob"])
    workspace.sources.add("wiki", KIND.name, other.settings, OPERATOR)
    workspace.sources.sync_access("wiki", OPERATOR)
    assert found(workspace, "bob") == found(workspace, "alice") == 0
    workspace.sources.sync_content("wiki", OPERATOR)
    workspace.sources.sync_access("wiki", OPERATOR)
    assert (found(workspace, "bob", "medlar"), found(workspace, "alice")) == (1, 0)
    assert found(workspace, "bob", "quince") == 0


def test_content_read_with_former_settings_is_not_stored(
    workspace: Workspace, scene: MemoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.simulators.sources import memory_source

    fill(scene, 2)
    workspace.sources.sync_access("wiki", OPERATOR)
    whole, moved = memory_source.Memory.fetch, {**scene.settings, "accounts": {}}

    def changing(self: memory_source.Memory, item: Item) -> Content:
        workspace.sources.add("wiki", KIND.name, moved, OPERATOR)
        return whole(self, item)

    monkeypatch.setattr(memory_source.Memory, "fetch", changing)
    with pytest.raises(Conflict):
        workspace.sources.sync_content("wiki", OPERATOR)
    monkeypatch.undo()
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    assert workspace.sources.standing("wiki").items["waiting"] == 2
    sync(workspace)
    assert found(workspace) == 2


def test_a_schedule_alone_is_changed_without_withholding_anything(
    workspace: Workspace, scene: MemoryScene
) -> None:
    fill(scene)
    sync(workspace)
    workspace.sources.add("wiki", KIND.name, {**scene.settings, "access_seconds": 5}, OPERATOR)
    assert found(workspace) == 5


def test_a_pass_begins_anew_when_the_clock_was_set_back_in_its_middle(
    workspace: Workspace, scene: MemoryScene
) -> None:
    fill(scene, 8)
    sync(workspace)
    assert isinstance(workspace.clock, FixedClock)

    class Killed(BaseException):
        pass

    def kill(_report: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        workspace.sources.sync_access("wiki", OPERATOR, kill)
    workspace.clock.advance(seconds=-3600)
    assert found(workspace) == 0
    scene.allow("files/0.md", [])
    scene.allow("files/7.md", [])
    workspace.sources.sync_access("wiki", OPERATOR)
    assert found(workspace) == 6
    lease = workspace.sources.standing("wiki").lease
    assert lease is not None and lease.as_of == workspace.clock.now().timestamp()


def test_a_pass_that_goes_on_vouches_from_when_it_began(workspace: Workspace, scene: MemoryScene) -> None:
    fill(scene, 8)
    sync(workspace)
    assert isinstance(workspace.clock, FixedClock)
    began = workspace.clock.now().timestamp()

    class Killed(BaseException):
        pass

    def kill(_report: object) -> None:
        raise Killed

    scene.world.lost_cursors = 0
    with pytest.raises(Killed):
        workspace.sources.sync_access("wiki", OPERATOR, kill)
    workspace.clock.advance(seconds=600)
    workspace.sources.sync_access("wiki", OPERATOR)
    lease = workspace.sources.standing("wiki").lease
    assert lease is not None and lease.as_of == began


def test_a_source_whose_settings_cannot_be_read_holds_up_no_other(
    workspace: Workspace, scene: MemoryScene
) -> None:
    fill(scene)
    names = ("damaged", "strange", "unknown")
    for name in names:
        workspace.sources.add(name, KIND.name, scene.settings, OPERATOR)
    with workspace.database.write() as connection:
        for name, said in zip(names, ("{", '{"colour": "red"}', "[]"), strict=True):
            here = source_connection.c.source == name
            connection.execute(sa.update(source_connection).where(here).values(settings=said))
    assert {one.connected.name for one in workspace.sources.listing()} == {*names, "wiki"}
    with ThreadPoolExecutor(2) as access, ThreadPoolExecutor(1) as content:
        workspace.feeding.look(access, content)
    with ThreadPoolExecutor(2) as access, ThreadPoolExecutor(1) as content:
        workspace.feeding.look(access, content)
    assert found(workspace) == 5
    for name in names:
        assert workspace.sources.standing(name).connected.access.problem
        workspace.sources.add(name, KIND.name, scene.settings, OPERATOR)
        workspace.sources.sync_access(name, OPERATOR)


def test_a_removal_that_was_cut_short_is_finished_by_whoever_serves(
    workspace: Workspace, scene: MemoryScene
) -> None:
    fill(scene)
    sync(workspace)

    def kill(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        workspace.sources.remove("wiki", OPERATOR, kill)
    with ThreadPoolExecutor(2) as access, ThreadPoolExecutor(1) as content:
        workspace.feeding.look(access, content)
    assert workspace.sources.leaving() == []
    assert workspace.sources.listing() == []


def test_what_another_process_read_lately_is_read_again_only_when_the_source_calls(
    workspace: Workspace, scene: MemoryScene
) -> None:
    fill(scene)
    sync(workspace)
    scene.world.asked.clear()
    with ThreadPoolExecutor(2) as access, ThreadPoolExecutor(1) as content:
        workspace.feeding.look(access, content)
    assert scene.world.asked == []
    workspace.sources.notice("wiki", {"x-secret": "right"}, {}, b"")
    with ThreadPoolExecutor(2) as access, ThreadPoolExecutor(1) as content:
        workspace.feeding.look(access, content)
    assert {"people", "changes"} <= set(scene.world.asked)


def test_what_was_read_at_another_revision_than_was_listed_is_read_again(
    workspace: Workspace, scene: MemoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from tests.simulators.sources import memory_source

    fill(scene, 2)
    whole = memory_source.Memory.fetch

    def later(self: memory_source.Memory, item: Item) -> Content:
        return replace(whole(self, item), revision="later")

    with monkeypatch.context() as patched:
        patched.setattr(memory_source.Memory, "fetch", later)
        sync(workspace)
    assert workspace.sources.standing("wiki").items == {"waiting": 2}
    sync(workspace)
    assert workspace.sources.standing("wiki").items == {"stored": 2}
