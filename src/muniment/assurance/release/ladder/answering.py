"""Rungs 3 to 5: answers with evidence, from what the asker may read."""

from __future__ import annotations

from functools import cached_property
from typing import cast

from muniment.assistant.follow_up import standalone
from muniment.assistant.inquiry import ANSWER
from muniment.assistant.values import Answer
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation, SeenClaim, SeenQuote
from muniment.assurance.release.ladder.asking import Asking, Workspace
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.knowledge import library
from muniment.knowledge.retrieval.filters import EVERYTHING


class Answering:
    """Asks one endpoint for answers, over a search that reranks or does not."""

    def __init__(self, workspace: Workspace, endpoint: Endpoint, by: Actor, rerank: bool) -> None:
        self._workspace = workspace
        self._endpoint = endpoint
        self._by = by
        self._rerank = rerank
        self._assistant = workspace.assistant_with(workspace.retriever_with(rerank))

    def asking(self, name: str) -> Asking:
        """Return it as a subject of that name."""
        reranker = self._workspace.cross_encoder if self._rerank else None
        lineage: dict[str, Json] = {
            "model": self._endpoint.version,
            "prompt": self._workspace.prompts.live(ANSWER, self._endpoint.name).version,
            "reranker": None if reranker is None else f"{reranker.name} {self._workspace.rerank_seconds:g} s",
        }
        return Asking(self._workspace, name, self._by, lineage, self.ask)

    def ask(self, case: Case, asker: Principal) -> Observation:
        """Ask one case; `quotes` fills in no form and is asked without it."""
        schema = None if self._endpoint.kind == QUOTES else case.schema
        question = standalone(case.question, case.earlier)
        return self._observed(
            self._assistant.ask(asker, question, self._by, self._endpoint.name, EVERYTHING, schema)
        )

    @cached_property
    def _paths(self) -> dict[str, str]:
        with self._workspace.database.read() as connection:
            return {row.id: row.path for row in library.documents(connection)}

    def _observed(self, answer: Answer) -> Observation:
        passages = cast("list[dict[str, str]]", answer.lineage["passages"])
        return Observation(
            answer.status,
            answer=answer.answer if answer.status == "answered" else "",
            claims=tuple(
                SeenClaim(
                    claim.text,
                    # Only quotes that stand in what was read are released.
                    tuple(
                        SeenQuote(self._path(one.document), one.version, one.quote, stands=True)
                        for one in claim.citations
                    ),
                    claim.inferred,
                )
                for claim in answer.claims
            ),
            ranked=tuple(dict.fromkeys(self._path(one["document"]) for one in passages)),
            cited=tuple(dict.fromkeys(self._path(one.document) for one in answer.citations)),
            result=answer.result,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            cost=answer.usage.cost,
            answer_id=answer.id,
            endpoint=str(answer.lineage["model"]),
        )

    def _path(self, document: str) -> str:
        return self._paths.get(document, document)
