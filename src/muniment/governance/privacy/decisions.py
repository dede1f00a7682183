"""What the erasure of a person does to each table: every table has a decision, also one that keeps it as it is.

Tables are named by text, as rooms above this one own many of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

Holds = tuple[str, str, str]
"""A column; the table whose rows it names by `id`; and the column there that names a person."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to the rows of one table, in this order."""

    table: str
    why: str
    removed: tuple[str, ...] = ()
    """Columns that name a person whose row goes."""
    removed_by_name: str = ""
    """A column that holds the bare name of a user; where there is a `kind` beside it, it says `user`."""
    removed_through: Holds | None = None
    emptied: tuple[tuple[str, str], ...] = ()
    """Columns that are emptied where another one names the person."""
    renamed: tuple[str, ...] = ()
    """Columns that name a person, and a pseudonym afterwards."""
    within: tuple[str, ...] = ()
    """Columns of JSON, in which a name is a whole string."""
    has_kind: bool = False
    elsewhere: bool = False
    """The room that owns it does what is to be done."""


DECISIONS: Sequence[Decision] = (
    Decision(
        "feedback", "what somebody said of an answer", removed_through=("answer", "answer", "principal")
    ),
    Decision(
        "review_label",
        "what was said of a person's answers",
        removed_through=("answer", "answer", "principal"),
    ),
    Decision(
        "review_item",
        "which of a person's answers were drawn",
        removed_through=("answer", "answer", "principal"),
    ),
    Decision("outcome", "what came of a person's answers", removed_through=("target", "answer", "principal")),
    Decision("conversation_turn", "questions", removed_through=("conversation", "conversation", "owner")),
    Decision(
        "conversation_share", "who may read along", removed_through=("conversation", "conversation", "owner")
    ),
    Decision("feedback", "the same", removed=("principal",)),
    Decision(
        "review_label",
        "the verdict stays; the note is the reviewer's own words",
        emptied=(("note", "reviewer"),),
        renamed=("reviewer",),
    ),
    Decision("review_set", "who drew it, and why", renamed=("by",)),
    Decision("outcome", "what came of it stays; who said so", renamed=("by",)),
    Decision("conversation_share", "the same", removed=("subject",)),
    Decision("conversation", "a person's own", removed=("owner",)),
    Decision("answer", "questions and answers", removed=("principal",), within=("lineage",)),
    Decision("session", "sign-ins", removed_by_name="name", has_kind=True),
    Decision("signin_link", "sign-ins", removed_by_name="name", has_kind=True),
    Decision("signin_attempt", "names nobody, and lasts for minutes"),
    Decision("directory_user", "name and title", removed_by_name="name"),
    Decision("directory_membership", "groups", removed=("member",)),
    Decision("provisioned", "attributes, such as e-mail", removed=("ref",)),
    Decision("role_grant", "roles; who gave others theirs", removed=("member",), renamed=("by",)),
    Decision("first_administrator", "that there was one stays", renamed=("member", "by")),
    Decision(
        "emergency_access",
        "evidence; the reason is the person's own words",
        emptied=(("reason", "requested_by"), ("reason", "subject")),
        renamed=("subject", "requested_by", "approved_by", "ended_by"),
    ),
    Decision("api_key", "keys are of services; who made one", removed=("service",), renamed=("created_by",)),
    Decision("model_usage", "counts; the sum of all people stays", removed=("who",)),
    Decision("approval_delegation", "who decides for whom", removed=("from_person", "to_person")),
    Decision("notification", "who was told", removed=("person",)),
    Decision("tool_call", "what counts towards limits", renamed=("caller",)),
    Decision("tool", "who changed it", renamed=("changed_by",)),
    Decision("tool_manifest", "who added it; its text is the company's", renamed=("added_by",)),
    Decision("tool_stop", "who stopped and ended", renamed=("stopped_by", "ended_by")),
    Decision("policy_version", "who wrote it; its text is the company's", renamed=("by",)),
    Decision("policy_activation", "who did it, and why", renamed=("by",)),
    Decision("prompt_version", "who wrote it; its text is the company's", renamed=("by",)),
    Decision("prompt_stage", "who did it, and why", renamed=("by",)),
    Decision("release", "who built it, and why", renamed=("by",)),
    Decision("release_stage", "who did it, who stood by it, and why", renamed=("by", "second")),
    Decision("ranking_settings", "who made them", renamed=("made_by",)),
    Decision("ranking_use", "who used them", renamed=("used_by",)),
    Decision("evaluation_run", "who ran it", renamed=("by",)),
    Decision(
        "evaluation_result",
        "scores are the company's; a question may be the person's own words",
        emptied=(("question", "asker"),),
        renamed=("asker",),
    ),
    Decision("legal_hold", "evidence of holds that were lifted", renamed=("subject", "by", "lifted_by")),
    Decision("access_class", "access lists", within=("allow", "deny")),
    Decision("action", "evidence where it was approved", elsewhere=True),
    Decision("action_decision", "evidence; the reason is the person's own words", elsewhere=True),
    Decision("audit_subject", "the name is forgotten with its key", elsewhere=True),
    Decision("audit_subject_keys", "says that somebody was erased", elsewhere=True),
    Decision("audit_erasure", "keyed digests of who was erased", elsewhere=True),
    Decision("audit_entry", "pseudonyms, and what is sealed under the keys of people"),
    Decision("audit_tree", "digests"),
    Decision("audit_checkpoint", "digests"),
    Decision("audit_tile", "digests"),
    Decision("audit_witness", "checkpoints"),
    Decision("audit_witnessed", "checkpoints of other logs"),
    Decision("audit_sink", "how far copies are"),
    Decision(
        "incident",
        "evidence; what was said of somebody goes",
        emptied=(("says", "subject"), ("outcome", "subject")),
        renamed=("subject", "opened_by", "closed_by"),
    ),
    Decision("frozen", "there is nobody to freeze", removed_by_name="name", renamed=("by",), has_kind=True),
    Decision("detection_place", "a place in the log"),
    Decision("api_key_place", "keyed digests of networks of programs"),
    Decision("document", "documents are their sources'"),
    Decision("document_version", "documents are their sources'"),
    Decision("version_original", "documents are their sources'"),
    Decision("chunk", "documents are their sources'"),
    Decision("name_label", "places in documents"),
    Decision("outside_entry", "what somebody holds at a source", removed=("principal",)),
    Decision("source_account", "who somebody is at a source", removed=("principal",)),
    Decision("source_team", "groups of a source, by its own ids"),
    Decision("source_scope", "lists of a source, by its own ids", within=("stated",)),
    Decision("source_item", "documents are their sources'"),
    Decision("source_connection", "how a source is reached; whom accounts are is the operator's to state"),
    Decision("outside_lease", "times"),
    Decision("outside_ours", "entries of ours in lists", removed=("entry",), within=("clauses",)),
    Decision("document_label", "labels of documents, and which rule gave them"),
    Decision("document_flag", "places in documents"),
    Decision("document_sketch", "digests of documents"),
    Decision("document_band", "digests of documents"),
    Decision("document_line", "digests of lines"),
    Decision(
        "quarantine",
        "evidence; the reason is the person's own words",
        emptied=(("reason", "by"),),
        renamed=("by",),
    ),
    Decision("access_override", "places of documents and numbers of lists"),
    Decision("source", "names nobody"),
    Decision("segment", "names nobody"),
    Decision("index_model", "names nobody"),
    Decision("directory_group", "names nobody"),
    Decision("directory_service", "programs are no people"),
    Decision("revision", "counters"),
)


