"""The roles, which of them conflict, and who holds which.

Invariants:
- nobody is given a role that conflicts with one they hold, directly or through any group; should a change of the
  directory bring two together, the rules that forbid still rule;
- the first administrator is made once, however many try at the same moment;
- each change commits with its entry in the log and is felt by the next decision.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory, account_since, active_principals, grants
from muniment.governance.identity.principal import EVERYONE, Actor, Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.tables import first_administrator, role_grant

ROLES: Mapping[str, str] = {
    "reader": "search, ask, and open what access lists open to them; everyone, as shipped",
    "contributor": "bring documents in from sources",
    "curator": "say who may read what; let through what was held back; change collections and prompts",
    "tool-user": "use the tools that name one of their groups",
    "approver": "approve what others propose, and emergency access of others",
    "evaluator": "write suites and run them; review answers of others",
    "auditor": "read the log and how everything is set; change nothing",
    "security-officer": "say who may do what, and hold the keys",
    "operator": "run the installation: models, tools, settings, indexes; read no documents",
    "service": "for programs: search, ask, and open what access lists open to them",
}
PEOPLE_ONLY = frozenset({"approver", "auditor", "operator", "security-officer"})
CONFLICTS = frozenset(
    frozenset(pair)
    for one, others in {
        "auditor": (
            "contributor",
            "curator",
            "tool-user",
            "approver",
            "evaluator",
            "security-officer",
            "operator",
        ),
        "operator": ("curator", "approver", "evaluator", "security-officer"),
    }.items()
    for pair in ((one, other) for other in others)
)
LONGEST_REASON = 500
FIRST = "security-officer"
"""What the first administrator is: who gives every other role."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """Who holds a role, and why."""

    member: str
    """`user:NAME`, `service:NAME`, `group:NAME` or `group:everyone`."""
    role: str
    reason: str
    at: str
    """Empty for what ships."""
    by: str


def role_named(text: str) -> str:
    """Return the role that a person means; raises BadInput for none."""
    name = text.lower().replace("_", "-")
    if name not in ROLES:
        close = difflib.get_close_matches(name, ROLES, n=2)
        fix = f"Did you mean {' or '.join(close)}?" if close else f"The roles are {', '.join(ROLES)}."
        raise BadInput(f"There is no role '{text}'.", fix=fix)
    return name


def checked_reason(text: str) -> str:
    """Return a reason on one line; raises BadInput for none, or one too long."""
    reason = " ".join(text.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise BadInput(
            f"A reason has 1 to {LONGEST_REASON} characters.", fix="Say why, for whoever reads the log."
        )
    return reason


def conflict_in(roles: Iterable[str]) -> tuple[str, str] | None:
    """Return two roles that nobody may hold together, or None."""
    held = frozenset(roles)
    found = sorted(tuple(sorted(pair)) for pair in CONFLICTS if pair <= held)
    return (found[0][0], found[0][1]) if found else None


class Roles:
    """Who holds which role in one workspace."""

    def __init__(
        self, database: Database, directory: Directory, audit: AuditLog, gate: Gate, clock: Clock
    ) -> None:
        self._database = database
        self._gate = gate
        self._directory = directory
        self._audit = audit
        self._clock = clock

    def listing(self) -> list[RoleGrant]:
        """Return every grant, by role and member."""
        query = sa.select(role_grant).order_by(role_grant.c.role, role_grant.c.member)
        with self._database.read() as connection:
            return [_grant(row) for row in connection.execute(query)]

    def member(self, name: str) -> str:
        """Return the ref that `alice`, `service:bot` or `group:sales` names; raises BadInput for nobody."""
        if not name.startswith("group:"):
            return self._directory.principal(name).ref
        if not self._directory.knows(name):
            raise BadInput(f"No group named '{name[6:]}'.", fix="See `muniment directory list`.")
        return name

    def grant(
        self, role: str, member: str, reason: str, by: Actor, who: Principal | None = None
    ) -> RoleGrant:
        """Give a role; again changes its reason alone.

        Raises BadInput for an unknown role or member, Conflict where somebody would then hold two that conflict,
        NotPermitted where policy does not let `who` give it.
        """
        role, member, why = role_named(role), self.member(member), checked_reason(reason)
        _check_kind(role, member)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "grant_role", _resource(role, member))
            _check_conflicts(connection, role, member)
            made = RoleGrant(member, role, why, timestamp(self._clock.now()), by.ref)
            connection.execute(sa.delete(role_grant).where(_is(role, member)))
            values = {"member": member, "role": role, "reason": why, "at": made.at, "by": made.by}
            connection.execute(sa.insert(role_grant).values(**values))
            about = {**stated, "role": role, "member": member, "reason": self._audit.commitment(why)}
            self._audit.append(connection, [Entry("role.granted", by, about)])
        return made

    def make_first(self, name: str, reason: str, by: Actor) -> RoleGrant:
        """Make a person the first administrator, by whoever can open the keys.

        Raises Conflict where there was one or anybody holds that role, and BadInput for no active person.
        """
        principal, why = self._directory.principal(name), checked_reason(reason)
        _check_kind(FIRST, principal.ref)
        with self._database.write() as connection:
            was = connection.execute(sa.select(first_administrator)).first()
            held = sa.select(role_grant.c.member).where(role_grant.c.role == FIRST).limit(1)
            other = was.member if was is not None else connection.execute(held).scalar()
            if other is not None:
                raise Conflict(
                    f"The first administrator was made before: {other}.",
                    fix="That one grants further roles: `muniment role grant ... --as USER`.",
                )
            if account_since(connection, principal) is None:
                raise BadInput(f"{principal.ref} is no active account.", fix="See `muniment directory list`.")
            _check_conflicts(connection, FIRST, principal.ref)
            made = RoleGrant(principal.ref, FIRST, why, timestamp(self._clock.now()), by.ref)
            first = {"number": 1, "member": made.member, "at": made.at, "by": made.by}
            connection.execute(sa.insert(first_administrator).values(**first))
            values = {"member": made.member, "role": FIRST, "reason": why, "at": made.at, "by": made.by}
            connection.execute(sa.insert(role_grant).values(**values))
            about = {"role": FIRST, "member": made.member, "reason": self._audit.commitment(why)}
            self._audit.append(connection, [Entry("role.first_administrator", by, about)])
        return made

    def revoke(self, role: str, member: str, reason: str, by: Actor, who: Principal | None = None) -> None:
        """Take a role back; raises BadInput where this member was not given it, NotPermitted as `grant` does."""
        role, why = role_named(role), checked_reason(reason)
        ref = member if ":" in member else f"user:{member}"
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "grant_role", _resource(role, ref))
            if not connection.execute(sa.delete(role_grant).where(_is(role, ref))).rowcount:
                held = connection.execute(
                    sa.select(role_grant.c.member)
                    .where(role_grant.c.role == role)
                    .order_by(role_grant.c.member)
                )
                known = ", ".join(held.scalars())
                raise BadInput(
                    f"{ref} was not given the role {role}.",
                    fix=f"It was given to {known}." if known else "Nobody was.",
                )
            about = {**stated, "role": role, "member": ref, "reason": self._audit.commitment(why)}
            self._audit.append(connection, [Entry("role.revoked", by, about)])


def members_of(connection: sa.Connection, role: str) -> frozenset[str]:
    """Return the users, services and groups that a role is granted to."""
    query = sa.select(role_grant.c.member).where(role_grant.c.role == role)
    return frozenset(connection.execute(query).scalars())


def _check_conflicts(connection: sa.Connection, role: str, member: str) -> None:
    rows = [_grant(row) for row in connection.execute(sa.select(role_grant))]
    rows.append(RoleGrant(member, role, "", "", ""))
    for ref, held in _touched(connection, member):
        roles = {one.role for one in rows if one.member in held}
        pair = conflict_in(roles) if role in roles else None
        if pair is not None and role in pair:
            other = pair[0] if pair[1] == role else pair[1]
            through = sorted(one.member for one in rows if one.role == other and one.member in held)
            raise Conflict(
                f"{ref} would be {role} and {other}, which nobody may be together.",
                fix=f"First take {other} from {', '.join(through)}, or choose somebody else.",
            )


def _touched(connection: sa.Connection, member: str) -> Iterable[tuple[str, frozenset[str]]]:
    """Yield whom a grant to this member reaches, each with all that it is and is in."""
    yield member, frozenset({member, EVERYONE})
    for principal in active_principals(connection):
        try:
            held = grants(connection, principal)
        except Denied:
            continue
        if member in held:
            yield principal.ref, held


def _check_kind(role: str, member: str) -> None:
    if role == "service" and member.startswith("user:"):
        raise BadInput("The role service is for services.", fix=f"Give {member} the role reader.")
    if role in PEOPLE_ONLY and (member.startswith("service:") or member == EVERYONE):
        raise BadInput(f"The role {role} is for people, named or in a group.", fix="Choose a person.")


def _resource(role: str, member: str) -> Resource:
    return Resource("Grant", role, {"subject": member})


def _is(role: str, member: str) -> sa.ColumnElement[bool]:
    return sa.and_(role_grant.c.role == role, role_grant.c.member == member)


def _grant(row: sa.Row[tuple[object, ...]]) -> RoleGrant:
    return RoleGrant(row.member, row.role, row.reason, row.at, row.by)
