"""Judging the stored answers of a run by a language model, which counts only where it agrees with people.

Invariants:
- it begins with what people labelled: where the judge does not agree with them, the rest is not put to it, and no
  score is given;
- answers are read and judged as the askers of their cases, of what these may read now; the rest is left out, and
  counted;
- no verdict is never a pass; of two answers it is neither a tie, and that pair is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from muniment.assurance.evaluation.judging.agreement import Agreement, agreement, counted
from muniment.assurance.evaluation.judging.judge import For, Judge
from muniment.assurance.evaluation.judging.judged import (
    pair_item,
    shown,
    statement_item,
    traced,
    turned,
)
from muniment.assurance.evaluation.judging.stored_answers import StoredAnswers
from muniment.assurance.evaluation.observation import SeenClaim
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.statistics.interval import Estimate, estimate
from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Json
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Usage

What = Literal["statements", "pairs"]
_WORTH: Mapping[str | None, float] = {
    "supported": 1.0,
    "unsupported": 0.0,
    "first": 1.0,
    "tie": 0.5,
    "second": 0.0,
    None: 0.0,
}
WORKERS = 4
"""Things judged at one time: most of the time is spent waiting for the model."""
_INSTRUCTIONS, _REPLY = 1_500, 20
"""Characters of a prompt and tokens of a verdict, to guess a cost by."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to judge."""

    case: CaseResult
    name: str
    """By which people label it: a digest of its words."""
    calls: int
    """Of the judge; 0 where code alone decides."""
    characters: int
    ask: Callable[[], str | None]
    turned_name: str = ""
    """Of the same pair the other way round."""

    def label(self, labels: Mapping[str, str]) -> str | None:
        """Return what people said of it."""
        found = labels.get(self.name)
        if found is None and self.turned_name in labels:
            back = labels[self.turned_name]
            return turned(back) if back in ("first", "second", "tie") else None
        return found


@dataclass(frozen=True, slots=True)
class Docket:
    """All that would be judged."""

    what: What
    items: tuple[Item, ...]
    left_out: int
    """Cases whose askers may no longer read the answers."""

    def planned(self, endpoint: Endpoint) -> Usage:
        """Return about what it would use, guessed from the lengths of texts."""
        read = sum(one.characters * one.calls + _INSTRUCTIONS * one.calls for one in self.items) // 4
        written = _REPLY * sum(one.calls for one in self.items)
        cost = (read * endpoint.prompt_price + written * endpoint.completion_price) / 1_000_000
        return Usage(read, written, cost)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said, and whether it counts."""

    what: What
    agreement: Agreement
    note: str
    judged: int
    """Things that have a verdict, by the judge or by code."""
    silent: int
    """Of which the judge said nothing that is a verdict."""
    left_out: int
    """Cases whose askers may not read, or the judge may not be sent, what would be judged."""
    score: Estimate | None = None
    """Mean over cases; None where the judge does not count."""
    tally: Mapping[str, int] = field(default_factory=dict[str, int])
    """How often each verdict was given; empty as the score is."""

    def figures(self) -> dict[str, Json]:
        """Return them as JSON values."""
        agreed, score = self.agreement, self.score
        return {
            "what": self.what,
            "agreement": {
                "kappa": agreed.kappa,
                "low": agreed.low,
                "high": agreed.high,
                "labels": agreed.labels,
                "alike": agreed.alike,
                "enough": agreed.enough,
            },
            "judged": self.judged,
            "silent": self.silent,
            "left_out": self.left_out,
            "score": None
            if score is None
            else {"n": score.n, "mean": score.mean, "low": score.low, "high": score.high},
            "tally": dict(self.tally),
        }


def statements(run: Run, answers: StoredAnswers, judge: Judge) -> Docket:
    """Return each statement of a run's answers, to be judged by whether its quotes prove it."""
    items: list[Item] = []
    left_out = 0
    for result in run.results:
        if result.status != "answered":
            continue
        asker, seen = answers.asker(result), answers.seen(result)
        if asker is None or seen is None:
            left_out += 1
            continue
        for claim in seen.claims:
            length = len(claim.text) + sum(len(quote.quote) for quote in claim.quotes)
            ask = partial(_supported, judge, asker, claim)
            items.append(Item(result, statement_item(claim), int(traced(claim)), length, ask))
    return Docket("statements", tuple(items), left_out)


