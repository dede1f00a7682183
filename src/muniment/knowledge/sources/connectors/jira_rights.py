"""Who may browse the issues of a Jira project, and who is a member of its security levels.

Invariants:
- whoever reads an issue may browse its project, and is a member of its security level if it has one;
- a holder that is not understood lets nobody in, and a level that is not known nobody at all;
- whoever reads a comment reads its issue.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from muniment.knowledge.sources.connector import EVERYONE_THERE, UNREADABLE, Account, Stated, account, team
from muniment.knowledge.sources.connectors.jira_api import REST, Project, Tracker, part
from muniment.knowledge.sources.http_api import (
    Object,
    Refusal,
    as_object,
    object_in,
    objects_in,
    stated_in,
    text_in,
)

BROWSE = "BROWSE_PROJECTS"
_FIELDS = {"userCustomField": "user", "groupCustomField": "group"}


@dataclass(frozen=True, slots=True)
class Holders:
    """Who is let in: entries, and fields of an issue that name whoever else is."""

    entries: frozenset[str] = frozenset()
    fields: frozenset[tuple[str, str]] = frozenset()
    """Kind and name."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Of one project."""

    project: Project
    browse: Holders = Holders()
    levels: Mapping[str, Holders] | None = None
    """By id of the security level; None: issues of the project can have none."""

    def fields(self) -> set[str]:
        """Return the fields that have to be known of an issue."""
        return {name for one in [self.browse, *(self.levels or {}).values()] for _, name in one.fields}

    def said(self) -> object:
        """Return what moves when anything of it does."""
        levels = None if self.levels is None else sorted((k, _said(v)) for k, v in self.levels.items())
        return [self.project.id, self.project.key, _said(self.browse), levels]


def group_entry(name: str) -> str:
    """Return the entry of a group."""
    return team(f"group:{name}")


def role_id(project: str, role: str) -> str:
    """Return the id of the team that a role of a project is."""
    return f"role:{project}:{role}"


@dataclass(slots=True)
class Directory:
    """The accounts, as they were last listed."""

    cloud: bool
    accounts: Mapping[str, Account] = field(default_factory=dict[str, Account])

    def named(self, name: str) -> set[str]:
        """Return the entry of the account that a name means, nothing where it may mean two.

        Data Center speaks of accounts by key here and by name there, and a name may be the key of another.
        """
        if self.cloud:
            return {account(name)} if name else set()
        found = {one.id for one in self.accounts.values() if name in (one.id, one.name)}
        return {account(one) for one in found} if len(found) == 1 else set()


class RightsReader:
    """Reads the rights of projects."""

    def __init__(self, tracker: Tracker, directory: Directory) -> None:
        self._tracker = tracker
        self._directory = directory
        self._applications: dict[str, frozenset[str]] | None = None

    def begin(self) -> None:
        """Let what projects share be read anew."""
        self._applications = None

    def read(self, project: Project) -> Rights:
        """Return the rights of a project; nobody's where our account may not ask."""
        url = f"{REST}/project/{part(project.key)}"
        scheme = self._tracker.optional(f"{url}/permissionscheme", {"expand": "all"})
        levels = self._levels(project, f"{url}/issuesecuritylevelscheme")
        if scheme is None:
            return Rights(project, Holders(), levels)
        if "permissions" not in scheme:
            scheme = self._tracker.api.get(f"{REST}/permissionscheme/{part(_id(scheme))}", {"expand": "all"})
        granted = [one for one in objects_in(scheme, "permissions") if text_in(one, "permission") == BROWSE]
        return Rights(project, self._holders(project, granted), levels)

    def _levels(self, project: Project, url: str) -> dict[str, Holders] | None:
        try:
            scheme = self._tracker.api.get(url)
        except Refusal as error:
            if error.status == 404:
                return None
            if error.status == 403:
                return {}
            raise
        if "id" not in scheme:
            return None
        found: dict[str, list[Object]] = {_id(one): [] for one in objects_in(scheme, "levels")}
        url = f"{REST}/issuesecurityschemes/{part(_id(scheme))}/members"
        try:
            for one in self._tracker.values(url, {}):
                found.setdefault(_id(one, "issueSecurityLevelId"), []).append(one)
        except Refusal as error:
            if error.status not in (403, 404):
                raise
            return {}
        return {level: self._holders(project, members) for level, members in found.items()}

    def _holders(self, project: Project, granted: Iterable[Object]) -> Holders:
        entries, fields = set[str](), set[tuple[str, str]]()
        for one in granted:
            holder = object_in(one, "holder")
            kind, parameter = text_in(holder, "type"), text_in(holder, "parameter")
            if kind in ("reporter", "assignee"):
                fields.add(("user", kind))
            elif kind in _FIELDS and parameter:
                fields.add((_FIELDS[kind], _field(parameter)))
            else:
                entries.update(self._entries(project, kind, parameter, holder))
        return Holders(frozenset(entries), frozenset(fields))

    def _entries(self, project: Project, kind: str, parameter: str, holder: Object) -> Iterable[str]:
        if kind == "anyone":
            return {EVERYONE_THERE}
        if kind == "applicationRole":
            return self._application(parameter)
        if kind == "group":
            name = text_in(holder, "value") if self._tracker.cloud else parameter
            return {group_entry(name)} if name else set()
        if kind == "user":
            told = self._tracker.person(object_in(holder, "user"))
            return {account(told)} if told else self._directory.named(parameter)
        if kind == "projectRole" and parameter:
            return {team(role_id(project.id, parameter))}
        if kind == "projectLead" and project.lead:
            return {account(project.lead)}
        return set()

    def _application(self, name: str) -> Iterable[str]:
        if not name:
            return {EVERYONE_THERE}
        if self._applications is None:
            try:
                told = self._tracker.array(f"{REST}/applicationrole")
            except Refusal as error:
                if error.status not in (403, 404):
                    raise
                told = []
            self._applications = {stated_in(one, "key"): self._groups_of(one) for one in told}
        return self._applications.get(name, frozenset())

    def _groups_of(self, application: Object) -> frozenset[str]:
        if self._tracker.cloud:
            details = objects_in(application, "groupDetails") if "groupDetails" in application else []
            found = [text_in(one, "groupId") for one in details]
        else:
            held = application.get("groups")
            listed = cast("list[object]", held) if isinstance(held, list) else []
            found = [one for one in listed if isinstance(one, str)]
        return frozenset(group_entry(one) for one in found if one)


