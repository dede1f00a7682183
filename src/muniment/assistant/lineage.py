"""How each answer came about, kept beside it, and shown to its owner as far as the owner may still read it.

Invariants:
- an answer is stored in the transaction of its `answer.finished` entry;
- an absent answer and another's answer are the same error;
- a claim whose evidence the reader may no longer read is withheld whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from muniment.assistant.values import NOTHING_FOUND, Answer, Citation, Claim, Nearest, numbered
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database, metadata, storable
from muniment.foundation.errors import Denied, NotFound
from muniment.foundation.revisions import Revisions
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Decision, Resource
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import Visibility, visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

answer = sa.Table(
    "answer",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("lineage", sa.Text, nullable=False),
    sa.Index("answer_principal", "principal", "at"),
)

NOT_RECORDED = "not recorded"
"""Of what an earlier version gave."""
WITHHELD = "[withheld: you may no longer read what this rests on]"
Readable = Callable[[str], bool]
"""Whether the document of an id may be read."""
_AT_ONCE = 500
_MADE_BY = (
    "model", "endpoint", "instead_of", "parts", "prompt", "rewritten_by", "policy", "settings", "code", "source",
    "chunking", "index", "searched_at", "replays", "checks",
)  # fmt: skip
_IF_ANY = ("instead_of", "rewritten_by", "replays")
REVISIONS = "revisions"
"""In what is stored alone: they move with what the answer's reader may not see."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stored answer as its owner may read it now."""

    id: str
    principal: str
    at: str
    question: str
    status: str
    answer: str
    claims: tuple[Claim, ...]
    """Those whose evidence may be read now."""
    citations: tuple[Citation, ...]
    withheld: int
    """Claims whose evidence is no longer readable."""
    lineage: Mapping[str, Json]
    notes: tuple[str, ...]
    nearest: tuple[Nearest, ...] = ()
    """Of an abstention: documents that may be opened now."""
    result: Json = None
    """Of an answer in a schema, while all of its evidence may be read."""

    def as_json(self) -> dict[str, Json]:
        """Return the explanation as one JSON object."""
        return {
            "id": self.id,
            "principal": self.principal,
            "at": self.at,
            "question": self.question,
            "status": self.status,
            "answer": self.answer,
            "claims": [claim.as_json() for claim in self.claims],
            "citations": [citation.as_json() for citation in self.citations],
            "withheld": self.withheld,
            "lineage": dict(self.lineage),
            "notes": list(self.notes),
            "nearest": [one.as_json() for one in self.nearest],
            "result": self.result,
        }

    def text(self) -> str:
        """Return it as lines for a person."""
        return "\n".join(_lines(self))


class Lineage:
    """The stored answers of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock

    def owner(self, answer_id: str) -> Principal:
        """Return whose answer it is, for the operator's own machine; raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(answer.c.principal).where(answer.c.id == answer_id)).first()
        if row is None:
            raise not_found()
        kind, _, name = str(row.principal).partition(":")
        return Principal("service" if kind == "service" else "user", name)

    def revisions(self, answer_id: str) -> Mapping[str, int] | None:
        """Return the state of directory, access and content that an answer was searched in, None: not recorded.

        For the operator's own machine: it moves with what the answer's owner may not see.
        """
        with self._database.read() as connection:
            row = _stored_answer(connection, answer_id)
        if row is None:
            raise not_found()
        return cast("Mapping[str, int] | None", json.loads(row["lineage"]).get(REVISIONS))

    def explain(
        self, principal: Principal, answer_id: str, by: Actor | None = None, *, export: bool = False
    ) -> Explanation:
        """Return how an answer came about, as far as `principal` may read its evidence now.

        Raises NotFound for an absent answer and for another's, Denied for an inactive principal, Unavailable
        when the reading cannot be recorded.
        """
        actor = by or Actor(principal.ref, "python")
        with self._database.read() as connection:
            visibility = visible(connection, principal)
            row = _stored_answer(connection, answer_id)
            decision = _decided(connection, self._policy, principal, visibility, answer_id, row)
            readable = readable_by(connection, visibility)
            found = _explanation(row, readable) if row is not None and decision.allowed else None
        about: dict[str, Json] = {"answer": answer_id[:64], "principal": principal.ref}
        effect = {"effect": "allow" if found else "deny"}
        kind = "answer.exported" if export else "lineage.read"
        self._audit.record([Entry(kind, actor, {**about, **decision.stated(), **effect})])
        if found is None:
            raise not_found()
        return found


