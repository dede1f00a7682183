"""Cases that a policy is tested on: who, does what, to what, and what must come out. Data, in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import EVERYONE, Principal
from muniment.governance.policy.decision import Attribute, Resource
from muniment.governance.policy.roles import role_named
from muniment.governance.policy.rules import Rules, Standing
from muniment.governance.policy.vocabulary import SINGLE, action_named, actions, resource_named

MOST = 500
"""Cases of one text, an action each."""
_FIELDS = frozenset(
    {"name", "principal", "roles", "groups", "administrator", "action", "resource", "with", "expect"}
)
_ATTRIBUTES: Mapping[str, Mapping[str, Attribute]] = {
    "Model": {"allowed_groups": frozenset({EVERYONE})},
    "Tool": {"allowed_groups": frozenset({EVERYONE})},
    "Answer": {"owner": "user:another"},
    "Approval": {"requester": "user:another"},
    "Release": {"requester": "user:another"},
    "Grant": {"subject": "user:another"},
    "Emergency": {"requester": "user:another", "subject": "user:another"},
}
"""What a resource of a case has where the case does not say."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its right answer."""

    name: str
    principal: Principal
    groups: frozenset[str]
    roles: tuple[str, ...]
    administrator: bool
    action: str
    resource: Resource
    expect: Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that came out wrong."""

    case: Case
    got: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        why = ", ".join(self.reasons)
        return f"{self.case.name}: {self.case.action} gave {self.got} ({why}), not {self.case.expect}"


@cache
def duties() -> tuple[Case, ...]:
    """Return the cases that hold under every policy."""
    text = (files("muniment.governance.policy") / "duties.toml").read_text("utf-8")
    return tuple(read_cases(text, "duties.toml"))


def read_cases(text: str, file: str) -> list[Case]:
    """Return the cases of a file; raises BadInput naming the case and what does not fit."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file} is no TOML: {error}.", fix="Mend it.") from None
    except RecursionError:
        raise BadInput(f"{file} nests too deep.", fix="Write each case as one [[case]].") from None
    found = document.pop("case", [])
    if document or not isinstance(found, list):
        raise BadInput(f"{file} holds more than [[case]].", fix="Write each case as one [[case]].")
    cases = [
        case
        for number, one in enumerate(cast("list[Any]", found), 1)
        for case in _cases(one, f"{file}, case {number}")
    ]
    if len(cases) > MOST:
        raise BadInput(
            f"{file} holds {len(cases):,} cases, an action each.", fix=f"Write {MOST:,} of them at most."
        )
    return cases


def failures(rules: Rules, cases: Sequence[Case]) -> list[Failure]:
    """Return the cases that come out wrong under these rules."""
    wrong: list[Failure] = []
    for case in cases:
        roles = {role: ("case",) for role in case.roles}
        standing = Standing(case.principal, case.groups, rules, roles, case.administrator)
        decision = standing.decide(case.action, case.resource)
        if decision.effect != case.expect or decision.failed:
            wrong.append(Failure(case, "an error" if decision.failed else decision.effect, decision.reasons))
    return wrong


def _cases(stated: object, place: str) -> Iterator[Case]:
    if not isinstance(stated, dict):
        raise BadInput(f"{place} is no table.")
    one = cast("dict[str, Any]", stated)
    unknown = sorted(one.keys() - _FIELDS)
    if unknown:
        raise BadInput(
            f"{place}: there is no field '{unknown[0]}'.", fix=f"Use {', '.join(sorted(_FIELDS))}."
        )
    name = one.get("name")
    if not isinstance(name, str) or not name:
        raise BadInput(f"{place} has no name.", fix="Say in words what it shows.")
    place = f"{place} ({name})"
    expect = one.get("expect")
    if expect not in ("allow", "deny"):
        raise BadInput(f"{place}: expect is neither allow nor deny.")
    kind, _, who = str(one.get("principal", "user:somebody")).partition(":")
    if kind not in ("user", "service") or not who:
        raise BadInput(f"{place}: the principal is no user:NAME or service:NAME.")
    principal = Principal(kind, who)
    groups = frozenset({principal.ref, EVERYONE, *_strings(one, "groups", place)})
    roles = tuple(role_named(role) for role in _strings(one, "roles", place))
    stated_actions = [action_named(action) for action in _strings(one, "action", place)]
    if not stated_actions:
        raise BadInput(f"{place} names no action.")
    if len(stated_actions) > len(actions()):
        raise BadInput(f"{place} names an action more than once.", fix="Name each once.")
    for named in stated_actions:
        target = _resource(one, named, place)
        yield Case(name, principal, groups, roles, one.get("administrator") is True, named, target, expect)


def _strings(one: Mapping[str, Any], field: str, place: str) -> list[str]:
    found = one.get(field, [])
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(s, str) for s in cast("list[object]", listed)):
        raise BadInput(f"{place}: {field} is no text or list of texts.")
    return cast("list[str]", listed)


def _resource(one: Mapping[str, Any], action: str, place: str) -> Resource:
    kind = actions()[action].kinds[0]
    text = one.get("resource")
    found = (SINGLE.get(kind.lower()) or Resource(kind, "any")) if text is None else resource_named(str(text))
    known = dict(_ATTRIBUTES.get(found.kind, {}))
    named = [action_named(one_of) for one_of in _strings(one, "action", place)]
    some = {name for other in named for kind in actions()[other].kinds for name in _ATTRIBUTES.get(kind, {})}
    for name, value in cast("dict[str, Any]", one.get("with", {})).items():
        if not isinstance(value, str | list):
            raise BadInput(f"{place}: {name} is no text or list of texts.")
        if name not in some:
            raise BadInput(f"{place}: none of its resources has '{name}'.")
        # A case of several actions states what any of their resources has; each takes what it knows.
        if name in known:
            known[name] = value if isinstance(value, str) else frozenset(cast("list[str]", value))
    return Resource(found.kind, found.id, known)
