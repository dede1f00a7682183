"""Actions of somebody who is forgotten.

What was approved or carried out is evidence: it stays under the pseudonym. Its text is spelled and sealed anew, and
the log says which digest became which. What never came so far goes, and so does what the person decided of anything
that is still open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from muniment.actions.bound import digest_of, label_json, label_of, read_bound, same_call
from muniment.actions.decisions import Seals
from muniment.actions.tables import action, action_decision, notification
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import Conflict
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry

_NEVER_APPROVED = ("waiting", "rejected", "withdrawn", "expired")
_STILL_OPEN = ("waiting", "approved")


def forget_actions(
    connection: sa.Connection, ref: str, log_name: str, seals: Seals, by: Actor
) -> tuple[Mapping[str, int], Sequence[Entry]]:
    """Take somebody out of every action; return how many rows changed, and what the log is to say.

    Raises Conflict while one of theirs is being carried out.
    """
    running = sa.select(action.c.id).where(action.c.requester == ref, action.c.state == "running")
    if (busy := connection.execute(running).scalar()) is not None:
        raise Conflict(f"The action {busy} of this person is being carried out.", fix="Try again after that.")
    counts = {
        "actions removed": _remove(connection, ref),
        "decisions removed": _undecide(connection, ref),
    }
    entries: list[Entry] = []
    for row in connection.execute(_speaking_of(ref)).all():
        entries.extend(_rename(connection, row, ref, log_name, by))
    named = sa.or_(action_decision.c.person == ref, action_decision.c.on_behalf_of == ref)
    renamed = {str(one.about["digest_before"]): str(one.about["digest"]) for one in entries}
    altered = sa.or_(named, action_decision.c.digest.in_(sorted(renamed)))
    decided = connection.execute(sa.select(action_decision).where(altered)).all()
    for one in decided:
        _reseal(connection, one, ref, log_name, renamed, seals)
    counts |= {"actions renamed": len(entries), "decisions renamed": len(decided)}
    return {name: count for name, count in counts.items() if count}, entries


def _remove(connection: sa.Connection, ref: str) -> int:
    gone = sa.select(action.c.id).where(action.c.requester == ref, action.c.state.in_(_NEVER_APPROVED))
    ids = list(connection.execute(gone).scalars())
    for made in ids:
        connection.execute(sa.delete(action_decision).where(action_decision.c.action == made))
        connection.execute(sa.delete(notification).where(notification.c.action == made))
        connection.execute(sa.delete(action).where(action.c.id == made))
    ended = sa.update(action).where(action.c.requester == ref, action.c.state == "approved")
    connection.execute(ended.values(state="withdrawn", reason="The requester was erased."))
    return len(ids)


def _undecide(connection: sa.Connection, ref: str) -> int:
    still = sa.select(action.c.id).where(action.c.state.in_(_STILL_OPEN))
    theirs = sa.or_(action_decision.c.person == ref, action_decision.c.on_behalf_of == ref)
    return connection.execute(
        sa.delete(action_decision).where(theirs, action_decision.c.action.in_(still))
    ).rowcount


def _speaking_of(ref: str) -> sa.Select[*tuple[Any, ...]]:
    word = json.dumps(ref, ensure_ascii=False)
    texts = (action.c.bound, action.c.assigned, action.c.escalates_to, action.c.result)
    spellings = {word, json.dumps(ref)}
    spoken = [sa.func.replace(text, one, "") != text for text in texts for one in spellings]
    return sa.select(action).where(sa.or_(action.c.requester == ref, *spoken))


def _rename(
    connection: sa.Connection, row: sa.Row[Any], ref: str, log_name: str, by: Actor
) -> Sequence[Entry]:
    values: dict[str, str] = {
        name: json.dumps(_renamed(json.loads(getattr(row, name)), ref, log_name))
        for name in ("assigned", "escalates_to", "result")
        if getattr(row, name)
    }
    read_bound(row.bound, row.digest)
    whole = _renamed(json.loads(row.bound), ref, log_name)
    whole["context"] = label_json(label_of(whole["context"]))
    whole["values"] = None if whole["values"] is None else label_json(label_of(whole["values"]))
    text = canonical(whole).decode()
    digest = digest_of(text)
    read_bound(text, digest)
    values |= {"bound": text, "digest": digest, "requester": whole["requester"]}
    values["same"] = same_call(whole["tool"], whole["arguments"], whole["requester"])
    connection.execute(sa.update(action).where(action.c.id == row.id).values(**values))
    about = {"action": row.id, "digest_before": row.digest, "digest": digest}
    return [Entry("action.pseudonymised", by, about)]


def _renamed(value: Any, ref: str, log_name: str) -> Any:
    if isinstance(value, dict):
        return {_renamed(key, ref, log_name): _renamed(one, ref, log_name) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, ref, log_name) for one in value]
    return log_name if value == ref else value


def _reseal(
    connection: sa.Connection,
    row: sa.Row[Any],
    ref: str,
    log_name: str,
    digests: Mapping[str, str],
    seals: Seals,
) -> None:
    """Give a decision its new names; one whose seal did not hold gets none that does."""
    values = {column.name: getattr(row, column.name) for column in action_decision.c}
    values["person"], values["on_behalf_of"] = (
        _renamed(values[name], ref, log_name) for name in ("person", "on_behalf_of")
    )
    values["digest"] = digests.get(row.digest, row.digest)
    values["reason"] = "" if row.person == ref else row.reason
    if seals.holds(row):
        values["seal"] = seals.seal(values)
    this = sa.and_(action_decision.c.action == row.action, action_decision.c.person == row.person)
    connection.execute(sa.update(action_decision).where(this).values(**values))
