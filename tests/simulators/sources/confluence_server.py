"""A server that answers as the public documentation of Confluence's interface says, as Cloud or as Data Center.

It judges who reads what by its own permissions and restrictions, apart from what it prints of them. Listings come in
small pages; restrictions are printed of a page alone, never with those above it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.simulators.sources.atlassian_http import Answer, AtlassianServer, Json

PAGE = 3
LICENSED, GUESTS = "confluence-users", "confluence-guests"


@dataclass
class Node:
    """A page or blog post."""

    id: str
    title: str
    parent: str = ""
    space: str = "DOCS"
    type: str = "page"
    storage: str = ""
    version: int = 1
    restricted: tuple[set[str], set[str]] | None = None
    """Users and groups; None: not restricted."""
    comments: dict[str, tuple[str, int]] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes, int]] = field(default_factory=dict)
    locked: bool = False


@dataclass
class Space:
    key: str
    users: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    anonymous: bool = False
    hidden: bool = False
    """Whether our account may not read its permissions."""


class World:
    """What is at the service."""

    def __init__(self) -> None:
        self.serial = itertools.count(100)
        self.users: dict[str, Json] = {}
        """By name: `active` and `guest`."""
        self.groups: dict[str, set[str]] = {LICENSED: set(), GUESTS: set()}
        self.spaces: dict[str, Space] = {}
        self.nodes: dict[str, Node] = {}

    def add_user(self, name: str, guest: bool = False, active: bool = True) -> None:
        self.users[name] = {"guest": guest, "active": active}
        self.groups[GUESTS if guest else LICENSED].add(name)

    def find(self, path: str, space: str = "DOCS") -> Node | None:
        at: Node | None = None
        for title in path.split("/"):
            above = at.id if at else ""
            at = next(
                (
                    one
                    for one in self.nodes.values()
                    if (one.space, one.parent, one.title) == (space, above, title)
                ),
                None,
            )
            if at is None:
                return None
        return at

    def make(self, path: str, storage: str = "", space: str = "DOCS", type: str = "page") -> Node:
        found = self.find(path, space)
        if found is None:
            above, _, title = path.rpartition("/")
            parent = (self.find(above, space) or self.make(above, "", space)).id if above else ""
            found = Node(str(next(self.serial)), title, parent, space, type, storage)
            self.nodes[found.id] = found
        elif storage:
            found.storage, found.version = storage, found.version + 1
        return found

    def above(self, node: Node) -> list[Node]:
        found: list[Node] = []
        while node.parent:
            node = self.nodes[node.parent]
            found.append(node)
        return found[::-1]

    def reads(self, who: str, node: Node) -> bool:
        """Return whether somebody reads a page."""
        user, space = self.users[who], self.spaces[node.space]
        held = {name for name, members in self.groups.items() if who in members}
        if not user["active"] or not held & {LICENSED, GUESTS}:
            return False
        if not (who in space.users or held & space.groups or (space.anonymous and not user["guest"])):
            return False
        lists = [one.restricted for one in [*self.above(node), node] if one.restricted is not None]
        return all(who in users or held & groups for users, groups in lists)


class ConfluenceServer:
    """The server and its world."""

    def __init__(self, cloud: bool = True) -> None:
        self.cloud = cloud
        self.world = World()
        self.http = AtlassianServer("/wiki" if cloud else "", self._answer)
        self.url = self.http.url

    def close(self) -> None:
        self.http.close()

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        world = self.world
        if path == ("/api/v2/spaces" if self.cloud else "/rest/api/space"):
            return self._list(
                path, query, [{"id": f"9{k}" if self.cloud else 9, "key": k} for k in world.spaces]
            )
        if path == "/rest/api/group":
            return self._list(path, query, [self._group(name) for name in world.groups])
        if found := re.fullmatch(r"/rest/api/group/([^/]+)/(membersByGroupId|member)", path):
            name = found[1].removeprefix("id-")
            if self.cloud != (found[2] == "membersByGroupId") or name not in world.groups:
                return 404, {}
            return self._list(path, query, [self._user(one) for one in sorted(world.groups[name])])
        if found := re.fullmatch(r"/(?:api/v2/spaces|rest/api/space)/([^/]+)/permissions", path):
            return self._permissions(path, query, found[1])
        if path == "/rest/api/content/search":
            return self._search(path, query)
        if found := re.fullmatch(r"/rest/api/content/([^/]+)/restriction/byOperation/read", path):
            node = world.nodes.get(found[1])
            start = int(query.get("start", 0))
            return (
                (200, {"operation": "read", "restrictions": self._lists(node, start)}) if node else (404, {})
            )
        return self._content(path, query)

    def _list(self, path: str, query: dict[str, str], found: list[Json]) -> Answer:
        """Answer with a part of a listing and a link to the next, as the edition spells it."""
        start = int(query.get("cursor") or query.get("start") or 0)
        limit = min(PAGE, int(query.get("limit", 25)))
        said: Json = {"results": found[start : start + limit], "_links": {"base": self.url}}
        if start + limit < len(found):
            rest = "&".join(f"{n}={_spelled(v)}" for n, v in query.items() if n not in ("cursor", "start"))
            at = "cursor" if self.cloud else "start"
            context = "/wiki" if path.startswith("/api/v2") else ""
            said["_links"]["next"] = f"{context}{_spelled(path)}?{rest}&{at}={start + limit}"
        return 200, said

    def _group(self, name: str) -> Json:
        return {"type": "group", "name": name, **({"id": f"id-{name}"} if self.cloud else {})}

    def _user(self, name: str) -> Json:
        user = self.world.users[name]
        if self.cloud:
            kind = "atlassian" if user["active"] else "unknown"
            return {
                "accountId": f"acc:{name}",
                "accountType": kind,
                "email": f"{name}@acme.example",
                "displayName": name.title(),
                "isGuest": user["guest"],
            }
        status = "current" if user["active"] else "deactivated"
        return {"userKey": f"key-{name}", "username": name, "displayName": name.title(), "status": status}

    def _permissions(self, path: str, query: dict[str, str], name: str) -> Answer:
        space = self.world.spaces.get(name.removeprefix("9") if self.cloud else name)
        if space is None or space.hidden:
            return 403, {}
        if self.cloud:
            subjects = [{"type": "user", "id": f"acc:{one}"} for one in sorted(space.users)]
            subjects += [{"type": "group", "id": f"id-{one}"} for one in sorted(space.groups)]
            said = [{"principal": s, "operation": {"key": "read", "targetType": "space"}} for s in subjects]
            noise = {"type": "group", "id": "id-everyone-else"}
            said.append({"principal": noise, "operation": {"key": "create", "targetType": "page"}})
            return self._list(path, query, said)
        holders: list[Json] = [{"type": "user", "userKey": f"key-{one}"} for one in sorted(space.users)]
        holders += [{"type": "group", "name": one} for one in sorted(space.groups)]
        holders += [{"type": "anonymous"}] if space.anonymous else []
        granted = {"targetType": "space", "operationKey": "read"}
        return 200, [{"operation": granted, "subject": one, "spaceKey": space.key} for one in holders]

    def _search(self, path: str, query: dict[str, str]) -> Answer:
        found = re.fullmatch(r'space = "([^"]+)" and type in \(([a-z,]+)\) order by created', query["cql"])
        assert found is not None
        nodes = [one for one in self.world.nodes.values() if one.space == found[1]]
        if found[2] == "comment":
            rows = [
                {"id": name, "type": "comment", "container": {"id": node.id}, "version": {"number": version}}
                for node in nodes
                for name, (_, version) in node.comments.items()
            ]
            return self._list(path, query, rows)
        return self._list(path, query, [self._listed(node, query["expand"].split(",")) for node in nodes])

    def _listed(self, node: Node, expand: list[str]) -> Json:
        assert "ancestors" in expand
        assert "restrictions.read.restrictions.group" in expand
        return {
            "id": node.id,
            "type": node.type,
            "status": "current",
            "title": node.title,
            "version": {"number": node.version, "when": "2026-01-05T10:00:00.000Z"},
            "history": {"createdBy": {"displayName": "Alice"}},
            "ancestors": [
                {"id": one.id, "type": "page", "title": one.title} for one in self.world.above(node)
            ],
            "restrictions": {"read": {"operation": "read", "restrictions": self._lists(node)}},
            "children": {"attachment": self._part([self._file(node, one) for one in node.files])},
            "_links": {"webui": f"/spaces/{node.space}/pages/{node.id}"},
        }

    def _part(self, rows: list[Json], start: int = 0) -> Json:
        part = rows[start : start + PAGE]
        return {"results": part, "start": start, "limit": PAGE, "size": len(part)}

    def _lists(self, node: Node, start: int = 0) -> Json:
        users, groups = node.restricted or (set(), set())
        return {
            "user": self._part([self._user(one) for one in sorted(users)], start),
            "group": self._part([self._group(one) for one in sorted(groups)], start),
        }

    def _file(self, node: Node, name: str) -> Json:
        title, content, version = node.files[name]
        return {
            "id": name,
            "title": title,
            "version": {"number": version},
            "extensions": {"fileSize": len(content)},
        }

    def _content(self, path: str, query: dict[str, str]) -> Answer:
        world = self.world
        if found := re.fullmatch(r"/download/attachments/(\w+)/(\w+)", path):
            node = world.nodes.get(found[1])
            return (200, node.files[found[2]][1]) if node and found[2] in node.files else (404, {})
        if found := re.fullmatch(r"/rest/api/content/(\w+)/child/attachment/(\w+)/download", path):
            return 302, f"/wiki/download/attachments/{found[1]}/{found[2]}"
        what = r"/api/v2/(?:pages|blogposts)" if self.cloud else "/rest/api/content"
        found = re.fullmatch(rf"{what}/(\w+)(/.*)?", path)
        if found is None:
            nested = re.fullmatch(r"/api/v2/footer-comments/\w+/children", path)
            return self._list(path, query, []) if nested and self.cloud else (404, {})
        holder = next((one for one in world.nodes.values() if found[1] in one.files), None)
        if holder is not None and not self.cloud:
            link = f"/download/attachments/{holder.id}/{found[1]}"
            return 200, {"container": {"id": holder.id}, "_links": {"download": link}}
        node = world.nodes.get(found[1])
        if node is None or (self.cloud and ("blogposts" in path) != (node.type == "blogpost")):
            return 404, {}
        if node.locked:
            return 403, {}
        rest = found[2] or ""
        if rest.endswith(("/attachments", "/child/attachment")):
            return self._list(path, query, [self._file(node, one) for one in node.files])
        if rest in ("/footer-comments", "/child/comment"):
            rows = [{"id": n, "body": {"storage": {"value": text}}} for n, (text, _) in node.comments.items()]
            return self._list(path, query, rows)
        if rest == "/inline-comments":
            return self._list(path, query, [])
        body = {"storage": {"value": node.storage, "representation": "storage"}}
        return 200, {"id": node.id, "status": "current", "title": node.title, "body": body}


def _spelled(value: str) -> str:
    return quote(value, safe="/")
