"""A WebDAV server with access lists, principals and groups as RFC 3744 tells, in memory, on the loopback."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

READER = "muniment"
"""The account that reads everything and every list."""
_SUPPORTED = {"{DAV:}read", "{DAV:}all"}


@dataclass
class Node:
    """A file, or a folder where `text` is None."""

    text: bytes | None = None
    revision: int = 0
    aces: str = ""
    """Its own, as XML."""
    breaks: bool = False
    """Whether it takes none from above."""
    owner: str = ""
    locked: bool = False
    """Whether even our own account may not open it."""


@dataclass
class DavAcl:
    """A running server: what it holds, and its own word on who may read."""

    url: str = ""
    nodes: dict[str, Node] = field(default_factory=lambda: {"": Node()})
    """By path below `/files/`."""
    users: set[str] = field(default_factory=set)
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Links to members by name."""
    throttled: int = 0
    written: int = 0
    """How often a file was; what is made anew has another tag than what lay there before."""
    inherits_by_set: bool = False
    """Whether `DAV:inherited-acl-set` names the folder above, in place of inherited entries."""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, path: str, text: str) -> None:
        """Write a file, with the folders above it."""
        node = self.node(path)
        self.written += 1
        node.text, node.revision = text.encode(), self.written

    def node(self, path: str) -> Node:
        """Return what lies at a path, made where there is nothing."""
        above = path.rpartition("/")[0]
        if above not in self.nodes:
            self.node(above)
        return self.nodes.setdefault(path, Node())

    def aces(self, path: str) -> str:
        """Return the entries that hold for a path: its own, denies first, then those from above."""
        node = self.nodes[path]
        own = "".join(sorted(_split(node.aces), key=lambda one: "<deny>" not in one))
        if not path or node.breaks or self.inherits_by_set:
            return own
        above = self.aces(path.rpartition("/")[0])
        mark = "<inherited><href>/files/</href></inherited>"
        return own + "".join(
            one if "<inherited>" in one else one.replace("</ace>", f"{mark}</ace>") for one in _split(above)
        )

    def reads(self, who: str, path: str) -> bool:
        """Return whether an account may read a file: entries in their order, until one is about it."""
        node = self.nodes.get(path)
        if node is None or node.text is None:
            return False
        if who == READER:
            return not node.locked
        paths = [path]
        while self.inherits_by_set and paths[-1]:
            paths.append(paths[-1].rpartition("/")[0])
        return all(self._lets(who, one) for one in paths[:2])

    def _lets(self, who: str, path: str) -> bool:
        for text in _split(self.aces(path)):
            ace = ElementTree.fromstring(text.replace("<ace", '<ace xmlns="DAV:"', 1))
            kind = ace.find("{DAV:}grant")
            part = kind if kind is not None else ace.find("{DAV:}deny")
            assert part is not None
            named = {privilege[0].tag for privilege in part}
            if named & _SUPPORTED and self._concerns(ace, who, self.nodes[path]):
                return kind is not None
        return False

    def _concerns(self, ace: ElementTree.Element, who: str, node: Node) -> bool:
        principal = ace.find("{DAV:}principal")
        inverted = ace.find("{DAV:}invert")
        if principal is None:
            assert inverted is not None
            principal = inverted[0]
        one = principal[0]
        tag = one.tag.removeprefix("{DAV:}")
        if tag == "href":
            found = self._is(who, (one.text or "").rstrip("/"))
        elif tag == "property":
            found = one[0].tag == "{DAV:}owner" and node.owner == who
        else:
            found = tag in ("all", "authenticated")
        return found != (inverted is not None)

    def _is(self, who: str, link: str) -> bool:
        kind, _, name = link.removeprefix("/principals/").partition("/")
        if kind == "users":
            return name == who
        return any(self._is(who, member.rstrip("/")) for member in self.groups.get(name, []))

    def __call__(self, method: str, path: str, who: str, depth: str) -> tuple[int, str, bytes]:
        """Return status, kind and body of an answer."""
        self.asked.append((method, path))
        if self.throttled and who == READER:
            self.throttled -= 1
            return 429, "text/plain", b""
        if method == "PROPFIND":
            return self._told(path.strip("/"), who, depth)
        name = path.strip("/").removeprefix("files").strip("/")
        node = self.nodes.get(name)
        if node is None or node.text is None:
            return 404, "text/plain", b""
        return (200, "text/markdown", node.text) if self.reads(who, name) else (403, "text/plain", b"")

    def _told(self, path: str, who: str, depth: str) -> tuple[int, str, bytes]:
        if depth not in ("0", "1"):
            said = b'<error xmlns="DAV:"><propfind-finite-depth/></error>'
            return 403, "application/xml", said
        if who != READER:
            return 403, "text/plain", b""
        if path not in self._paths():
            return 404, "text/plain", b""
        below = [one for one in self._paths() if one.rpartition("/")[0] == path and one != path]
        said = "".join(self._response(one) for one in [path, *(below if depth == "1" else [])])
        return 207, "application/xml", f'<multistatus xmlns="DAV:">{said}</multistatus>'.encode()

    def _paths(self) -> list[str]:
        return [
            "principals",
            "principals/users",
            "principals/groups",
            *(f"principals/users/{one}" for one in sorted(self.users)),
            *(f"principals/groups/{one}" for one in sorted(self.groups)),
            *(f"files/{one}".rstrip("/") for one in list(self.nodes)),
        ]

    def _response(self, path: str) -> str:
        kind, _, name = path.partition("/")
        if kind == "principals":
            given, missing, folder = self._principal(name)
        else:
            given, missing, folder = self._file(name)
        href = f"/{quote(path)}{'/' if folder else ''}"
        none = f"<propstat><prop>{missing}</prop><status>HTTP/1.1 404 Not Found</status></propstat>"
        return (
            f"<response><href>{href}</href>"
            f"<propstat><prop>{given}</prop><status>HTTP/1.1 200 OK</status></propstat>"
            f"{none if missing else ''}</response>"
        )

    def _principal(self, name: str) -> tuple[str, str, bool]:
        kind, _, own = name.partition("/")
        if not own:
            return "<resourcetype><collection/></resourcetype>", "<group-member-set/>", True
        url = f"<principal-URL><href>/principals/{quote(name)}</href></principal-URL>"
        if kind == "users":
            return f"<resourcetype><principal/></resourcetype>{url}", "<group-member-set/>", False
        members = "".join(f"<href>{escape(one)}</href>" for one in self.groups[own])
        given = (
            f"<resourcetype><principal/></resourcetype>{url}<group-member-set>{members}</group-member-set>"
        )
        return given, "", False

    def _file(self, name: str) -> tuple[str, str, bool]:
        node = self.nodes[name]
        owner = f"<owner><href>/principals/users/{node.owner}</href></owner>" if node.owner else ""
        acl = f"<acl>{self.aces(name)}</acl>{owner}"
        if self.inherits_by_set and name and not node.breaks:
            above = f"/files/{name.rpartition('/')[0]}".rstrip("/")
            acl += f"<inherited-acl-set><href>{above}/</href></inherited-acl-set>"
        where = "<principal-collection-set><href>/principals/</href></principal-collection-set>"
        if node.text is None:
            return f"<resourcetype><collection/></resourcetype>{acl}{where}", "<getetag/>", True
        facts = f'<getetag>"{node.revision}"</getetag><getcontentlength>{len(node.text)}</getcontentlength>'
        return f"<resourcetype/>{facts}{acl}{where}", "", False


def _split(aces: str) -> list[str]:
    return [one + "</ace>" for one in aces.split("</ace>") if one]


def password_of(user: str) -> str:
    """Return what an account signs in with."""
    return f"{user}-opens-the-door"


@contextmanager
def dav_acl() -> Iterator[DavAcl]:
    """Run an empty server."""
    served = DavAcl()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            login = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
            who, _, password = login.partition(":")
            status, kind, body = 401, "text/plain", b""
            if password == password_of(who) and (who in served.users or who == READER):
                depth = self.headers.get("depth", "infinity")
                status, kind, body = served(self.command, unquote(self.path), who, depth)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "2")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PROPFIND = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
