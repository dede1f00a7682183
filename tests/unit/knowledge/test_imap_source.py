"""The IMAP source: what servers differ in, and what a hostile one can say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.dovecot_server import MASTER, Dovecot, dovecot

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, MunimentError, Unavailable
from muniment.foundation.imap import values
from muniment.foundation.secret import Secret
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import EVERYONE_THERE, Connector, Gone, Item, account
from muniment.knowledge.sources.connectors import imap as imap_source
from muniment.knowledge.sources.connectors.imap_names import Place, place_of, shown
from muniment.knowledge.sources.connectors.imap_rights import stated as stated_by
from muniment.knowledge.sources.kinds import Doors

LETTER = b"Subject: Heron\r\nFrom: a@test\r\n\r\nThe Heron flies on Monday.\r\n"
GROUPS = {
    "alice": frozenset({"$engineers"}),
    "bob": frozenset({"$sellers"}),
    "carol": frozenset[str](),
}


def reads(*entries: tuple[str, str]) -> set[str]:
    """Return who reads by an access list."""
    found = stated_by([(name.encode(), rights.encode()) for name, rights in entries], GROUPS)
    named = found.clauses[0] if found.clauses else frozenset()
    return set(GROUPS) if EVERYONE_THERE in named else {one for one in GROUPS if account(one) in named}


def test_reading_takes_the_right_r() -> None:
    assert reads(("alice", "lrswipkxtea"), ("bob", "r"), ("carol", "l")) == {"alice", "bob"}


def test_anyone_is_every_account() -> None:
    assert stated_by([(b"anyone", b"lr"), (b"alice", b"lra")], GROUPS).clauses == (
        frozenset({EVERYONE_THERE}),
    )


def test_rights_that_are_taken_away_are_gone_however_they_were_given() -> None:
    assert reads(("anyone", "lr"), ("-bob", "r")) == {"alice", "carol"}
    assert reads(("anyone", "lr"), ("bob", "lr"), ("-$sellers", "lr")) == {"alice", "carol"}
    assert reads(("alice", "lr"), ("-anyone", "r")) == set()
    assert reads(("anyone", "lr"), ("-bob", "l")) == {"alice", "bob", "carol"}


def test_the_closest_entry_counts_where_servers_differ() -> None:
    assert reads(("$sellers", "lr"), ("bob", "l")) == set()
    assert reads(("anyone", "lr"), ("$sellers", "l")) == {"alice", "carol"}
    assert reads(("bob", "lr"), ("#bob", "l")) == set()


@pytest.mark.parametrize("unknown", ["dave", "$strangers", "authenticated", "owner", "group:sellers"])
def test_what_an_unknown_identifier_withholds_counts_for_everybody(unknown: str) -> None:
    assert reads((unknown, "lr")) == set()
    assert reads(("anyone", "lr"), (unknown, "l"), ("bob", "lr")) == {"bob"}
    assert reads(("anyone", "lr"), ("bob", "lr"), (f"-{unknown}", "r")) == set()


def test_a_group_that_goes_before_users_withholds_from_all_while_it_is_unknown() -> None:
    assert reads(("alice", "lr"), ("!$strangers", "l")) == set()


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob", "$engineers", "$sellers", "anyone", "-alice", "-$sellers", "x"]),
        st.sampled_from(["", "l", "r", "lr"]),
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(ENTRIES, st.sampled_from(["-alice", "-bob", "-anyone", "-$sellers", "-who"]))
def test_taking_away_widens_nothing(entries: list[tuple[str, str]], taken: str) -> None:
    assert reads(*entries, (taken, "r")) <= reads(*entries)


@settings(max_examples=30)
@given(st.text(min_size=1), st.binary(min_size=1), st.integers(0, 2**32), st.integers(0, 2**32))
def test_an_id_leads_back_to_its_message(name: str, mailbox: bytes, validity: int, uid: int) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    place = Place(name, mailbox, validity, uid)
    assert place_of(place.id()) == place


def test_names_of_folders_are_shown_in_plain_letters() -> None:
    assert shown(b"&ANw-bersicht &- more.a/b", b".") == "Übersicht & more/a_b"
    assert shown(b"&/////-", b"/") and shown(b"&A-\r\n", b"") and shown(b"\xff", b"/")


@given(st.binary(max_size=60))
def test_answers_are_read_or_refused_whatever_they_hold(said: bytes) -> None:
    try:
        values([said])
    except ValueError:
        return


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    with dovecot() as server:
        for name in ("alice", "bob"):
            server.add_user(name)
        yield server


Connect = Callable[..., Connector]


def connected(home: Path, **said: object) -> Connector:
    doors = Doors(
        lambda origins, private: Egress(() if private else origins, origins if private else ()),
        lambda reference, _field: Secret(reference.removeprefix("env:")),
        FixedClock(),
        home,
        1 << 20,
    )
    return kinds.connect("imap", kinds.settings_of("imap", said), doors)


@pytest.fixture
def connect(mail: Dovecot, tmp_path: Path) -> Iterator[Connect]:
    opened: list[Connector] = []

    def make(**changed: object) -> Connector:
        stated = {
            "server": mail.host,
            "port": mail.port,
            "tls": "none",
            "users": ["alice", "bob"],
            "master": MASTER,
            "master_password": f"env:{mail.password_of(MASTER)}",
        }
        opened.append(connected(tmp_path, **{**stated, **changed}))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def listed(connector: Connector, cursor: str = "") -> dict[str, Item]:
    found: dict[str, Item] = {}
    while True:
        page = connector.changes(cursor)
        found.update((one.path, one) for one in page.items)
        cursor = page.cursor
        if not page.more:
            return found


def test_a_pass_goes_on_where_another_was_cut(
    mail: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_source, "PAGE", 2)
    uids = [mail.deliver("alice", "Cut", LETTER) for _ in range(3)] + [mail.deliver("bob", "Cut", LETTER)]
    whole = listed(connect())
    first = connect().changes("")
    mail.remove("alice", "Cut", uids[0])
    rest = listed(connect(), first.cursor)
    assert {one.path for one in first.items} | set(rest) == set(whole)
    assert len(first.items) == 2 and not {one.path for one in first.items} & set(rest)


def test_moved_mail_is_another_item_and_deleted_mail_is_gone(mail: Dovecot, connect: Connect) -> None:
    uid = mail.deliver("alice", "Old", LETTER)
    connector = connect()
    old = listed(connector)[f"alice/Old/{uid}.eml"]
    assert connector.fetch(old).content == LETTER and old.size == len(LETTER)
    to = mail.move("alice", "Old", uid, "New")
    with pytest.raises(Gone):
        connector.fetch(old)
    found = listed(connector)
    assert f"alice/New/{to}.eml" in found and old.path not in found
    mail.mark_deleted("alice", "New", to)
    assert f"alice/New/{to}.eml" not in listed(connector)


def test_mail_of_a_disabled_account_is_nobodys_until_it_signs_in_again(
    mail: Dovecot, connect: Connect
) -> None:
    mail.deliver("bob", "Own", LETTER)
    mail.disable("bob")
    connector = connect()
    (people,) = connector.people()
    assert {one.id: one.active for one in people.accounts} == {"alice": True, "bob": False}
    assert not [one for one in connector.access("").items if one.startswith("bob/")]
    mail.enable("bob")
    assert [one for one in connect().access("").items if one.startswith("bob/")]


def test_a_password_that_fits_no_account_is_no_empty_listing(connect: Connect) -> None:
    # The server answers each wrong password more slowly, so one account is enough.
    with pytest.raises(Unavailable, match="No account"):
        connect(master_password="env:wrong", users=["alice"]).changes("")


def test_folders_of_others_are_read_as_those_of_their_owners_alone(mail: Dovecot, connect: Connect) -> None:
    mail.deliver("alice", "Shared", LETTER)
    mail.set_acl("alice", "Shared", "bob", "lr")
    page = connect().access("")
    assert {one.split("/")[0] for one in page.items if "Shared" in one} == {"alice"}
    assert page.scopes["alice/Shared"].clauses == (frozenset({account("alice"), account("bob")}),)


def test_each_account_can_sign_in_by_its_own_password(
    mail: Dovecot, connect: Connect, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(f'[users.alice]\npassword = "env:{mail.password_of("alice")}"\ngroups = ["$x"]\n')
    connector = connect(master="", master_password="", users=[], accounts_file=str(file))
    assert connector.check().says == ["1 accounts, 1 of which sign in"]


def test_starttls_is_spoken_and_a_certificate_of_others_is_refused(mail: Dovecot, connect: Connect) -> None:
    assert connect(tls="starttls", ca_file=str(mail.authority)).check().says
    with pytest.raises(Unavailable, match="SSL"):
        connect(tls="implicit", port=mail.tls_port).check()


@pytest.mark.parametrize(
    "users", [[], ["anyone"], ["-bob"], ["$x"], ["bob*alice"], ["a\r\nb"], [""], ["#bob"]]
)
def test_names_that_are_no_accounts_are_refused(connect: Connect, users: list[str]) -> None:
    with pytest.raises(BadInput):
        connect(users=users).check()


HELLO = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"


def hostile(*answers: bytes) -> tuple[int, socket.socket, list[bytes]]:
    """Serve one connection that says these, one each time a line comes; the lines go into the list."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        with closing(listener.accept()[0]) as peer, suppress(OSError):
            peer.sendall(HELLO)
            lines, tag = peer.makefile("rb"), b""
            for answer in answers:
                heard.append(lines.readline())
                tag = heard[-1].split(b" ")[0] if b" " in heard[-1] else tag
                peer.sendall(answer.replace(b"TAG", tag))
            lines.readline()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], listener, heard


