"""The tables of tools and actions."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

tool = sa.Table(
    "tool",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)
"""Which manifest of each tool counts now."""
tool_manifest = sa.Table(
    "tool_manifest",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("added_at", sa.Text, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
)
"""Every manifest that was ever in use: proposals name them."""
tool_stop = sa.Table(
    "tool_stop",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("stopped_at", sa.Text, nullable=False),
    sa.Column("stopped_by", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text),
    sa.Column("ended_by", sa.Text),
)
tool_call = sa.Table(
    "tool_call",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("amount", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Index("tool_call_counted", "tool", "caller", "at"),
)
"""What counts towards limits: one row for each call that was carried out or whose outcome is unknown."""
action = sa.Table(
    "action",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("same", sa.Text, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("requester", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("bound", sa.Text, nullable=False),
    sa.Column("risk", sa.Text, nullable=False),
    sa.Column("approvers", sa.Integer, nullable=False),
    sa.Column("assigned", sa.Text, nullable=False),
    sa.Column("escalates_at", sa.Text, nullable=False),
    sa.Column("escalates_to", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Column("claim", sa.Text, nullable=False),
    sa.Column("claim_until", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("action_state", "state", "created_at"),
    sa.Index("action_requester", "requester", "created_at"),
    sa.Index("action_same", "same", "changed_at"),
)
"""Proposals that may have an effect. `bound` is the canonical JSON that the digest is of; it never changes."""
action_decision = sa.Table(
    "action_decision",
    metadata,
    sa.Column("action", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("on_behalf_of", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("seal", sa.Text, nullable=False),
    sa.Index("action_decision_person", "person", "at"),
)
"""What each person decided of an action, of which digest, sealed with a key of the workspace."""
approval_delegation = sa.Table(
    "approval_delegation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("from_person", sa.Text, nullable=False),
    sa.Column("to_person", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text),
    sa.Index("approval_delegation_to", "to_person"),
)
notification = sa.Table(
    "notification",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("moment", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Index("notification_action", "action", "moment"),
    sa.Index("notification_due", "state", "due_at"),
)
"""Who is told what of a waiting action: `due`, `sent`, `failed` for good, or `void` where nobody is to be told."""
