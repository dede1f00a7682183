"""The way to every change of who may do what: allowed in the transaction that makes it, or refused on record."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sa

from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import Decision, Resource


class NotPermitted(Denied):
    """The policy in force does not let this principal do this."""

    def __init__(self, principal: Principal, decision: Decision, fix: str = "") -> None:
        super().__init__(
            f"{principal.ref} may not {decision.action} here ({', '.join(decision.reasons)}).",
            fix=fix or "See `muniment policy explain` and `muniment role list`.",
        )
        self.principal = principal
        self.decision = decision


class Gate:
    """Asks the policy in force about changes of itself."""

    def __init__(self, policy: Policy, audit: AuditLog) -> None:
        self._policy = policy
        self._audit = audit

    def check(
        self, connection: sa.Connection, who: Principal | None, action: str, resource: Resource
    ) -> dict[str, str]:
        """Return the decision for the log; None is whoever can open the keys, who is not asked.

        Raises NotPermitted, or Denied for an inactive account.
        """
        if who is None:
            return {"policy": self._policy.version(connection)}
        decision = self._policy.standing(connection, who).decide(action, resource)
        if not decision.allowed:
            raise NotPermitted(who, decision)
        return decision.stated()

    @contextmanager
    def recorded(self, by: Actor) -> Generator[None]:
        """Put on record what `check` refuses inside; stands outside the transaction, which is undone."""
        try:
            yield
        except NotPermitted as refused:
            about = {"principal": refused.principal.ref, **refused.decision.stated()}
            self._audit.record([Entry("policy.refused", by, about)])
            raise
