"""In which order passages stand in a prompt, and whether copies are shown: what a language model answers best from.

Run by `muniment bench assembly [--model NAME] [--questions N] [--passages 8] [--tokens 300] [--threads 1]
[--minutes 15]`. Questions of the sample suite that have expected facts, in an order that a seed decides, are asked as
their askers would ask them: search, request, gate and release are those of an answer. Only the order of the passages
in the request differs, or whether the search folds copies. A passage keeps the number of its rank wherever it stands,
since in an answer a number is a passage's name. The model is not asked again for what the gate refused, so that every
reply is to passages in that order and to nothing else.

Nothing in the sample company is a twin of what answers a question, so the documents that the suite's answers need are
ingested once more from another folder, and those in plain text a third time, with a sentence more (`copies.py`).

Every question is asked in each way before the next one is, with the same random code around its passages, and a
request that is equal to an earlier one is not sent again: its reply would be the same.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from benchmarks.arrangements import (
    Arrangement,
    as_in_their_documents,
    best_at_both_ends,
    best_first,
    best_last,
)
from benchmarks.bars import Bar, Progress, bar
from benchmarks.copies import with_copies
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from benchmarks.paired import beside, verdict
from benchmarks.past_the_door import SERVED
from muniment import app
from muniment.assistant.answer import Assistant
from muniment.assistant.gate import Failure, Gate, Verified
from muniment.assistant.inquiry import ANSWER, Inquiry
from muniment.assistant.release import Release
from muniment.assistant.values import Answer
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders import facts
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.ids import SeededIds
from muniment.foundation.shipped import shipped
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.rules import Standing
from muniment.inference import language_weights
from muniment.inference.catalog import Catalog, Endpoint
from muniment.inference.gateway import Call, Gateway
from muniment.inference.language_models import SMALL
from muniment.inference.messages import Draft, Request
from muniment.inference.providers.provider import Budget
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval.retrieval_settings import RetrievalSettings
from muniment.knowledge.retrieval.retrieve import Retriever

SECONDS = 300.0
"""Most that one reply may take."""
_SEED = 7
_CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class Way:
    """How the passages of a result come into a prompt."""

    name: str
    arranged: Arrangement
    folded: bool = True
    """Whether copies are named rather than shown."""


TODAY = Way("best first", best_first)
WAYS = (
    TODAY,
    Way("best last", best_last),
    Way("best at both ends", best_at_both_ends),
    Way("as in their documents", as_in_their_documents),
    Way("best first, duplicates kept", best_first, folded=False),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question in one way."""

    holds: bool = False
    """Whether the released claims with their quotes hold every fact that is expected."""
    released: int = 0
    dropped: int = 0
    """Claims that the gate refused, and replies that were no claims."""
    said: bool = False
    """Whether what the model said holds every fact, proved or not."""
    prompt_tokens: int = 0
    seconds: float = 0.0
    failed: bool = False
    """Whether the model gave no reply."""
    differs: bool = False
    """Whether the request was another than today's."""


