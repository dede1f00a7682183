"""How good all answers of a period are, as told from those that were reviewed, beside what feedback says.

For whoever can open the keys. Figures only: no answer is opened for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.assurance.monitoring.agreement import not_reviewable
from muniment.assurance.monitoring.feedback_bias import LEAST_ANCHORS, FeedbackFigures, feedback_figures
from muniment.assurance.monitoring.labels import Item, items_of, spread
from muniment.assurance.monitoring.population import asked_since, not_waited_for, population
from muniment.assurance.monitoring.sampling import REVIEWED, ReviewSet, find_set
from muniment.assurance.monitoring.shares import Estimate
from muniment.assurance.monitoring.stratified import StratifiedShare, stratified_share
from muniment.assurance.monitoring.verdicts import COMES_TO, QUALITIES, VERDICTS
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy


@dataclass(frozen=True, slots=True)
class Quality:
    """What a sample tells of all answers that it was drawn from."""

    drawn: ReviewSet
    reviewed: int
    labels: int
    by_two: int
    disputed: int
    not_reviewable: int
    covered: float
    """Part of the answers in strata of which something was reviewed."""
    shares: dict[str, Estimate]
    """Right, partly, wrong."""
    verdicts: dict[str, Estimate]
    feedback: FeedbackFigures

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "set": self.drawn.id,
            "since": self.drawn.period.since,
            "until": self.drawn.period.until,
            "answers": self.drawn.answers,
            "drawn": self.drawn.size,
            "reviewed": self.reviewed,
            "labels": self.labels,
            "by_two": self.by_two,
            "disputed": self.disputed,
            "not_reviewable_by_anyone": self.not_reviewable,
            "covered": round(self.covered, 6),
            "shares": {name: one.as_json() for name, one in self.shares.items()},
            "verdicts": {name: one.as_json() for name, one in self.verdicts.items()},
            "feedback": self.feedback.as_json(),
            "remarks": list(self.remarks),
        }

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what has to be known to read the figures, in sentences."""
        said = [
            f"Rests on {self.labels} labels of {self.reviewed} answers out of {self.drawn.answers:,}.",
            "Feedback is self-selected: whoever gives it differs from whoever does not.",
        ]
        if self.covered < 1 and self.reviewed:
            said.append(
                f"Says nothing of {1 - self.covered:.0%} of the answers: none of their strata was reviewed."
            )
        if self.not_reviewable:
            said.append(
                f"{self.not_reviewable} of the answers drawn can be reviewed by nobody, and may differ."
            )
        if min(self.feedback.anchors) < LEAST_ANCHORS:
            useful, not_ = self.feedback.anchors
            said.append(
                f"Feedback is not turned into quality: {useful} answers that were said to be useful and {not_} that "
                f"were not are reviewed, and it takes {LEAST_ANCHORS} of each."
            )
        return tuple(said)


class Qualities:
    """Estimates quality in one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate

    def told(self, set_id: str, who: Principal, by: Actor) -> Told:
        """Return what reviews tell, feedback left out; raises NotFound, NotPermitted for who may not read suites."""
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_suite", Resource("Suite", ""))
            drawn, items = find_set(connection, set_id), items_of(connection, set_id)
        about: dict[str, Json] = {**stated, "set": set_id, "items": len(items), "principal": who.ref}
        self._audit.record([Entry("review.estimated", by, about)])
        reviewed = [one for one in items if one.labels]
        shares = {
            name: _estimate(drawn, reviewed, [v for v, of in COMES_TO.items() if of == name])
            for name in QUALITIES
        }
        return Told(
            drawn,
            len(reviewed),
            sum(len(one.labels) for one in reviewed),
            shares["right"].covered,
            {name: one.share for name, one in shares.items()},
        )

    def of(self, set_id: str, by: Actor) -> Quality:
        """Return what a sample tells; raises NotFound."""
        with self._database.read() as connection:
            drawn, items = find_set(connection, set_id), items_of(connection, set_id)
        self._audit.record([Entry("review.estimated", by, {"set": set_id, "items": len(items)})])
        reviewed = [one for one in items if one.labels]
        others = not_waited_for(asked_since(self._audit, drawn.period.since))
        answers = population(self._database, drawn.period, others)
        kept = [one for one in answers if one.status in REVIEWED]
        right = {one.answer: _part(one, ("right", "fine-abstention")) for one in reviewed}
        shares = {
            name: _estimate(drawn, reviewed, [v for v, of in COMES_TO.items() if of == name])
            for name in QUALITIES
        }
        return Quality(
            drawn=drawn,
            reviewed=len(reviewed),
            labels=sum(len(one.labels) for one in reviewed),
            by_two=spread(items)[0],
            disputed=sum(one.disputed for one in items),
            not_reviewable=not_reviewable(self._database, self._policy, items),
            covered=shares["right"].covered,
            shares={name: one.share for name, one in shares.items()},
            verdicts={name: _estimate(drawn, reviewed, [name]).share for name in VERDICTS},
            feedback=feedback_figures(kept, right, drawn.seed),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What reviews alone tell of all answers of a sample's time."""

    drawn: ReviewSet
    reviewed: int
    labels: int
    covered: float
    """Part of the answers in strata of which something was reviewed."""
    shares: dict[str, Estimate]
    """Right, partly, wrong."""


def _estimate(drawn: ReviewSet, items: Sequence[Item], verdicts: Sequence[str]) -> StratifiedShare:
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for one in items:
        seen[one.stratum].append(_part(one, verdicts))
    return stratified_share({name: size for name, (size, _) in drawn.strata.items()}, seen)


def _part(item: Item, verdicts: Sequence[str]) -> float:
    """Return how far an item is so: of a dispute that nobody settled, as many as said it."""
    return sum(one in verdicts for one in item.verdicts) / len(item.verdicts)
