"""Google Drive, as it is read: against a simulator of its public API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulators.sources.drive_scene import address, settings_for
from tests.simulators.sources.drive_server import ADMIN, DOMAIN, DRIVE, HOME, DriveServer, Grant, World
from tests.unit.knowledge.sources.reading import Reading, connected

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import CursorLost, Gone, Item, Throttled, Unreadable

ALICE, BOB, GINA = address("alice"), address("bob"), address("gina")


@pytest.fixture(scope="module")
def server() -> Iterator[DriveServer]:
    made = DriveServer()
    yield made
    made.close()


@pytest.fixture
def world(server: DriveServer) -> World:
    server.renew()
    server.world.users |= {ALICE: False, BOB: False, ADMIN: False}
    return server.world


def reading(server: DriveServer, place: Path, clock: FixedClock | None = None, **more: object) -> Reading:
    """Return a connection whose accounts are users here by their address."""
    settings = {**settings_for(server, place), "match": "email", "accounts": {GINA: "gina"}, **more}
    return Reading(connected("drive", settings, place, clock))


def test_a_folder_with_limited_access_takes_no_readers_from_above(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    inner = world.make("open/inner/a.md", "x")
    world.nodes[DRIVE].grants.append(Grant("user", ALICE))
    folder = world.find("open/inner")
    assert folder is not None
    folder.limited, folder.grants = True, [Grant("user", BOB)]
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(inner.id) == {BOB, ADMIN}
    assert not world.reads(ALICE, inner)
    folder.limited = False
    world.touch(folder)
    drive.access()
    assert drive.readers(inner.id) == {ALICE, BOB, ADMIN}


def test_a_limited_folder_without_word_on_what_is_inherited_lets_in_only_who_is_above_limits(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    node = world.make("in/a.md", "x")
    folder = world.find("in")
    assert folder is not None
    folder.limited = True
    said = {"type": "user", "emailAddress": ALICE, "role": "writer"}
    world.faults[f"{folder.id}/permissions"] = {"permissions": [said]}
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(node.id) == set()


@pytest.mark.parametrize(
    "said",
    [
        {"type": "robot", "role": "reader"},
        {"type": "user", "emailAddress": BOB, "role": "peeker"},
        {"type": "user", "emailAddress": BOB, "role": "reader", "onlyOnMondays": True},
        {"type": "user", "emailAddress": BOB, "role": "reader", "view": "blurred"},
        {"type": "domain", "domain": DOMAIN, "role": "reader", "allowFileDiscovery": "yes"},
        {"type": "user", "emailAddress": BOB, "role": "reader", "expirationTime": "soon"},
        {"type": "user", "emailAddress": BOB, "role": "reader", "deleted": "perhaps"},
    ],
)
def test_a_permission_that_is_not_understood_shuts_the_file(
    server: DriveServer, world: World, tmp_path: Path, said: dict[str, object]
) -> None:
    node = world.make("a.md", "x")
    node.grants = [Grant("user", ALICE)]
    world.faults[f"{node.id}/permissions"] = {
        "permissions": [{"type": "user", "emailAddress": ALICE, "role": "reader"}, said]
    }
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(node.id) == set()


def test_permissions_that_are_not_ours_to_see_shut_the_file(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    node = world.make("a.md", "x")
    node.grants = [Grant("user", ALICE)]
    world.faults[f"{node.id}/permissions"] = (403, {"error": {}})
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(node.id) == set()


@pytest.mark.parametrize(
    ("grant", "who"),
    [
        (Grant("anyone", found=False), set[str]()),
        (Grant("domain", DOMAIN, found=False), set[str]()),
        (Grant("domain", "other.example"), set[str]()),
        (Grant("anyone"), {ALICE, BOB}),
        (Grant("domain", DOMAIN), {ALICE, BOB}),
        (Grant("user", ALICE, until="2020-01-01T00:00:00Z"), set[str]()),
        (Grant("user", ALICE, extra={"deleted": True}), set[str]()),
        (Grant("user", ALICE, extra={"view": "published"}), set[str]()),
        (Grant("user", GINA), {"gina"}),
        (Grant("group", address("all")), {ALICE, BOB, "gina"}),
    ],
)
def test_a_grant_lets_in_those_whom_it_names_and_no_link_by_itself(
    server: DriveServer, world: World, tmp_path: Path, grant: Grant, who: set[str]
) -> None:
    world.groups = {address("all"): [address("inner")], address("inner"): ["*", GINA, address("all")]}
    node = world.make("a.md", "x")
    node.grants = [grant]
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(node.id) - {ADMIN} == who


def test_a_suspended_account_reads_nothing(server: DriveServer, world: World, tmp_path: Path) -> None:
    node = world.make("a.md", "x")
    node.grants = [Grant("user", ALICE), Grant("user", BOB)]
    world.users[BOB] = True
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(node.id) == {ALICE, ADMIN}


@pytest.mark.parametrize(
    ("restriction", "who"),
    [("domainUsersOnly", {ALICE}), ("driveMembersOnly", set[str]()), ("newestRule", set[str]())],
)
def test_what_a_shared_drive_restricts_holds_for_its_files(
    server: DriveServer, world: World, tmp_path: Path, restriction: str, who: set[str]
) -> None:
    node = world.make("a.md", "x")
    node.grants = [Grant("user", ALICE), Grant("user", GINA)]
    drive = reading(server, tmp_path)
    drive.access()
    assert drive.readers(node.id) - {ADMIN} == {ALICE, "gina"}
    world.restrictions = {restriction: True, "copyRequiresWriterPermission": True}
    drive.access()
    assert drive.readers(node.id) - {ADMIN} == who


def test_a_new_member_of_a_shared_drive_is_felt_though_its_feed_is_silent(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    node = world.make("a.md", "x")
    drive = reading(server, tmp_path)
    drive.access()
    world.nodes[DRIVE].grants.append(Grant("user", ALICE))
    drive.access()
    assert drive.readers(node.id) == {ALICE, ADMIN}
    world.nodes[DRIVE].grants.pop()
    drive.access()
    assert drive.readers(node.id) == {ADMIN}


def test_a_grant_that_ends_by_itself_is_over_when_it_ends(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    clock = FixedClock()
    node = world.make("a.md", "x")
    ends = f"{clock.now().year + 1}-01-01T00:00:00Z"
    node.grants = [Grant("user", ALICE, until=ends)]
    drive = reading(server, tmp_path, clock, whole_seconds=604800)
    drive.access()
    assert drive.readers(node.id) == {ALICE, ADMIN}
    drive.access()
    clock.advance(seconds=366 * 86400)
    drive.access()
    assert drive.readers(node.id) == {ADMIN}


def test_folders_outside_of_shared_drives_are_read_and_nothing_beside_them(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    node = world.make("plans/q1/a.md", "x", HOME)
    world.make("private/b.md", "x", HOME)
    folder = world.find("plans", HOME)
    assert folder is not None
    folder.grants = [Grant("group", address("all"))]
    world.groups = {address("all"): [ALICE]}
    drive = reading(server, tmp_path, drives=[], folders=[folder.id])
    assert set(drive.content()) == {"q1/a.md"}
    drive.access()
    assert drive.readers(node.id) == {ALICE, ADMIN}


def test_a_changed_file_alone_is_asked_for_and_a_moved_folder_begins_anew(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    nodes = [world.make(f"one/{number}.md", "x") for number in range(7)]
    drive = reading(server, tmp_path)
    drive.access()
    nodes[3].grants = [Grant("user", BOB)]
    world.touch(nodes[3])
    world.asked.clear()
    drive.access()
    assert drive.readers(nodes[3].id) == {BOB, ADMIN}
    assert not [one for one in world.asked if "/drive/v3/files?" in one]
    folder = world.find("one")
    assert folder is not None
    world.move(folder, "two/one")
    drive.access()
    assert drive.restarts == 1


def test_what_vanishes_begins_anew_and_is_nobodys(server: DriveServer, world: World, tmp_path: Path) -> None:
    node = world.make("a.md", "x")
    drive = reading(server, tmp_path)
    drive.access()
    world.vanish(node)
    drive.access()
    assert drive.restarts == 1
    assert node.id not in drive.items


def test_an_expired_token_begins_anew(server: DriveServer, world: World, tmp_path: Path) -> None:
    world.make("a.md", "x")
    drive = reading(server, tmp_path)
    drive.access()
    world.oldest_token = next(world.serial) + 1
    with pytest.raises(CursorLost):
        drive.connector.access(drive.cursor)


def test_a_pass_goes_on_in_another_process_where_it_was_cut(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    nodes = [world.make(f"in/{number}.md", "x") for number in range(8)]
    first = reading(server, tmp_path)
    page = first.connector.access("")
    assert page.more
    second = reading(server, tmp_path)
    second.cursor, second.scopes, second.items = page.cursor, dict(page.scopes), dict(page.items)
    second.access()
    assert {one.id for one in nodes} == set(second.items)
    assert second.readers(nodes[7].id) == {ADMIN}


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("/changes?", {"changes": []}),
        ("/changes?", {"nextPageToken": "1", "newStartPageToken": "2"}),
        ("/files?", {"files": "none"}),
        ("/files?", {"files": [], "incompleteSearch": True}),
        ("/users?", {}),
        ("/members?", {"members": [], "nextPageToken": "again"}),
        ("/restrictions", [1]),
    ],
)
def test_an_answer_that_cannot_be_understood_raises_and_is_no_empty_listing(
    server: DriveServer, world: World, tmp_path: Path, at: str, said: object
) -> None:
    world.make("a.md", "x")
    world.groups = {address("all"): [ALICE]}
    drive = reading(server, tmp_path)
    if at == "/changes?":
        drive.access()
    world.faults["/drives/" if at == "/restrictions" else at] = said
    with pytest.raises(Unavailable):
        drive.access()


def test_documents_are_exported_and_what_cannot_be_is_reported(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    google = "application/vnd.google-apps."
    for name, kind in (("doc", "document"), ("long", "document"), ("cut", "shortcut"), ("form", "form")):
        world.make(name, "y" * 20_000 if name == "long" else "x").mime = google + kind
    drive = reading(server, tmp_path)
    found = drive.content()
    assert set(found) == {"doc.docx", "long.docx", "cut", "form"}
    assert b"wordprocessingml" in drive.connector.fetch(found["doc.docx"]).content
    assert "shortcut" in found["cut"].problem
    assert found["form"].problem
    with pytest.raises(Unreadable) as caught:
        drive.connector.fetch(found["long.docx"])
    assert caught.value.why == "size"


def test_a_file_that_went_to_the_trash_is_gone(server: DriveServer, world: World, tmp_path: Path) -> None:
    node = world.make("a.md", "x")
    drive = reading(server, tmp_path)
    item = drive.content()["a.md"]
    node.trashed = True
    for held in (item, Item("nowhere", "b.md", "1")):
        with pytest.raises(Gone):
            drive.connector.fetch(held)


def test_too_many_requests_are_told_from_a_refusal(server: DriveServer, world: World, tmp_path: Path) -> None:
    drive = reading(server, tmp_path)
    for _ in range(2):
        world.throttled = 2
        with pytest.raises(Throttled):
            drive.connector.access("")


def test_a_label_gives_its_sensitivity_and_an_unknown_choice_shuts(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    nodes = {name: world.make(f"{name}.md", "x") for name in ("secret", "odd", "plain")}
    for name, choice in (("secret", "c1"), ("odd", "c9")):
        chosen = {"f": {"valueType": "selection", "selection": [choice]}}
        nodes[name].extra = {"labelInfo": {"labels": [{"id": "L", "fields": chosen}]}}
    drive = reading(server, tmp_path, labels={"L/c1": "confidential"})
    drive.access()
    assert drive.scopes[drive.items[nodes["secret"].id]].sensitivity == "confidential"
    assert drive.readers(nodes["secret"].id) == drive.readers(nodes["plain"].id) == {ADMIN}
    assert drive.readers(nodes["odd"].id) == set()


def test_only_a_call_with_the_channels_token_is_taken(
    server: DriveServer, world: World, tmp_path: Path
) -> None:
    secret = tmp_path / "channel"
    secret.write_text("hush\n")
    drive = reading(server, tmp_path, channel_token=f"file:{secret}").connector
    taken = drive.notice({"X-Goog-Channel-Token": "hush", "X-Goog-Resource-State": "change"}, {}, b"")
    assert taken is not None
    assert taken.access
    began = drive.notice({"x-goog-channel-token": "hush", "x-goog-resource-state": "sync"}, {}, b"")
    assert began is not None
    assert not began.access
    assert drive.notice({"x-goog-channel-token": "push"}, {}, b"") is None
    assert drive.notice({}, {}, b"") is None
    assert reading(server, tmp_path).connector.notice({"x-goog-channel-token": ""}, {}, b"") is None


def test_settings_that_cannot_work_are_refused(server: DriveServer, tmp_path: Path) -> None:
    stated = settings_for(server, tmp_path)
    for wrong in ({"drives": []}, {"token": "env:T"}, {"subject": ""}, {"folders": [DRIVE]}):
        with pytest.raises(BadInput):
            kinds.settings_of("drive", {**stated, **wrong})


def test_a_key_that_is_none_is_named(server: DriveServer, world: World, tmp_path: Path) -> None:
    drive = reading(server, tmp_path)
    (tmp_path / "drive-key.json").write_text('{"client_email": "x"}')
    with pytest.raises(BadInput, match="service_account"):
        drive.connector.check()