def pairs(run: Run, other: Run, answers: StoredAnswers, judge: Judge) -> Docket:
    """Return the answers of two runs to the same cases, to be judged by which is better: `first` is of `run`."""
    items: list[Item] = []
    left_out = 0
    theirs = {result.digest: result for result in other.results}
    for result in run.results:
        against = theirs.get(result.digest)
        if against is None:
            continue
        asker, mine, back = answers.asker(result), answers.seen(result), answers.seen(against)
        if asker is None or mine is None or back is None:
            left_out += 1
            continue
        one, two = shown(mine), shown(back)
        ask = partial(judge.prefers, asker, result.question, one, two)
        length = len(result.question) + len(one.text) + len(two.text)
        names = pair_item(result.question, one, two), pair_item(result.question, two, one)
        items.append(Item(result, names[0], 0 if one.text == two.text else 2, length, ask, names[1]))
    return Docket("pairs", tuple(items), left_out)


def judged(
    docket: Docket,
    labels: Mapping[str, str],
    judge: str,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = WORKERS,
) -> Judged:
    """Judge what people labelled and, where the judge agrees with them, all else; several at one time.

    Raises Unavailable and whatever else `Gateway.complete` raises but Denied, for which a case is left out.
    """
    verdicts: dict[int, str | None] = {}
    refused: set[str] = set()

    def one(at: int) -> tuple[int, str | None, bool]:
        try:
            return at, docket.items[at].ask(), True
        except Denied:
            return at, None, False

    def put(places: Sequence[int]) -> None:
        pool = ThreadPoolExecutor(workers, "judge")
        try:
            for at, said, may in pool.map(one, places):
                if may:
                    verdicts[at] = said
                else:
                    refused.add(docket.items[at].case.case)
                on_progress(len(verdicts), len(docket.items))
        finally:
            pool.shutdown(cancel_futures=True)

    labelled = [at for at, item in enumerate(docket.items) if item.calls and item.label(labels) is not None]
    put(labelled)
    # By its name, so that a thing that stands in several answers counts once.
    said = {docket.items[at].name: verdict for at, verdict in verdicts.items()}
    people = {docket.items[at].name: docket.items[at].label(labels) for at in labelled}
    measured = agreement({name: label for name, label in people.items() if label is not None}, said)
    if measured.enough:
        seen = {*verdicts, *labelled}
        put([at for at, item in enumerate(docket.items) if at not in seen and item.case.case not in refused])
    kept = {at: said for at, said in verdicts.items() if docket.items[at].case.case not in refused}
    score = _score(docket, kept)
    scores, note = counted({} if score is None else {docket.what: score.mean}, measured, judge)
    return Judged(
        docket.what,
        measured,
        note,
        judged=len(kept),
        silent=sum(said is None for said in kept.values()),
        left_out=docket.left_out + len(refused),
        score=score if scores else None,
        tally=_tally(kept) if scores else {},
    )


def _supported(judge: Judge, asker: For, claim: SeenClaim) -> str | None:
    said = judge.supports(asker, claim)
    return None if said is None else "supported" if said else "unsupported"


def _score(docket: Docket, kept: Mapping[int, str | None]) -> Estimate | None:
    """Return the mean over cases, each of which counts by its weight, however many statements it has."""
    worth: defaultdict[str, list[float]] = defaultdict(list)
    weights: dict[str, float] = {}
    for at, said in kept.items():
        if docket.what == "pairs" and said is None:
            continue
        case = docket.items[at].case
        worth[case.case].append(_WORTH[said])
        weights[case.case] = case.weight
    if not worth:
        return None
    means = [sum(found) / len(found) for found in worth.values()]
    return estimate(means, np.array([weights[case] for case in worth]))


def _tally(kept: Mapping[int, str | None]) -> dict[str, int]:
    said = [one for one in kept.values() if one is not None]
    return {verdict: said.count(verdict) for verdict in sorted(set(said))}
