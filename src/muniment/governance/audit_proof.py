"""The state of the log's proof, verifying it part by part, and what is handed out so that others can verify it.

Invariants:
- what a verification covered and came to is an entry of the log, and the next one goes on from there;
- what is taken away is on record before it is given, and only those get it whom policy lets export the log.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.governance import audit as package
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.entry import Entry, Json, StoredEntry
from muniment.governance.audit.export import VERIFIER
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.merkle import Frontier
from muniment.governance.audit.proofs import Proofs
from muniment.governance.audit.sinks.copies import Copies
from muniment.governance.audit.sinks.copies import Standing as CopyStanding
from muniment.governance.audit.tables import audit_checkpoint, audit_tree
from muniment.governance.audit.witnesses import Standing as WitnessStanding
from muniment.governance.audit.witnesses import Witnesses
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import AUDIT
from muniment.governance.policy.gate import Gate

AT_ONCE = 100_000
"""Entries that one request verifies: about two seconds."""
VERIFIED, NOT_VERIFIED = "audit.verified", "audit.verification_failed"
_NONE = Frontier()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification read, and what it came to."""

    seq: int
    """The entry that says so."""
    at: str
    by: str
    begun: str
    """When the verification that it belongs to began with the first entry."""
    first: int
    """The first entry that was read this time."""
    size: int
    """Entries from the log's first on that fit, in all parts together."""
    read: int
    """Entries up to which this time read."""
    root: str
    """Hex root of the entries up to there."""
    checkpoints: int
    complete: bool
    """Whether the log ended there."""
    findings: tuple[str, ...]
    """What does not fit, the first bad place first."""
    peaks: bytes

    @property
    def ok(self) -> bool:
        """Tell whether all that was read fits."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class ChainState:
    """How the log stands."""

    size: int
    root: str
    """Hex root over all entries."""
    checkpoint_size: int
    """Entries that the newest checkpoint covers; 0 for none."""
    checkpoint_at: str
    public_key: str
    """The line that checks checkpoints."""
    witnesses: Sequence[WitnessStanding]
    copies: Sequence[CopyStanding]
    verified: Verified | None
    """What the last verification came to."""


class AuditProof:
    """The proof of one workspace's log, as auditors see to it.

    In each method `who` is the principal that policy is asked about, None for whoever can open the keys. Raises
    NotPermitted, on record, where policy does not let them.
    """

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        gate: Gate,
        proofs: Proofs,
        witnesses: Witnesses,
        copies: Copies,
        clock: Clock,
        at_once: int = AT_ONCE,
    ) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._proofs = proofs
        self._witnesses = witnesses
        self._copies = copies
        self._clock = clock
        self._at_once = at_once

    def state(self, who: Principal | None, by: Actor) -> ChainState:
        """Return how the log stands now."""
        self._record("audit.read", by, {**self._permitted(who, by, "read_audit"), "of": "state"})
        with self._database.read() as connection:
            tree = connection.execute(sa.select(audit_tree.c.size, audit_tree.c.root)).first()
            by_size = audit_checkpoint.c.size.desc()
            newest = connection.execute(
                sa.select(audit_checkpoint.c.size, audit_checkpoint.c.at).order_by(by_size).limit(1)
            ).first()
        return ChainState(
            size=tree.size if tree else 0,
            root=(tree.root if tree else _NONE.root()).hex(),
            checkpoint_size=newest.size if newest else 0,
            checkpoint_at=newest.at if newest else "",
            public_key=self._audit.public_key(),
            witnesses=self._witnesses.listing(),
            copies=self._copies.standing(),
            verified=self.last(),
        )

    def last(self) -> Verified | None:
        """Return what the last verification came to."""
        found = [one for kind in (VERIFIED, NOT_VERIFIED) if (one := self._audit.last_of(kind)) is not None]
        return _read(max(found, key=lambda one: one.seq)) if found else None

    def verify(self, anew: bool, who: Principal | None, by: Actor) -> Verified:
        """Verify the log, or the next part of a long one, and put on record what was read and what it came to.

        It goes on behind what fitted the last time; `anew` begins with the first entry. A checkpoint is made first,
        so that something signed covers every entry.
        """
        stated = self._permitted(who, by, "read_audit")
        last = None if anew else self.last()
        start, begun = _start(last), timestamp(self._clock.now())
        if last is not None and start.size:
            begun = last.begun
        self._audit.checkpoint()
        part = self._audit.verify_part(start, self._at_once)
        fits = start if part.findings else part.tree
        about: dict[str, Json] = {
            **stated,
            "begun": begun,
            "first": part.first,
            "size": fits.size,
            "read": part.tree.size,
            "root": part.tree.root().hex(),
            "peaks": base64.b64encode(fits.to_bytes()).decode(),
            "checkpoints": part.checkpoints,
            "complete": part.complete,
            "findings": list(part.findings),
        }
        kind = NOT_VERIFIED if part.findings else VERIFIED
        (seq,) = self._audit.record([Entry(kind, by, about)])
        return _read(StoredEntry(seq, timestamp(self._clock.now()), kind, by.ref, by.door, about, ""))

    def checkpoint(self, who: Principal | None, by: Actor) -> Checkpoint:
        """Return a signed checkpoint of the log as it stands, to be kept elsewhere."""
        self._taken("checkpoint", {}, who, by)
        return self._audit.checkpoint()

    def inclusion(self, seq: int, who: Principal | None, by: Actor) -> str:
        """Return the proof that an entry is in the log; raises as `Proofs.inclusion`."""
        self._taken("proof", {"entry": seq}, who, by)
        return self._proofs.inclusion(seq)

    def consistency(self, old_size: int, who: Principal | None, by: Actor) -> str:
        """Return the proof that the log grew out of that of a size; raises as `Proofs.consistency`."""
        self._taken("consistency", {"size": old_size}, who, by)
        return self._proofs.consistency(old_size)

    def public_key(self, who: Principal | None, by: Actor) -> str:
        """Return the line that checks checkpoints."""
        self._taken("public_key", {}, who, by)
        return self._audit.public_key()

    def verifier(self, who: Principal | None, by: Actor) -> bytes:
        """Return the program that checks proofs and exports without this product."""
        self._taken("verifier", {}, who, by)
        return Path(package.__file__).with_name(VERIFIER).read_bytes()

    def _taken(self, of: str, about: Mapping[str, Json], who: Principal | None, by: Actor) -> None:
        self._record("audit.exported", by, {**self._permitted(who, by, "export_audit"), "of": of, **about})

    def _permitted(self, who: Principal | None, by: Actor, action: str) -> dict[str, str]:
        with self._gate.recorded(by), self._database.read() as connection:
            return self._gate.check(connection, who, action, AUDIT)

    def _record(self, kind: str, by: Actor, about: Mapping[str, Json]) -> None:
        self._audit.record([Entry(kind, by, about)])


def _start(last: Verified | None) -> Frontier:
    """Return the tree behind which to go on; the empty one where that cannot be told."""
    if last is None:
        return _NONE
    try:
        return Frontier.from_bytes(last.size, last.peaks)
    except ValueError:
        return _NONE


def _read(entry: StoredEntry) -> Verified:
    about = entry.about
    findings = about.get("findings")
    said = findings if isinstance(findings, Sequence) and not isinstance(findings, str) else ()
    try:
        peaks = base64.b64decode(str(about.get("peaks")), validate=True)
    except binascii.Error:
        peaks = b""
    return Verified(
        seq=entry.seq,
        at=entry.at,
        by=entry.actor,
        begun=str(about.get("begun")),
        first=_whole(about.get("first")),
        size=_whole(about.get("size")),
        read=_whole(about.get("read")),
        root=str(about.get("root")),
        checkpoints=_whole(about.get("checkpoints")),
        complete=about.get("complete") is True,
        findings=tuple(str(one) for one in said),
        peaks=peaks,
    )


def _whole(value: Json) -> int:
    return value if isinstance(value, int) else 0
