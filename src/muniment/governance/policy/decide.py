"""The decision point of a workspace: whoever asks is judged by the policy, groups and roles of one snapshot.

Invariants:
- which text is in force, who holds which role and which emergency lasts are read anew for each request, in the
  snapshot of the caller; only parsed texts are kept, by their digest;
- a stored text that is not what its digest says is not used: nothing is allowed then.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from muniment.foundation.errors import Tampered
from muniment.foundation.worded import Worded
from muniment.governance.frozen import frozen
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.rules import Rules, Standing, shipped, version_of
from muniment.governance.policy.tables import emergency_access, policy_activation, policy_version, role_grant

DEFAULT_ADMIN_GROUPS = frozenset({"muniment-admins"})
_KEPT = 4

Temporary = Callable[[sa.Connection, Principal], Sequence[tuple[str, str]]]
"""Gives the roles that a principal holds for a while, each with what gives it."""


def _none(_connection: sa.Connection, _principal: Principal) -> Sequence[tuple[str, str]]:
    return ()


class Policy:
    """Who may do what in one workspace."""

    def __init__(
        self, admin_groups: frozenset[str] = DEFAULT_ADMIN_GROUPS, temporary: Temporary = _none
    ) -> None:
        self._admin_groups = frozenset(f"group:{group}" for group in admin_groups)
        self._temporary = temporary
        self._lock = threading.Lock()
        self._parsed: OrderedDict[str, Rules] = OrderedDict()

    def version(self, connection: sa.Connection) -> str:
        """Return which version is in force in this snapshot."""
        found: str | None = connection.execute(_IN_FORCE).scalar()
        return self._shipped().version if found is None else found

    def _rules(self, connection: sa.Connection, version: str | None) -> Rules:
        """Return the rules of a version, None: as shipped; where their text is not theirs, they allow nothing."""
        if version is None:
            return self._shipped()
        with self._lock:
            found = self._parsed.get(version)
        if found is not None:
            return found
        try:
            return self._keep(Rules(text_of(connection, version), version))
        except Tampered as error:
            return Rules("", version, error.public)

    def standing(
        self, connection: sa.Connection, principal: Principal, groups: frozenset[str] | None = None
    ) -> Standing:
        """Return a principal with what counts for decisions now; `groups` are its grants where they are known.

        Raises Denied for an unknown or inactive account, and where its groups cannot be worked out.
        """
        held = grants(connection, principal) if groups is None else groups
        version: str | None = None
        roles: dict[str, tuple[str, ...]] = {}
        lasting: Sequence[tuple[str, str]] = ()
        cold: set[str] = set()
        for what, name, member in _STATE.rows(connection, ref=principal.ref):
            if what == _VERSION:
                version = name
            elif what == _EMERGENCY:
                lasting = lasting or self._temporary(connection, principal)
            elif what == _FROZEN:
                cold.add(name)
            elif member in held:
                roles[name] = (*roles.get(name, ()), member)
        for role, by in lasting:
            roles[role] = (*roles.get(role, ()), by)
        loud = tuple(by for _, by in lasting)
        rules = self._rules(connection, version)
        return Standing(principal, held, rules, roles, self.administers(held), loud, frozenset(cold))

    def administers(self, groups: frozenset[str]) -> bool:
        """Return whether the setting makes a holder of these groups an administrator."""
        return not self._admin_groups.isdisjoint(groups)

    def _shipped(self) -> Rules:
        version = version_of(shipped())
        with self._lock:
            found = self._parsed.get(version)
        return found or self._keep(Rules(shipped(), version))

    def _keep(self, rules: Rules) -> Rules:
        with self._lock:
            self._parsed[rules.version] = rules
            while len(self._parsed) > _KEPT:
                self._parsed.popitem(last=False)
        return rules


def text_of(connection: sa.Connection, version: str) -> str:
    """Return the text of a stored version; raises Tampered where it is missing or another."""
    found: str | None = connection.execute(_TEXT, {"version": version}).scalar()
    if found is None or version_of(found) != version:
        raise Tampered(
            "The stored policy is not what its digest says, so nothing is allowed.",
            fix="Activate another version with `muniment policy rollback`, and find out what changed it.",
            detail=f"version {version}",
        )
    return found


# Statements of every request are made once: making one costs more than running it.
_IN_FORCE = sa.select(policy_activation.c.version).order_by(policy_activation.c.number.desc()).limit(1)
_TEXT = sa.select(policy_version.c.policies).where(policy_version.c.version == sa.bindparam("version"))
_VERSION, _ROLE, _EMERGENCY, _FROZEN = 0, 1, 2, 3


def _state() -> sa.CompoundSelect[int, str, str]:
    """What counts beside groups, in one look: version in force, roles that may apply, emergencies, frozen models."""
    last = _IN_FORCE.subquery()
    ref, nothing = sa.bindparam("ref", type_=sa.Text), sa.literal("", sa.Text)
    granted, lasting = role_grant.c, emergency_access.c
    of_a_group = sa.and_(granted.member >= "group:", granted.member < "group;")
    return sa.union_all(
        sa.select(sa.literal(_VERSION, sa.Integer), last.c.version, nothing),
        sa.select(sa.literal(_ROLE, sa.Integer), granted.role, granted.member).where(
            sa.or_(granted.member == ref, of_a_group)
        ),
        sa.select(sa.literal(_EMERGENCY, sa.Integer), lasting.role, nothing)
        .where(lasting.subject == ref, lasting.approved_at.is_not(None), lasting.ended_at.is_(None))
        .distinct(),
        sa.select(sa.literal(_FROZEN, sa.Integer), frozen.c.name, nothing).where(frozen.c.kind == "endpoint"),
    )


_STATE = Worded(_state())
