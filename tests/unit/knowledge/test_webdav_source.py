"""A WebDAV server as a source: odd names, answers that lie or break off, and access lists as RFC 3744 tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.simulators.dav_acl_server import READER, DavAcl, dav_acl, password_of
from tests.simulators.sources.dav_acl_scene import ace

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connector import (
    EVERYONE_THERE,
    UNREADABLE,
    CursorLost,
    Gone,
    Item,
    Stated,
    Throttled,
    Unreadable,
    account,
    team,
)
from muniment.knowledge.sources.connectors import webdav, webdav_walk
from muniment.knowledge.sources.kinds import Doors, settings_of

ALICE, BOB = account("principals/users/alice"), account("principals/users/bob")
TEAM = team("principals/groups/team")


def connect(url: str, **settings: object) -> webdav.Webdav:
    stated = {"url": url, "user": READER, "password": "env:PASSWORD", **settings}
    doors = Doors(
        lambda origins, _private: Egress(tuple(origins)),
        lambda reference, _name: Secret(password_of(READER)) if reference else None,
        FixedClock(),
        Path("/nowhere"),
        1000,
    )
    return webdav.connect(settings_of("webdav", stated), doors)


class Told:
    """A server that answers as it is told to, by method and path."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.headers: dict[str, str] = {}
        self.date = ""
        self.asked: list[str] = []
        self.url = ""


