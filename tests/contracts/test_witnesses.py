"""Every kind of witness: it takes a log that grew, and no log that was rewritten or cut."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.simulators import key_service
from tests.simulators.served import served
from tests.simulators.web_client import api_key

from muniment import app
from muniment.app import Workspace
from muniment.app.witnessing import bucket_of
from muniment.foundation.aws_signature import AwsSignature
from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.governance.audit import folder_witness
from muniment.governance.audit.cosignature import cosigned_at, read_key
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.merkle import Frontier, leaf_hash
from muniment.governance.audit.tables import audit_checkpoint, audit_entry, audit_tile, audit_tree
from muniment.governance.audit.witness import Forked, RolledBack
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

BUCKET = "witness-bucket"


@dataclass
class Site:
    """A workspace whose log one witness watches."""

    workspace: Workspace
    clock: FixedClock
    reopen: Callable[[], Workspace]
    off: Callable[[], None]
    """Makes the witness unreachable."""

    def write(self, count: int = 1) -> None:
        self.workspace.audit.record([Entry("x", OPERATOR, {"n": n}) for n in range(count)])


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with key_service.moto() as url:
        yield url


def _bucket(url: str, name: str, lock: bool = True) -> None:
    settings = parse(_s3(url, name)).audit.witnesses["w"]
    signature = AwsSignature("s3", settings.region, "the test")
    headers = {"x-amz-bucket-object-lock-enabled": "true"} if lock else {}
    body = (
        b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    )
    address = bucket_of(settings)
    signed = signature.headers("PUT", address, headers, body)
    assert Egress({url}).exchange("PUT", address, signed, body, 10.0).status == 200


def _s3(url: str, bucket: str) -> dict[str, object]:
    one = {"kind": "s3", "bucket": bucket, "region": "eu-west-1", "endpoint_url": url}
    return {"audit": {"witnesses": {"w": one}}}


@pytest.fixture(params=["folder", "s3", "muniment"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def site(
    kind: str,
    make_workspace: Callable[..., Workspace],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    clock = FixedClock()
    with ExitStack() as stack:
        first = make_workspace(clock=clock)
        home, log_key = first.home, first.audit.public_key()
        first.close()
        settings: dict[str, object]
        if kind == "folder":
            folder = tmp_path / "elsewhere"
            folder_witness.make(folder, "elsewhere", log_key, first.ids)
            settings = {"audit": {"witnesses": {"w": {"kind": "folder", "folder": str(folder)}}}}
            off = lambda: shutil.move(folder, tmp_path / "unmounted")  # noqa: E731
        elif kind == "s3":
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.setenv(name, "AKIAIOSFODNN7EXAMPLE")
            url, bucket = request.getfixturevalue("moto"), f"b-{abs(hash(tmp_path)):x}"
            _bucket(url, bucket)
            settings = _s3(url, bucket)
            off = lambda: monkeypatch.setattr(Egress, "exchange", _unreached)  # noqa: E731
        else:
            witness = make_workspace("witness", settings=parse({"audit": {"logs": [log_key]}}))
            ended = ExitStack()
            stack.push(ended)
            url = ended.enter_context(served(witness))
            (home / "witness-key").write_text(api_key(witness, "witness"))
            one = {"kind": "muniment", "address": url, "key": "file:witness-key"}
            one["public_key"] = witness.cosigning.public_key()
            settings = {"audit": {"witnesses": {"w": one}}}
            off = ended.close

        def reopen() -> Workspace:
            return app.open(home, settings=parse(settings), embedder=lambda: None, clock=clock)

        workspace = reopen()
        stack.callback(lambda: made.workspace.close())
        made = Site(workspace, clock, reopen, off)
        yield made


def _unreached(*_: object, **__: object) -> None:
    from muniment.foundation.egress import Unreached

    raise Unreached("ConnectError", "connect")


def test_what_is_brought_grows_and_is_held(site: Site, kind: str) -> None:
    witnesses = site.workspace.witnesses
    site.write(3)
    assert witnesses.enroll("w").waiting == 0
    first = witnesses.last("w")
    site.write(300)
    site.clock.advance(minutes=1)
    standing = witnesses.bring("w")
    last = witnesses.last("w")
    assert (standing.waiting, standing.behind, standing.problem) == (0, False, "")
    assert last.size == first.size + 300 == standing.size
    if kind != "s3":
        assert cosigned_at(last.text, read_key(standing.public_key)) is not None
    found = witnesses.verify("w")
    assert found.ok, found.findings


def test_bringing_the_same_again_changes_nothing(site: Site) -> None:
    site.workspace.witnesses.enroll("w")
    before = site.workspace.witnesses.bring("w")
    assert site.workspace.witnesses.bring("w") == before


def rewrite(workspace: Workspace, at: int) -> None:
    """Write one entry anew and every hash, root and checkpoint after it, signed with the real key."""
    with workspace.database.write() as connection:
        rows = connection.execute(sa.select(audit_entry).order_by(audit_entry.c.seq)).all()
        tree = Frontier()
        for row in rows:
            body = (
                row.body.replace(b'"actor":"operator"', b'"actor":"user:eve"') if row.seq == at else row.body
            )
            values = {"body": body, "leaf_hash": leaf_hash(body)}
            if row.seq == at:
                values["actor"] = "user:eve"
            connection.execute(sa.update(audit_entry).where(audit_entry.c.seq == row.seq).values(**values))
            tree = tree.extend([leaf_hash(body)])
        connection.execute(sa.update(audit_tree).values(frontier=tree.to_bytes(), root=tree.root()))
        connection.execute(sa.delete(audit_checkpoint))
        connection.execute(sa.delete(audit_tile))
    workspace.audit.checkpoint()


def test_a_full_rewrite_signed_with_the_real_key_is_found_and_its_place_named(site: Site, kind: str) -> None:
    witnesses = site.workspace.witnesses
    witnesses.enroll("w")
    grown = witnesses.last("w").size
    site.write(5)
    witnesses.bring("w")
    rewrite(site.workspace, grown + 2)
    assert site.workspace.audit.verify().ok
    found = witnesses.verify("w")
    first = 0 if kind == "muniment" else grown
    assert f"one of the entries {first} to {grown + 4} is not what the witness saw" in found.findings[0]
    site.write(1)
    with pytest.raises(Forked):
        witnesses.bring("w")
    entries = site.workspace.audit.query(kind="witness.contradicts")
    assert [one.about["reason"] for one in entries] == ["log-forked"]


def test_a_log_that_was_put_back_is_found(site: Site) -> None:
    witnesses, home = site.workspace.witnesses, site.workspace.home
    witnesses.enroll("w")
    site.workspace.close()
    shutil.copy(home / "muniment.db", home / "kept.db")
    site.workspace = site.reopen()
    site.write(5)
    seen = site.workspace.witnesses.bring("w").size
    site.workspace.close()
    shutil.copy(home / "kept.db", home / "muniment.db")
    for name in ("muniment.db-wal", "muniment.db-shm"):
        (home / name).unlink(missing_ok=True)
    site.workspace = site.reopen()
    with pytest.raises(RolledBack):
        site.workspace.witnesses.bring("w")
    assert f"the witness saw a log of {seen} entries" in site.workspace.witnesses.verify("w").findings[-1]


def test_one_that_cannot_be_reached_is_behind_after_a_while_and_says_so_once(site: Site) -> None:
    witnesses = site.workspace.witnesses
    witnesses.enroll("w")
    site.off()
    site.write(2)
    site.workspace.audit.checkpoint()
    site.clock.advance(minutes=1)
    witnesses.look("w")
    assert not witnesses.listing()[0].behind and witnesses.listing()[0].problem
    site.clock.advance(minutes=15)
    for _ in range(2):
        witnesses.look("w")
        site.clock.advance(minutes=1)
    standing = witnesses.listing()[0]
    assert standing.behind and standing.waiting >= 2
    assert len(site.workspace.audit.query(kind="witness.behind")) == 1


@pytest.mark.parametrize("kind", ["s3"], indirect=True)
def test_a_bucket_without_object_lock_is_no_witness(site: Site, moto: str) -> None:
    _bucket(moto, "open-bucket", lock=False)
    workspace = app.open(
        site.workspace.home, settings=parse(_s3(moto, "open-bucket")), embedder=lambda: None, clock=site.clock
    )
    with pytest.raises(NotSetUp, match="object lock"):
        workspace.witnesses.enroll("w")
    workspace.close()


@pytest.mark.parametrize("kind", ["folder"], indirect=True)
def test_a_witness_with_another_key_than_it_was_taken_up_with_is_refused(site: Site, tmp_path: Path) -> None:
    witnesses = site.workspace.witnesses
    witnesses.enroll("w")
    shutil.rmtree(tmp_path / "elsewhere")
    folder_witness.make(
        tmp_path / "elsewhere", "elsewhere", site.workspace.audit.public_key(), site.workspace.ids
    )
    site.write()
    with pytest.raises(MunimentError, match="does not hold for the key"):
        witnesses.bring("w")
