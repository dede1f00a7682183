"""The graders' retrieval metrics beside those of trec_eval: on a BEIR folder, and on random gains and orders.

The folder's claims are searched by words through the real road (`retrieval`), 20 documents deep. The random cases
have graded gains, also below 0, searches that gave nothing, and documents with equal scores, which keep the places
that they were given. A value is the largest difference of any case and metric, in units of the fourth digit.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import beir, home
from benchmarks.bars import Bar, Progress, bar
from muniment import app
from muniment.assurance.evaluation.graders import retrieval, trec
from muniment.assurance.evaluation.graders.ranking import Gains
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval.rank import RankingSettings
from muniment.knowledge.retrieval.retrieval_settings import RetrievalSettings
from muniment.knowledge.retrieval.retrieve import Retriever

READER = Principal("user", "reader")
DEPTH = 20
DIGITS = 1e-4
RANDOM_CASES = 2_000

Orders = dict[str, tuple[str, ...]]


def bars(folder: Path | None, split: str, progress: Progress) -> list[Bar]:
    """Return how far our metrics are from trec_eval's; without a folder on random cases alone.

    Nothing without the extra `eval`, which is said.
    """
    if not trec.installed():
        progress("ir-measures is not installed (the extra eval): metrics of retrieval are not compared")
        return []
    chance = random.Random(11)
    gains, orders = made_up(RANDOM_CASES, chance)
    found = [_bar(f"random cases with graded gains and ties ({len(gains)})", gains, orders)]
    if folder is not None:
        collection = beir.read_collection(folder, split)
        orders = _searched(collection, progress)
        found.append(_bar(f"{collection.name} ({len(orders)} claims)", collection.relevant, orders))
        regraded = {
            claim: {name: gain * chance.randint(1, 3) for name, gain in one.items()}
            for claim, one in collection.relevant.items()
        }
        found.append(_bar(f"{collection.name} with gains of 1 to 3", regraded, orders))
    return found


def made_up(count: int, chance: random.Random) -> tuple[dict[str, Gains], Orders]:
    """Return the gains and orders of random cases, each with a relevant document."""
    gains: dict[str, Gains] = {}
    orders: Orders = {}
    names = [f"d{at}" for at in range(60)]
    for case in map(str, range(count)):
        judged = chance.sample(names, chance.randint(1, 25))
        gains[case] = {name: chance.choice((-1, 0, 0, 1, 1, 2, 3)) for name in judged} | {judged[0]: 1}
        scored = [(chance.randint(0, 5), name) for name in chance.sample(names, chance.randint(0, 50))]
        # A stable sort: of equal scores, what was found first stays first.
        orders[case] = tuple(name for _, name in sorted(scored, key=lambda one: -one[0]))
    return gains, orders


def _bar(what: str, gains: Mapping[str, Gains], orders: Mapping[str, Sequence[str]]) -> Bar:
    theirs = trec.by_case(gains, orders)
    apart = max(
        abs(value - theirs[case][name])
        for case in theirs
        for name, value in retrieval.of_order(tuple(orders[case]), gains[case]).items()
    )
    return bar(f"retrieval metrics from trec_eval's, {what}", 0.5, apart / DIGITS, "in the 4th digit")


def _searched(collection: beir.Collection, progress: Progress) -> Orders:
    with (
        tempfile.TemporaryDirectory(prefix="muniment-bench-") as scratch,
        closing(app.create(Path(scratch) / "home", embedder=lambda: None)) as workspace,
    ):
        home.enter(workspace, (), {READER.name: ()})
        everybody = [AccessList(frozenset({READER.ref}))] * len(collection.corpus)
        names = beir.load(workspace, collection.corpus, everybody, None, "", progress)
        retriever = Retriever(
            database=workspace.database,
            engine=workspace.engine,
            audit=workspace.audit,
            policy=workspace.policy,
            clock=workspace.clock,
            embedders=workspace.embedders,
            settings=RetrievalSettings(RankingSettings("lexical")),
        )
        by = Actor(READER.ref, "python")
        orders: Orders = {}
        for done, (claim, text) in enumerate(collection.questions, 1):
            found = retriever.retrieve(READER, text, DEPTH, by, "answer").passages
            orders[claim] = tuple(names[passage.document] for passage in found)
            beir.say(progress, "searching", done, len(collection.questions))
        return orders
