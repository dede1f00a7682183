"""All that an approval is bound to, as one text: its digest is what people approve and what is carried out.

The stored text is hashed byte for byte, so a changed byte anywhere is another digest.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from muniment.actions.labels import Audience, Integrity, Label
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import Tampered


@dataclass(frozen=True, slots=True)
class Agent:
    """What proposed a call for its requester; empty where the requester did."""

    model: str = ""
    """Endpoint and version."""
    prompt: str = ""
    """`NAME@HASH8`."""
    run: str = ""
    """The run or workflow that it belongs to."""


@dataclass(frozen=True, slots=True)
class Record:
    """The record that a call is about, as it was when the call was proposed."""

    kind: str = ""
    id: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value at one place of the arguments came from, for whoever approves."""

    integrity: str
    source: str = ""
    """What gave it, such as `orders_get` or a document's id; empty for the caller's own words."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that the proposal rests on: named, never quoted here."""

    document: str
    version: str
    chunk: str


@dataclass(frozen=True, slots=True)
class Bound:
    """One call and everything that it depends on."""

    tenant: str
    tool: str
    manifest: str
    arguments: Mapping[str, object]
    requester: str
    since: int
    """When the requester's account was made or last changed."""
    policy: str
    risk: str
    scope: str
    nonce: str
    expires_at: str
    approvers: int
    agent: Agent = field(default_factory=Agent)
    record: Record = field(default_factory=Record)
    context: Label = field(default_factory=Label)
    """Of everything that was known where it was proposed."""
    values: Label | None = None
    """Of the arguments, where they are those of a planned call."""
    plan: str = ""
    """Digest of that plan."""
    step: str = ""
    origins: Mapping[str, Origin] = field(default_factory=dict[str, Origin])
    evidence: tuple[Evidence, ...] = ()

    def text(self) -> str:
        """Return its one spelling."""
        stated = {name: getattr(self, name) for name in _PLAIN}
        whole = {
            **stated,
            "agent": asdict(self.agent),
            "record": asdict(self.record),
            "context": label_json(self.context),
            "values": None if self.values is None else label_json(self.values),
            "origins": {place: asdict(one) for place, one in self.origins.items()},
            "evidence": [asdict(one) for one in self.evidence],
        }
        return canonical(whole).decode()


_PLAIN = (
    "tenant",
    "tool",
    "manifest",
    "arguments",
    "requester",
    "since",
    "policy",
    "risk",
    "scope",
    "nonce",
    "expires_at",
    "approvers",
    "plan",
    "step",
)


def digest_of(text: str) -> str:
    """Return `sha256:` and the digest of exactly these bytes."""
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def same_call(tool: str, arguments: Mapping[str, object], requester: str) -> str:
    """Return what two proposals of the same call by the same requester share, whatever else differs."""
    return digest_of(canonical([tool, arguments, requester]).decode())


def read_bound(text: str, digest: str) -> Bound:
    """Return what a stored text binds; raises Tampered where it is not what its digest says."""
    if digest_of(text) != digest:
        raise Tampered("The stored action is not the one that was proposed.", fix="Propose it again.")
    try:
        whole = cast("dict[str, Any]", json.loads(text))
        made = Bound(
            **{name: whole[name] for name in _PLAIN},
            agent=Agent(**whole["agent"]),
            record=Record(**whole["record"]),
            context=label_of(whole["context"]),
            values=None if whole["values"] is None else label_of(whole["values"]),
            origins={place: Origin(**one) for place, one in whole["origins"].items()},
            evidence=tuple(Evidence(**one) for one in whole["evidence"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise Tampered("The stored action cannot be read.", fix="Propose it again.") from error
    if made.text() != text:
        raise Tampered("The stored action is not in its one spelling.", fix="Propose it again.")
    return made


def label_json(label: Label) -> dict[str, object]:
    """Return a label as JSON, in one order."""
    audiences = sorted([sorted(one.allow), sorted(one.deny), one.owner] for one in label.audiences)
    return {"integrity": label.integrity.spelled, "audiences": audiences}


def label_of(stated: Mapping[str, Any]) -> Label:
    """Return the label that `label_json` wrote."""
    audiences = frozenset(
        Audience(frozenset(allow), frozenset(deny), owner) for allow, deny, owner in stated["audiences"]
    )
    return Label(Integrity[str(stated["integrity"]).upper()], audiences)


def keyed_id(key: str) -> str:
    """Return the id of the action of a key."""
    raw = base64.b32encode(hashlib.sha256(key.encode()).digest())
    return "act_" + raw.decode().lower()[:32]
