"""A release before a share of people: who they are, how both arms do, and its end where they are served worse.

Each person is in one arm as long as the canary runs, by a keyed digest of person and release. Compared are:

| signal | of |
|---|---|
| abstained | answers |
| statements dropped for lack of evidence, one or more | answers |
| slow: above the time that nine in ten answers without the canary stay below | answers |
| failed | questions |
| not useful | opinions |

Each is tested by itself at a fifth of ALPHA (see `sequential`), so that all together keep to it. Invariants:
- nobody's arm depends on what they ask, or on how the canary does;
- an end because of figures commits with them in the log, and once;
- only counts leave here: no question, no answer, no name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Literal, cast

import sqlalchemy as sa

from muniment.assistant.feedback import feedback
from muniment.assistant.inquiry import ANSWER, EXTRACT
from muniment.assistant.lineage import answer
from muniment.assurance.release import records
from muniment.assurance.release.promotions import Promotions
from muniment.assurance.release.records import Release, Staged
from muniment.assurance.release.sequential import ALPHA, LEAST, Share, is_higher
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.audit.log import AuditLog
from muniment.inference.prompt_registry import Live

LOOK_SECONDS = 60.0
"""How often a server looks."""
PURPOSES = (ANSWER, EXTRACT)
"""What a canary has prompts of its own for; all else that is asked of models goes by the live ones meanwhile."""
Signal = Literal["abstained", "dropped", "slow", "failed", "not useful"]
SIGNALS: tuple[Signal, ...] = ("abstained", "dropped", "slow", "failed", "not useful")
LEAST_OF: Mapping[Signal, int] = {"not useful": 20}
"""Few say what they think: of opinions fewer are enough."""
_NOT_FAILURES = ("stopped", "denied", "not-found", "bad-input")
"""Ends of questions that no prompt has a part in."""
_ITSELF = Actor("muniment", "python")
_ANSWERS = sa.select(answer.c.principal, answer.c.answer, answer.c.lineage, feedback.c.useful).outerjoin(
    feedback, feedback.c.answer == answer.c.id
)


@dataclass(frozen=True, slots=True)
class Running:
    """A canary that runs."""

    stage: Staged
    release: Release

    @property
    def share(self) -> int:
        """Return its percentage of people."""
        return int(cast("int", self.stage.verdict["share"]))


@dataclass(frozen=True, slots=True)
class Signals:
    """One signal of both arms."""

    name: Signal
    canary: Share
    rest: Share
    worse: bool
    """Whether the canary does worse by more than chance explains."""

    def __str__(self) -> str:
        return f"{self.name}: {self.canary} with the canary, {self.rest} without"

    def as_json(self) -> dict[str, Json]:
        """Return the signal as one JSON object."""
        return {
            "name": self.name,
            "canary": {"count": self.canary.count, "of": self.canary.of},
            "rest": {"count": self.rest.count, "of": self.rest.of},
            "worse": self.worse,
        }


class Canary:
    """The canary of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, promotions: Promotions, live: Live) -> None:
        """`live` gives the prompts of those who have no canary."""
        self._live = live
        self._database = database
        self._audit = audit
        self._promotions = promotions

    def running(self) -> Running | None:
        """Return the canary that runs, or None."""
        with self._database.read() as connection:
            stage = records.canary_of(connection)
            return None if stage is None else Running(stage, records.of_id(connection, stage.release))

    def signals(self, running: Running) -> tuple[Signals, ...]:
        """Return every signal of both arms since the canary began."""
        chosen: dict[str, bool] = {}

        def is_canary(ref: str) -> bool:
            if ref not in chosen:
                chosen[ref] = is_chosen(self._audit, running.stage, ref)
            return chosen[ref]

        arms = {True: _Arm(), False: _Arm()}
        for row in self._answers(running):
            arms[is_canary(row.principal)].take(row)
        asked: dict[str, str] = {}
        for entry in self._audit.since(running.stage.at, ["answer.request", "answer.refused"]):
            one = str(entry.about.get("answer"))
            if entry.kind == "answer.request":
                asked[one] = str(entry.about.get("principal"))
                arms[is_canary(asked[one])].asked += 1
            elif one in asked and entry.about.get("reason", "stopped") not in _NOT_FAILURES:
                arms[is_canary(asked[one])].failed += 1
        return _compared(arms[True], arms[False])

    def look(self) -> Sequence[Signals]:
        """End the canary where it does worse; return the signals that say so."""
        running = self.running()
        if running is None:
            return ()
        worse = tuple(one for one in self.signals(running) if one.worse)
        if worse:
            reason = f"The canary does worse. {'; '.join(map(str, worse))}."
            self._promotions.end_canary(running.stage, reason, [one.as_json() for one in worse], _ITSELF)
        return worse

    def look_alone(self) -> None:
        """Look, unless another process of this workspace is looking."""
        with suppress(Conflict), self._database.alone("canary"):
            self.look()

    def _answers(self, running: Running) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Return the answers since it began, but those of trials and replays, which have prompts of their own."""
        theirs = {running.release.prompts[purpose].version for purpose in PURPOSES}
        with self._database.read() as connection:
            rows = connection.execute(_ANSWERS.where(answer.c.at >= running.stage.at)).all()
        ours = {self._live(purpose, None).version for purpose in PURPOSES}
        kept: list[sa.Row[*tuple[Any, ...]]] = []
        for row in rows:
            lineage = json.loads(row.lineage)
            wanted = theirs if is_chosen(self._audit, running.stage, row.principal) else ours
            if "replays" not in lineage and lineage["prompt"] in wanted:
                kept.append(row)
        return kept


def watched(canary: Callable[[], Canary]) -> AbstractContextManager[None]:
    """Look every minute while the block runs."""
    return repeated("canary", LOOK_SECONDS, lambda: canary().look_alone())


def is_chosen(audit: AuditLog, canary: Staged, ref: str) -> bool:
    """Return whether a person is in the canary's arm: the same at each request; outside nobody can tell."""
    said = audit.commitment(f"canary {canary.release} {ref}").rpartition(":")[2][:8]
    return int(said, 16) < int(cast("int", canary.verdict["share"])) * (1 << 32) // 100


