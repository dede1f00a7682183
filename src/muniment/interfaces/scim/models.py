"""The users and groups of this server as SCIM resources, and how strictly they are read.

Names and ids compare byte for byte, and the published schemas say so (`caseExact`). There is no password, certificate
or entitlement here: what muniment has no use for is not taken.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, Union

from pydantic import Field
from scim2_models import (
    Address,
    AttributeBinding,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    GroupMembership,
    Mutability,
    Name,
    Patch,
    PhoneNumber,
    Reference,
    Required,
    Resource,
    ResourceType,
    Schema,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
    default_comparison_key,
)
from scim2_models.resources.resource import AnyExtension
from scim2_models.urn import URN

MOST_RESULTS = 200
"""Resources of one page, whatever is asked for."""


# By name, since these classes come later.
_User: TypeAlias = Reference["User"]  # type: ignore[type-arg]
_UserOrGroup: TypeAlias = Reference[Union["User", "Group"]]  # type: ignore[type-arg]


class Email(ComplexAttribute):
    """An address, kept as it is sent: names inside a company's network need not exist outside."""

    value: str | None = None
    """Email address of the user."""
    display: str | None = None
    """A name for display."""
    type: str | None = Field(None, examples=["work", "home", "other"])
    """Such as 'work'."""
    primary: bool | None = None
    """Whether it is the preferred one."""


class Manager(ComplexAttribute):
    """Whom a user reports to."""

    value: Annotated[str | None, CaseExact.true] = None
    """Id of the manager's user."""
    ref: _User | None = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """Address of the manager's user."""


class EnterpriseUser(Extension):
    """What a company says of its people."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    """Number of the employee."""
    cost_center: str | None = None
    """Name of a cost center."""
    organization: str | None = None
    """Name of an organization."""
    division: str | None = None
    """Name of a division."""
    department: str | None = None
    """Name of a department."""
    manager: Manager | None = None
    """The user's manager."""


class User(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true, CaseExact.true] = None
    """Name of the account, compared byte for byte: what access lists name as `user:NAME`."""
    name: Name | None = None
    """The parts of the person's name."""
    display_name: str | None = None
    """What people call the person."""
    nick_name: str | None = None
    """What friends call the person."""
    title: str | None = None
    """Such as 'Vice President'."""
    user_type: str | None = None
    """Such as 'Employee'."""
    preferred_language: str | None = None
    """Such as 'en-US'."""
    locale: str | None = None
    """Such as 'en-US'."""
    timezone: str | None = None
    """Such as 'Europe/Oslo'."""
    active: bool | None = None
    """Whether the account works; without a value it does not."""
    emails: list[Email] | None = None
    """Addresses of the user."""
    phone_numbers: list[PhoneNumber] | None = None
    """Telephone numbers of the user."""
    addresses: list[Address] | None = None
    """Where the user is found."""
    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The provisioned groups that the user is directly in."""


class GroupMember(ComplexAttribute):
    """A user or group inside a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """Id of the member."""
    ref: Annotated[_UserOrGroup | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """Address of the member."""
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User", "Group"])
    """'User' or 'Group'."""


class Group(Resource[Any]):
    """A group of people."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Uniqueness.server, Required.true, CaseExact.true] = None
    """Name of the group, compared byte for byte: what access lists name as `group:NAME`."""
    members: list[GroupMember] | None = None
    """Who is directly in it, as far as provisioned."""


Person = User[EnterpriseUser]
"""A user with what companies say of their people."""


def _comparison_key(binding: AttributeBinding, value: str) -> str:
    return value if binding.case_exact else default_comparison_key(binding, value)


POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    comparison_key=_comparison_key,
)
"""Attributes that there are not here are passed over; removing by value and adding by filter are what Entra sends."""

_CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MOST_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="API key",
            description="A key of a service with the scope 'provision', as a bearer token.",
            primary=True,
        )
    ],
)
PROVIDER = ScimProvider(
    models=[User, EnterpriseUser, Group, Schema, ResourceType, ServiceProviderConfig],
    resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
    config=_CONFIG,
    policy=POLICY,
)
"""What this server publishes about itself."""
