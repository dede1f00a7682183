"""Copies of the log: what each kind of place holds afterwards, and what happens while one cannot be reached."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.simulators import key_service
from tests.simulators.certificates import Authority
from tests.simulators.mailbox import Posts, listener
from tests.simulators.syslog_receiver import receiver

from muniment.app import Workspace
from muniment.app.copying import places_of
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unavailable
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.sinks.copies import Copies
from muniment.governance.audit.sinks.sink import Batch, Copied, Sink, Untaken
from muniment.settings import parse

ALICE = Actor("user:alice", "http")
REGION = {"region": "eu-west-1"}
Make = Callable[..., Workspace]


@dataclass
class Case:
    """A place of one kind: what the settings say of it, and what it holds."""

    stated: dict[str, Any]
    held: Callable[[], list[bytes]]
    network: dict[str, Any]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with key_service.moto() as url:
        yield url


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    session = pytest.importorskip("botocore.session").get_session()
    return lambda service: session.create_client(service, REGION["region"], endpoint_url=moto)


_BUCKETS = iter(f"evidence-{number}" for number in range(1000))


def bucket(aws: Callable[[str], Any], moto: str) -> Case:
    client, name = aws("s3"), next(_BUCKETS)
    where = {"LocationConstraint": REGION["region"]}
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=where)

    def held() -> list[bytes]:
        found = client.list_objects_v2(Bucket=name).get("Contents", [])
        bodies = [client.get_object(Bucket=name, Key=one["Key"])["Body"].read() for one in found]
        return b"".join(bodies).splitlines()

    stated = {"kind": "s3", "bucket": name, "endpoint_url": moto, "prefix": "log/", "lock": "compliance"}
    return Case({**stated, **REGION, "wait_seconds": 0}, held, {})


def log_group(aws: Callable[[str], Any], moto: str) -> Case:
    client, name = aws("logs"), next(_BUCKETS)
    client.create_log_group(logGroupName=name)

    def held() -> list[bytes]:
        stream = {"logGroupName": name, "logStreamName": "muniment", "startFromHead": True}
        return [one["message"].encode() for one in client.get_log_events(**stream)["events"]]

    return Case({"kind": "cloudwatch", "group": name, "endpoint_url": moto, **REGION}, held, {})


def bodies(posts: Posts) -> list[bytes]:
    return [event["raw_data"].encode() for _, body in posts.taken for event in json.loads(body)]


@pytest.fixture(params=["folder", "s3", "cloudwatch", "syslog", "syslog over TLS", "ocsf"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    kind = request.param
    if kind == "folder":
        folder = tmp_path / "copy"

        def held() -> list[bytes]:
            return b"".join(one.read_bytes() for one in sorted(folder.glob("*.jsonl"))).splitlines()

        yield Case({"kind": "folder", "path": str(folder), "wait_seconds": 0}, held, {})
    elif kind == "s3":
        yield bucket(request.getfixturevalue("aws"), request.getfixturevalue("moto"))
    elif kind == "cloudwatch":
        yield log_group(request.getfixturevalue("aws"), request.getfixturevalue("moto"))
    elif kind == "ocsf":
        with listener() as posts:
            yield Case({"kind": "ocsf", "url": posts.url}, lambda: bodies(posts), {})
    else:
        tls = kind.endswith("TLS")
        made = Authority()
        network = {"ca_file": str(made.write(tmp_path / "ca.pem"))} if tls else {}
        context = server_context(made, tmp_path) if tls else None
        with receiver(context) as box:
            stated = {"kind": "syslog", "host": "127.0.0.1", "port": box.port, "tls": tls}
            yield Case(stated, lambda: [one.partition(b"\xef\xbb\xbf")[2] for one in box.messages], network)


def server_context(authority: Authority, folder: Path) -> ssl.SSLContext:
    authority.issue(folder / "log.pem", folder / "log.key", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "log.pem", folder / "log.key")
    return context


def opened(
    make: Make, stated: dict[str, Any], network: dict[str, Any] | None = None, **options: Any
) -> Workspace:
    settings = parse({"audit": {"sinks": {"siem": stated}}, "network": network or {}})
    return make(settings=settings, **options)


def logged(workspace: Workspace) -> list[bytes]:
    """Return the bodies of the log, as an export has them."""
    folder = workspace.home / f"export-{len(list(workspace.home.iterdir()))}"
    workspace.audit.export(folder)
    return (folder / "entries.jsonl").read_bytes().splitlines()


def note(workspace: Workspace, count: int = 3) -> None:
    workspace.audit.record([Entry("test.noted", ALICE, {"n": n}) for n in range(count)])


def test_every_place_holds_each_entry_in_order(case: Case, make_workspace: Make) -> None:
    workspace = opened(make_workspace, case.stated, case.network)
    note(workspace)
    workspace.copies.copy("siem")
    note(workspace, 5)
    workspace.copies.copy("siem")
    assert case.held() == logged(workspace)
    [found] = workspace.copies.standing()
    assert (found.backlog, found.failure, found.behind) == (0, "", False)


@dataclass
class Forgetful:
    """Takes entries, and the first time nobody hears of it."""

    inner: Sink
    heard: bool = False

    @property
    def batch(self) -> Batch:
        return self.inner.batch

    def take(self, entries: Sequence[Copied]) -> None:
        self.inner.take(entries)
        if not self.heard:
            self.heard = True
            raise Untaken("unreached ReadTimeout")


def test_an_entry_whose_acknowledgement_was_lost_is_not_lost(case: Case, make_workspace: Make) -> None:
    workspace = opened(make_workspace, case.stated, case.network)
    places = places_of(
        workspace.home, workspace.settings, workspace.keyring.tenant, workspace.clock, lambda _: None
    )
    place = replace(places["siem"], sink=Forgetful(places["siem"].sink))
    copies = Copies(
        database=workspace.database, audit=workspace.audit, places={"siem": place}, clock=workspace.clock
    )
    note(workspace)
    assert copies.copy("siem") == 0 and copies.standing()[0].tries == 1
    copies.copy("siem", now=True)
    assert list(dict.fromkeys(case.held())) == logged(workspace)


@pytest.fixture
def posts() -> Iterator[Posts]:
    with listener() as found:
        yield found


@pytest.fixture
def watched(make_workspace: Make, clock: FixedClock, posts: Posts) -> Workspace:
    return opened(make_workspace, {"kind": "ocsf", "url": posts.url, "alarm_seconds": 60}, clock=clock)


def kinds(workspace: Workspace) -> list[str]:
    return [one.kind for one in workspace.audit.tail(1000) if one.kind.startswith("audit.")]


def test_a_place_that_is_away_raises_an_alarm_and_gets_everything_later(
    watched: Workspace, posts: Posts, clock: FixedClock
) -> None:
    posts.status = 503
    note(watched)
    assert watched.copies.copy("siem") == 0 and kinds(watched) == ["audit.sink_began"]
    clock.advance(seconds=61)
    watched.copies.copy("siem")
    watched.copies.copy("siem")
    [alarm] = [one for one in watched.audit.tail(100) if one.kind == "audit.sink_behind"]
    assert alarm.about["failure"] == "rejected 503" and alarm.about["oldest"] == 0
    note(watched)
    posts.status, posts.taken = 200, []
    clock.advance(seconds=601)
    watched.copies.copy("siem")
    assert kinds(watched)[-1] == "audit.sink_caught_up"
    watched.copies.copy("siem")
    assert bodies(posts) == logged(watched)


def test_a_place_that_refuses_is_asked_less_and_less_often(
    watched: Workspace, posts: Posts, clock: FixedClock
) -> None:
    posts.status = 500
    for _ in range(300):
        watched.copies.copy("siem")
        clock.advance(seconds=5)
    assert 8 <= len(posts.taken) <= 12


@pytest.fixture
def required(make_workspace: Make, clock: FixedClock, posts: Posts) -> Workspace:
    stated = {"kind": "ocsf", "url": posts.url, "alarm_seconds": 60, "required": True}
    return opened(make_workspace, stated, clock=clock)


def test_nothing_is_done_while_a_required_place_is_behind(
    required: Workspace, posts: Posts, clock: FixedClock
) -> None:
    posts.status = 503
    required.copies.copy("siem")
    required.search("laptops", as_="alice")
    clock.advance(seconds=61)
    required.copies.copy("siem")
    before = required.audit.checkpoint().size
    with pytest.raises(Unavailable, match="siem is behind"):
        required.search("laptops", as_="alice")
    assert required.audit.checkpoint().size == before
    posts.status = 200
    required.copies.copy("siem", now=True)
    required.search("laptops", as_="alice")


def test_a_required_place_that_was_behind_before_holds_up_a_server_from_its_start(
    required: Workspace, posts: Posts, clock: FixedClock
) -> None:
    posts.status = 503
    clock.advance(seconds=61)
    with required.copies.watched(), pytest.raises(Unavailable, match="siem is behind"):
        required.search("laptops", as_="alice")


def test_a_place_may_begin_with_what_comes_next(make_workspace: Make, posts: Posts) -> None:
    workspace = opened(make_workspace, {"kind": "ocsf", "url": posts.url, "start": "now"})
    before = len(logged(workspace))
    workspace.copies.copy("siem")
    assert bodies(posts) == logged(workspace)[before:]


def test_fewer_entries_are_held_back_until_they_are_old_enough(
    make_workspace: Make, clock: FixedClock, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    workspace = opened(make_workspace, {"kind": "folder", "path": str(folder)}, clock=clock)
    assert workspace.copies.copy("siem") == 0 and not folder.exists()
    clock.advance(seconds=60)
    assert workspace.copies.copy("siem") == len(logged(workspace)) and len(list(folder.iterdir())) == 1


def test_an_object_of_somebody_else_under_the_name_is_never_taken_for_the_copy(
    aws: Callable[[str], Any], moto: str, make_workspace: Make
) -> None:
    place = bucket(aws, moto)
    workspace = opened(make_workspace, place.stated)
    size = len(logged(workspace)) + 1
    name = f"log/{0:020d}-{size - 1:020d}.jsonl"
    aws("s3").put_object(Bucket=place.stated["bucket"], Key=name, Body=b"forged")
    workspace.copies.copy("siem")
    [found] = workspace.copies.standing()
    assert found.next == 0 and found.failure == "another object has this name"
    assert place.held() == [b"forged"]


def test_objects_are_locked_for_as_long_as_the_settings_say(
    aws: Callable[[str], Any], moto: str, make_workspace: Make
) -> None:
    place = bucket(aws, moto)
    workspace = opened(make_workspace, {**place.stated, "lock_days": 400})
    workspace.copies.copy("siem")
    client = aws("s3")
    [one] = client.list_objects_v2(Bucket=place.stated["bucket"])["Contents"]
    kept = client.head_object(Bucket=place.stated["bucket"], Key=one["Key"])
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert 399 <= (kept["ObjectLockRetainUntilDate"] - workspace.clock.now()).days <= 400


def test_a_receiver_without_a_known_certificate_is_sent_nothing(make_workspace: Make, tmp_path: Path) -> None:
    with receiver(server_context(Authority(), tmp_path)) as box:
        workspace = opened(make_workspace, {"kind": "syslog", "host": "127.0.0.1", "port": box.port})
        workspace.copies.copy("siem")
        assert box.messages == []
    assert workspace.copies.standing()[0].failure == "unreached SSLCertVerificationError"


def test_a_receiver_that_hangs_up_has_taken_nothing(make_workspace: Make) -> None:
    with receiver() as box:
        stated = {"kind": "syslog", "host": "127.0.0.1", "port": box.port, "tls": False}
        workspace = opened(make_workspace, stated)
        box.deaf = True
        workspace.copies.copy("siem")
        assert workspace.copies.standing()[0].next == 0
        box.deaf = False
        workspace.copies.copy("siem", now=True)
        assert len(box.messages) == len(logged(workspace))


_RFC_5424 = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) "
    rb"([!-~]{1,128}) ([!-~]{1,32}) (-|(?:\[.*\])+) \xef\xbb\xbf(.*)",
    re.DOTALL,
)


def test_messages_are_as_the_syslog_standard_wants_them(make_workspace: Make) -> None:
    with receiver() as box:
        stated = {"kind": "syslog", "host": "127.0.0.1", "port": box.port, "tls": False}
        workspace = opened(make_workspace, stated)
        note(workspace, 1)
        workspace.copies.copy("siem")
        parsed = [_RFC_5424.fullmatch(one) for one in box.messages]
    assert all(parsed) and {one[1] for one in parsed if one} == {b"110"}
    last = [one for one in parsed if one and one[6] == b"test.noted"][-1]
    assert json.loads(last[8])["about"] == {"n": 0} and last[3] == b"default"


@cache
def schema(class_uid: int) -> jsonschema_rs.Validator:
    ocsf = pytest.importorskip("ocsf_json_schema", reason="the schema of OCSF is not installed")
    known = ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema(version="1.5.0"))
    return jsonschema_rs.Draft202012Validator(
        known.get_class_schema(class_name=known.lookup_class_name_from_uid(class_uid=class_uid))
    )


def test_events_are_as_their_schema_wants_them(make_workspace: Make, posts: Posts) -> None:
    workspace = opened(make_workspace, {"kind": "ocsf", "url": posts.url})
    names = (
        "signin.signed_in",
        "session.ended",
        "token.refused",
        "search.request",
        "role.granted",
        "tool.odd",
    )
    workspace.audit.record([Entry(name, ALICE, {"effect": "deny"}) for name in names])
    workspace.copies.copy("siem")
    events = [event for _, body in posts.taken for event in json.loads(body)]
    for event in events:
        assert [fault.message for fault in schema(event["class_uid"]).iter_errors(event)] == []
    found = {event["metadata"]["event_code"]: event for event in events}
    assert {found[name]["class_uid"] for name in names[:3]} == {3002}
    assert {found[name]["class_uid"] for name in names[3:]} == {6003}
    assert found["token.refused"]["status_id"] == 2 and found["workspace.created"]["status_id"] == 1


def test_a_token_by_reference_is_shown_and_a_missing_one_is_a_failure(
    make_workspace: Make, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = opened(make_workspace, {"kind": "ocsf", "url": posts.url, "token": "env:SIEM_TOKEN"})
    workspace.copies.copy("siem")
    assert posts.taken == [] and workspace.copies.standing()[0].failure == "bad-input"
    monkeypatch.setenv("SIEM_TOKEN", "walnut-canary")
    workspace.copies.copy("siem", now=True)
    assert posts.taken[0][0]["authorization"] == "Bearer walnut-canary"


def test_an_unknown_place_is_named(watched: Workspace) -> None:
    with pytest.raises(BadInput, match="no audit sink vault"):
        watched.copies.copy_now("vault")


def test_a_server_copies_by_itself(watched: Workspace, posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muniment.governance.audit.sinks.copies.LOOK_SECONDS", 0.02)
    copies: Copies = watched.copies
    with copies.watched():
        for _ in range(200):
            if posts.taken:
                break
            time.sleep(0.02)
    assert bodies(posts)[0] == logged(watched)[0]
