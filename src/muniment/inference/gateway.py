"""The way to every model: allowed, bounded, recorded.

Invariants:
- a call happens only after policy allowed it for this caller and its entry is durable;
- nothing is sent that is more sensitive than its endpoint may be sent, wherever the request came from;
- attempts, time and output are bounded; a reply that has begun is never asked for again, of no endpoint;
- what a language model may use at most is set aside before it is asked, within the limits of who asks;
- sensitive values that may not go to an endpoint do not, and the log says how many, never which;
- a failure is one clear line; it holds no content, key or address, and is recorded.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.foundation.clock import Clock
from muniment.foundation.errors import Denied, MunimentError, NotSetUp, TooMany, Unavailable
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.clearance import LEVELS
from muniment.governance.policy.decision import Attribute, Decision, Resource
from muniment.governance.policy.rules import Standing
from muniment.inference import measured, prompts
from muniment.inference.attempts import Attempts
from muniment.inference.catalog import Catalog, Endpoint
from muniment.inference.check import Checked, check
from muniment.inference.messages import Chunk, Draft, Request, TextDelta, Usage
from muniment.inference.providers.provider import Provider
from muniment.inference.redaction import Guarded, LeftOut, counted
from muniment.inference.spending import MILLION, Held, Spending, Use, priced

if TYPE_CHECKING:
    from muniment.foundation.egress import Egress
    from muniment.inference.embedding import Embedder
    from muniment.inference.providers.local import LocalModels
    from muniment.inference.reranking import Reranker

UNLABELLED = "unlabelled"
NOTHING: Mapping[str, Json] = {}
_AROUND = 64
"""Tokens that a server puts around the two messages of a request."""


class Call(Iterator[Chunk]):
    """A request on its way: what the model says; closing it stops the request."""

    def __init__(self, endpoint: Endpoint, ask: Callable[[Call], Generator[Chunk]]) -> None:
        self.endpoint = endpoint
        """Which was asked; from the first chunk on, which answers."""
        self._chunks = ask(self)

    def __next__(self) -> Chunk:
        return next(self._chunks)

    def close(self) -> None:
        """Stop the request where it still runs."""
        self._chunks.close()


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
        self._attempts = Attempts(clock, sleep)
        measured.admit(catalog.endpoints())

    def endpoint(self, standing: Standing, name: str | None) -> Endpoint:
        """Return the endpoint (the default for None) if this caller may use it.

        Raises BadInput for an unknown name, Denied otherwise.
        """
        endpoint = self.catalog.get(name)
        self._permitted(standing, endpoint)
        return endpoint

    def rests(self, name: str) -> bool:
        """Return whether an endpoint has failed too often and is left alone for now, in this process."""
        return self._attempts.rests(name)

    def admits(self, standing: Standing, endpoint: Endpoint, labels: Collection[str | None]) -> bool:
        """Return whether this caller may send this endpoint what has these labels; nothing is sent."""
        resource = endpoint_resource(endpoint, labels)
        if endpoint.name in standing.frozen_models:
            return False
        return all(map(endpoint.takes, labels)) and standing.decide("use_model", resource).allowed

    def _permitted(
        self, standing: Standing, endpoint: Endpoint, labels: Collection[str | None] = ()
    ) -> Decision:
        if endpoint.name in standing.frozen_models:
            raise Denied(f"The model {endpoint.name!r} is frozen.", fix="Ask for another one meanwhile.")
        decision = standing.decide("use_model", endpoint_resource(endpoint, labels))
        if not decision.allowed:
            raise Denied(
                f"You may not use the model {endpoint.name!r}.",
                fix="Ask for another, or ask the operator to add one of your groups to it.",
                detail="; ".join(decision.reasons),
            )
        if not all(map(endpoint.takes, labels)):
            raise Denied(
                f"What this request holds is too sensitive for the model {endpoint.name!r}.",
                fix=f"Ask another model; this one is sent nothing above {endpoint.max_sensitivity}.",
            )
        return decision

    def parts(self, endpoint: Endpoint) -> dict[str, Json]:
        """Return the models that take part in an endpoint's answers, for lineage."""
        if endpoint.kind != "quotes":
            digest = endpoint.weights_sha256
            return {"language_model": endpoint.model, **({"weights": f"sha256:{digest}"} if digest else {})}
        embedding = (
            None if self._embedder is None else f"{self._embedder.model.name}@{self._embedder.model.digest}"
        )
        return {"embedding": embedding, "reranker": self._reranker.name if self._reranker else None}

    def left_out(self, endpoint: Endpoint, request: Request) -> LeftOut:
        """Return which passages may not go to an endpoint; raises Denied where the question may not."""
        handling = endpoint.sensitive
        if not handling.kinds("block") and not handling.handles_names:
            return LeftOut()
        return Guarded(request, handling, endpoint.name).left_out

    def needs_names(self, endpoint: Endpoint) -> bool:
        """Return whether something is done about names on the way to an endpoint or to what may stand in for it."""
        return any(one.sensitive.handles_names for one in (endpoint, *self.catalog.after(endpoint)))

    def complete(self, standing: Standing, by: Actor, endpoint: Endpoint, request: Request) -> Call:
        """Return the request on its way, and where the endpoint does not answer, to its fallbacks.

        Iterating raises Denied, also for a question that may not go there, TooMany where the tokens or the cost of
        today do not suffice, or Unavailable when neither the endpoint nor a fallback of this caller's answers.
        """
        return Call(endpoint, lambda call: self._complete(call, standing, by, request))

    def _complete(self, call: Call, standing: Standing, by: Actor, request: Request) -> Generator[Chunk]:
        asked = call.endpoint
        begun = False
        try:
            with closing(self._ask(standing, by, asked, request)) as chunks:
                for chunk in chunks:
                    begun = True
                    yield chunk
            return
        except (Unavailable, NotSetUp) as error:
            # What has begun is not begun anew: its reader has read it.
            if begun:
                raise
            failure = error
        for instead in self.catalog.after(asked):
            if not self.admits(standing, instead, request.labels):
                continue
            because: dict[str, Json] = {"instead_of": asked.version, "because": failure.code}
            try:
                with closing(self._ask(standing, by, instead, request, because)) as chunks:
                    for chunk in chunks:
                        call.endpoint = instead
                        begun = True
                        yield chunk
                return
            except (Denied, NotSetUp, TooMany, Unavailable):
                if begun:
                    raise
        raise failure

    def _ask(
        self,
        standing: Standing,
        by: Actor,
        endpoint: Endpoint,
        request: Request,
        because: Mapping[str, Json] = NOTHING,
    ) -> Generator[Chunk]:
        decision = self._permitted(standing, endpoint, request.labels)
        guarded = Guarded(request, endpoint.sensitive, endpoint.name)
        request = guarded.request
        about: dict[str, Json] = {
            "principal": standing.principal.ref,
            "policy": standing.policy,
            "endpoint": endpoint.version,
            "prompt": request.prompt,
            "request": _digest(guarded.unmarked()),
            "passages": len(request.passages),
            "sensitivity": highest(request.labels),
            "max_output_tokens": endpoint.max_output_tokens,
            "redacted": {**counted(guarded.counts)},
            **because,
        }
        sent = Entry("model.call", by, {**about, **decision.stated(), "phase": "sent"})
        held = self._begin(standing, by, endpoint, request, sent)
        reply = hashlib.sha256()
        usage = Usage()
        received = 0
        outcome = "stopped"
        started, began = self._clock.seconds(), time.perf_counter_ns()
        try:
            with closing(self._attempts.complete(endpoint, self._provider(endpoint), request)) as chunks:
                for chunk in chunks:
                    if isinstance(chunk, Usage):
                        usage = chunk
                    else:
                        said = _bytes(chunk)
                        reply.update(said)
                        received += len(said)
                    yield from (self._priced(one, endpoint) for one in guarded.restored(chunk))
            yield from guarded.rest()
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
            cost = _priced(endpoint, usage.prompt_tokens, usage.completion_tokens).cost / MILLION
            measured.called(endpoint, began, usage.prompt_tokens, usage.completion_tokens, cost, outcome)
            ended = Entry("model.call", by, done)
            if held is None:
                self._audit.record([ended])
            else:
                failed = outcome not in ("complete", "stopped")
                self._spending.end(held, _used(endpoint, held, usage, received, failed), ended)

    def check(self, endpoint: Endpoint, by: Actor, boundary: str) -> Checked:
        """Ask an endpoint one tiny request, for its operator; recorded, and counted for nobody.

        Raises Unavailable or NotSetUp where it does not answer.
        """
        about: dict[str, Json] = {"endpoint": endpoint.version}
        self._audit.record([Entry("model.check", by, {**about, "phase": "sent"})])
        outcome = "stopped"
        try:
            found = check(endpoint, self._provider(endpoint), boundary, self._clock)
            outcome = "complete"
            return found
        except MunimentError as error:
            outcome = error.code
            raise
        finally:
            self._audit.record([Entry("model.check", by, {**about, "phase": "ended", "outcome": outcome})])

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
        return self._spending.begin(standing.principal, by, most, sent, standing.groups)

    def _provider(self, endpoint: Endpoint) -> Provider:
        if endpoint.kind == "quotes":
            from muniment.inference.providers.quotes import Quotes

            return Quotes(self._embedder, self._reranker)
        if endpoint.kind == "local" and self._local is not None:
            return self._local.provider(endpoint)
        from muniment.inference.providers.remote import remote

        return remote(endpoint, self._egress)

    def _priced(self, chunk: Chunk, endpoint: Endpoint) -> Chunk:
        if not isinstance(chunk, Usage):
            return chunk
        cost = _priced(endpoint, chunk.prompt_tokens, chunk.completion_tokens).cost
        return Usage(chunk.prompt_tokens, chunk.completion_tokens, cost / MILLION)


