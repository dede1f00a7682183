"""A server that answers as the public documentation of Jira's interface says, as Cloud or as Data Center.

It judges who reads what by its own schemes, roles and levels, apart from what it prints of them.
"""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field

from tests.simulators.sources.atlassian_http import Answer, AtlassianServer, Json

PAGE = 3
LICENSED, GUESTS = "jira-users", "jira-guests"
Holder = tuple[str, str]
"""Type and parameter: `user` and its name, `group` and its name, `projectRole` and its id, `reporter`, `anyone`."""


@dataclass
class Comment:
    body: str
    visible: Holder | None = None
    """`role` or `group`, and its name."""
    internal: bool = False
    updated: int = 1


@dataclass
class Issue:
    id: str
    key: str
    project: str
    summary: str = ""
    description: str = ""
    level: str = ""
    reporter: str = ""
    assignee: str = ""
    fields: Json = field(default_factory=dict)
    """Custom fields: users by name, groups as `@NAME`."""
    comments: dict[str, Comment] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    updated: float = field(default_factory=time.time)
    edits: int = 1


@dataclass
class Project:
    id: str
    key: str
    browse: list[Holder] = field(default_factory=list)
    roles: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    """Name and members by id; a group as `@NAME`."""
    levels: dict[str, list[Holder]] | None = None
    lead: str = "alice"
    hidden: bool = False
    """Whether our account may not read its schemes."""


class World:
    """What is at the service."""

    def __init__(self) -> None:
        self.serial = itertools.count(10000)
        self.users: dict[str, Json] = {}
        self.groups: dict[str, set[str]] = {LICENSED: set(), GUESTS: set()}
        self.projects: dict[str, Project] = {}
        self.issues: dict[str, Issue] = {}
        self.applications: dict[str, set[str]] = {"jira-software": {LICENSED}}

    def add_user(self, name: str, guest: bool = False, active: bool = True) -> None:
        self.users[name] = {"active": active, "guest": guest}
        self.groups[GUESTS if guest else LICENSED].add(name)

    def add_project(self, key: str, browse: list[Holder]) -> Project:
        self.projects[key] = Project(str(next(self.serial)), key, browse)
        return self.projects[key]

    def add_issue(self, project: str, summary: str, **more: object) -> Issue:
        name = str(next(self.serial))
        issue = Issue(name, f"{project}-{name[2:]}", project, summary, **more)  # type: ignore[arg-type]
        self.issues[name] = issue
        return issue

    def touch(self, issue: Issue) -> None:
        issue.updated, issue.edits = time.time(), issue.edits + 1

    def reads(self, who: str, issue: Issue, comment: Comment | None = None) -> bool:
        """Return whether somebody reads an issue, or a comment of it."""
        user, project = self.users[who], self.projects[issue.project]
        held = self._held(who)
        if not user["active"] or not held & {LICENSED, GUESTS}:
            return False
        lists = [project.browse]
        if issue.level:
            lists.append((project.levels or {}).get(issue.level, []))
        if comment is not None and comment.visible is not None:
            kind, name = comment.visible
            roles = [known for known, (called, _) in project.roles.items() if called == name]
            lists.append([("projectRole", one) for one in roles] if kind == "role" else [("group", name)])
        return all(any(self._holds(who, issue, project, one) for one in each) for each in lists)

    def _held(self, who: str) -> set[str]:
        return {name for name, members in self.groups.items() if who in members}

    def _holds(self, who: str, issue: Issue, project: Project, holder: Holder) -> bool:
        kind, name = holder
        if kind == "anyone" or (kind == "applicationRole" and not name):
            return not self.users[who]["guest"]
        if kind == "applicationRole":
            return bool(self._held(who) & self.applications[name])
        if kind in ("reporter", "assignee", "projectLead"):
            named = {"reporter": issue.reporter, "assignee": issue.assignee, "projectLead": project.lead}
            return who == named[kind]
        if kind in ("userCustomField", "groupCustomField"):
            return self._among(who, issue.fields.get(name, []))
        if kind == "projectRole":
            return self._among(who, project.roles[name][1])
        return who == name if kind == "user" else kind == "group" and name in self._held(who)

    def _among(self, who: str, members: object) -> bool:
        assert isinstance(members, (set, list))
        return who in members or any(f"@{one}" in members for one in self._held(who))


