"""Showing drawn answers to reviewers and taking their verdicts.

Invariants:
- an item is for those alone who may read now all that it rests on; to all others it looks absent, in what is shown
  and in every count;
- a showing is in the log before anything of it is shown, and rights are read again after that;
- a reviewer sees neither who asked nor which model, prompt or release answered, nor what others said of it; whoever
  settles a dispute sees both verdicts without names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.lineage import Explanation, as_readable
from muniment.assurance.monitoring.labels import PER_ITEM, Item, item_at, items_of
from muniment.assurance.monitoring.reviewable import admitted
from muniment.assurance.monitoring.sampling import ReviewSet, find_set, newest_sets
from muniment.assurance.monitoring.tables import review_label
from muniment.assurance.monitoring.verdicts import FITTING, VERDICTS
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

LONGEST_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class Quoted:
    """A statement with the words that were shown as its evidence."""

    text: str
    inferred: bool
    quotes: tuple[tuple[str, str], ...]
    """Title of the document, and the quote."""

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        quotes: list[Json] = [{"title": title, "quote": quote} for title, quote in self.quotes]
        return {"text": self.text, "inferred": self.inferred, "quotes": quotes}


@dataclass(frozen=True, slots=True)
class Showing:
    """One item as a reviewer sees it."""

    item: str
    question: str
    status: str
    answer: str
    statements: tuple[Quoted, ...]
    result: Json
    verdicts: tuple[str, ...]
    """Those that fit."""
    disputed: tuple[tuple[str, str], ...]
    """Verdicts and notes of the two, for whoever settles."""
    left: int
    """Items that wait for this reviewer, this one included."""
    done: int
    """Items of the sample that this reviewer has judged."""

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "item": self.item,
            "question": self.question,
            "status": self.status,
            "answer": self.answer,
            "statements": [one.as_json() for one in self.statements],
            "result": self.result,
            "verdicts": list(self.verdicts),
            "disputed": [{"verdict": verdict, "note": note} for verdict, note in self.disputed],
            "left": self.left,
            "done": self.done,
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sample, and what of it is for one reviewer."""

    drawn: ReviewSet
    left: int
    to_settle: int
    done: int


