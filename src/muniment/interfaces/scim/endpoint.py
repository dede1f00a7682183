"""What can be done with one kind of resource: the same for users and for groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from scim2_models import (
    Context,
    InvalidPathException,
    InvalidSyntaxException,
    PatchOp,
    Path,
    PreconditionFailedException,
    ResponseParameters,
)

from muniment.governance.audit.actor import Actor
from muniment.governance.identity.provisioned import (
    Provided,
    ProvisionedGroup,
    ProvisionedUser,
    Stored,
    WantedGroup,
    WantedUser,
)
from muniment.governance.identity.provisioning import Provisioning
from muniment.interfaces.scim.models import POLICY, Group, Person
from muniment.interfaces.scim.query import dumped
from muniment.interfaces.scim.resources import (
    etag,
    group_resource,
    location,
    user_resource,
    wanted_group,
    wanted_user,
)

MOST_OPERATIONS = 1000
FoundT = TypeVar("FoundT", bound=Stored)
WantedT = TypeVar("WantedT")


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered."""

    status: int
    body: dict[str, Any] | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says besides its body."""

    base: str
    by: Actor
    shown: Mapping[str, Any]
    """`attributes` and `excludedAttributes`."""
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[FoundT, WantedT]):
    """Creates, reads, changes and removes resources of one kind."""

    kind: Provided
    model: Any
    resource: Callable[[FoundT, str], Any]
    wanted: Callable[[Any, FoundT | None, bool], WantedT]
    """From a resource, what there is so far, and whether the resource is all that is said."""
    find: Callable[[str], FoundT]
    create_: Callable[[WantedT, Actor], FoundT]
    change: Callable[[str, Callable[[FoundT], WantedT], Actor], FoundT]
    remove: Callable[[str, Callable[[FoundT], None], Actor], None]

    def create(self, document: Mapping[str, Any], asked: Asked) -> Told:
        """Answer a POST."""
        said = self._read(document, Context.RESOURCE_CREATION_REQUEST)
        self._parameters(asked)
        made = self.create_(self.wanted(said, None, True), asked.by)
        return self._shown(made, asked, 201)

    def read(self, identity: str, asked: Asked) -> Told:
        """Answer a GET."""
        found = self.find(identity)
        if asked.if_none_match is not None and _names(asked.if_none_match, found):
            return Told(304, None, {"etag": etag(found)})
        return self._shown(found, asked)

    def replace(self, identity: str, document: Mapping[str, Any], asked: Asked) -> Told:
        """Answer a PUT."""
        said = self._read(document, Context.RESOURCE_REPLACEMENT_REQUEST)
        self._parameters(asked)

        def edit(before: FoundT) -> WantedT:
            _check(before, asked)
            return self.wanted(said, before, True)

        return self._shown(self.change(identity, edit, asked.by), asked)

    def patch(self, identity: str, document: Mapping[str, Any], asked: Asked) -> Told:
        """Answer a PATCH."""
        self._check_paths(document)
        operations: Any = PatchOp.__class_getitem__(self.model)
        patch = operations.model_validate(
            document, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY
        )
        self._parameters(asked)

        def edit(before: FoundT) -> WantedT:
            _check(before, asked)
            resource = self.resource(before, asked.base)
            patch.patch(resource, scim_policy=POLICY)
            return self.wanted(resource, before, False)

        changed = self.change(identity, edit, asked.by)
        if self.kind == "group" and not asked.shown:
            # Groups are large, and changed member by member.
            return Told(204, None, {"etag": etag(changed)})
        return self._shown(changed, asked)

    def delete(self, identity: str, asked: Asked) -> Told:
        """Answer a DELETE."""
        self.remove(identity, lambda found: _check(found, asked), asked.by)
        return Told(204, None, {})

    def _read(self, document: Mapping[str, Any], context: Context) -> Any:
        return self.model.model_validate(document, scim_ctx=context, scim_policy=POLICY)

    def _parameters(self, asked: Asked) -> Any:
        model: Any = ResponseParameters.__class_getitem__(self.model)
        return model.model_validate(asked.shown, scim_policy=POLICY)

    def _shown(self, found: FoundT, asked: Asked, status: int = 200) -> Told:
        body = dumped(self.resource(found, asked.base), self._parameters(asked))
        return Told(status, body, {"etag": etag(found), "location": location(found, asked.base)})

    def _check_paths(self, document: Mapping[str, Any]) -> None:
        """Refuse operations on attributes that there are not: passing over them would look like success."""
        operations = next((value for name, value in document.items() if name.casefold() == "operations"), ())
        if not isinstance(operations, list) or len(cast("list[Any]", operations)) > MOST_OPERATIONS:
            raise InvalidSyntaxException(detail=f"Operations is no list of up to {MOST_OPERATIONS}")
        for operation in cast("list[Any]", operations):
            if not isinstance(operation, dict):
                raise InvalidSyntaxException(detail="an operation is no object")
            said = {name.casefold(): value for name, value in cast("dict[str, Any]", operation).items()}
            path, value = said.get("path"), said.get("value")
            if path:
                self._check_path(str(path))
            elif isinstance(value, dict):
                for name in cast("dict[str, Any]", value):
                    self._check_path(name)

    def _check_path(self, text: str) -> None:
        path: Any = Path.__class_getitem__(self.model)
        found = path(text)
        if found.model is None and found.resolve() is None:
            raise InvalidPathException(path=text, detail=f"there is no attribute '{text[:200]}' here")


def users(provisioning: Provisioning) -> Endpoint[ProvisionedUser, WantedUser]:
    """Return what can be done with users."""

    def wanted(resource: Any, before: ProvisionedUser | None, whole: bool) -> WantedUser:
        return wanted_user(resource, before=before, stated=whole)

    return Endpoint(
        "user",
        Person,
        user_resource,
        wanted,
        provisioning.user,
        provisioning.create_user,
        provisioning.change_user,
        provisioning.remove_user,
    )


def groups(provisioning: Provisioning) -> Endpoint[ProvisionedGroup, WantedGroup]:
    """Return what can be done with groups."""

    def wanted(resource: Any, _before: ProvisionedGroup | None, _whole: bool) -> WantedGroup:
        return wanted_group(resource)

    return Endpoint(
        "group",
        Group,
        group_resource,
        wanted,
        provisioning.group,
        provisioning.create_group,
        provisioning.change_group,
        provisioning.remove_group,
    )


def _check(found: Stored, asked: Asked) -> None:
    """Refuse a change of another version than the one that the caller saw."""
    matched = asked.if_match is None or _names(asked.if_match, found)
    if not matched or (asked.if_none_match is not None and _names(asked.if_none_match, found)):
        raise PreconditionFailedException(detail="the resource has another version by now: read it again")


def _names(header: str, found: Stored) -> bool:
    """Return whether a list of versions, or `*`, names this one; versions compare as weak ones do."""
    wanted = etag(found).removeprefix("W/")
    return any(one.strip().removeprefix("W/") in ("*", wanted) for one in header.split(","))
