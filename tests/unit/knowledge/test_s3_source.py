"""A bucket as a source: odd keys, answers that lie or break off, tags, and calls that something changed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    AccessPage,
    ContentPage,
    Gone,
    Item,
    Stated,
    Throttled,
    Unreadable,
)
from muniment.knowledge.sources.connectors import s3
from muniment.knowledge.sources.connectors.s3_keys import id_of, key_of
from muniment.knowledge.sources.item_path import path_of
from muniment.knowledge.sources.kinds import Doors, settings_of

Answer = tuple[int, str | bytes]
_KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


class Bucket:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        """By what is asked: `list`, `tags`, `get`; the last one stays."""
        self.asked: list[str] = []
        self.most = 1 << 20
        self.url = ""

    def answer(self, address: str) -> Answer:
        self.asked.append(address)
        query = parse_qs(urlsplit(address).query, keep_blank_values=True)
        what = "list" if "list-type" in query else "tags" if "tagging" in query else "get"
        waiting = self.answers[what]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def connect(self, **settings: object) -> s3.S3:
        stated = {
            "bucket": "files",
            "endpoint": self.url,
            "access_key_id": "key",
            "secret_access_key": "env:KEY",
            "readers": [{"allow": ["group:everyone"]}, {"path": "hr", "allow": ["group:hr"]}],
            **settings,
        }
        doors = Doors(
            lambda origins, _private: Egress(tuple(origins), max_reply_bytes=self.most),
            lambda reference, _name: Secret("word") if reference else None,
            FixedClock(),
            Path("/nowhere"),
            self.most,
        )
        return s3.connect(settings_of("s3", stated), doors)


@pytest.fixture(scope="module")
def running() -> Iterator[Bucket]:
    pytest.importorskip("botocore", reason="the extra aws is not installed")
    made = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = made.answer(self.path)
            sent = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bucket(running: Bucket) -> Bucket:
    running.answers, running.asked, running.most = {}, [], 1 << 20
    return running


def listing(*keys: str, more: bool = False, revision: str = "e", size: int = 4) -> Answer:
    said = "".join(
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-05T09:00:00.000Z</LastModified>"
        f'<ETag>"{revision}"</ETag><Size>{size}</Size></Contents>'
        for key in keys
    )
    flags = f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
    return (
        200,
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{flags}{said}</ListBucketResult>',
    )


def error(status: int, code: str) -> Answer:
    return status, f"<Error><Code>{code}</Code><Message>No.</Message></Error>"


def tags(**stated: str) -> Answer:
    said = "".join(f"<Tag><Key>{name}</Key><Value>{value}</Value></Tag>" for name, value in stated.items())
    return 200, f"<Tagging><TagSet>{said}</TagSet></Tagging>"


def _to_the_end(ask: Callable[[str], ContentPage | AccessPage]) -> None:
    page = ask("")
    while page.more:
        page = ask(page.cursor)


def item(key: str) -> Item:
    return Item(id_of(key), path_of(key), "")


@given(_KEYS)
def test_a_key_is_found_again_by_its_id_and_lies_at_a_path_that_a_file_could(key: str) -> None:
    assert key_of(id_of(key)) == key
    assert "\0" not in id_of(key)
    parts = path_of(key).split("/")
    assert not {"", ".", ".."} & set(parts)
    assert all(part.isprintable() or not any(one < " " for one in part) for part in parts)
    assert all(len(part.encode()) <= 255 for part in parts)


def test_odd_keys_are_listed_and_those_that_no_address_can_name_are_reported(bucket: Bucket) -> None:
    long = "l" * 900 + ".md"
    keys = sorted(["/lead.md", "a//b.md", "a/../hr/x.md", "folder/", long, "ü \n+%.md"], key=str.encode)
    bucket.answers["list"] = [listing(*keys)]
    found = {key_of(one.id): one for one in bucket.connect().changes("").items}
    assert found.keys() == set(keys)
    assert found["a//b.md"].path == "a/_/b.md"
    assert found["/lead.md"].path == "_/lead.md"
    assert len(found[long].path) < 255 and found[long].path.endswith(".md")
    assert [key for key, one in found.items() if one.problem] == ["a/../hr/x.md"]
    with pytest.raises(Unreadable):
        bucket.connect().fetch(item("a/../hr/x.md"))


def test_a_key_that_leads_around_the_readers_of_a_prefix_is_nobodys(bucket: Bucket) -> None:
    bucket.answers["list"] = [listing("/hr/a.md", "a/../hr/x.md", "hr//b.md", "hr/a.md")]
    page = bucket.connect().access("")
    who = {name: page.scopes[scope] for name, scope in page.items.items()}
    hr = Stated((frozenset({"group:hr"}),))
    assert who == {"/hr/a.md": UNREADABLE, "a/../hr/x.md": UNREADABLE, "hr//b.md": hr, "hr/a.md": hr}


def test_an_empty_key_with_a_slash_is_a_folder_and_no_item(bucket: Bucket) -> None:
    bucket.answers["list"] = [listing("folder/", size=0)]
    assert not bucket.connect().changes("").items
    assert not bucket.connect().access("").items


def test_a_pass_goes_on_behind_the_last_key_after_a_restart(bucket: Bucket) -> None:
    bucket.answers["list"] = [listing("a", "b%20\n", more=True), listing("c")]
    first = bucket.connect().changes("")
    second = bucket.connect().changes(first.cursor)
    assert [one.id for one in second.items] == ["c"] and not second.more
    assert "start-after=b%2520%0A" in bucket.asked[-1]


@pytest.mark.parametrize(
    "answers",
    [
        [listing("b", "a")],
        [listing("a", "a")],
        [listing("a", more=True), listing("a", more=True)],
        [listing(more=True)],
        [(200, "<ListBucketResult><IsTruncated>false</IsTruncated><Contents/></ListBucketResult>")],
        [(200, "<ListBucketResult></ListBucketResult>")],
        [(200, listing("a")[1][:-20])],
        [(200, "<html/>")],
        [(200, b"")],
        [(200, '<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult>&b;</ListBucketResult>')],
        [(200, str(listing("a")[1]).replace("<Key>a", "<Key>%FF"))],
        [error(403, "AccessDenied")],
        [error(404, "NoSuchBucket")],
        [(301, "")],
        [(500, "")],
    ],
    ids=itertools.count(),
)
def test_a_listing_that_cannot_be_relied_on_raises_and_reads_as_no_end(
    bucket: Bucket, answers: list[Answer]
) -> None:
    bucket.answers["list"] = answers
    connector = bucket.connect()
    for ask in (connector.changes, connector.access):
        bucket.answers["list"] = list(answers)
        with pytest.raises(Unavailable):
            _to_the_end(ask)


def test_what_lies_outside_the_prefix_is_not_taken(bucket: Bucket) -> None:
    bucket.answers["list"] = [listing("other/a")]
    with pytest.raises(Unavailable):
        bucket.connect(prefix="mine/").changes("")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(404, "NoSuchKey"), Gone),
        (error(404, "NoSuchBucket"), Unavailable),
        (error(403, "AccessDenied"), Unreadable),
        (error(403, "InvalidObjectState"), Unreadable),
        (error(403, "InvalidAccessKeyId"), Unavailable),
        (error(403, "SignatureDoesNotMatch"), Unavailable),
        (error(400, "InvalidRequest"), Unreadable),
        (error(400, "ExpiredToken"), Unavailable),
        (error(503, "SlowDown"), Throttled),
        ((200, b"x" * 2000), Unreadable),
    ],
)
def test_a_refusal_of_an_object_is_not_one_of_the_bucket(
    bucket: Bucket, answer: Answer, expected: type[Exception]
) -> None:
    bucket.most = 1000
    bucket.answers["get"] = [answer]
    with pytest.raises(expected) as caught:
        bucket.connect().fetch(item("a.md"))
    assert caught.type is expected or expected is Unavailable


def tagged(bucket: Bucket, **more: object) -> s3.S3:
    return bucket.connect(
        access="tags", tagged={"boss": {"allow": ["user:ann"], "deny": ["user:ben"]}}, **more
    )


@pytest.mark.parametrize(
    "answer",
    [tags(), tags(readers="all"), tags(Readers="boss"), tags(readers=""), error(403, "AccessDenied")],
)
def test_an_object_whose_tag_names_no_list_is_nobodys(bucket: Bucket, answer: Answer) -> None:
    bucket.answers |= {"list": [listing("a.md")], "tags": [answer]}
    page = tagged(bucket).access("")
    assert page.scopes[page.items["a.md"]] == UNREADABLE


def test_a_tag_narrows_the_readers_of_the_prefix_and_widens_none(bucket: Bucket) -> None:
    bucket.answers |= {"list": [listing("hr/a.md")], "tags": [tags(readers="boss")]}
    page = tagged(bucket).access("")
    expected = Stated((frozenset({"group:hr"}), frozenset({"user:ann"})), frozenset({"user:ben"}))
    assert page.scopes[page.items["hr/a.md"]] == expected
    nobody = tagged(bucket, readers=[{"path": "x", "allow": ["group:everyone"]}]).access("")
    assert nobody.scopes[nobody.items["hr/a.md"]] == UNREADABLE


def test_tags_of_an_object_that_was_overwritten_meanwhile_go_with_no_text(bucket: Bucket) -> None:
    bucket.answers |= {
        "list": [listing("a.md", revision="old"), listing("a.md", revision="new")],
        "tags": [tags(readers="boss")],
    }
    page = tagged(bucket).access("")
    assert not page.revisions["a.md"].startswith(("old", "new"))


def test_an_object_whose_tags_change_while_it_is_read_is_read_later(bucket: Bucket) -> None:
    bucket.answers |= {"get": [(200, b"text")], "tags": [tags(readers="boss"), tags()]}
    with pytest.raises(Unreadable) as caught:
        tagged(bucket).fetch(item("a.md"))
    assert caught.value.why == "unreachable"


def test_tags_that_cannot_be_understood_end_the_pass(bucket: Bucket) -> None:
    bucket.answers["list"] = [listing("a.md")]
    twice = tags(readers="boss")[1].replace(
        "</TagSet>", "<Tag><Key>readers</Key><Value>x</Value></Tag></TagSet>"
    )  # type: ignore[arg-type]
    for answer in ((200, "<html/>"), (200, twice), (500, ""), error(403, "InvalidAccessKeyId")):
        bucket.answers["tags"] = [answer]
        with pytest.raises(Unavailable):
            tagged(bucket).access("")


def test_a_call_is_taken_with_the_token_only(bucket: Bucket) -> None:
    told = bucket.connect(notice_secret="env:NOTICE")
    assert told.notice({"Authorization": "Bearer word"}, {}, b"{}") is not None
    for headers in (
        {},
        {"Authorization": "Bearer other"},
        {"Authorization": "word"},
        {"Authorization": "Bearer "},
    ):
        assert told.notice(headers, {}, b"{}") is None
    assert bucket.connect().notice({"Authorization": "Bearer word"}, {}, b"{}") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"secret_access_key": ""},
        {"tagged": {"a": {"allow": []}}},
        {"access": "tags", "tagged": {"": {"allow": []}}},
        {"bucket": "a/b"},
        {"region": "eu/west"},
        {"endpoint": "http://storage.example"},
        {"access": "policies"},
    ],
)
def test_settings_that_cannot_work_are_refused(bucket: Bucket, settings: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        bucket.connect(**settings)


def test_trying_it_says_what_is_missing(bucket: Bucket) -> None:
    bucket.answers |= {"list": [listing("a.md", more=True)], "tags": [error(403, "AccessDenied")]}
    found = tagged(bucket, readers=[]).check()
    assert found.says == ["1 and more objects"]
    assert len(found.warnings) == 2