class Reviewing:
    """The reviews of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._policy = policy
        self._clock = clock

    def waiting(self, who: Principal, by: Actor, most: int = 10) -> tuple[Waiting, ...]:
        """Return the newest samples with what waits in them for this reviewer; raises NotPermitted by policy."""
        with self._gate.recorded(by), self._database.read() as connection:
            reviewer = admitted(connection, self._policy, who)
            found: list[Waiting] = []
            for drawn in newest_sets(connection, most):
                mine = [one for one in items_of(connection, drawn.id) if reviewer.may_review(one.answer)]
                left, settle = (sum(one.waits_for(who.ref, late) for one in mine) for late in (False, True))
                done = sum(any(said.reviewer == who.ref for said in one.labels) for one in mine)
                found.append(Waiting(drawn, left, settle, done))
        about: dict[str, Json] = {"sets": len(found), "principal": who.ref, **reviewer.admitted.stated()}
        self._audit.record([Entry("review.listed", by, about)])
        return tuple(found)

    def next(
        self, set_id: str, who: Principal, by: Actor, settle: bool = False, after: str = ""
    ) -> Showing | None:
        """Return the next item of a sample that waits for this reviewer; None where there is none.

        With `settle`, of those that two reviewers differ on; with `after`, the one that comes after that item in this
        reviewer's order, which begins again at its end. Raises NotFound for no such sample, NotPermitted by
        policy, Unavailable when the showing cannot be recorded.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            drawn, items = find_set(connection, set_id), items_of(connection, set_id)
            reviewer = admitted(connection, self._policy, who)
            waiting = [
                one for one in items if one.waits_for(who.ref, settle) and reviewer.may_review(one.answer)
            ]
        if not waiting:
            return None
        turns = {one.id: _turn(drawn.seed, who.ref, one.id) for one in waiting}
        passed = _turn(drawn.seed, who.ref, after) if after else b""
        first = min(waiting, key=lambda one: (turns[one.id] <= passed, turns[one.id]))
        done = sum(any(said.reviewer == who.ref for said in one.labels) for one in items)
        about: dict[str, Json] = {
            "set": set_id,
            "item": first.id,
            "answer": first.answer,
            "principal": who.ref,
            **reviewer.admitted.stated(),
        }
        self._audit.record([Entry("review.shown", by, about)])
        with self._gate.recorded(by), self._database.read() as connection:
            now = admitted(connection, self._policy, who)
            found = None
            if now.may_review(first.answer):
                found = as_readable(connection, [first.answer], now.readable).get(first.answer)
        if found is None or found.withheld:
            raise absent()
        return _showing(first, found, len(waiting), done, settle)

    def label(
        self,
        item_id: str,
        who: Principal,
        by: Actor,
        verdict: str,
        note: str = "",
        settle: bool = False,
    ) -> None:
        """Keep a reviewer's verdict on an item, in place of an earlier one of theirs.

        Raises NotFound for an absent item and for one that is not for this reviewer, BadInput for a verdict that does
        not fit, Conflict where two others have said theirs or there is nothing to settle, NotPermitted by policy.
        """
        check_text(note, "The note")
        if len(note) > LONGEST_NOTE:
            raise BadInput(f"The note has {len(note)} characters.", fix=f"Use at most {LONGEST_NOTE}.")
        if verdict not in VERDICTS:
            raise BadInput(f"There is no verdict '{verdict}'.", fix=f"Say one of {', '.join(VERDICTS)}.")
        about: dict[str, Json] = {"item": item_id[:64], "principal": who.ref}
        with self._gate.recorded(by), self._database.write() as connection:
            item = item_at(connection, item_id) if storable(item_id) else None
            reviewer = admitted(connection, self._policy, who)
            about |= reviewer.admitted.stated()
            found = None
            if item is not None and reviewer.may_review(item.answer):
                found = as_readable(connection, [item.answer], reviewer.readable).get(item.answer)
            if item is not None and found is not None:
                _check(item, found.status, who.ref, verdict, settle)
                self._store(connection, item, who.ref, verdict, note, settle)
                about |= {"set": item.review_set, "answer": item.answer, "verdict": verdict}
                about |= {"note": bool(note), "settles": settle}
                self._audit.append(connection, [Entry("review.labelled", by, about)])
        if found is None:
            self._audit.record([Entry("review.refused", by, {**about, "effect": "deny"})])
            raise absent()

    def _store(
        self, connection: sa.Connection, item: Item, reviewer: str, verdict: str, note: str, settle: bool
    ) -> None:
        column = review_label.c
        mine = (column.item == item.id, column.reviewer == reviewer)
        connection.execute(sa.delete(review_label).where(*mine))
        connection.execute(
            sa.insert(review_label).values(
                item=item.id,
                reviewer=reviewer,
                answer=item.answer,
                verdict=verdict,
                settles=settle,
                note=note,
                at=timestamp(self._clock.now()),
            )
        )


def absent() -> NotFound:
    """Return what is said of an item that there is not, and of one that is not for whoever asks."""
    return NotFound("There is no such item for you to review.", fix="See: muniment monitor review SET.")


def _check(item: Item, status: str, reviewer: str, verdict: str, settle: bool) -> None:
    fitting = FITTING.get(status, ())
    if verdict not in fitting:
        raise BadInput(
            f"'{verdict}' does not fit what was {status}.", fix=f"Say one of {', '.join(fitting)}."
        )
    mine = [one for one in item.labels if one.reviewer == reviewer]
    others = [one for one in item.labels if one.reviewer != reviewer]
    if item.settled is not None and not any(one.settles for one in mine):
        raise Conflict("This item was settled.", fix="Go on with the next: muniment monitor review SET.")
    if settle and (any(not one.settles for one in mine) or not _differ([o.verdict for o in others])):
        raise Conflict(
            "There is nothing here for you to settle.",
            fix="A third person settles what two others differ on.",
        )
    if not settle and len(others) >= PER_ITEM:
        raise Conflict(
            "Two others have reviewed it.", fix="Go on with the next: muniment monitor review SET."
        )


def _differ(verdicts: Sequence[str]) -> bool:
    return len(verdicts) >= PER_ITEM and len(set(verdicts)) > 1


def _turn(seed: int, reviewer: str, item: str) -> bytes:
    """Order items differently for each reviewer, and each time alike."""
    return hashlib.sha256(f"{seed}\n{reviewer}\n{item}".encode()).digest()


def _showing(item: Item, found: Explanation, left: int, done: int, settle: bool) -> Showing:
    statements = tuple(
        Quoted(claim.text, claim.inferred, tuple((c.title, c.quote) for c in claim.citations))
        for claim in found.claims
    )
    said = tuple((one.verdict, one.note) for one in item.labels) if settle else ()
    return Showing(
        item=item.id,
        question=found.question,
        status=found.status,
        answer=found.answer,
        statements=statements,
        result=found.result,
        verdicts=FITTING.get(found.status, ()),
        disputed=said,
        left=left,
        done=done,
    )
