"""Between SCIM resources and what the directory keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from scim2_models import Context, GroupMembership, InvalidValueException, Meta, Reference, Resource

from muniment.governance.audit.entry import Json
from muniment.governance.identity.provisioned import (
    Member,
    ProvisionedGroup,
    ProvisionedUser,
    Stored,
    WantedGroup,
    WantedUser,
)
from muniment.interfaces.scim.models import POLICY, Group, GroupMember, Person

LONGEST_TITLE = 256
_OWN = frozenset({"schemas", "id", "meta", "externalId", "userName", "active", "groups"})
_OWN_OF_GROUPS = frozenset({"schemas", "id", "meta", "externalId", "displayName", "members"})
_ENDPOINTS = {"user": "Users", "group": "Groups"}
_TYPES = {"user": "User", "group": "Group"}
_NO_ACTIVE = "active"
"""Among the attributes of a user: its provider took the value of `active` away, so it is off."""


def user_resource(found: ProvisionedUser, base: str) -> Any:
    """Return a user as the provider sees it; `base` is the address of this interface."""
    kept = dict(found.attributes)
    unstated = _NO_ACTIVE in kept
    kept.pop(_NO_ACTIVE, None)
    user = Person.model_validate(
        {"userName": found.name, "externalId": found.external_id, **kept}, scim_policy=POLICY
    )
    user.id = found.id
    user.active = None if unstated else found.active
    user.meta = _meta(found, base)
    user.groups = [
        GroupMembership(value=one.id, ref=_reference(one, base), display=one.name, type="direct")
        for one in found.groups
    ] or None
    return user


def group_resource(found: ProvisionedGroup, base: str) -> Any:
    """Return a group as the provider sees it."""
    group = Group.model_validate(
        {"displayName": found.name, "externalId": found.external_id, **found.attributes}, scim_policy=POLICY
    )
    group.id = found.id
    group.meta = _meta(found, base)
    group.members = [
        GroupMember(value=one.id, ref=_reference(one, base), type=_TYPES[one.kind]) for one in found.members
    ] or None
    return group


def wanted_user(user: Any, *, before: ProvisionedUser | None = None, stated: bool = True) -> WantedUser:
    """Return what a resource says of a user.

    With `stated`, a resource without `active` says nothing of it: a new user is active, another stays as it is.
    """
    active: bool | None = user.active
    kept = _kept(user, _OWN)
    if active is None and stated:
        active = True if before is None else before.active
        if before is not None and _NO_ACTIVE in before.attributes:
            kept[_NO_ACTIVE] = None
    elif active is None:
        kept[_NO_ACTIVE] = None
    return WantedUser(user.user_name or "", _title(user), bool(active), user.external_id, kept)


def wanted_group(group: Any) -> WantedGroup:
    """Return what a resource says of a group."""
    members = [member.value for member in group.members or ()]
    if not all(members):
        raise InvalidValueException(detail="every member needs a value, the id of a user or group")
    return WantedGroup(
        group.display_name or "", group.external_id, frozenset(members), _kept(group, _OWN_OF_GROUPS)
    )


def etag(found: Stored) -> str:
    """Return the version of a resource, as `meta.version` and the ETag header say it."""
    return f'W/"{found.version}"'


def location(found: Stored, base: str) -> str:
    """Return the address of a resource."""
    return f"{base}/{_ENDPOINTS[found.kind]}/{found.id}"


def _meta(found: Stored, base: str) -> Meta:
    said: Mapping[str, object] = {
        "resourceType": _TYPES[found.kind],
        "created": found.created_at,
        "lastModified": found.modified_at,
        "location": location(found, base),
        "version": etag(found),
    }
    return Meta.model_validate(said)


def _reference(member: Member, base: str) -> Reference[Any]:
    return Reference[Any](f"{base}/{_ENDPOINTS[member.kind]}/{member.id}")


def _kept(resource: Resource[Any], own: frozenset[str]) -> dict[str, Json]:
    said = resource.model_dump(scim_ctx=Context.DEFAULT, scim_policy=POLICY)
    return {name: value for name, value in cast("dict[str, Json]", said).items() if name not in own}


def _title(user: Any) -> str:
    name = user.name
    parts = (name.formatted, " ".join(p for p in (name.given_name, name.family_name) if p)) if name else ()
    return next((text for text in (user.display_name, *parts) if text), "")[:LONGEST_TITLE]
