"""Learns how search should weigh words and vectors, on an organisation's own questions.

The tuner has no rights of its own: it ranks each question as the person who would ask it, so that a document which
that person may not read counts for nothing, and the log says whose search it was and that it was for tuning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission, begin
from muniment.assurance.evaluation.graders import ranking
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.tuning import learn
from muniment.assurance.tuning.proposal import Measured, Proposal
from muniment.assurance.tuning.ways import ways
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.knowledge import library
from muniment.knowledge.retrieval.compare import Comparison
from muniment.knowledge.retrieval.rank import RankingSettings
from muniment.knowledge.retrieval.versions import RankingVersions

LEAST = 20
"""Fewer cases cannot tell a gain from noise."""
NEAR = 10
CHUNKS = 30
"""Chunks that are ranked for each question: enough for ten documents."""

OnProgress = Callable[[int, int], None]


def tune(
    place: Path,
    commission: Commission,
    *,
    database: Database,
    gate: Gate,
    audit: AuditLog,
    directory: Directory,
    comparison: Comparison,
    rankings: RankingVersions,
    asker: str = "",
    on_progress: OnProgress = lambda done, total: None,
) -> Proposal:
    """Return what a suite says about the ranking settings; changes nothing.

    `asker` asks the cases that name nobody. Raises BadInput for a suite that is broken, too small, or names a user or
    a document that is not there, and without a reason; NotPermitted where policy does not let the suite be run.
    """
    if asker:
        directory.principal(asker)
    suite = read_suite(place, asker)
    cases = _judged(database, suite)
    askers = [_asker(directory, case) for case in cases]
    begin(commission, "tuning", suite, database, gate, audit)
    present = rankings.in_use()
    tried = ways(present.constants, comparison.dense)
    settings = [one.over(RankingSettings()) for one in tried]
    ndcg, recall = np.zeros((len(cases), len(tried))), np.zeros((len(cases), len(tried)))
    for at, (case, principal) in enumerate(zip(cases, askers, strict=True)):
        gains = dict.fromkeys(case.relevant, 1)
        orders = comparison.orders(principal, case.question, settings, CHUNKS, commission.by)
        ndcg[at] = [ranking.ndcg(order, gains, NEAR) for order in orders]
        recall[at] = [ranking.recall(order, gains, NEAR) for order in orders]
        on_progress(at + 1, len(cases))
    choice = learn.choose(ndcg, learn.folds([case.question for case in cases]))
    rows = np.arange(len(cases))
    return Proposal(
        suite=suite.name,
        suite_digest=suite.digest,
        cases=len(cases),
        present=present,
        best=tried[choice.way],
        by_fold=tuple(tried[way] for way in choice.by_fold),
        choice=choice,
        measured=Measured(
            (float(ndcg[:, 0].mean()), float(ndcg[rows, choice.held_out].mean())),
            (float(recall[:, 0].mean()), float(recall[rows, choice.held_out].mean())),
        ),
    )


def _judged(database: Database, suite: Suite) -> Sequence[Case]:
    """Return the cases that expect a document; raises BadInput where they cannot teach anything."""
    cases = [case for case in suite.cases if case.relevant and not case.abstain]
    if len(cases) < LEAST:
        raise BadInput(
            f"Suite {suite.name} has {len(cases)} cases with a relevant document; tuning needs {LEAST}.",
            fix="Add cases whose `relevant` names the documents that answer them.",
        )
    with database.read() as connection:
        known = {document.path for document in library.documents(connection)}
    for case in cases:
        missing = next((path for path in case.relevant if path not in known), None)
        if missing is not None:
            raise BadInput(
                f"Case {case.id}: relevant names {missing}, which is no document of this workspace.",
                fix="Ingest it or mend the path.",
            )
    return cases


def _asker(directory: Directory, case: Case) -> Principal:
    try:
        return directory.principal(case.asker)
    except BadInput as error:
        raise BadInput(f"Case {case.id}: {error.public}", fix=error.fix, detail=error.detail) from error