@dataclass(slots=True)
class Tally:
    """Outcomes by way, the questions in the same order in each."""

    outcomes: dict[str, list[Outcome]] = field(
        default_factory=lambda: {way.name: list[Outcome]() for way in WAYS}
    )

    @property
    def questions(self) -> int:
        """Return how many questions were asked in every way."""
        return len(self.outcomes[TODAY.name])

    def add(self, found: Mapping[str, Outcome]) -> None:
        """Take a question's outcomes."""
        for name, one in found.items():
            self.outcomes[name].append(one)


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars."""
    checked(options, "model", "questions", "passages", "tokens", "threads", "minutes")
    name = str(options.get("model", SMALL.name))
    language_weights.named(name)
    passages = whole_number(options, "passages", 8)
    until = time.monotonic() + 60 * whole_number(options, "minutes", 15)
    endpoint = Endpoint(
        name,
        "local",
        model=name,
        threads=whole_number(options, "threads", 1),
        timeout_seconds=SECONDS,
        context_tokens=_CONTEXT,
        max_output_tokens=whole_number(options, "tokens", 300),
        max_sensitivity="any",
        hosting="self-managed",
    )
    sample = shipped("examples/acme")
    known = read_suite(shipped("evals/sample")).cases
    cases = [case for case in known if case.facts and not case.abstain]
    random.Random(_SEED).shuffle(cases)
    cases = cases[: whole_number(options, "questions", len(cases))]
    with tempfile.TemporaryDirectory(prefix="muniment-assembly-") as temporary:
        documents = Path(temporary) / "documents"
        copies = with_copies(
            sample / "documents", [path for case in known for path in case.relevant], documents
        )
        with closing(app.create(Path(temporary) / "home", settings=SERVED)) as workspace:
            _require(workspace, endpoint)
            workspace.directory.import_file(sample / "directory.toml", OPERATOR)
            progress(f"ingesting the sample company and {copies} copies")
            workspace.ingest(documents, "acme")
            tally = asked(workspace, endpoint, passages, cases, until, progress)
            workspace.local_models.process(endpoint).close()
    return {
        "name": "assembly",
        "machine": described(),
        "model": name,
        "passages": passages,
        "questions": tally.questions,
        "bars": _bars(tally),
        "released_claims_hold_the_facts": rows(tally, lambda one: one.holds),
        "all_that_the_model_said_holds_them": rows(tally, lambda one: one.said),
        "claims": _claims(tally),
    }


def _require(workspace: app.Workspace, endpoint: Endpoint) -> None:
    """Raise BadInput where the model cannot run here, which `bench all` passes over."""
    try:
        workspace.local_models.process(endpoint)
    except Unavailable as error:
        raise BadInput(error.public, fix=error.fix) from None


def asked(
    workspace: app.Workspace,
    endpoint: Endpoint,
    passages: int,
    cases: Sequence[Case],
    until: float,
    progress: Progress,
) -> Tally:
    """Ask every question in every way, until the time is over."""
    bench = _Asking(workspace, endpoint, passages)
    tally = Tally()
    started = time.monotonic()
    for case in cases:
        found = bench.outcomes(case)
        tally.add(found)
        said = ", ".join(f"{name}: {_worded(one)}" for name, one in found.items())
        progress(f"{tally.questions} of {len(cases)}, {time.monotonic() - started:.0f} s, {case.id}: {said}")
        if time.monotonic() > until:
            break
    return tally


def _worded(one: Outcome) -> str:
    holds = "failed" if one.failed else "right" if one.holds else "wrong" if one.released else "nothing"
    return f"{holds} ({one.released} released, {one.dropped} dropped{', said' if one.said else ''})"


class _Ordered(Gateway):
    """A gateway that sends the passages of each request in the order that it was told, and asks nothing again."""

    order: Sequence[int] = ()

    def complete(self, standing: Standing, by: Actor, endpoint: Endpoint, request: Request) -> Call:
        if request.refused:
            raise Unavailable("Nothing is asked again here.")
        return super().complete(standing, by, endpoint, in_order(request, self.order))


def in_order(request: Request, order: Sequence[int]) -> Request:
    """Return a request with its passages in another order, each under the number that it has."""
    numbered = {passage.n: passage for passage in request.passages}
    return replace(request, passages=tuple(numbered[n] for n in order if n in numbered))


class _Watched(Gate):
    """A gate that keeps the words of all that is put to it."""

    def __init__(self, inferences: bool) -> None:
        super().__init__(inferences)
        self.words: list[str] = []

    def check(self, draft: Draft, passages: Sequence[Passage]) -> Verified | Failure:
        self.words += [draft.text, *(mark.quote for mark in draft.marks)]
        return super().check(draft, passages)


class _Asking:
    """Asks the questions of one workspace."""

    def __init__(self, workspace: app.Workspace, endpoint: Endpoint, passages: int) -> None:
        self._workspace = workspace
        self._endpoint = endpoint
        self._passages = passages
        self._gateway = _Ordered(
            catalog=Catalog([endpoint] if endpoint.kind == "local" else [], endpoint.name),
            audit=workspace.audit,
            egress=Egress((), frozenset[str]()),
            embedder=workspace.embedder,
            spending=workspace.spending,
            local=workspace.local_models,
            clock=workspace.clock,
        )
        self._retrievers = {True: workspace.retriever, False: _showing_copies(workspace)}

    def outcomes(self, case: Case) -> dict[str, Outcome]:
        """Return what comes of a question in each way."""
        found: dict[str, Outcome] = {}
        sent: dict[object, Outcome] = {}
        today: object = None
        for way in WAYS:
            order, request = self._order(way, case)
            today = today or request
            if request not in sent:
                self._gateway.order = order
                sent[request] = self._outcome(way, case)
            found[way.name] = replace(sent[request], differs=request != today)
        return found

    def _order(self, way: Way, case: Case) -> tuple[list[int], object]:
        """Return the ranks in the order of the prompt, and what tells two requests apart."""
        principal = self._workspace.principal(case.asker)
        by = Actor(principal.ref, "python")
        found = self._retrievers[way.folded].retrieve(principal, case.question, self._passages, by, "answer")
        numbers = {passage.chunk: n for n, passage in enumerate(found.passages, 1)}
        arranged: Sequence[Passage] = way.arranged(found.passages)
        return [numbers[one.chunk] for one in arranged], tuple((numbers[p.chunk], p.chunk) for p in arranged)

    def _outcome(self, way: Way, case: Case) -> Outcome:
        self._forget()
        principal = self._workspace.principal(case.asker)
        started = time.perf_counter()
        gate = _Watched(self._workspace.settings.answers.inferences)
        try:
            answer = self._assistant(way, case, gate).ask(
                principal, case.question, Actor(principal.ref, "python"), self._endpoint.name
            )
        except Unavailable:
            return Outcome(seconds=time.perf_counter() - started, failed=True)
        return _judged(case, answer, gate.words, time.perf_counter() - started)

    def _forget(self) -> None:
        """Have the model keep nothing but the instructions, or what two orders begin with is read once only."""
        if self._endpoint.kind == "local":
            instructions = self._workspace.prompts.live(ANSWER, self._endpoint.name).text
            nothing = Request("nothing", instructions, "", (), "")
            for _ in self._workspace.local_models.provider(self._endpoint).complete(
                nothing, Budget(1, SECONDS)
            ):
                pass

    def _assistant(self, way: Way, case: Case, gate: Gate) -> Assistant:
        workspace = self._workspace
        release = Release(workspace.database, workspace.audit, workspace.policy)
        return Assistant(
            database=workspace.database,
            audit=workspace.audit,
            policy=workspace.policy,
            retriever=self._retrievers[way.folded],
            gateway=self._gateway,
            inquiry=Inquiry(
                database=workspace.database,
                gateway=self._gateway,
                gate=gate,
                release=release,
                live=workspace.prompts.live,
                ids=SeededIds(int.from_bytes(case.id.encode())),
                when_sensitive="withhold",
            ),
            release=release,
            lineage=workspace.lineage,
            clock=workspace.clock,
            ids=workspace.ids,
            passages=self._passages,
        )


def _showing_copies(workspace: app.Workspace) -> Retriever:
    return Retriever(
        database=workspace.database,
        engine=workspace.engine,
        audit=workspace.audit,
        policy=workspace.policy,
        clock=workspace.clock,
        embedders=workspace.embedders,
        settings=RetrievalSettings(fold=False),
    )


def _judged(case: Case, answer: Answer, words: Sequence[str], seconds: float) -> Outcome:
    checks = cast("Mapping[str, Any]", answer.lineage["checks"])
    given = "\n".join([answer.answer, *(citation.quote for citation in answer.citations)])
    return Outcome(
        holds=facts.share(case.facts, given) == 1.0,
        released=len(answer.claims),
        dropped=int(checks["unverified"]),
        said=facts.share(case.facts, "\n".join(words)) == 1.0,
        prompt_tokens=answer.usage.prompt_tokens,
        seconds=seconds,
    )


def rows(tally: Tally, measure: Callable[[Outcome], bool]) -> list[dict[str, object]]:
    """Return by how much each way is beside today's, over the same questions."""
    today = [measure(one) for one in tally.outcomes[TODAY.name]]
    return [
        {"arrangement": name}
        | beside([measure(one) for one in found], today)
        | {"verdict": "today's" if name == TODAY.name else _verdict(found, measure, today)}
        for name, found in tally.outcomes.items()
    ]


def _verdict(found: Sequence[Outcome], measure: Callable[[Outcome], bool], today: Sequence[bool]) -> str:
    if not any(one.differs for one in found):
        return "not compared, every request was today's"
    return verdict([measure(one) for one in found], today)


def _claims(tally: Tally) -> list[dict[str, object]]:
    """Return what each way gave and took, for a question in the mean, and how many of its requests were others."""
    return [
        {
            "arrangement": name,
            "other_requests": sum(one.differs for one in found),
            "released": round(_mean([one.released for one in found]), 2),
            "dropped": round(_mean([one.dropped for one in found]), 2),
            "failed": sum(one.failed for one in found),
            "tokens": round(_mean([one.prompt_tokens for one in found])),
            "seconds": round(_mean([one.seconds for one in found]), 1),
        }
        for name, found in tally.outcomes.items()
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _bars(tally: Tally) -> list[Bar]:
    many = tally.questions
    return [
        bar(f"right, {name} ({many} questions)", None, 100 * _mean([one.holds for one in found]), "%", True)
        for name, found in tally.outcomes.items()
    ]
