"""One question on its way to an answer: what has been decided, found, sent, checked and given so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from muniment.assistant.recorded import NONE, RecordedSettings, endpoint_recorded
from muniment.assistant.release import Reader
from muniment.assistant.shown import Shown
from muniment.assistant.support import VERSION as SUPPORT
from muniment.assistant.values import Claim
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.version import VERSION, source_digest
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.rules import Standing
from muniment.governance.privacy.names import Names
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Usage
from muniment.inference.prompt_file import Prompt
from muniment.inference.redaction import LeftOut
from muniment.knowledge.ingestion.chunk import UNRECORDED
from muniment.knowledge.ingestion.chunk import VERSION as CHUNKING
from muniment.knowledge.library import VersionMade
from muniment.knowledge.passage import Passage, Retrieval

Keep = Callable[[sa.Connection, str], None]
"""Stores what belongs to the answer of an id, in the transaction that stores the answer."""


@dataclass(slots=True)
class Asking:
    """One question on its way."""

    id: str
    principal: Principal
    by: Actor
    question: str
    endpoint: Endpoint
    template: Prompt
    standing: Standing
    started: float
    shown: Shown
    schema: CheckedSchema | None = None
    """What the result is to keep to; None: claims are asked for."""
    result: Json = None
    left_out: LeftOut = field(default_factory=LeftOut)
    """Passages that the model does not get, because of sensitive values."""
    names: Sequence[Names | None] = ()
    """What is labelled in each passage, None where nothing is; empty where nobody needs it."""
    retrieval: Retrieval | None = None
    prompt: str = ""
    claims: list[Claim] = field(default_factory=list[Claim])
    usage: Usage = field(default_factory=Usage)
    dropped: Counter[str] = field(default_factory=Counter[str])
    """Claims that did not pass, by reason, those that were asked for again left out."""
    asked_again: bool = False
    withdrawn: bool = False
    """Whether its reader's access changed before the model could be asked again."""
    instead_of: Endpoint | None = None
    """Which was asked for, where another answered."""
    sent: frozenset[int] = frozenset()
    """Numbers of the passages that the model was sent."""
    labels: frozenset[str | None] = frozenset()
    """Their sensitivities."""
    too_sensitive: int = 0
    """Passages that the model may not be sent because of their sensitivity."""
    notes: tuple[str, ...] = ()
    withheld: int = 0
    keep: Keep | None = None
    rewritten_by: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """The prompt and the model that made the question of a follow-up."""
    settings: RecordedSettings = NONE
    searched_at: str = ""
    most: int = 0
    """Passages that were asked for."""
    versions: Mapping[tuple[str, int], VersionMade] = field(
        default_factory=dict[tuple[str, int], VersionMade]
    )
    """How the versions behind the passages were made."""
    replays: str = ""
    """Id of the answer that this one repeats."""

    @property
    def reader(self) -> Reader:
        return Reader(self.principal, self.by, self.id, self.standing.policy)

    @property
    def passages(self) -> tuple[Passage, ...]:
        return self.retrieval.passages if self.retrieval else ()

    def answered_by(self, endpoint: Endpoint) -> None:
        """Note that an endpoint answered, which may have stood in for the one that was asked."""
        if endpoint is not self.endpoint:
            self.go_over(endpoint, f"The model {self.endpoint.name} did not answer; {endpoint.name} did.")

    def go_over(self, endpoint: Endpoint, *notes: str) -> None:
        """Let an endpoint answer, which may be another than before."""
        if endpoint is not self.endpoint:
            self.instead_of = self.instead_of or self.endpoint
            self.endpoint = endpoint
        self.notes += notes

    def sensitive(self) -> dict[str, Json]:
        """Return how many claims were masked or dropped, and passages left out, because of sensitive values.

        Of what was dropped or left out, `unlabelled` is so because nobody has labelled the names in it.
        """
        return {
            "masked": self.shown.masked,
            "dropped": self.shown.dropped,
            "left_out": len(self.left_out.numbers),
            "unlabelled": len(self.left_out.unlabelled) + self.shown.unlabelled,
        }

    def lineage(self, claims: Sequence[Claim], parts: Mapping[str, Json]) -> dict[str, Json]:
        """Return how the answer came about; `parts` are the models that took part."""
        cited = {(c.document, c.version, c.span) for claim in claims for c in claim.citations}
        passages: list[Json] = [
            {
                "n": n,
                "document": passage.document,
                "version": passage.version,
                **self._made(passage),
                "chunk": passage.chunk,
                "span": list(passage.span),
                "score": round(passage.score, 6),
                "sensitivity": passage.sensitivity,
                "cited": any(_within(one, passage) for one in cited),
                "sent": n in self.sent,
            }
            for n, passage in enumerate(self.passages, 1)
        ]
        found = self.retrieval
        return {
            "model": self.endpoint.version,
            "endpoint": endpoint_recorded(self.endpoint),
            **({"instead_of": self.instead_of.version} if self.instead_of else {}),
            "parts": dict(parts),
            **({"schema": self.schema.digest} if self.schema else {}),
            "prompt": self.prompt or self.template.version,
            **({"rewritten_by": dict(self.rewritten_by)} if self.rewritten_by else {}),
            "policy": self.standing.policy,
            **({"acted_by": self.by.service} if self.by.service else {}),
            "settings": self.settings.about(self.endpoint),
            "code": VERSION,
            "source": source_digest(),
            "chunking": ", ".join(self._cut_by()) or CHUNKING,
            "searched_at": self.searched_at,
            "most_passages": self.most,
            **({"replays": self.replays} if self.replays else {}),
            "index": dict(found.index) if found else {},
            "filters": dict(found.filters) if found else {},
            "passages": passages,
            "checks": {
                "released": len(claims),
                "unverified": self.dropped.total(),
                "withheld": self.withheld,
                "reasons": dict(sorted(self.dropped.items())),
                "asked_again": self.asked_again,
                "too_sensitive": self.too_sensitive,
                "support": SUPPORT,
                **self.sensitive(),
            },
        }

    def _made(self, passage: Passage) -> dict[str, Json]:
        made = self.versions.get((passage.document, passage.version))
        return {"digest": f"sha256:{made.digest}", "chunking": made.chunking or UNRECORDED} if made else {}

    def _cut_by(self) -> list[str]:
        return sorted({made.chunking or UNRECORDED for made in self.versions.values()})


def _within(cited: tuple[str, int, tuple[int, int]], passage: Passage) -> bool:
    document, version, (start, end) = cited
    same = (document, version) == (passage.document, passage.version)
    return same and passage.span[0] <= start and end <= passage.span[1]
