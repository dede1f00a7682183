"""Finding users and groups: filters, order and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from fastapi import Request
from scim2_models import (
    Context,
    InvalidFilterException,
    InvalidSyntaxException,
    SearchRequest,
    TooManyException,
)
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from muniment.governance.identity.provisioned import MOST_SEARCHED, Narrowed, Provided
from muniment.governance.identity.provisioning import Provisioning
from muniment.interfaces.scim.models import MOST_RESULTS, POLICY, Group, Person
from muniment.interfaces.scim.resources import group_resource, user_resource

LONGEST_FILTER = 4096
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_PARAMETERS = frozenset(
    {"filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes"}
)
_LAST_START = 2**31
_MODELS: Mapping[tuple[Provided, ...], Any] = {
    ("user",): Person,
    ("group",): Group,
    ("user", "group"): Person | Group,
}
_NAMES = {"user": "username", "group": "displayname"}
_SCHEMAS = {
    None: ("user", "group"),
    str(Person.__schema__).casefold(): ("user",),
    str(Group.__schema__).casefold(): ("group",),
}


def stated(request: Request) -> dict[str, Any]:
    """Return the parameters of an address; raises InvalidSyntaxException where one stands twice."""
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise InvalidSyntaxException(detail=f"{name[:40]} stands twice")
        if name in _PARAMETERS:
            found[name] = value
    return found


def search_request(said: Mapping[str, Any], kinds: tuple[Provided, ...]) -> SearchRequest[Any]:
    """Return what is asked of these kinds."""
    if len(str(said.get("filter", ""))) > LONGEST_FILTER:
        raise InvalidFilterException(detail=f"a filter is at most {LONGEST_FILTER} characters long")
    model: Any = SearchRequest.__class_getitem__(_MODELS[kinds])
    return cast("SearchRequest[Any]", model.model_validate(said, scim_policy=POLICY))


def page(
    provisioning: Provisioning, kinds: tuple[Provided, ...], asked: SearchRequest[Any], base: str
) -> dict[str, Any]:
    """Return one page of what is asked for, as a ListResponse."""
    start = min(asked.start_index or 1, _LAST_START) - 1
    count = MOST_RESULTS if asked.count is None else min(asked.count, MOST_RESULTS)
    if len(kinds) == 1 and asked.filter is None and asked.sort_by is None:
        total, found = _reader(provisioning, kinds[0], asked)(Narrowed(), start, count)
        shown = [_resource(kinds[0], one, base) for one in found]
    else:
        matching = _matching(provisioning, kinds, asked, base)
        total, shown = len(matching), matching[start : start + count]
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start + 1,
        "itemsPerPage": len(shown),
        "Resources": [dumped(one, asked) for one in shown],
    }


def dumped(resource: Any, asked: Any) -> dict[str, Any]:
    """Return a resource as JSON, with the attributes that are asked for."""
    return resource.model_dump(
        scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked, scim_policy=POLICY
    )


def _matching(
    provisioning: Provisioning, kinds: tuple[Provided, ...], asked: SearchRequest[Any], base: str
) -> list[Any]:
    found: list[Any] = []
    with POLICY:
        for kind in kinds:
            narrow = _narrowed(kind, asked.filter.ast) if asked.filter is not None else Narrowed()
            total, rows = _reader(provisioning, kind, asked)(narrow, 0, MOST_SEARCHED)
            if total > MOST_SEARCHED:
                raise TooManyException(
                    detail=f"more than {MOST_SEARCHED} to look through: narrow it with eq on a name or id"
                )
            resources = [_resource(kind, row, base) for row in rows]
            found += [one for one in resources if asked.filter is None or asked.filter.match(one)]
        return asked.sort(found)


def _reader(
    provisioning: Provisioning, kind: Provided, asked: SearchRequest[Any]
) -> Callable[[Narrowed, int, int], tuple[int, Sequence[Any]]]:
    if kind == "user":
        return provisioning.users
    return partial(provisioning.groups, members=_needs_members(asked))


def _needs_members(asked: SearchRequest[Any]) -> bool:
    excluded = {str(path).casefold() for path in asked.excluded_attributes or ()}
    named = f"{asked.filter or ''} {asked.sort_by or ''}".casefold()
    return "members" not in excluded or "member" in named


def _resource(kind: Provided, found: Any, base: str) -> Any:
    return user_resource(found, base) if kind == "user" else group_resource(found, base)


def _narrowed(kind: Provided, node: FilterNode) -> Narrowed:
    """Return what the database can tell of a filter: comparisons by eq that must all hold."""
    both = isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_
    terms = node.terms if isinstance(node, LogicalExpr) and both else (node,)
    sets: dict[str, frozenset[str]] = {}
    for term in terms:
        if not isinstance(term, Comparison) or term.op != CompareOperator.eq:
            continue
        path = term.attr_path
        own = kind in _SCHEMAS.get(path.uri.casefold() if path.uri else None, ())
        if path.sub_attr is None and own and isinstance(term.value, str):
            name, value = path.attr.casefold(), frozenset({term.value})
            sets[name] = sets.get(name, value) & value
    return Narrowed(sets.get("id"), sets.get(_NAMES[kind]), sets.get("externalid"))
