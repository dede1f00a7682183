"""The rules of what an identity provider may change, and each change inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cached_property

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.database import storable
from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.identity import provisioned as stored
from muniment.governance.identity.directory import groups_above
from muniment.governance.identity.directory_file import RESERVED_GROUP, name_problem
from muniment.governance.identity.directory_tables import (
    directory_group,
    directory_membership,
    directory_user,
)
from muniment.governance.identity.nesting import check_nesting
from muniment.governance.identity.principal import Actor
from muniment.governance.identity.provisioned import (
    Provided,
    ProvisionedGroup,
    ProvisionedUser,
    WantedGroup,
    WantedUser,
    provisioned,
)

LOGGED_MEMBERS = 200
"""Members that an entry of the log spells out; the counts are always whole."""
LONGEST_EXTERNAL_ID = 1000
_TABLES = {"user": directory_user, "group": directory_group}


class Taken(Conflict):
    """The name or the provider's id belongs to another user or group."""


class Administers(Denied):
    """Somebody would be given a group that administers."""


class Change:
    """One transaction's changes of what is provisioned; whoever opened it writes `entries` in it."""

    def __init__(
        self,
        connection: sa.Connection,
        now: str,
        ids: Ids,
        guarded: frozenset[str],
        claimed: frozenset[str],
        by: Actor,
    ) -> None:
        self.connection = connection
        self.entries: list[Entry] = []
        self._now = now
        self._ids = ids
        self._guarded = guarded
        self._claimed = claimed
        self._by = by

    @cached_property
    def _revision(self) -> int:
        return revisions.bump(self.connection, "directory")

    def create_user(self, wanted: WantedUser) -> str:
        """Make a user; return its id."""
        self._check_free("user", wanted.name, wanted.external_id)
        self._run(
            sa.insert(directory_user).values(
                name=wanted.name,
                title=wanted.title,
                active=int(wanted.active),
                since=self._revision,
                clearance="",
            )
        )
        identity = self._insert("user", wanted)
        self._log("user_provisioned", "user", wanted.name, identity, active=wanted.active)
        return identity

    def change_user(self, before: ProvisionedUser, wanted: WantedUser) -> None:
        """Make a user what is wanted."""
        changed = _changed(
            name=before.name != wanted.name,
            active=before.active != wanted.active,
            external_id=before.external_id != wanted.external_id,
            attributes=before.attributes != wanted.attributes,
        )
        if not changed:
            return
        if {"name", "external_id"} & set(changed):
            self._check_free("user", wanted.name, wanted.external_id, before)
        handed_over = "name" in changed or ("external_id" in changed and before.external_id is not None)
        if handed_over or (wanted.active and not before.active):
            self._refuse_administering(f"user:{before.name}")
        values: dict[str, object] = {"title": wanted.title, "active": int(wanted.active)}
        if handed_over or (wanted.active and not before.active):
            values["since"] = self._revision
        self._rename("user", before.name, wanted.name)
        self._run(sa.update(directory_user).where(directory_user.c.name == wanted.name).values(**values))
        self._update(before, wanted)
        was: dict[str, Json] = {"was": f"user:{before.name}"} if "name" in changed else {}
        self._log(
            "user_changed", "user", wanted.name, before.id, changed=changed, active=wanted.active, **was
        )

    def remove_user(self, found: ProvisionedUser) -> None:
        """Remove a user."""
        self._remove("user", found.id, found.name)
        self._log("user_removed", "user", found.name, found.id)

    def create_group(self, wanted: WantedGroup) -> str:
        """Make a group; return its id."""
        self._check_free("group", wanted.name, wanted.external_id)
        self._check_administering(wanted.name)
        self._run(sa.insert(directory_group).values(name=wanted.name, title=""))
        identity = self._insert("group", wanted)
        added, _ = self._set_members(wanted.name, frozenset(), wanted.members)
        self._log("group_provisioned", "group", wanted.name, identity, **_logged("added", added))
        return identity

    def change_group(self, before: ProvisionedGroup, wanted: WantedGroup) -> None:
        """Make a group what is wanted."""
        members = frozenset(member.id for member in before.members)
        changed = _changed(
            name=before.name != wanted.name,
            external_id=before.external_id != wanted.external_id,
            attributes=before.attributes != wanted.attributes,
            members=members != wanted.members,
        )
        if not changed:
            return
        if {"name", "external_id"} & set(changed):
            self._check_free("group", wanted.name, wanted.external_id, before)
        if "name" in changed:
            self._check_administering(wanted.name)
            self._rename("group", before.name, wanted.name)
            self._shown_otherwise(members)
        self._update(before, wanted)
        added, removed = self._set_members(wanted.name, members, wanted.members)
        was: dict[str, Json] = {"was": f"group:{before.name}"} if "name" in changed else {}
        self._log(
            "group_changed",
            "group",
            wanted.name,
            before.id,
            changed=changed,
            **was,
            **_logged("added", added),
            **_logged("removed", removed),
        )

    def remove_group(self, found: ProvisionedGroup) -> None:
        """Remove a group; its members stay."""
        self._shown_otherwise({member.id for member in found.members})
        self._remove("group", found.id, found.name)
        self._log("group_removed", "group", found.name, found.id)

    def _run(self, statement: sa.Executable) -> None:
        self.connection.execute(statement)

    def _insert(self, kind: Provided, wanted: WantedUser | WantedGroup) -> str:
        identity = self._ids.new("usr" if kind == "user" else "grp")
        self._run(
            sa.insert(provisioned).values(
                id=identity,
                kind=kind,
                ref=f"{kind}:{wanted.name}",
                external_id=wanted.external_id,
                attributes=json.dumps(wanted.attributes),
                created_at=self._now,
                modified_at=self._now,
                version=1,
            )
        )
        return identity

    def _update(self, before: stored.Stored, wanted: WantedUser | WantedGroup) -> None:
        self._run(
            sa.update(provisioned)
            .where(provisioned.c.id == before.id)
            .values(
                ref=f"{before.kind}:{wanted.name}",
                external_id=wanted.external_id,
                attributes=json.dumps(wanted.attributes),
                modified_at=self._now,
                version=before.version + 1,
            )
        )

    def _rename(self, kind: Provided, old: str, new: str) -> None:
        if old == new:
            return
        row, table = directory_membership.c, _TABLES[kind]
        self._run(sa.update(table).where(table.c.name == old).values(name=new))
        as_member = sa.update(directory_membership).where(row.member == f"{kind}:{old}")
        self._run(as_member.values(member=f"{kind}:{new}"))
        if kind == "group":
            self._run(sa.update(directory_membership).where(row.group_name == old).values(group_name=new))

    def _remove(self, kind: Provided, identity: str, name: str) -> None:
        row, table = directory_membership.c, _TABLES[kind]
        self._run(sa.delete(provisioned).where(provisioned.c.id == identity))
        self._run(sa.delete(table).where(table.c.name == name))
        self._run(sa.delete(directory_membership).where(row.member == f"{kind}:{name}"))
        if kind == "group":
            self._run(sa.delete(directory_membership).where(row.group_name == name))

    def _set_members(
        self, group: str, before: frozenset[str], wanted: frozenset[str]
    ) -> tuple[list[str], list[str]]:
        """Return the refs of who came and who went."""
        refs = stored.refs_of(self.connection, before ^ wanted)
        unknown = sorted((wanted - before) - refs.keys())
        if unknown:
            raise BadInput(
                f"There is no user or group with the id '{unknown[0][:80]}'.",
                fix="Create members before the groups that hold them.",
            )
        added = sorted(refs[one] for one in wanted - before)
        removed = sorted(refs[one] for one in before - wanted)
        if added:
            self._refuse_administering(f"group:{group}", group)
            rows = [{"member": ref, "group_name": group} for ref in added]
            self.connection.execute(sa.insert(directory_membership), rows)
        row = directory_membership.c
        for part in stored.parts(removed):
            self._run(sa.delete(directory_membership).where(row.group_name == group, row.member.in_(part)))
        if any(ref.startswith("group:") for ref in added):
            check_nesting(self.connection)
        self._shown_otherwise(before ^ wanted)
        return added, removed

    def _shown_otherwise(self, ids: Collection[str]) -> None:
        """Give those users a new version: what is shown of them names their groups."""
        for part in stored.parts(sorted(ids)):
            self._run(
                sa.update(provisioned)
                .where(provisioned.c.id.in_(part), provisioned.c.kind == "user")
                .values(version=provisioned.c.version + 1)
            )

    def _check_free(
        self, kind: Provided, name: str, external_id: str | None, own: stored.Stored | None = None
    ) -> None:
        problem = name_problem(name)
        if problem:
            raise BadInput(f"The name of the {kind} {problem}.", fix="Send another one.")
        if kind == "group" and name == RESERVED_GROUP:
            raise BadInput("The group 'everyone' is built in.", fix="Choose another name.")
        self._check_name_free(kind, name, own)
        if external_id is None:
            return
        if not storable(external_id) or not 0 < len(external_id) <= LONGEST_EXTERNAL_ID:
            raise BadInput(
                f"The external id of the {kind} is empty, longer than {LONGEST_EXTERNAL_ID} characters, or no text.",
                fix="Send another one.",
            )
        row = provisioned.c
        query = sa.select(row.id).where(row.kind == kind, row.external_id == external_id)
        found = self.connection.execute(query).scalar()
        if found is not None and (own is None or found != own.id):
            raise Taken(f"Another {kind} has this external id.", fix=f"It is {found}.")

    def _check_name_free(self, kind: Provided, name: str, own: stored.Stored | None) -> None:
        if own is not None and own.name == name:
            return
        if kind == "group" and name in self._claimed:
            raise Taken(f"The group '{name}' is given by tokens.", fix="Choose another name.")
        table = _TABLES[kind]
        if self.connection.execute(sa.select(sa.exists().where(table.c.name == name))).scalar():
            row = provisioned.c
            found = self.connection.execute(sa.select(row.id).where(row.ref == f"{kind}:{name}")).scalar()
            fix = f"It is {found}." if found else "It stands in the directory file: take it out there first."
            raise Taken(f"There is a {kind} of that name.", fix=fix)

    def _check_administering(self, name: str) -> None:
        if name in self._guarded:
            raise _administers(name)

    def _refuse_administering(self, ref: str, *more: str) -> None:
        """Refuse to let anybody in, or back, who would then be in a group that administers."""
        found = sorted(self._guarded & groups_above(self.connection, ref).union(more))
        if found:
            raise _administers(found[0])

    def _log(self, what: str, kind: Provided, name: str, identity: str, **about: Json) -> None:
        said: dict[str, Json] = {
            "revision": self._revision,
            kind: f"{kind}:{name}",
            "resource": identity,
            **about,
        }
        self.entries.append(Entry(f"directory.{what}", self._by, said))


def _changed(**what: bool) -> list[str]:
    return sorted(name for name, is_changed in what.items() if is_changed)


def _logged(what: str, refs: list[str]) -> dict[str, Json]:
    return {what: refs[:LOGGED_MEMBERS], f"{what}_count": len(refs)}


def _administers(group: str) -> Administers:
    return Administers(
        f"The group '{group}' administers muniment; it is not for an identity provider to fill.",
        fix="Whoever runs muniment may name it in identity.scim_admin_groups.",
        detail=f"group:{group}",
    )
