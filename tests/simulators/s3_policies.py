"""Decides as AWS documents it who may do what with a bucket: moto takes no account of whom a bucket policy names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Statement = dict[str, Any]


def statement(
    effect: str, actions: str | list[str], resources: str | list[str], principals: object = None
) -> Statement:
    """Return a statement of a policy; one of a bucket's names principals: `*`, or the ARNs of users."""
    made: Statement = {"Effect": effect, "Action": actions, "Resource": resources}
    if principals is not None:
        made["Principal"] = principals if principals == "*" else {"AWS": principals}
    return made


def is_allowed(
    action: str,
    resource: str,
    caller: str | None,
    own: Iterable[Statement],
    of_bucket: Iterable[Statement],
    **keys: str,
) -> bool:
    """Return whether a caller of the account that owns the bucket may; nobody's ARN is none.

    `own` are the statements of the user and its groups. Raises NotImplementedError for a condition not known here.
    """
    concerned = [one for one in own if _concerns(one, action, resource, keys)]
    concerned += [one for one in of_bucket if _names(one, caller) and _concerns(one, action, resource, keys)]
    effects = {one["Effect"] for one in concerned}
    return effects == {"Allow"}


def _concerns(one: Statement, action: str, resource: str, keys: dict[str, str]) -> bool:
    actions = (
        _any(one["Action"], action, re.I) if "Action" in one else not _any(one["NotAction"], action, re.I)
    )
    resources = (
        _any(one["Resource"], resource) if "Resource" in one else not _any(one["NotResource"], resource)
    )
    return actions and resources and all(_holds(*each, keys) for each in one.get("Condition", {}).items())


def _holds(operator: str, wanted: dict[str, Any], keys: dict[str, str]) -> bool:
    for key, values in wanted.items():
        if operator not in ("StringEquals", "StringLike") or key != "s3:prefix":
            raise NotImplementedError(f"the condition {operator} of {key}")
        found = keys.get("prefix")
        same = (
            found in _list(values)
            if operator == "StringEquals"
            else found is not None and _any(values, found)
        )
        if not same:
            return False
    return True


def _names(one: Statement, caller: str | None) -> bool:
    if "NotPrincipal" in one:
        raise NotImplementedError("the element NotPrincipal")
    principal = one.get("Principal")
    named = _list(principal) if isinstance(principal, str) else _list((principal or {}).get("AWS", []))
    return "*" in named or caller in named


def _any(patterns: Any, text: str, flags: int = 0) -> bool:
    return any(re.fullmatch(_pattern(one), text, flags | re.S) for one in _list(patterns))


def _pattern(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set) else [value]