OK = b"TAG OK done\r\n"
CAPABLE = b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
SIGNED_IN = (CAPABLE, b"+ \r\n", OK, CAPABLE)
LISTED = b'* LIST () "/" INBOX\r\nTAG OK done\r\n'
OPENED = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 9]\r\nTAG OK done\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        (CAPABLE, b"TAG BAD no\r\n"),
        (*SIGNED_IN, b'* LIST () "/"\r\nTAG OK done\r\n'),
        (*SIGNED_IN, b'* LIST (((((((((((( "/" x\r\nTAG OK done\r\n'),
        (*SIGNED_IN, b'* LIST () "/" {99999999999}\r\n'),
        (*SIGNED_IN, b"* LIST " + b"x" * (2 << 20)),
        (*SIGNED_IN, LISTED, b"* 1 EXISTS\r\nTAG OK done\r\n"),
        (*SIGNED_IN, LISTED, OPENED.replace(b"UIDVALIDITY 1", b"UIDVALIDITY x")),
        (*SIGNED_IN, LISTED, OPENED, b"* SEARCH 1 two\r\nTAG OK done\r\n"),
        (
            *SIGNED_IN,
            LISTED,
            OPENED,
            b"* SEARCH 1\r\nTAG OK done\r\n",
            b"* 1 FETCH (UID 1)\r\nTAG OK done\r\n",
        ),
        (*SIGNED_IN, LISTED, b"TAG NO [UNAVAILABLE] later\r\n"),
        (*SIGNED_IN, b""),
    ],
)
def test_what_a_hostile_server_says_ends_the_pass_and_no_more(
    answers: tuple[bytes, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_source, "SECONDS", 0.5)
    port, listener, heard = hostile(*answers)
    with closing(listener):
        connector = connected(
            tmp_path, server="127.0.0.1", port=port, tls="none", users=["a"], master="m", master_password="p"
        )
        with pytest.raises(MunimentError):
            connector.changes("")
        connector.close()
    assert len(heard) == len(answers)


def test_what_was_said_before_tls_counts_for_nothing(tmp_path: Path) -> None:
    port, listener, heard = hostile(
        b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n",
        b"TAG OK begin\r\n* CAPABILITY IMAP4rev1 ACL\r\nx OK injected\r\n",
    )
    with closing(listener):
        connector = connected(
            tmp_path,
            server="127.0.0.1",
            port=port,
            tls="starttls",
            users=["a"],
            master="m",
            master_password="p",
        )
        with pytest.raises(Unavailable):
            connector.changes("")
    assert len(heard) == 2