class JiraServer:
    """The server and its world."""

    def __init__(self, cloud: bool = True) -> None:
        self.cloud = cloud
        self.world = World()
        self.http = AtlassianServer("", self._answer)
        self.url = self.http.url

    def close(self) -> None:
        self.http.close()

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        world, rest = self.world, path.removeprefix("/rest/api/2")
        if rest == ("/search/jql" if self.cloud else "/search"):
            return self._search(query)
        if rest == ("/project/search" if self.cloud else "/project"):
            rows = [
                {"id": one.id, "key": one.key, "lead": self.user(one.lead)} for one in world.projects.values()
            ]
            return self._list(query, rows) if self.cloud else (200, rows)
        if rest == "/group/bulk" and self.cloud:
            return self._list(query, [self._group(one) for one in world.groups])
        if rest == "/groups/picker" and not self.cloud:
            rows = [self._group(one) for one in world.groups]
            return 200, {"groups": rows, "total": len(rows)}
        if rest == "/group/member":
            name = query["groupId"].removeprefix("id-") if self.cloud else query["groupname"]
            if name not in world.groups:
                return 404, {}
            return self._list(query, [self.user(one) for one in sorted(world.groups[name])])
        if rest == "/applicationrole":
            return 200, [self._application(name) for name in world.applications]
        if found := re.fullmatch(r"/issuesecurityschemes/7(\w+)/members", rest):
            return self._list(query, self._members(world.projects[found[1]]))
        if found := re.fullmatch(r"/project/(\w+)/(.+)", rest):
            return self._of_project(world.projects[found[1]], found[2])
        return self._content(path, rest, query)

    def _list(self, query: dict[str, str], rows: list[Json], name: str = "values") -> Answer:
        start = int(query.get("startAt", 0))
        part = rows[start : start + PAGE]
        said = {"startAt": start, "maxResults": PAGE, "total": len(rows), name: part}
        return 200, said | ({"isLast": start + PAGE >= len(rows)} if name == "values" else {})

    def user(self, name: str) -> Json:
        who = {"displayName": name.title(), "emailAddress": f"{name}@acme.example"}
        active = {"active": self.world.users[name]["active"]}
        if self.cloud:
            return {"accountId": f"acc:{name}", "accountType": "atlassian", **who, **active}
        return {"key": f"JIRAUSER-{name}", "name": name, **who, **active}

    def _group(self, name: str) -> Json:
        return {"name": name, **({"groupId": f"id-{name}"} if self.cloud else {})}

    def _application(self, name: str) -> Json:
        groups = sorted(self.world.applications[name])
        return {"key": name, "groups": groups, "groupDetails": [self._group(one) for one in groups]}

    def _holder(self, holder: Holder) -> Json:
        kind, name = holder
        if kind == "user":
            known = f"acc:{name}" if self.cloud else f"JIRAUSER-{name}"
            return {"type": kind, "parameter": known, "user": self.user(name)}
        if kind == "group" and self.cloud:
            return {"type": kind, "parameter": name, "value": f"id-{name}"}
        return {"type": kind, **({"parameter": name} if name else {})}

    def _members(self, project: Project) -> list[Json]:
        return [
            {"id": "1", "issueSecurityLevelId": level, "holder": self._holder(one)}
            for level, holders in (project.levels or {}).items()
            for one in holders
        ]

    def _of_project(self, project: Project, what: str) -> Answer:
        if project.hidden:
            return 403, {}
        if what == "permissionscheme":
            granted = [
                {"permission": "BROWSE_PROJECTS", "holder": self._holder(one)} for one in project.browse
            ]
            noise = {"permission": "EDIT_ISSUES", "holder": {"type": "anyone"}}
            return 200, {"id": 1, "name": "Scheme", "permissions": [noise, *granted]}
        if what == "issuesecuritylevelscheme":
            if project.levels is None:
                return 404, {}
            return 200, {"id": f"7{project.key}", "levels": [{"id": one} for one in project.levels]}
        if what == "role":
            at = f"{self.url}/rest/api/2/project/{project.id}/role"
            return 200, {name: f"{at}/{known}" for known, (name, _) in project.roles.items()}
        name, members = project.roles[what.removeprefix("role/")]
        return 200, {"id": 1, "name": name, "actors": [self._actor(one) for one in sorted(members)]}

    def _actor(self, one: str) -> Json:
        if one.startswith("@"):
            return {"type": "atlassian-group-role-actor", "name": one[1:], "actorGroup": self._group(one[1:])}
        told = {"actorUser": {"accountId": f"acc:{one}"}} if self.cloud else {"name": one}
        return {"type": "atlassian-user-role-actor", **told}

    def _search(self, query: dict[str, str]) -> Answer:
        found = re.fullmatch(
            r'project = "(\w+)"(?: and updated >= -(\d+)m)? order by created asc', query["jql"]
        )
        assert found is not None
        since = time.time() - int(found[2]) * 60 if found[2] else 0.0
        rows = [
            self._listed(one, query["fields"].split(","))
            for one in self.world.issues.values()
            if one.project == found[1] and one.updated >= since
        ]
        start = int(query.get("nextPageToken") or query.get("startAt") or 0)
        part, last = rows[start : start + PAGE], start + PAGE >= len(rows)
        if not self.cloud:
            return 200, {"issues": part, "startAt": start, "total": len(rows)}
        return 200, {"issues": part, "isLast": last, **({} if last else {"nextPageToken": str(start + PAGE)})}

    def _listed(self, issue: Issue, wanted: list[str]) -> Json:
        project = self.world.projects[issue.project]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(issue.updated))
        known: Json = {
            "summary": issue.summary,
            "description": issue.description,
            "updated": f"{stamp}.{issue.edits:03}+0000",
            "project": {"id": project.id, "key": project.key},
            "reporter": self.user(issue.reporter) if issue.reporter else None,
            "assignee": self.user(issue.assignee) if issue.assignee else None,
            "comment": self._comments(issue, {})[1],
            "attachment": [self._file(issue, one) for one in issue.files],
        }
        known |= {name: [self._named(one) for one in held] for name, held in issue.fields.items()}
        if project.levels is not None:
            known["security"] = {"id": issue.level} if issue.level else None
        return {
            "id": issue.id,
            "key": issue.key,
            "fields": {name: known[name] for name in wanted if name in known},
        }

    def _named(self, one: str) -> Json:
        return self._group(one[1:]) if one.startswith("@") else self.user(one)

    def _comments(self, issue: Issue, query: dict[str, str]) -> Answer:
        return self._list(
            query, [self._comment(name, one) for name, one in issue.comments.items()], "comments"
        )

    def _comment(self, name: str, one: Comment) -> Json:
        said: Json = {"id": name, "body": one.body, "updated": f"2026-01-05T10:00:00.{one.updated:03}+0000"}
        if one.internal:
            said["jsdPublic"] = False
        if one.visible is not None:
            kind, value = one.visible
            said["visibility"] = {"type": kind, "value": value}
            if self.cloud:
                said["visibility"]["identifier"] = f"id-{value}" if kind == "group" else value
        return said

    def _file(self, issue: Issue, name: str) -> Json:
        title, content = issue.files[name]
        return {
            "id": name,
            "filename": title,
            "size": len(content),
            "created": "2026-01-05T10:00:00.000+0000",
            "content": f"{self.url}/secure/attachment/{name}/{title}",
        }

    def _content(self, path: str, rest: str, query: dict[str, str]) -> Answer:
        files = {name: (issue, name) for issue in self.world.issues.values() for name in issue.files}
        if found := re.fullmatch(r"/secure/attachment/(\w+)/.*", path):
            issue, name = files[found[1]]
            return 200, issue.files[name][1]
        if found := re.fullmatch(r"/attachment/(content/)?(\w+)", rest):
            if found[2] not in files:
                return 404, {}
            said = self._file(*files[found[2]])
            return (302, said["content"]) if found[1] else (200, said)
        found = re.fullmatch(r"/issue/(\w+)(?:/comment(?:/(\w+))?)?", rest)
        issue = self.world.issues.get(found[1]) if found else None
        if found is None or issue is None:
            return 404, {}
        if found[2]:
            held = issue.comments.get(found[2])
            return (200, self._comment(found[2], held)) if held else (404, {})
        if rest.endswith("/comment"):
            return self._comments(issue, query)
        return 200, self._listed(issue, query["fields"].split(","))