def readable_by(connection: sa.Connection, visibility: Visibility) -> Readable:
    """Return what tells of a document's id whether that may be read now; valid inside that transaction only."""

    @cache
    def readable(document_id: str) -> bool:
        document = library.get_document(connection, document_id)
        return document is not None and visibility.may_read(document)

    return readable


def answers_of(connection: sa.Connection, principal: Principal) -> Sequence[Explanation]:
    """Return all answers of a principal, oldest first, as far as they may read now what these rest on.

    Whoever has no active account may read nothing more.
    """
    try:
        readable = readable_by(connection, visible(connection, principal))
    except Denied:
        readable = _nothing
    theirs = (
        sa.select(answer.c.id).where(answer.c.principal == principal.ref).order_by(answer.c.at, answer.c.id)
    )
    ids = list(connection.execute(theirs).scalars())
    found = as_readable(connection, ids, readable)
    return [found[one] for one in ids]


def _nothing(_document: str) -> bool:
    return False


def as_readable(
    connection: sa.Connection, answer_ids: Sequence[str], readable: Readable
) -> Mapping[str, Explanation]:
    """Return stored answers by id, as far as their evidence is readable; those that are not there are left out.

    Whose answers they are is for the caller to ask.
    """
    found: dict[str, Explanation] = {}
    for start in range(0, len(answer_ids), _AT_ONCE):
        ids = answer_ids[start : start + _AT_ONCE]
        for row in connection.execute(sa.select(answer).where(answer.c.id.in_(ids))).mappings():
            found[str(row["id"])] = _explanation(row, readable)
    return found


def store(
    connection: sa.Connection,
    principal: str,
    at: str,
    question: str,
    made: Answer,
    claims: Sequence[Claim],
    revisions: Revisions | None = None,
) -> None:
    """Keep an answer inside the caller's write transaction, and the state of rights that it was searched in."""
    state = {} if revisions is None else {REVISIONS: stated(revisions)}
    kept = {
        "status": made.status,
        "claims": [
            {
                "text": claim.text,
                "inferred": claim.inferred,
                "citations": [citation.as_json() for citation in claim.citations],
            }
            for claim in claims
        ],
        "nearest": [one.as_json() for one in made.nearest],
        "result": made.result,
        "text": "" if claims else made.answer,
        "notes": list(made.notes),
        "usage": made.as_json()["usage"],
        "took_ms": made.took_ms,
    }
    connection.execute(
        sa.insert(answer).values(
            id=made.id,
            principal=principal,
            at=at,
            question=question,
            answer=json.dumps(kept, ensure_ascii=False),
            lineage=json.dumps({**made.lineage, **state}, ensure_ascii=False),
        )
    )


def owned_by(
    connection: sa.Connection, policy: Policy, principal: Principal, answer_id: str
) -> tuple[Decision, bool]:
    """Return whether an answer is a principal's own and policy lets the principal read it, and that decision.

    Raises Denied for an inactive principal.
    """
    row = _stored_answer(connection, answer_id)
    decision = _decided(connection, policy, principal, visible(connection, principal), answer_id, row)
    return decision, row is not None and row["principal"] == principal.ref and decision.allowed


def stated(revisions: Revisions) -> dict[str, int]:
    """Return the state of directory, access and content as it is stored."""
    return {"directory": revisions.directory, "access": revisions.access, "content": revisions.content}


def _decided(
    connection: sa.Connection,
    policy: Policy,
    principal: Principal,
    visibility: Visibility,
    answer_id: str,
    row: sa.RowMapping | None,
) -> Decision:
    owner = "" if row is None else str(row["principal"])
    standing = policy.standing(connection, principal, visibility.grants)
    return standing.decide("read_lineage", Resource("Answer", answer_id, {"owner": owner}))


