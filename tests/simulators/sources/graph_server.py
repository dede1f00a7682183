"""A server that answers as the public documentation of Microsoft Graph says: one site, its libraries, Entra's people.

It judges who reads what by its own grants, apart from what it prints of them. Content lies on a second port, behind
addresses that need no token and refuse one. Deltas come in small pages, tell of folders whenever something in them
changed, of the descendants of a removed folder nothing, and give no paths.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

TENANT = "0f9f1fe1-76a4-4d3b-9c7a-5f7f7a1f0d11"
HOST, SITE_PATH = "127.0.0.1", "/sites/team"
CLIENT, SECRET = "muniment-app", "hush-hush"
PAGE = 3
Json = dict[str, Any]


@dataclass
class Grant:
    """Who is let in, as the server itself knows it."""

    kind: str
    """user, group, owners, site_group, everyone, link"""
    to: str = ""
    scope: str = ""
    until: str = ""
    roles: tuple[str, ...] = ("read",)
    extra: Json = field(default_factory=dict)
    """Printed besides, for tests of what is not understood."""


@dataclass
class Node:
    id: str
    name: str
    parent: str
    text: str | None = None
    """None: a folder."""
    version: int = 1
    grants: list[Grant] | None = None
    """None: it inherits."""
    made: int = 0
    changed: int = 0
    shared: int = 0
    """When its permissions changed."""
    stirred: int = 0
    """When something in it changed."""
    locked: bool = False
    extra: Json = field(default_factory=dict)


@dataclass
class User:
    id: str
    name: str
    guest: bool = False
    enabled: bool = True


@dataclass
class Drive:
    id: str
    name: str
    nodes: dict[str, Node] = field(default_factory=dict)
    gone: list[tuple[int, str]] = field(default_factory=list)

    @property
    def root(self) -> Node:
        return next(one for one in self.nodes.values() if not one.parent)


class World:
    """What is at the service."""

    def __init__(self) -> None:
        self.serial = itertools.count(1)
        self.users: dict[str, User] = {}
        self.groups: dict[str, tuple[str, list[str], list[str]]] = {}
        """Id, members and owners, by name; a member is a user, or a group as `@NAME`."""
        self.site_groups: dict[int, tuple[str, list[str]]] = {}
        """Title and members by number; a member is a user, a group as `@NAME` or its owners as `@NAME_o`."""
        self.certificate: bytes = b""
        """In DER; where there is one, it is what an application proves itself by."""
        self.drives: dict[str, Drive] = {}
        self.full_control = True
        self.throttled = 0
        self.throttled_in_batch = 0
        self.lost_tokens = 0
        self.oldest_token = 0
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.tempauth = secrets.token_hex(8)
        self.faults: dict[str, Any] = {}
        """By what an address contains: a status, or a body to be sent in the place of the answer."""

    def add_user(self, name: str, guest: bool = False) -> User:
        self.users[name] = User(str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), name, guest)
        return self.users[name]

    def set_group(self, name: str, members: list[str], owners: list[str] | None = None) -> None:
        known = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        self.groups[name] = (known, list(members), list(owners or []))

    def add_drive(self, name: str) -> Drive:
        drive = Drive("b!" + hashlib.sha256(name.encode()).hexdigest()[:24], name)
        self.drives[name] = drive
        root = Node("01ROOT" + name.upper(), "root", "", made=next(self.serial), grants=[])
        drive.nodes[root.id] = root
        return drive

    def find(self, drive: Drive, path: str) -> Node | None:
        at = drive.root
        for name in path.split("/") if path else []:
            found = [one for one in drive.nodes.values() if one.parent == at.id and one.name == name]
            if not found:
                return None
            at = found[0]
        return at

    def make(self, drive: Drive, path: str, text: str | None) -> Node:
        found = self.find(drive, path)
        if found is None:
            folder, _, name = path.rpartition("/")
            above = self.make(drive, folder, None) if folder else drive.root
            found = Node(f"01{secrets.token_hex(8).upper()}", name, above.id, made=next(self.serial))
            drive.nodes[found.id] = found
            self.touch(drive, found)
        if text is not None:
            found.text, found.version = text, found.version + 1
            self.touch(drive, found)
        return found

    def touch(self, drive: Drive, node: Node, shared: bool = False) -> None:
        """Put an item into the feed, and before it the folders that it lies in."""
        for one in reversed(self.above(drive, node)):
            one.stirred = next(self.serial)
        if shared:
            node.shared = next(self.serial)
        else:
            node.changed = next(self.serial)

    def above(self, drive: Drive, node: Node) -> list[Node]:
        found: list[Node] = []
        while node.parent:
            node = drive.nodes[node.parent]
            found.append(node)
        return found

    def grant(self, drive: Drive, node: Node, grants: list[Grant] | None) -> None:
        node.grants = grants
        self.touch(drive, node, shared=True)

    def effective(self, drive: Drive, node: Node) -> tuple[Node, list[Grant]]:
        for one in [node, *self.above(drive, node)]:
            if one.grants is not None:
                return one, one.grants
        return drive.root, []

    def remove(self, drive: Drive, node: Node) -> None:
        for one in [one for one in drive.nodes.values() if one.parent == node.id]:
            self.drop(drive, one)
        self.touch(drive, node)
        drive.nodes.pop(node.id)
        drive.gone.append((next(self.serial), node.id))

    def drop(self, drive: Drive, node: Node) -> None:
        """Remove what lies in a folder that is removed: the feed is silent about it."""
        for one in [one for one in drive.nodes.values() if one.parent == node.id]:
            self.drop(drive, one)
        drive.nodes.pop(node.id)

    def move(self, drive: Drive, node: Node, to: str) -> None:
        assert self.find(drive, to) is None, "two of one name"
        folder, _, name = to.rpartition("/")
        node.parent = (self.make(drive, folder, None) if folder else drive.root).id
        node.name = name
        self.touch(drive, node)

    def reads(self, drive: Drive, node: Node, who: str) -> bool:
        """Return whether somebody reads an item who has no link to it."""
        user = self.users[who]
        return user.enabled and any(self._lets_in(one, user) for one in self.effective(drive, node)[1])

    def _lets_in(self, grant: Grant, user: User) -> bool:
        if grant.until and grant.until < "2026":
            return False
        if grant.kind == "everyone":
            return not user.guest
        if grant.kind in ("user", "link"):
            return grant.kind == "user" and grant.to == user.name
        if grant.kind == "owners":
            return user.name in self.groups[grant.to][2]
        if grant.kind == "site_group":
            members = self.site_groups[int(grant.to)][1]
            return any(user.name == one or user.name in self._through(one) for one in members)
        return grant.kind == "group" and user.name in self.members(grant.to)

    def _through(self, member: str) -> set[str]:
        name = member.removeprefix("@")
        if not member.startswith("@"):
            return set()
        return set(self.groups[name[:-2]][2]) if name.endswith("_o") else self.members(name)

    def members(self, group: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found = set[str]()
        for one in self.groups[group][1] if group not in seen else []:
            found |= self.members(one[1:], seen | {group}) if one.startswith("@") else {one}
        return found

    # What it prints

    def permission(self, number: int, grant: Grant, inherited: str) -> Json:
        said: Json = {"id": f"p{number}", "roles": list(grant.roles), **grant.extra}
        if inherited:
            said["inheritedFrom"] = {"id": inherited}
        if grant.until:
            said["expirationDateTime"] = grant.until
        if grant.kind == "link":
            said["link"] = {"scope": grant.scope, "type": "view", "webUrl": f"https://{HOST}/:t:/s/x"}
            said["grantedToIdentitiesV2"] = [self.identity("user", one) for one in grant.to.split()]
        else:
            said["grantedToV2"] = self.identity(grant.kind, grant.to)
        return said

    def identity(self, kind: str, to: str) -> Json:
        if kind == "everyone":
            claim = f"c:0-.f|rolemanager|spo-grid-all-users/{TENANT}"
            everyone = "Everyone except external users"
            return {
                "user": {"displayName": everyone},
                "siteUser": {"id": "4", "displayName": everyone, "loginName": claim},
            }
        if kind == "site_group":
            return {"siteGroup": {"id": to, "displayName": "Team Members", "loginName": "Team Members"}}
        if kind in ("group", "owners"):
            known = self.groups[to][0]
            login = f"c:0o.c|federateddirectoryclaimprovider|{known}{'_o' if kind == 'owners' else ''}"
            return {
                "group": {"id": known, "displayName": to},
                "siteUser": {"id": "9", "displayName": to, "loginName": login},
            }
        user = self.users[to]
        return {
            "user": {"id": user.id, "displayName": to, "email": f"{to}@acme.example"},
            "siteUser": {"id": "7", "loginName": f"i:0#.f|membership|{to}@acme.example"},
        }

    def item(self, drive: Drive, node: Node, hierarchy: bool) -> Json:
        said: Json = {
            "id": node.id,
            "name": node.name,
            "eTag": f'"{{{node.id}}},{node.changed}"',
            "lastModifiedDateTime": "2026-03-01T12:00:00Z",
            "webUrl": f"https://{HOST}{SITE_PATH}/{node.id}",
            "parentReference": {"driveId": drive.id, **({"id": node.parent} if node.parent else {})},
            **node.extra,
        }
        own, grants = self.effective(drive, node)
        if own is node or (not hierarchy and grants):
            said["shared"] = {"scope": "users"} if grants else {}
        if not node.parent:
            said["root"] = {}
        if node.text is None:
            said["folder"] = {"childCount": sum(one.parent == node.id for one in drive.nodes.values())}
        else:
            said |= {"file": {"mimeType": "text/markdown"}, "size": len(node.text.encode())}
            said["cTag"] = f'"c:{{{node.id}}},{node.version}"'
        return said


class GraphServer:
    """The running service."""

    def __init__(self) -> None:
        self.renew()
        self._servers = [self._serve(_Api), self._serve(_Downloads)]
        self.url, self.downloads = (f"http://127.0.0.1:{one.server_address[1]}" for one in self._servers)

    def renew(self) -> None:
        """Begin with an empty library and nobody."""
        self.world = World()
        self.world.add_drive("Documents")

    def _serve(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        made = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"service": self}))
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        return made

    def close(self) -> None:
        for one in self._servers:
            one.shutdown()
            one.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: GraphServer

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Downloads(_Handler):
    def do_GET(self) -> None:
        world, parts = self.service.world, urlsplit(self.path)
        world.asked.append(f"download {self.path}")
        if self.headers.get("authorization") or world.tempauth not in parts.query:
            return self.send(401, b"")
        node = next(
            one for drive in world.drives.values() for one in drive.nodes.values() if one.id in parts.path
        )
        return self.send(200, (node.text or "").encode())


class _Api(_Handler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.endswith("/oauth2/v2.0/token"):
            return self._token(parse_qs(body.decode()))
        return self._answer(lambda: self._batch(json.loads(body)) if self.path == "/v1.0/$batch" else None)

    def do_GET(self) -> None:
        return self._answer(lambda: self._get(self.path.removeprefix("/v1.0")))

    def _token(self, form: dict[str, list[str]]) -> None:
        said = {name: values[0] for name, values in form.items()}
        right = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "scope": "https://127.0.0.1/.default",
        }
        world = self.service.world
        if world.certificate:
            right["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            proved = _is_proof(
                said.pop("client_assertion", ""), self.service.url + self.path, world.certificate
            )
        else:
            proved = said.pop("client_secret", "") == SECRET
        if said != right or TENANT not in self.path or not proved:
            return self.send(401, b'{"error": "invalid_client"}')
        token = secrets.token_hex(16)
        self.service.world.tokens.add(token)
        grant = {"token_type": "Bearer", "expires_in": 3599, "access_token": token}
        return self.send(200, json.dumps(grant).encode())

    def _answer(self, find: Any) -> None:
        world = self.service.world
        world.asked.append(self.path)
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in world.tokens:
            return self._json(*_error(401, "InvalidAuthenticationToken"))
        if world.throttled:
            world.throttled -= 1
            return self._json(*_error(429, "activityLimitReached")[:2], {"retry-after": "0"})
        return self._json(*(find() or _error(400, "invalidRequest")))

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(status, text, {"content-type": "application/json", **(headers or {})})

    def _batch(self, said: Json) -> tuple[int, Any, dict[str, str]]:
        world, answers = self.service.world, list[Json]()
        if len(said["requests"]) > 20:
            return _error(400, "invalidRequest")
        for one in said["requests"]:
            if world.throttled_in_batch:
                world.throttled_in_batch -= 1
                status, body, headers = *_error(429, "activityLimitReached")[:2], {"Retry-After": "0"}
            else:
                status, body, headers = self._get(one["url"])
            answers.append({"id": one["id"], "status": status, "headers": headers, "body": body})
        return 200, {"responses": answers[::-1]}, {}

    def _get(self, url: str) -> tuple[int, Any, dict[str, str]]:
        parts = urlsplit(url)
        path, query = unquote(parts.path), {name: v[0] for name, v in parse_qs(parts.query).items()}
        world = self.service.world
        for held, fault in world.faults.items():
            if held in unquote(url):
                return (*_error(fault, "fault")[:2], {}) if isinstance(fault, int) else (200, fault, {})
        if path == f"/sites/{HOST}:{SITE_PATH}":
            return 200, {"id": f"{HOST},11111111,22222222"}, {}
        if path == f"/sites/{HOST},11111111,22222222/drives":
            return self._page(path, query, [{"id": d.id, "name": d.name} for d in world.drives.values()])
        if path == "/users":
            return self._page(path, query, [_user(one) for one in world.users.values()])
        if path == "/groups":
            return self._page(path, query, [{"id": one[0]} for one in world.groups.values()])
        if path == "/groups/delta":
            return self._page(path, query, self._groups(), "@odata.deltaLink")
        if path.startswith(f"{SITE_PATH}/_api/web/sitegroups"):
            return self._site_groups(path, query)
        return self._drive(path.split("/")[1:], query)

    def _site_groups(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        """Answer as SharePoint's own interface does, which takes no application that came with a secret."""
        world = self.service.world
        if not world.certificate or "odata=nometadata" not in self.headers.get("accept", ""):
            return _error(401, "unsupported app only token")
        found: list[Json] = [{"Id": number, "Title": one[0]} for number, one in world.site_groups.items()]
        if "getbyid(" in path:
            number = int(path.partition("getbyid(")[2].partition(")")[0])
            found = [{"LoginName": _login(world, one)} for one in world.site_groups[number][1]]
        start = int(query.get("$skiptoken", 0))
        said: Json = {"value": found[start : start + PAGE]}
        if start + PAGE < len(found):
            said["odata.nextLink"] = f"{self.service.url}{path}?$skiptoken={start + PAGE}"
        return 200, said, {}

    def _page(
        self, path: str, query: dict[str, str], found: list[Json], last: str = ""
    ) -> tuple[int, Any, dict[str, str]]:
        start = int(query.get("$skiptoken", 0))
        said: Json = {"value": found[start : start + PAGE]}
        if start + PAGE < len(found):
            said["@odata.nextLink"] = f"{self.service.url}/v1.0{path}?$skiptoken={start + PAGE}"
        elif last:
            said[last] = f"{self.service.url}/v1.0{path}?$deltatoken=x"
        return 200, said, {}

    def _groups(self) -> list[Json]:
        """Return groups with their members, two at a time: one with more comes again."""
        world, found = self.service.world, list[Json]()
        for name, (known, members, owners) in world.groups.items():
            listed = [_member(world, one) for one in members]
            for at in range(0, max(len(listed), 1), 2):
                part: Json = {"id": known, "displayName": name, "members@delta": listed[at : at + 2]}
                if not at:
                    part["owners@delta"] = [_member(world, one) for one in owners]
                found.append(part)
        return found

    def _drive(self, parts: list[str], query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        world = self.service.world
        drive = next((d for d in world.drives.values() if parts[:2] == ["drives", d.id]), None)
        if drive is None:
            return _error(404, "itemNotFound")
        if parts[2:] == ["root", "delta"]:
            return self._delta(drive, query)
        node = drive.root if parts[2] == "root" else drive.nodes.get(parts[3])
        what = parts[3:] if parts[2] == "root" else parts[4:]
        if node is None:
            return _error(404, "itemNotFound")
        if what == ["permissions"]:
            own, grants = world.effective(drive, node)
            inherited = "" if own is node else own.id
            printed = [world.permission(number, one, inherited) for number, one in enumerate(grants)]
            return self._page("/".join(["", *parts]), query, printed)
        if what == ["content"]:
            if node.locked:
                return _error(403, "accessDenied")
            where = f"{self.service.downloads}/{node.id}?tempauth={world.tempauth}"
            return 302, b"", {"location": where}
        return 200, world.item(drive, node, False), {}

    def _delta(self, drive: Drive, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        world = self.service.world
        prefer = {one.strip() for one in self.headers.get("prefer", "").split(",")}
        if not world.full_control:
            prefer = {"deltashowsharingchanges"}
        text = query.get("token", "")
        start, since, after = _token(text) if text else (next(world.serial), 0, 0)
        if since and (world.lost_tokens or since < world.oldest_token):
            world.lost_tokens = max(0, world.lost_tokens - 1)
            return _error(410, "resyncRequired")
        found = self._moved(drive, since, prefer)
        found = sorted((one for one in found if one[0] > after), key=lambda one: one[0])
        page = found[:PAGE]
        url = f"{self.service.url}/v1.0/drives/{drive.id}/root/delta?token="
        said: Json = {"value": [one for _, one in page]}
        if len(found) > PAGE:
            said["@odata.nextLink"] = url + _spelled(start, since, page[-1][0])
        else:
            last = next(world.serial) if since else start
            said["@odata.deltaLink"] = url + _spelled(last, last, last)
        applied = {"preference-applied": ", ".join(sorted(prefer))} if world.full_control else {}
        return 200, said, applied

    def _moved(self, drive: Drive, since: int, prefer: set[str]) -> list[tuple[int, Json]]:
        """Return entries with their places in the feed: as they were made, or as they changed since."""
        world = self.service.world
        sharing, hierarchy = "deltashowsharingchanges" in prefer, "hierarchicalsharing" in prefer
        found: list[tuple[int, Json]] = []
        for node in drive.nodes.values():
            at = node.made
            if since:
                at = max(node.changed, node.stirred, node.shared if sharing else 0)
            found.append((at, world.item(drive, node, hierarchy)))
        gone = drive.gone if since else []
        return found + [(at, {"id": name, "deleted": {"state": "deleted"}}) for at, name in gone]


def _spelled(*numbers: int) -> str:
    text = ".".join(str(one) for one in numbers)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _token(text: str) -> tuple[int, int, int]:
    said = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    start, since, after = (int(one) for one in said.split("."))
    return start, since, after


def _member(world: World, one: str) -> Json:
    if one.startswith("@"):
        return {"@odata.type": "#microsoft.graph.group", "id": world.groups[one[1:]][0]}
    return {"@odata.type": "#microsoft.graph.user", "id": world.users[one].id}


def _login(world: World, one: str) -> str:
    if not one.startswith("@"):
        return f"i:0#.f|membership|{one}@acme.example"
    name, owners = one[1:].removesuffix("_o"), one.endswith("_o")
    return f"c:0o.c|federateddirectoryclaimprovider|{world.groups[name][0]}{'_o' if owners else ''}"


def _is_proof(assertion: str, url: str, certificate: bytes) -> bool:
    """Return whether an assertion was signed for us by the key of a certificate."""
    known = x509.load_der_x509_certificate(certificate)
    key = known.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = jwt.decode(assertion, RSAKey.import_key(key), algorithms=["PS256"])
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).decode().rstrip("=")
    claims = token.claims
    told = (claims["aud"], claims["iss"], claims["sub"], token.header["x5t#S256"])
    return told == (url, CLIENT, CLIENT, thumbprint) and 0 < claims["exp"] - claims["nbf"] <= 600


def _user(one: User) -> Json:
    return {
        "id": one.id,
        "userPrincipalName": f"{one.name}@acme.example",
        "mail": f"{one.name}@acme.example",
        "accountEnabled": one.enabled,
        "userType": "Guest" if one.guest else "Member",
    }


def _error(status: int, code: str) -> tuple[int, Any, dict[str, str]]:
    return status, {"error": {"code": code, "message": "secret-detail-of-the-service"}}, {}
