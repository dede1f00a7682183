"""Gathers what an approver is shown, in one snapshot and for that reader alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from muniment.actions.action import Action
from muniment.actions.arguments import Amount, amount_of
from muniment.actions.bound import read_bound
from muniment.actions.facts import Gathering
from muniment.actions.registry import Tools
from muniment.actions.tables import action
from muniment.actions.titles import titles_of
from muniment.actions.view import Earlier, Known, Passage, View, view_of
from muniment.actions.visible import pieces
from muniment.foundation.clock import Clock
from muniment.foundation.errors import MunimentError, Tampered
from muniment.governance.policy.rules import Standing

LOOKED_AT = 20
"""Earlier actions among which a similar one is looked for."""
May = Callable[[sa.Row[Any]], bool]
"""Says whether the reader may be shown another action."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """Makes the views of one workspace."""

    tools: Tools
    gathering: Gathering
    clock: Clock

    def view(self, connection: sa.Connection, standing: Standing, found: Action, may: May) -> View:
        """Return what a person is shown of an action that they may decide on; raises Tampered without its tool."""
        bound = found.bound
        manifest = self.tools.of_digest(connection, bound.manifest)
        if manifest is None:
            raise Tampered("The tool of this action is not stored.", fix="Reject it, and propose it again.")
        recipients = self.gathering.recipients.of(connection, manifest, bound.arguments)
        amount = amount_of(manifest, bound.arguments)
        risk = self.gathering.risk
        named = [one.document for one in bound.evidence]
        named += [one.source for one in bound.origins.values()]
        titles = titles_of(connection, standing, named)
        known = Known(
            classified=risk.classify(manifest, amount, any(one.grants is None for one in recipients)),
            rules_changed=risk.version != bound.risk,
            amount=amount,
            recipients=recipients,
            passages=tuple(
                Passage()
                if (title := titles.get(one.document)) is None
                else Passage(one.document, one.version, pieces(title))
                for one in bound.evidence
            ),
            sources=titles,
            earlier=self._earlier(connection, found, may),
            age=self.clock.now() - datetime.fromisoformat(found.created_at),
        )
        return view_of(found, manifest, known)

    def amount(self, connection: sa.Connection, found: Action) -> Amount | None:
        """Return what an action moves, None where that is nothing or cannot be told."""
        manifest = self.tools.of_digest(connection, found.bound.manifest)
        try:
            return None if manifest is None else amount_of(manifest, found.bound.arguments)
        except MunimentError:
            return None

    def _earlier(self, connection: sa.Connection, found: Action, may: May) -> Earlier | None:
        query = (
            sa.select(action)
            .where(
                action.c.tool == found.bound.tool,
                action.c.requester == found.bound.requester,
                action.c.state == "done",
                action.c.id != found.id,
            )
            .order_by(action.c.changed_at.desc(), action.c.id)
            .limit(LOOKED_AT)
        )
        for row in connection.execute(query).all():
            try:
                if may(row):
                    return Earlier(row.id, row.changed_at, read_bound(row.bound, row.digest).arguments)
            except MunimentError:
                continue
        return None
