"""Verifying the log part by part comes to what verifying it whole comes to, and is on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.merkle import Frontier
from muniment.governance.audit.tables import audit_entry, audit_tree
from muniment.governance.audit_proof import NOT_VERIFIED, VERIFIED, AuditProof
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Workspace]:
    made = app.create(tmp_path / "home", clock=FixedClock(), embedder=lambda: None)
    (tmp_path / "people.toml").write_text("[users.alice]\n[users.frank]\n[users.grace]\n")
    made.directory.import_file(tmp_path / "people.toml", OPERATOR)
    made.roles.grant("auditor", "grace", "she audits", OPERATOR)
    made.roles.grant("security-officer", "frank", "he guards", OPERATOR)
    for _ in range(12):
        made.audit.record([Entry("tick", OPERATOR, {}) for _ in range(5)])
        made.audit.checkpoint()
    yield made
    made.close()


def proving(workspace: Workspace, at_once: int) -> AuditProof:
    return AuditProof(
        database=workspace.database,
        audit=workspace.audit,
        gate=workspace.gate,
        proofs=workspace.proofs,
        witnesses=workspace.witnesses,
        copies=workspace.copies,
        clock=workspace.clock,
        at_once=at_once,
    )


def alter(workspace: Workspace, seq: int) -> None:
    row = audit_entry.c.seq == seq
    with workspace.database.write() as connection:
        body = connection.execute(sa.select(audit_entry.c.body).where(row)).scalar_one()
        changed = body.replace(b'"tick"', b'"tock"')
        connection.execute(sa.update(audit_entry).where(row).values(body=changed))


def test_a_small_log_is_verified_whole_and_then_only_what_is_new(kept: Workspace) -> None:
    first = kept.audit_proof.verify(True, None, OPERATOR)
    assert first.ok and first.complete and first.first == 0 and first.checkpoints >= 12
    assert kept.audit.last_of(VERIFIED) is not None
    kept.audit.record([Entry("tick", OPERATOR, {})])
    then = kept.audit_proof.verify(False, None, OPERATOR)
    assert then.ok and then.complete and then.first == first.size and then.begun == first.begun
    assert kept.audit_proof.last() == then


@pytest.mark.parametrize("at_once", [1, 7, 20, 64])
def test_parts_behind_one_another_come_to_the_root_of_the_whole(kept: Workspace, at_once: int) -> None:
    size = kept.audit.verify().entries
    tree, parts = Frontier(), 0
    while True:
        part = kept.audit.verify_part(tree, at_once)
        assert part.findings == () and part.first == tree.size
        tree, parts = part.tree, parts + 1
        if part.complete:
            break
    whole = kept.audit.verify()
    assert (tree.size, tree.root().hex()) == (whole.entries, whole.root) and size == whole.entries
    assert parts > 1 or at_once >= size


def test_a_long_log_is_verified_part_by_part_and_says_how_far(kept: Workspace) -> None:
    proof = proving(kept, 30)
    first = proof.verify(True, None, OPERATOR)
    assert first.ok and not first.complete and 0 < first.size <= 30
    then = proof.verify(False, None, OPERATOR)
    assert then.first == first.size and then.size > first.size
    while not then.complete:
        then = proof.verify(False, None, OPERATOR)
    assert then.ok


@pytest.mark.parametrize("at_once", [10, 1000])
def test_an_altered_entry_is_named_in_the_part_that_holds_it(kept: Workspace, at_once: int) -> None:
    proof = proving(kept, at_once)
    seq = kept.audit.last_of("tick").seq - 20  # type: ignore[union-attr]
    alter(kept, seq)
    found = proof.verify(True, None, OPERATOR)
    while found.ok and not found.complete:
        found = proof.verify(False, None, OPERATOR)
    assert not found.ok and f"entry {seq} (tick at" in found.findings[0]
    assert kept.audit.last_of(NOT_VERIFIED) is not None
    # It does not go on as if nothing was found.
    again = proof.verify(False, None, OPERATOR)
    assert (again.first, again.findings[0]) == (found.first, found.findings[0])


def test_entries_cut_off_behind_what_was_verified_are_missed(kept: Workspace) -> None:
    seen = kept.audit_proof.verify(True, None, OPERATOR)
    with kept.database.write() as connection:
        connection.execute(sa.delete(audit_entry).where(audit_entry.c.seq >= seen.size - 3))
        connection.execute(sa.update(audit_tree).values(size=seen.size - 3, frontier=b""))
    start = Frontier.from_bytes(seen.size, seen.peaks)
    assert kept.audit.verify_part(start, 100).findings == (
        f"entries {seen.size - 3} to {seen.size - 1} are missing",
    )


def test_a_start_that_was_made_up_does_not_fit_what_was_signed(kept: Workspace) -> None:
    made_up = Frontier().extend([b"\0" * 32] * 10)
    assert "do not match the checkpoint" in " ".join(kept.audit.verify_part(made_up, 1000).findings)


def test_who_reads_the_log_verifies_it_and_only_who_exports_it_takes_proofs(kept: Workspace) -> None:
    alice, frank, grace = (kept.principal(name) for name in ("alice", "frank", "grace"))
    for who in (frank, grace):
        by = Actor(who.ref, "web")
        assert kept.audit_proof.verify(True, who, by).by == who.ref
        assert kept.audit_proof.state(who, by).verified is not None
    by = Actor(grace.ref, "web")
    assert kept.audit_proof.checkpoint(grace, by).size == kept.audit.tail(1)[0].seq + 1
    assert "tlog-proof" in kept.audit_proof.inclusion(0, grace, by)
    assert kept.audit_proof.consistency(5, grace, by).startswith("old 5\n")
    assert kept.audit.tail(1)[0].kind == "audit.exported"
    for who, doors in ((frank, ("checkpoint", "public_key", "verifier")), (alice, ("state", "checkpoint"))):
        for door in doors:
            with pytest.raises(NotPermitted):
                getattr(kept.audit_proof, door)(who, Actor(who.ref, "web"))
            assert kept.audit.tail(1)[0].kind == "policy.refused"