class Judge:
    """Tells the scopes of issues and comments."""

    def __init__(self, tracker: Tracker, rights: Mapping[str, Rights]) -> None:
        """`rights` by the id of the project."""
        self._tracker = tracker
        self._rights = rights

    def issue(self, issue: Object) -> tuple[str, Stated]:
        """Return the scope of an issue, and what it states."""
        fields = object_in(issue, "fields")
        rights = self._rights.get(_id(object_in(fields, "project")))
        if rights is None:
            return "elsewhere", UNREADABLE
        clauses, named = [self._met(rights.browse, fields)], [self._own(rights.browse, fields)]
        level = ""
        if rights.levels is not None:
            if "security" not in fields:
                return f"{rights.project.id}/unknown", UNREADABLE
            level = "" if fields["security"] is None else _id(object_in(fields, "security"))
        elif fields.get("security") is not None:
            return f"{rights.project.id}/unknown", UNREADABLE
        if level:
            holders = (rights.levels or {}).get(level, Holders())
            clauses.append(self._met(holders, fields))
            named.append(self._own(holders, fields))
        own = _digest([sorted(one) for one in named]) if any(named) else ""
        return f"{rights.project.id}/{level}/{own}", Stated(tuple(clauses))

    def comment(self, issue: Object, scope: str, stated: Stated, comment: Object) -> tuple[str, Stated]:
        """Return the scope of a comment, given that of its issue."""
        if comment.get("jsdPublic") is False:
            return f"{scope}/internal", UNREADABLE
        if comment.get("visibility") is None:
            return scope, stated
        seen = object_in(comment, "visibility")
        kind, name = text_in(seen, "type"), text_in(seen, "value")
        entry = ""
        if kind == "role" and name:
            entry = team(role_id(_id(object_in(object_in(issue, "fields"), "project")), f"named:{name}"))
        elif kind == "group":
            name = text_in(seen, "identifier") if self._tracker.cloud else name
            entry = group_entry(name) if name else ""
        if not entry or not stated.clauses:
            return f"{scope}/hidden", UNREADABLE
        return f"{scope}/{entry}", Stated((*stated.clauses, frozenset({entry})))

    def _met(self, holders: Holders, fields: Object) -> frozenset[str]:
        return holders.entries | self._own(holders, fields)

    def _own(self, holders: Holders, fields: Object) -> frozenset[str]:
        """Return the entries that an issue itself names."""
        found = set[str]()
        for kind, name in holders.fields:
            value = fields.get(name)
            values = cast("list[object]", value) if isinstance(value, list) else [value]
            for one in values:
                if not isinstance(one, dict):
                    continue
                held = as_object(cast("object", one), name)
                if kind == "user" and (who := self._tracker.person(held)):
                    found.add(account(who))
                elif kind == "group" and (which := self._tracker.group(held)):
                    found.add(group_entry(which))
        return frozenset(found)


def digest(rights: Mapping[str, Rights]) -> str:
    """Return what moves when the rights of any project do."""
    return _digest([one.said() for _, one in sorted(rights.items())])


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]


def _said(holders: Holders) -> object:
    return [sorted(holders.entries), sorted(holders.fields)]


def _field(parameter: str) -> str:
    return f"customfield_{parameter}" if parameter.isdecimal() else parameter


def _id(one: Object, name: str = "id") -> str:
    found = one.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return stated_in(one, name)