def endpoint_resource(endpoint: Endpoint, labels: Collection[str | None] = ()) -> Resource:
    """Return an endpoint as policy sees it, with the sensitivity of what it would be sent."""
    attributes: dict[str, Attribute] = {
        "allowed_groups": endpoint.allowed_groups,
        "hosting": endpoint.hosting,
    }
    return Resource("Model", endpoint.name, attributes | ({"sensitivity": highest(labels)} if labels else {}))


def highest(labels: Collection[str | None]) -> str:
    """Return the most sensitive label: `unlabelled` where one is missing or unknown, empty where there are none."""
    if not labels:
        return ""
    known = [LEVELS.index(label) for label in labels if label in LEVELS]
    return LEVELS[max(known)] if len(known) == len(labels) else UNLABELLED


def _priced(endpoint: Endpoint, prompt_tokens: int, completion_tokens: int) -> Use:
    return priced(prompt_tokens, completion_tokens, endpoint.prompt_price, endpoint.completion_price)


def _used(endpoint: Endpoint, held: Held, usage: Usage, received: int, failed: bool) -> Use:
    """Return what a call used, as its endpoint says; else the most that it can be after so many bytes of a reply."""
    if usage.prompt_tokens or usage.completion_tokens:
        return _priced(endpoint, usage.prompt_tokens, usage.completion_tokens)
    if failed and not received:
        return Use()
    return _priced(endpoint, held.use.prompt_tokens, min(received, held.use.completion_tokens))


def _digest(request: Request) -> str:
    """The digest of what is sent, without the boundary, so that equal requests have equal digests."""
    plain = replace(request, boundary="-" * 16)
    text = f"{plain.instructions}\x00{prompts.user_text(plain)}"
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _bytes(chunk: TextDelta | Draft) -> bytes:
    return chunk.text.encode(errors="surrogatepass")
