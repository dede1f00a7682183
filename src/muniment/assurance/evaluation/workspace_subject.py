"""A workspace as what is evaluated: each case is searched and asked with its asker's rights and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Protocol, cast

from muniment.assistant.values import Answer, Citation, Claim
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation, SeenClaim, SeenQuote, SeenVersion
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import Denied, MunimentError
from muniment.foundation.telemetry.tracing import timed
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.governance.privacy.masking import fits_masked
from muniment.knowledge import library
from muniment.knowledge.passage import Retrieval

DEEP = 20
"""Passages that are searched for: more than a person is shown, so that order can be judged."""

Answering = Callable[[Principal, Case, Actor], Answer]
"""Answers a case as a principal: its earlier questions, its schema and the endpoint are taken into account."""


class Searched(Protocol):
    """A workspace that can be searched."""

    @property
    def database(self) -> Database:
        """Where documents have their paths."""
        ...

    def principal(self, as_: str | Principal) -> Principal:
        """Return who somebody is; raises BadInput for nobody."""
        ...

    def search(self, query: str, as_: str | Principal, k: int = 10, by: Actor | None = None) -> Retrieval:
        """Return what `as_` may read about `query`."""
        ...


class WorkspaceSubject:
    """The main path of one workspace."""

    def __init__(
        self,
        workspace: Searched,
        answering: Answering,
        by: Actor,
        *,
        name: str,
        lineage: Mapping[str, Json],
        clock: Clock,
    ) -> None:
        """`by` is who runs the evaluation, beside the asker in every entry of the log."""
        self._workspace = workspace
        self._answering = answering
        self._by = by
        self._clock = clock
        self.name = name
        self.lineage = lineage

    def observe(self, case: Case) -> Observation:
        """Search and ask as the case's asker."""
        stages: dict[str, float] = {}
        found: Retrieval | None = None
        try:
            principal = self._workspace.principal(case.asker)
            if case.gains or case.forbidden or case.abstain:
                found = self._workspace.search(case.question, principal, DEEP, self._by)
                stages["search"] = found.took_ms
            with timed() as times:
                answer = self._answering(principal, case, self._by)
        except Denied as error:
            return Observation("refused", ranked=_ranked(found), stages=stages, error=error.public)
        except MunimentError as error:
            return Observation("failed", ranked=_ranked(found), stages=stages, error=error.public)
        stages |= times
        stages["answer"] = answer.took_ms
        if "model_call" in times:
            stages["model"] = times["model_call"]
        return self._observed(answer, found, stages)

    def _observed(self, answer: Answer, found: Retrieval | None, stages: Mapping[str, float]) -> Observation:
        cited = list(dict.fromkeys(citation.document for citation in answer.citations))
        near = [one.document for one in answer.nearest]
        passages = found.passages if found else ()
        pairs = [
            *((one.document, one.version) for one in passages),
            *((one.document, one.version) for one in answer.citations),
        ]
        with ExitStack() as stack:
            connection = stack.enter_context(self._workspace.database.read())
            rows = library.get_documents(connection, sorted({*cited, *near, *(name for name, _ in pairs)}))
            path = {name: row.path for name, row in rows.items()}
            versions = {
                path.get(name, name): self._version(rows.get(name), version)
                for name, version in reversed(pairs)
            }
            stands = {
                one: _stands(
                    library.version_slice(connection, one.document, one.version, *one.span), one.quote
                )
                for one in answer.citations
            }
        checks = cast("Mapping[str, Json]", answer.lineage.get("checks") or {})
        return Observation(
            status=answer.status,
            answer=answer.answer,
            claims=tuple(_claim(claim, path, stands) for claim in answer.claims),
            ranked=_ranked(found),
            cited=tuple(path.get(name, name) for name in cited),
            nearest=tuple(path.get(name, name) for name in near),
            versions=versions,
            result=answer.result,
            stages=stages,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            cost=answer.usage.cost,
            dropped=cast("Mapping[str, int]", checks.get("reasons") or {}),
            answer_id=answer.id,
            endpoint=str(answer.lineage.get("model", "")),
        )

    def _version(self, row: library.DocumentRow | None, version: int) -> SeenVersion:
        if row is None:
            return SeenVersion(version, version, 0.0)
        age = self._clock.now() - datetime.fromisoformat(row.modified_at) if row.modified_at else None
        return SeenVersion(version, row.version, age.total_seconds() / 86_400 if age else 0.0)


def _stands(stored: str | None, quote: str) -> bool:
    """Whether the words of a quote stand in its place, values that were masked in it aside."""
    return stored is not None and (stored == quote or fits_masked(quote, stored))


def _ranked(found: Retrieval | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(passage.path for passage in found.passages)) if found else ()


def _claim(claim: Claim, path: Mapping[str, str], stands: Mapping[Citation, bool]) -> SeenClaim:
    return SeenClaim(claim.text, _quotes(claim.citations, path, stands), claim.inferred)


def _quotes(
    citations: Sequence[Citation], path: Mapping[str, str], stands: Mapping[Citation, bool]
) -> tuple[SeenQuote, ...]:
    return tuple(
        SeenQuote(path.get(one.document, one.document), one.version, one.quote, stands.get(one, False))
        for one in citations
    )
