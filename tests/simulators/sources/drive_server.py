"""A server that answers as the public documentation of Google Drive's API v3 and of the Admin Directory says.

It judges who reads what by its own grants, apart from what it prints of them. Pages are small; a change of a folder
is told of that folder alone; permissions come with a listing only outside of shared drives.
"""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

DRIVE, HOME, DOMAIN = "0ADRIVE", "0AHOME", "acme.example"
ROBOT, ADMIN = "robot@project.example", "admin@acme.example"
FOLDER = "application/vnd.google-apps.folder"
PAGE = 3
Json = dict[str, Any]
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PEM = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class Grant:
    """Who is let in, as the server itself knows it."""

    kind: str
    """user, group, domain, anyone"""
    to: str = ""
    role: str = "reader"
    found: bool = True
    until: str = ""
    extra: Json = field(default_factory=dict)


@dataclass
class Node:
    id: str
    name: str
    parent: str
    text: str | None = None
    """None: a folder."""
    mime: str = "text/markdown"
    version: int = 1
    grants: list[Grant] = field(default_factory=list)
    limited: bool = False
    trashed: bool = False
    locked: bool = False
    changed: int = 0
    extra: Json = field(default_factory=dict)


class World:
    """What is at the service."""

    def __init__(self) -> None:
        self.serial = itertools.count(1)
        self.users: dict[str, bool] = {}
        """Whether suspended, by address."""
        self.groups: dict[str, list[str]] = {}
        """Addresses of members by address; `*`: the whole organisation."""
        self.nodes: dict[str, Node] = {}
        for root in (DRIVE, HOME):
            self.nodes[root] = Node(root, root, "", grants=[Grant("user", ADMIN, "organizer")])
        self.vanished: list[tuple[int, str, str]] = []
        self.restrictions: Json = {}
        self.throttled = 0
        self.oldest_token = 0
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.faults: dict[str, Any] = {}
        """By what an address contains: a status, or a body to be sent in the place of the answer."""

    def find(self, path: str, root: str = DRIVE) -> Node | None:
        at = self.nodes[root]
        for name in path.split("/") if path else []:
            found = [
                one
                for one in self.nodes.values()
                if (one.parent, one.name, one.trashed) == (at.id, name, False)
            ]
            if not found:
                return None
            at = found[0]
        return at

    def make(self, path: str, text: str | None, root: str = DRIVE) -> Node:
        found = self.find(path, root)
        if found is None:
            folder, _, name = path.rpartition("/")
            above = self.make(folder, None, root) if folder else self.nodes[root]
            found = Node(f"1{secrets.token_hex(12)}", name, above.id)
            self.nodes[found.id] = found
        if text is not None:
            found.text, found.version = text, found.version + 1
        self.touch(found)
        return found

    def touch(self, node: Node) -> None:
        node.changed = next(self.serial)

    def move(self, node: Node, to: str) -> None:
        folder, _, name = to.rpartition("/")
        node.parent = (self.make(folder, None) if folder else self.nodes[DRIVE]).id
        node.name = name
        self.touch(node)

    def vanish(self, node: Node) -> None:
        self.vanished.append((next(self.serial), node.id, self.root(node)))
        del self.nodes[node.id]

    def root(self, node: Node) -> str:
        while node.parent:
            node = self.nodes[node.parent]
        return node.id

    def is_trashed(self, node: Node) -> bool:
        return node.trashed or (bool(node.parent) and self.is_trashed(self.nodes[node.parent]))

    def effective(self, node: Node) -> list[tuple[Grant, bool, bool]]:
        """Return the grants of an item: whether inherited, and whether they open its content."""
        found = [(one, False, True) for one in node.grants]
        if node.parent:
            above = self.effective(self.nodes[node.parent])
            found += [
                (one, True, opens and (not node.limited or one.role == "organizer"))
                for one, _, opens in above
            ]
        return found

    def members(self, group: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found = set[str]()
        for one in self.groups.get(group, []) if group not in seen else []:
            if one == "*":
                found |= set(self.users)
            else:
                found |= self.members(one, seen | {group}) if one in self.groups else {one}
        return found

    def reads(self, address: str, node: Node) -> bool:
        """Return whether somebody reads an item who has no link to it."""
        if self.is_trashed(node) or self.users.get(address, False):
            return False
        if self.restrictions.get("domainUsersOnly") and address not in self.users:
            return False
        if self.restrictions.get("driveMembersOnly") and not self._covered(address, self.nodes[DRIVE]):
            return False
        return self._covered(address, node)

    def _covered(self, address: str, node: Node) -> bool:
        return any(opens and self._covers(one, address) for one, _, opens in self.effective(node))

    def _covers(self, grant: Grant, address: str) -> bool:
        if grant.until and grant.until < "2026":
            return False
        if grant.kind == "user":
            return grant.to == address
        if grant.kind == "group":
            return address in self.members(grant.to)
        return grant.found and address in self.users

    # What it prints

    def permissions(self, node: Node) -> list[Json]:
        found = list[Json]()
        for number, (one, inherited, opens) in enumerate(self.effective(node)):
            said: Json = {"kind": "drive#permission", "id": f"p{number}", "type": one.kind, "role": one.role}
            if one.kind in ("user", "group"):
                said["emailAddress"] = one.to
            elif one.kind == "domain":
                said["domain"] = one.to
            if one.kind in ("domain", "anyone"):
                said["allowFileDiscovery"] = one.found
            if one.until:
                said["expirationTime"] = one.until
            if not opens:
                said["view"] = "metadata"
            detail: Json = {"permissionType": "file", "role": one.role, "inherited": inherited}
            found.append({**said, "permissionDetails": [detail], **one.extra})
        return found

    def file(self, node: Node) -> Json:
        is_folder, in_drive = node.text is None, self.root(node) == DRIVE
        said: Json = {
            "id": node.id,
            "name": node.name,
            "mimeType": FOLDER if is_folder else node.mime,
            "trashed": self.is_trashed(node),
            "version": str(node.changed),
            "modifiedTime": "2026-03-01T12:00:00.000Z",
            "webViewLink": f"https://drive.google.com/file/d/{node.id}/view",
        }
        if node.parent:
            said["parents"] = [node.parent]
        if node.limited:
            said["inheritedPermissionsDisabled"] = True
        if in_drive:
            said |= {"driveId": DRIVE, "hasAugmentedPermissions": bool(node.grants)}
        else:
            said["permissions"] = self.permissions(node)
        if not is_folder and not node.mime.startswith("application/vnd.google-apps."):
            said |= {"headRevisionId": f"r{node.version}", "size": str(len((node.text or "").encode()))}
        return {**said, **node.extra}


class DriveServer:
    """The running service."""

    def __init__(self) -> None:
        self.renew()
        made = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        self._server = made
        self.url = f"http://127.0.0.1:{made.server_address[1]}"
        self.key = json.dumps(
            {
                "type": "service_account",
                "client_email": ROBOT,
                "private_key": _PEM,
                "token_uri": "http://elsewhere",
            }
        )

    def renew(self) -> None:
        """Begin with empty drives and nobody."""
        self.world = World()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: DriveServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("content-length") or 0)).decode())
        if form.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"] or not self._proved(
            form
        ):
            return self._send(400, {"error": "invalid_grant"})
        token = secrets.token_hex(16)
        self.service.world.tokens.add(token)
        return self._send(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _proved(self, form: dict[str, list[str]]) -> bool:
        try:
            token = jwt.decode(form["assertion"][0], RSAKey.import_key(_PEM), algorithms=["RS256"])
        except JoseError:
            return False
        said = token.claims
        return (said["iss"], said["sub"], said["aud"]) == (ROBOT, ADMIN, f"{self.service.url}/token")

    def do_GET(self) -> None:
        world = self.service.world
        world.asked.append(unquote(self.path))
        if self.headers.get("authorization", "").removeprefix("Bearer ") not in world.tokens:
            return self._send(*_error(401, "authError"))
        if world.throttled:
            world.throttled -= 1
            return self._send(
                *(_error(403, "userRateLimitExceeded") if world.throttled % 2 else _error(429, "x"))
            )
        for held, fault in world.faults.items():
            if held in unquote(self.path):
                return self._send(*(fault if isinstance(fault, tuple) else (200, fault)))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = [unquote(one) for one in parts.path.split("/")[1:]]
        if path[:3] == ["admin", "directory", "v1"]:
            return self._send(*self._directory(path[3:], query))
        return self._send(*self._drive(path[2:], query))

    def _send(self, status: int, body: Any) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _directory(self, path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        world = self.service.world
        if path == ["users"]:
            users = [
                {"primaryEmail": one, "suspended": suspended, "archived": False}
                for one, suspended in world.users.items()
            ]
            return 200, _page(query, "users", users)
        if path == ["groups"]:
            return 200, _page(
                query, "groups", [{"id": f"g-{one}", "email": one, "name": one} for one in world.groups]
            )
        if path[0] == "groups" and path[2:] == ["members"]:
            members = [self._member(one) for one in world.groups[path[1].removeprefix("g-")]]
            return 200, _page(query, "members", members)
        return _error(404, "notFound")

    def _member(self, one: str) -> Json:
        if one == "*":
            return {"id": "C0123", "role": "MEMBER", "type": "CUSTOMER"}
        kind = "GROUP" if one in self.service.world.groups else "USER"
        return {"email": one, "role": "MEMBER", "type": kind, "status": "ACTIVE"}

    def _drive(self, path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        world = self.service.world
        corpus = query.get("driveId", HOME)
        if path == ["files"]:
            files = [world.file(one) for one in self._in(corpus) if not world.is_trashed(one)]
            return 200, _page(query, "files", files)
        if path == ["changes", "startPageToken"]:
            return 200, {"startPageToken": str(next(world.serial))}
        if path == ["changes"]:
            return self._changes(corpus, query["pageToken"])
        if path == ["drives", DRIVE]:
            return 200, {"name": "Engineering", "restrictions": world.restrictions}
        node = world.nodes.get(path[1]) if path[0] == "files" and len(path) > 1 else None
        if node is None:
            return _error(404, "notFound")
        if path[2:] == ["permissions"]:
            return 200, _page(query, "permissions", world.permissions(node))
        if node.locked and (path[2:] == ["export"] or query.get("alt") == "media"):
            return _error(403, "insufficientFilePermissions")
        if path[2:] == ["export"]:
            if len(node.text or "") > 10_000:
                return _error(403, "exportSizeLimitExceeded")
            return 200, f"exported {query['mimeType']} {node.text}".encode()
        return (200, (node.text or "").encode()) if query.get("alt") == "media" else (200, world.file(node))

    def _in(self, corpus: str) -> list[Node]:
        world = self.service.world
        return [one for one in world.nodes.values() if one.parent and world.root(one) == corpus]

    def _changes(self, corpus: str, token: str) -> tuple[int, Any]:
        world, since = self.service.world, int(token)
        if since < world.oldest_token:
            return _error(410, "updatedTooLongAgo")
        told: list[tuple[int, Json]] = [
            (one.changed, {"changeType": "file", "removed": False, "fileId": one.id, "file": world.file(one)})
            for one in self._in(corpus)
        ]
        told += [
            (at, {"changeType": "file", "removed": True, "fileId": name})
            for at, name, root in world.vanished
            if root == corpus
        ]
        told = sorted((one for one in told if one[0] > since), key=lambda one: one[0])
        said: Json = {"changes": [one for _, one in told[:PAGE]]}
        if len(told) > PAGE:
            return 200, {**said, "nextPageToken": str(told[PAGE - 1][0])}
        return 200, {**said, "newStartPageToken": str(told[-1][0] if told else since)}


def _page(query: dict[str, str], name: str, found: list[Any]) -> Json:
    start = int(query.get("pageToken", 0))
    said: Json = {name: found[start : start + PAGE]} if found else {}
    return {**said, "nextPageToken": str(start + PAGE)} if start + PAGE < len(found) else said


def _error(status: int, reason: str) -> tuple[int, Json]:
    return status, {"error": {"code": status, "errors": [{"domain": "global", "reason": reason}]}}