def _stored_answer(connection: sa.Connection, answer_id: str) -> sa.RowMapping | None:
    if not storable(answer_id):
        return None
    return connection.execute(sa.select(answer).where(answer.c.id == answer_id)).mappings().first()


def not_found() -> NotFound:
    """Return the one error for an absent answer and for another's."""
    return NotFound("There is no such answer among yours.", fix="Check its id.")


def _explanation(row: sa.RowMapping, readable: Readable) -> Explanation:
    kept = json.loads(row["answer"])
    lineage = cast("dict[str, Json]", json.loads(row["lineage"]))
    lineage.pop(REVISIONS, None)
    claims = [
        Claim(one["text"], tuple(_citation(c) for c in one["citations"]), one.get("inferred", False))
        for one in kept["claims"]
    ]
    close_by = [Nearest(one["document"], one["title"]) for one in kept.get("nearest", ())]
    shown = [claim for claim in claims if all(readable(c.document) for c in claim.citations)]
    withheld = len(claims) - len(shown)
    parts = [*([numbered(shown)] if shown else []), *([WITHHELD] if withheld else [])]
    passages = cast("list[dict[str, Json]]", lineage.get("passages", []))
    lineage["passages"] = [
        dict(one) if readable(str(one["document"])) else {"n": one["n"], "withheld": True} for one in passages
    ]
    return Explanation(
        id=row["id"],
        principal=row["principal"],
        at=row["at"],
        question=row["question"],
        status=kept["status"],
        answer=" ".join(parts) or kept["text"] or NOTHING_FOUND,
        claims=tuple(shown),
        citations=tuple(dict.fromkeys(c for claim in shown for c in claim.citations)),
        withheld=withheld,
        lineage=lineage,
        notes=tuple(kept["notes"]),
        nearest=tuple(one for one in close_by if readable(one.document)),
        result=None if withheld else kept.get("result"),
    )


def _citation(stored: Mapping[str, Any]) -> Citation:
    start, end = stored["span"]
    return Citation(
        n=stored["n"],
        document=stored["document"],
        title=stored["title"],
        version=stored["version"],
        page=stored["page"],
        span=(start, end),
        quote=stored["quote"],
        sensitivity=stored.get("sensitivity"),
    )


def _lines(made: Explanation) -> list[str]:
    lineage = made.lineage
    lines = [
        f"Answer {made.id}, {made.at}, asked by {made.principal}",
        f"Question: {made.question}",
        f"Status: {made.status}",
        f"Answer: {made.answer}",
    ]
    for citation in made.citations:
        page = "" if citation.page is None else f", page {citation.page}"
        where = f"characters {citation.span[0]} to {citation.span[1]}"
        lines.append(
            f'  [{citation.n}] {citation.title}, version {citation.version}{page}, {where}: "{citation.quote}"'
        )
    lines.extend(f"  Nearest: {one.title}" for one in made.nearest)
    lines.append("Passages considered:")
    for one in cast("Sequence[Mapping[str, Json]]", lineage.get("passages", ())):
        if one.get("withheld"):
            lines.append(f"  {one['n']}. withheld")
        else:
            unused = "not cited" if one.get("sent", True) else "not sent to the model"
            cited = "cited" if one["cited"] else unused
            lines.append(f"  {one['n']}. {one['chunk']} score {one['score']}, {cited}")
    for key in _MADE_BY:
        if key not in _IF_ANY or key in lineage:
            lines.append(f"{key.replace('_', ' ').capitalize()}: {_stated(key, lineage)}")
    lines.extend(f"Note: {note}" for note in made.notes)
    return lines


def _stated(key: str, lineage: Mapping[str, Json]) -> str:
    if key not in lineage:
        return NOT_RECORDED
    value = lineage[key]
    if key == "settings" and isinstance(value, Mapping):
        return ", ".join(value) or "as shipped"
    return _plain(value)


def _plain(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    return str(value)