class _Arm:
    """What one arm has seen."""

    def __init__(self) -> None:
        self.abstained = self.dropped = self.asked = self.failed = self.opinions = self.not_useful = 0
        self.took: list[float] = []

    def take(self, row: sa.Row[*tuple[Any, ...]]) -> None:
        kept, lineage = json.loads(row.answer), json.loads(row.lineage)
        self.abstained += kept["status"] == "abstained"
        self.dropped += bool(lineage["checks"]["unverified"])
        self.took.append(float(kept["took_ms"]))
        if row.useful is not None:
            self.opinions += 1
            self.not_useful += not row.useful

    def share(self, signal: Signal, slow: float) -> Share:
        answers = len(self.took)
        return {
            "abstained": Share(self.abstained, answers),
            "dropped": Share(self.dropped, answers),
            "slow": Share(sum(one > slow for one in self.took), answers),
            "failed": Share(self.failed, self.asked),
            "not useful": Share(self.not_useful, self.opinions),
        }[signal]


def _compared(canary: _Arm, rest: _Arm) -> tuple[Signals, ...]:
    usual = sorted(rest.took)
    slow = usual[int(len(usual) * 0.9)] if usual else 0.0
    alpha = ALPHA / len(SIGNALS)
    found: list[Signals] = []
    for name in SIGNALS:
        one, other = canary.share(name, slow), rest.share(name, slow)
        found.append(Signals(name, one, other, is_higher(one, other, alpha, LEAST_OF.get(name, LEAST))))
    return tuple(found)