@pytest.fixture(scope="module")
def running() -> Iterator[Told]:
    made = Told()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            asked = f"{self.command} {unquote(self.path)}"
            made.asked.append(asked)
            status, body = made.answers.get(asked, (404, ""))
            self.send_response(status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_PROPFIND = do_GET

        def date_time_string(self, timestamp: float | None = None) -> str:
            return made.date or super().date_time_string(timestamp)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def told(running: Told) -> Told:
    running.answers, running.headers, running.date, running.asked = {}, {}, "", []
    return running


def response(href: str, kind: str = "", more: str = "<getetag>1</getetag>") -> str:
    facts = more.replace("</get", "</d:get").replace("<get", "<d:get")
    return (
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:resourcetype>{kind}</d:resourcetype>{facts}"
        "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )


FOLDER = "<d:collection/>"


def multistatus(*responses: str) -> tuple[int, str]:
    return 207, f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{"".join(responses)}</d:multistatus>'


@pytest.mark.parametrize("href", ["/dav/a%20b.md", "a%20b.md", "{url}/dav/a%20b.md", "/dav//a%20b.md"])
def test_links_are_understood_however_they_are_written(told: Told, href: str) -> None:
    href = href.format(url=told.url)
    told.answers["PROPFIND /dav/"] = multistatus(response("/dav/", FOLDER), response(href))
    assert [one.id for one in connect(f"{told.url}/dav").changes("").items] == ["a b.md"]


@pytest.mark.parametrize(
    "answer",
    [
        multistatus(response("/dav/", FOLDER), response("https://elsewhere.example/dav/a.md")),
        multistatus(response("/dav/", FOLDER), response("//elsewhere.example/dav/a.md")),
        multistatus(response("/dav/", FOLDER), response("/other/a.md")),
        multistatus(response("/dav/", FOLDER), response("/dav/deep/a.md")),
        multistatus(response("/dav/", FOLDER), response("/")),
        multistatus(response("/dav/", FOLDER), response("/dav/a.md?x")),
        multistatus(response("/dav/", FOLDER), response("/dav/a.md"), response("/dav/%61.md")),
        multistatus(response("/dav/a.md")),
        multistatus(),
        multistatus(response("/dav/", FOLDER), "<d:response/>"),
        multistatus(response("/dav/", FOLDER), response("/dav/a.md").replace("HTTP/1.1 200 OK", "fine")),
        (207, multistatus(response("/dav/", FOLDER))[1][:-5]),
        (207, '<!DOCTYPE a [<!ENTITY b "c">]><multistatus xmlns="DAV:">&b;</multistatus>'),
        (207, "<multistatus/>"),
        (200, "<html/>"),
        (301, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (500, ""),
    ],
)
def test_an_answer_that_cannot_be_relied_on_raises_and_reads_as_no_empty_folder(
    told: Told, answer: tuple[int, str]
) -> None:
    told.answers["PROPFIND /dav/"] = answer
    connector = connect(f"{told.url}/dav/")
    for ask in (connector.changes, connector.access):
        with pytest.raises(Unavailable):
            ask("")


def test_credentials_follow_no_redirect(told: Told) -> None:
    told.headers = {"Location": f"{told.url}/other/a.md"}
    told.answers |= {"GET /dav/a.md": (302, ""), "GET /other/a.md": (200, "no")}
    with pytest.raises(Unreadable):
        connect(f"{told.url}/dav/").fetch(Item("a.md", "a.md", ""))
    assert told.asked == ["GET /dav/a.md"]


def test_a_name_that_no_address_can_hold_is_reported_and_not_asked_for(told: Told) -> None:
    odd = ["%2e%2e", "a%2Fb.md", "%FF.md", "nul%00.md"]
    folders = [response(f"/dav/{one}/", FOLDER) for one in odd]
    told.answers["PROPFIND /dav/"] = multistatus(response("/dav/", FOLDER), *folders, response("/dav/ok.md"))
    connector = connect(f"{told.url}/dav/")
    found = connector.changes("").items
    assert len({one.id for one in found}) == 5
    assert [one.id for one in found if not one.problem] == ["ok.md"]
    assert connector.access("").items.keys() == {"ok.md"}
    assert set(told.asked) == {"PROPFIND /dav/"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_folder_that_is_refused_fails_alone_while_the_root_is_open(told: Told, status: int) -> None:
    root = multistatus(response("/dav/", FOLDER), response("/dav/shut/", FOLDER), response("/dav/a.md"))
    told.answers |= {"PROPFIND /dav/": root, "PROPFIND /dav/shut/": (status, "")}
    found = {one.id: one.problem for one in connect(f"{told.url}/dav/").changes("").items}
    assert found.pop("a.md") == ""
    assert str(status) in found.popitem()[1]


def test_a_failure_of_a_folder_ends_the_pass(told: Told) -> None:
    root = multistatus(response("/dav/", FOLDER), response("/dav/broken/", FOLDER))
    told.answers |= {"PROPFIND /dav/": root, "PROPFIND /dav/broken/": (500, "")}
    with pytest.raises(Unavailable):
        connect(f"{told.url}/dav/").changes("")


@pytest.mark.parametrize(
    ("status", "expected"), [(403, Unreadable), (404, Gone), (500, Unreadable), (502, Unavailable)]
)
def test_a_failure_of_a_file_is_its_own(told: Told, status: int, expected: type[Exception]) -> None:
    told.answers |= {"PROPFIND /dav/": multistatus(response("/dav/", FOLDER)), "GET /dav/a.md": (status, "")}
    with pytest.raises(expected):
        connect(f"{told.url}/dav/").fetch(Item("a.md", "a.md", ""))


def test_a_server_that_opens_nothing_any_more_is_unavailable(told: Told) -> None:
    told.answers |= {"PROPFIND /dav/": (401, ""), "GET /dav/a.md": (401, "")}
    with pytest.raises(Unavailable):
        connect(f"{told.url}/dav/").fetch(Item("a.md", "a.md", ""))


def test_what_changed_in_the_second_of_its_listing_is_read_again(told: Told) -> None:
    told.date = "Mon, 05 Jan 2026 09:00:01 GMT"
    for at, settled in (("09:00:01", False), ("09:00:00", False), ("08:59:59", True)):
        more = f"<getlastmodified>Mon, 05 Jan 2026 {at} GMT</getlastmodified>"
        told.answers["PROPFIND /dav/"] = multistatus(
            response("/dav/", FOLDER), response("/dav/a.md", more=more)
        )
        assert bool(connect(f"{told.url}/dav/").changes("").items[0].revision) == settled


def test_a_walk_goes_on_where_it_was_whatever_cuts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdav_walk, "PAGE", 3)
    monkeypatch.setattr(webdav_walk, "MOST_VISITS", 2)
    with dav_acl() as server:
        for folder in ("", "a", "a/b", "a/b/c", "d", "e/f"):
            for name in range(4):
                server.put(f"{folder}/{name}.md".lstrip("/"), "text")
        expected = sorted(path for path, node in server.nodes.items() if node.text)
        for restarts in (False, True):
            connector, found, cursor = connect(f"{server.url}/files/"), list[str](), ""
            for turn in range(100):
                server.throttled = turn % 3 == 1
                try:
                    page = connector.changes(cursor)
                except Throttled:
                    continue
                found += [one.id for one in page.items]
                cursor = page.cursor
                if not page.more:
                    break
                if restarts:
                    connector = connect(f"{server.url}/files/")
            assert sorted(found) == expected


def test_a_place_that_is_no_more_begins_the_pass_anew() -> None:
    with dav_acl() as server:
        for cursor in ('[["files", "gone"], null]', "what", "[1]"):
            with pytest.raises(CursorLost):
                connect(f"{server.url}/files/").changes(cursor)


def test_a_tree_without_an_end_is_reported_where_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdav_walk, "MOST_DEPTH", 2)
    with dav_acl() as server:
        server.put("a/b/c/d.md", "text")
        server.put("a/b/x.md", "text")
        found = {one.path: one.problem for one in connect(f"{server.url}/files/").changes("").items}
    assert found.pop("a/b/x.md") == ""
    assert "deeper" in found["a/b/c"] and len(found) == 1


@pytest.fixture(scope="module")
def listed() -> Iterator[DavAcl]:
    with dav_acl() as server:
        server.users = {"alice", "bob"}
        server.put("a.md", "text")
        yield server


@pytest.fixture
def server(listed: DavAcl) -> DavAcl:
    listed.groups = {
        "team": ["/principals/users/alice"],
        "torn": ["/principals/users/alice", "/elsewhere/eve"],
    }
    listed.groups["outer"] = ["/principals/groups/torn"]
    listed.nodes["a.md"].aces, listed.nodes["a.md"].owner, listed.nodes[""].aces = "", "", ""
    listed.inherits_by_set = False
    return listed


def stated(server: DavAcl, aces: str) -> Stated:
    server.nodes["a.md"].aces = aces
    page = connect(f"{server.url}/files/", access="acl").access("")
    return page.scopes[page.items["a.md"]]


def readers(*entries: str, deny: str = "") -> Stated:
    return Stated((frozenset(entries),), frozenset({deny} if deny else ()))


def inverted(what: str) -> str:
    entry = ace(what, "bob").replace("<principal>", "<invert><principal>")
    return entry.replace("</principal>", "</principal></invert>")


READABLE = ace("grant", "alice")


@pytest.mark.parametrize(
    ("aces", "expected"),
    [
        (ace("grant", "alice"), readers(ALICE)),
        (ace("grant", "alice", "all") + ace("grant", "@team"), readers(ALICE, TEAM)),
        (ace("grant", "<all/>"), readers(EVERYONE_THERE)),
        (ace("grant", "<authenticated/>"), readers(EVERYONE_THERE)),
        (READABLE + ace("deny", "bob"), readers(ALICE, deny=BOB)),
        (READABLE + ace("deny", "bob", "write"), readers(ALICE)),
        (READABLE + ace("deny", "bob", "secret"), readers(ALICE, deny=BOB)),
        (READABLE + ace("deny", "<unauthenticated/>"), readers(ALICE)),
        (READABLE + ace("grant", "<self/>"), readers(ALICE)),
        (READABLE + ace("grant", "bob", "secret") + ace("grant", "bob", "write"), readers(ALICE)),
        (READABLE + inverted("grant"), readers(ALICE)),
        (ace("grant", "<unauthenticated/>"), UNREADABLE),
        (ace("grant", "nobody-knows"), UNREADABLE),
        (ace("grant", "@torn"), UNREADABLE),
        ("", UNREADABLE),
        (READABLE + ace("deny", "nobody-knows"), UNREADABLE),
        (READABLE + ace("deny", "@torn"), UNREADABLE),
        (READABLE + ace("deny", "@outer"), UNREADABLE),
        (READABLE + ace("deny", "<self/>"), UNREADABLE),
        (READABLE + ace("deny", "<new/>"), UNREADABLE),
        (READABLE + ace("deny", "<property><owner/></property>"), UNREADABLE),
        (READABLE + inverted("deny"), UNREADABLE),
        (READABLE.replace("</ace>", "<until/></ace>"), UNREADABLE),
        (READABLE.replace("</ace>", "<deny><privilege><read/></privilege></deny></ace>"), UNREADABLE),
        (READABLE + "<ace></ace>", UNREADABLE),
        (
            READABLE.replace("<privilege><read/></privilege>", "<privilege><read/><x/></privilege>"),
            UNREADABLE,
        ),
    ],
)
def test_a_list_means_what_the_rfc_says_or_less(server: DavAcl, aces: str, expected: Stated) -> None:
    assert stated(server, aces) == expected


def test_the_owner_is_whom_the_server_names(server: DavAcl) -> None:
    server.nodes["a.md"].owner = "bob"
    assert stated(server, ace("grant", "<property><owner/></property>")) == readers(BOB)


def test_every_list_above_has_to_let_somebody_in_where_the_server_says_so(server: DavAcl) -> None:
    server.inherits_by_set = True
    server.nodes[""].aces = ace("deny", "bob") + ace("grant", "@team")
    expected = Stated((frozenset({ALICE, BOB}), frozenset({TEAM})), frozenset({BOB}))
    assert stated(server, ace("grant", "alice") + ace("grant", "bob")) == expected
    server.nodes[""].aces = ""
    assert stated(server, ace("grant", "alice")) == UNREADABLE


def test_groups_are_told_from_people_and_display_names_count_nothing(server: DavAcl) -> None:
    (found,) = connect(f"{server.url}/files/", access="acl").people()
    assert {(one.id, one.name) for one in found.accounts} == {
        ("principals/users/alice", "alice"),
        ("principals/users/bob", "bob"),
    }
    assert {one.name: list(one.members) for one in found.teams}["team"] == [ALICE]
    below = {"principals": ["/principals/"], "people_below": "/principals/groups"}
    (turned,) = connect(f"{server.url}/files/", access="acl", **below).people()
    assert {one.name for one in turned.accounts} == {"team", "torn", "outer"}


def test_a_server_without_lists_is_said_to_be_one(told: Told) -> None:
    told.answers["PROPFIND /dav/"] = multistatus(response("/dav/", FOLDER))
    with pytest.raises(Unavailable, match="RFC 3744"):
        connect(f"{told.url}/dav/", access="acl").access("")
    with pytest.raises(Unavailable, match="principals"):
        list(connect(f"{told.url}/dav/", access="acl").people())


@pytest.mark.parametrize("status", [403, 404, 500])
def test_principals_that_cannot_be_read_to_the_end_end_the_pass(told: Told, status: int) -> None:
    told.answers |= {
        "PROPFIND /dav/": multistatus(response("/dav/", FOLDER)),
        "PROPFIND /people/": multistatus(response("/people/", FOLDER), response("/people/more/", FOLDER)),
        "PROPFIND /people/more/": (status, ""),
    }
    with pytest.raises(Unavailable):
        list(connect(f"{told.url}/dav/", access="acl", principals=["/people/"]).people())


def test_a_group_whose_members_are_hidden_ends_the_pass(told: Told) -> None:
    refused = "<d:prop><d:group-member-set/></d:prop><d:status>HTTP/1.1 403 No</d:status>"
    hidden = response("/people/team", "<d:principal/>").replace(
        "</d:response>", f"<d:propstat>{refused}</d:propstat></d:response>"
    )
    told.answers["PROPFIND /people/"] = multistatus(response("/people/", FOLDER), hidden)
    with pytest.raises(Unavailable, match="members"):
        list(connect(f"{told.url}/dav/", access="acl", principals=["/people/"]).people())


def test_a_list_that_changes_while_a_file_is_read_is_no_list_of_it(
    server: DavAcl, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = connect(f"{server.url}/files/", access="acl")
    server.nodes["a.md"].aces = ace("grant", "alice")
    content = connector._api.content  # type: ignore[reportPrivateUsage]

    def changing(path: tuple[str, ...], most: int) -> bytes:
        found = content(path, most)
        server.nodes["a.md"].aces = ace("grant", "bob")
        return found

    monkeypatch.setattr(connector._api, "content", changing)  # type: ignore[reportPrivateUsage]
    with pytest.raises(Unreadable) as caught:
        connector.fetch(Item("a.md", "a.md", ""))
    assert caught.value.why == "unreachable"


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://files.example/dav/"},
        {"url": "https://files.example/dav/?a"},
        {"password": ""},
        {"token": "env:TOKEN"},
        {"access": "acl", "readers": [{"allow": []}]},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        connect(**{"url": "https://files.example/dav/", **settings})  # type: ignore[arg-type]
