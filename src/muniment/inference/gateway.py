"""The way to every model: allowed, bounded, recorded.

Invariants:
- a call happens only after policy allowed it for this caller and its entry is durable;
- attempts, time and output are bounded; a reply that has begun is never asked for again;
- what a language model may use at most is set aside before it is asked, within the limits of who asks;
- a failure is one clear line; it holds no content, key or address, and is recorded.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from muniment.foundation.clock import Clock
from muniment.foundation.errors import Denied, MunimentError, Unavailable
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.policy.decision import Decision, Resource
from muniment.governance.policy.rules import Standing
from muniment.inference import prompts
from muniment.inference.catalog import Catalog, Endpoint
from muniment.inference.messages import Chunk, Draft, Request, TextDelta, Usage
from muniment.inference.providers.provider import Budget, Busy, Provider
from muniment.inference.spending import MILLION, Held, Spending, Use, priced

if TYPE_CHECKING:
    from muniment.foundation.egress import Egress
    from muniment.inference.embedding import Embedder
    from muniment.inference.providers.local import LocalModels
    from muniment.inference.reranking import Reranker

FIRST_WAIT_SECONDS = 0.4
LONGEST_WAIT_SECONDS = 8.0
_AROUND = 64
"""Tokens that a server puts around the two messages of a request."""


class Gateway:
    """Asks endpoints of the catalog for a caller."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        audit: AuditLog,
        egress: Egress,
        embedder: Embedder | None,
        reranker: Reranker | None = None,
        spending: Spending,
        local: LocalModels | None = None,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.catalog = catalog
        self._audit = audit
        self._egress = egress
        self._embedder = embedder
        self._reranker = reranker
        self._spending = spending
        self._local = local
        self._clock = clock
        self._sleep = sleep

    def endpoint(self, standing: Standing, name: str | None) -> Endpoint:
        """Return the endpoint (the default for None) if this caller may use it.

        Raises BadInput for an unknown name, Denied otherwise.
        """
        endpoint = self.catalog.get(name)
        self._permitted(standing, endpoint)
        return endpoint

    def _permitted(self, standing: Standing, endpoint: Endpoint) -> Decision:
        decision = standing.decide("use_model", endpoint_resource(endpoint))
        if not decision.allowed:
            raise Denied(
                f"You may not use the model {endpoint.name!r}.",
                fix="Ask for another, or ask the operator to add one of your groups to it.",
                detail="; ".join(decision.reasons),
            )
        return decision

    def parts(self, endpoint: Endpoint) -> dict[str, Json]:
        """Return the models that take part in an endpoint's answers, for lineage."""
        if endpoint.kind != "quotes":
            return {"language_model": endpoint.model}
        embedding = (
            None if self._embedder is None else f"{self._embedder.model.name}@{self._embedder.model.digest}"
        )
        return {"embedding": embedding, "reranker": self._reranker.name if self._reranker else None}

    def complete(
        self, standing: Standing, by: Actor, endpoint: Endpoint, request: Request
    ) -> Iterator[Chunk]:
        """Yield what the model says; close the iterator to stop the call.

        Raises Denied, TooMany where the tokens or the cost of today do not suffice, or Unavailable when the endpoint
        is down, slow, or speaks another format.
        """
        decision = self._permitted(standing, endpoint)
        about: dict[str, Json] = {
            "principal": standing.principal.ref,
            "policy": standing.policy,
            "endpoint": endpoint.version,
            "prompt": request.prompt,
            "request": _digest(request),
            "passages": len(request.passages),
            "max_output_tokens": endpoint.max_output_tokens,
        }
        sent = Entry("model.call", by, {**about, **decision.stated(), "phase": "sent"})
        held = self._begin(standing, by, endpoint, request, sent)
        reply = hashlib.sha256()
        usage = Usage()
        received = 0
        outcome = "stopped"
        started = self._clock.seconds()
        try:
            for chunk in self._attempts(endpoint, request):
                if isinstance(chunk, Usage):
                    usage = chunk
                else:
                    said = _bytes(chunk)
                    reply.update(said)
                    received += len(said)
                yield self._priced(chunk, endpoint)
            outcome = "complete"
        except MunimentError as error:
            outcome = error.code
            raise
        finally:
            done: dict[str, Json] = {
                **about,
                "phase": "ended",
                "outcome": outcome,
                "reply": "sha256:" + reply.hexdigest(),
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "ms": round((self._clock.seconds() - started) * 1000),
            }
            ended = Entry("model.call", by, done)
            if held is None:
                self._audit.record([ended])
            else:
                failed = outcome not in ("complete", "stopped")
                self._spending.end(held, _used(endpoint, held, usage, received, failed), ended)

    def _begin(
        self, standing: Standing, by: Actor, endpoint: Endpoint, request: Request, sent: Entry
    ) -> Held | None:
        """Record a call before it is made; for a language model, set aside the most that it may use."""
        if endpoint.kind == "quotes":
            self._audit.record([sent])
            return None
        # A token is at least one byte.
        prompt = len(request.instructions.encode(errors="surrogatepass"))
        prompt += len(prompts.user_text(request).encode(errors="surrogatepass")) + _AROUND
        most = _priced(endpoint, prompt, endpoint.max_output_tokens)
        return self._spending.begin(standing.principal, by, most, sent)

    def _attempts(self, endpoint: Endpoint, request: Request) -> Iterator[Chunk]:
        provider = self._provider(endpoint)
        budget = Budget(endpoint.max_output_tokens, endpoint.timeout_seconds)
        for attempt in range(1, endpoint.max_attempts + 1):
            begun = False
            try:
                for chunk in provider.complete(request, budget):
                    begun = True
                    yield chunk
                return
            except Busy as busy:
                if begun or attempt == endpoint.max_attempts:
                    raise
                self._sleep(_wait(attempt, busy.retry_after))
        raise Unavailable(f"The model {endpoint.name!r} did not answer.")

    def _provider(self, endpoint: Endpoint) -> Provider:
        if endpoint.kind == "quotes":
            from muniment.inference.providers.quotes import Quotes

            return Quotes(self._embedder, self._reranker)
        if endpoint.kind == "local" and self._local is not None:
            return self._local.provider(endpoint)
        from muniment.inference.providers.openai import OpenAIEndpoint

        return OpenAIEndpoint(endpoint, self._egress)

    def _priced(self, chunk: Chunk, endpoint: Endpoint) -> Chunk:
        if not isinstance(chunk, Usage):
            return chunk
        cost = _priced(endpoint, chunk.prompt_tokens, chunk.completion_tokens).cost
        return Usage(chunk.prompt_tokens, chunk.completion_tokens, cost / MILLION)