def erase_rows(connection: sa.Connection, ref: str, log_name: str) -> Mapping[str, int]:
    """Do what is decided in the caller's write transaction; return how many rows of which table changed."""
    counts: dict[str, int] = {}
    for one in DECISIONS:
        if one.elsewhere:
            continue
        for what, statement in _statements(one, ref, log_name):
            if changed := connection.execute(statement).rowcount:
                counts[f"{one.table} {what}"] = counts.get(f"{one.table} {what}", 0) + changed
    return counts


def people_named(connection: sa.Connection) -> list[str]:
    """Return everybody whom a row names by a column of its own."""
    found: set[str] = set()
    columns = [(one.table, name) for one in DECISIONS for name in (*one.removed, *one.renamed)]
    for table, name in [*columns, ("action", "requester"), ("action_decision", "person")]:
        query = sa.select(_column(name)).select_from(sa.table(table)).where(_column(name).like("user:%"))
        found.update(connection.execute(query.distinct()).scalars())
    users = sa.select(_column("name")).select_from(sa.table("directory_user"))
    found.update(f"user:{name}" for name in connection.execute(users).scalars())
    for name in ("allow", "deny"):
        lists = sa.select(_column(name)).select_from(sa.table("access_class"))
        for text in connection.execute(lists).scalars():
            found.update(entry for entry in json.loads(text) if entry.startswith("user:"))
    return sorted(found)


def _statements(one: Decision, ref: str, log_name: str) -> list[tuple[str, sa.Delete | sa.Update]]:
    table = sa.table(one.table)
    made: list[tuple[str, sa.Delete | sa.Update]] = [
        ("removed", sa.delete(table).where(_column(name) == ref)) for name in one.removed
    ]
    if one.removed_by_name:
        named = [_column(one.removed_by_name) == ref.partition(":")[2]]
        named += [_column("kind") == "user"] * one.has_kind
        made.append(("removed", sa.delete(table).where(*named)))
    if one.removed_through is not None:
        column, through, owner = one.removed_through
        theirs = sa.select(_column("id")).select_from(sa.table(through)).where(_column(owner) == ref)
        made.append(("removed", sa.delete(table).where(_column(column).in_(theirs))))
    for name, beside in one.emptied:
        emptied = sa.table(one.table, _column(name))
        made.append(("emptied", sa.update(emptied).where(_column(beside) == ref).values({name: ""})))
    for name in one.renamed:
        renamed = sa.table(one.table, _column(name))
        made.append(("renamed", sa.update(renamed).where(_column(name) == ref).values({name: log_name})))
    for name in one.within:
        made += [("renamed", statement) for statement in _within(one.table, name, ref, log_name)]
    return made


def _within(table: str, name: str, ref: str, log_name: str) -> list[sa.Update]:
    column = _column(name)
    spellings = sorted({json.dumps(ref), json.dumps(ref, ensure_ascii=False)})
    made: list[sa.Update] = []
    for word in spellings:
        values: dict[str, sa.ColumnElement[str]] = {name: sa.func.replace(column, word, json.dumps(log_name))}
        columns = [column]
        if table == "access_class":
            # No access list is found again by a digest of names that it has no more.
            values["digest"] = sa.literal("erased:", sa.Text) + sa.cast(_column("id"), sa.Text)
            columns.append(_column("digest"))
        update = sa.update(sa.table(table, *columns))
        made.append(update.where(sa.func.replace(column, word, "") != column).values(values))
    return made


def _column(name: str) -> sa.ColumnClause[str]:
    return sa.column(name, sa.Text)