def endpoint_resource(endpoint: Endpoint) -> Resource:
    """Return an endpoint as policy sees it."""
    return Resource("Model", endpoint.name, {"allowed_groups": endpoint.allowed_groups})


def _priced(endpoint: Endpoint, prompt_tokens: int, completion_tokens: int) -> Use:
    return priced(prompt_tokens, completion_tokens, endpoint.prompt_price, endpoint.completion_price)


def _used(endpoint: Endpoint, held: Held, usage: Usage, received: int, failed: bool) -> Use:
    """Return what a call used, as its endpoint says; else the most that it can be after so many bytes of a reply."""
    if usage.prompt_tokens or usage.completion_tokens:
        return _priced(endpoint, usage.prompt_tokens, usage.completion_tokens)
    if failed and not received:
        return Use()
    return _priced(endpoint, held.use.prompt_tokens, min(received, held.use.completion_tokens))


def _wait(attempt: int, retry_after: float) -> float:
    """Seconds before the next attempt: doubling, with full jitter, or what the endpoint asked for, bounded."""
    if retry_after > 0:
        return min(retry_after, LONGEST_WAIT_SECONDS)
    return random.uniform(0.5, 1.0) * min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)


def _digest(request: Request) -> str:
    """The digest of what is sent, without the boundary, so that equal requests have equal digests."""
    plain = Request(request.prompt, request.instructions, request.question, request.passages, "-" * 16)
    text = f"{plain.instructions}\x00{prompts.user_text(plain)}"
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _bytes(chunk: TextDelta | Draft) -> bytes:
    return chunk.text.encode(errors="surrogatepass")
