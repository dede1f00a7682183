"""Opens pages full of hostile markup in a real browser, alone in a network namespace, and says what came of it.

Run as `unshare --net python -m tests.attacks.hostile_pages FOLDER COUNT`. What leaves this machine would go out by an
interface that leads nowhere, whose packets are counted. Prints one JSON document.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.attacks.hostile_markup import COUNT, payloads
from tests.simulators.browser import launched
from tests.simulators.desk_of_leads import ALICE, Desk
from tests.simulators.served import served
from tests.simulators.web_client import Browser, link

from muniment.app import Workspace, create
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR

ROLES = {"eve": "auditor", "fay": "operator", "gus": "curator", "ida": "evaluator", "jon": "security-officer"}
MOST = 60
"""Pages that one person opens."""
A_DOCUMENT = 20
"""Payloads in one document."""
BROWSERS_OWN = (b"\x06google\x03com", b"\x0agoogleapis\x03com", b"\x04gvt1\x03com")
NO_TEXT = re.compile(r"<!--|!\[[^\]]*\]\(data:")
"""What Markdown is read without: comments, and images that hold their own data."""
ALIVE = (
    "() => [window.ran === undefined ? null : 'ran',"
    " ...[...document.querySelectorAll('script, iframe, object, embed, base, style, link, meta, form, img, image')]"
    ".flatMap(one => ['src', 'data', 'action', 'href', 'content'].map(name => one.getAttribute(name) || ''))"
    ".filter(one => /^\\s*([a-z-]+:|\\/\\/)/i.test(one) && !one.startsWith(location.origin)),"
    " ...[...document.querySelectorAll('a[href]')].map(one => String(one.protocol))"
    ".filter(one => !['http:', 'https:'].includes(one)),"
    " ...[...document.querySelectorAll('*')].flatMap(one => [...one.attributes])"
    ".map(one => one.name).filter(one => /^on/i.test(one))].filter(one => one)"
)


def prepare() -> None:
    """Make the namespace's own loopback, and a way out that leads nowhere."""
    # The interface itself would look for neighbours and routers.
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    for line in (
        "link set lo up",
        "link add out type veth peer name nowhere",
        "link set out arp off",
        "addr add 192.0.2.1/24 dev out",
        "link set nowhere up",
        "link set out up",
        "route add default via 192.0.2.254 dev out onlink",
    ):
        subprocess.run(["ip", *line.split()], check=True)


class Watch:
    """Counts what goes out, but for the lookups by which Chromium itself seeks its maker's servers."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind(("nowhere", 0))
        self._count = 0
        Thread(target=self._follow, daemon=True).start()

    def count(self) -> int:
        """Return how many packets went out."""
        time.sleep(0.2)
        return self._count

    def _follow(self) -> None:
        while True:
            packet = self._socket.recv(4096)
            self._count += not any(name in packet for name in BROWSERS_OWN)


class Reader:
    """A signed-in browser that notes whatever happens beside what is shown."""

    def __init__(self, chromium: Any, address: str, workspace: Workspace, name: str) -> None:
        self.address, self.happened, self.pages = address, list[str](), 0
        self._page = chromium.new_context().new_page()
        self._page.set_default_timeout(20_000)
        self._page.on("console", lambda one: self.happened.append(f"console: {one.text}"))
        self._page.on("pageerror", lambda one: self.happened.append(f"error: {one}"))
        self._page.on("dialog", lambda one: (self.happened.append(f"dialog: {one.message}"), one.dismiss()))
        self._page.on("popup", lambda one: self.happened.append(f"window: {one.url}"))
        self._page.on("request", self._asked)
        self._page.goto(f"{address}/signin?token={link(workspace, name)}")
        self._page.click("main button")

    def open(self, path: str) -> str:
        """Open a page, touch whatever could be touched, and return what it says."""
        self._page.goto(self.address + path)
        self._page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        self._page.mouse.move(200, 300)
        self._page.keyboard.press("Tab")
        self.pages += 1
        self.happened += [f"{path}: {one}" for one in self._page.evaluate(ALIVE)]
        return self._page.inner_text("main")

    def crawl(self) -> None:
        """Open every page that the person's own pages link to, of those that stand under a policy action."""
        found, seen = ["/"], set[str]()
        while found and len(seen) < MOST:
            path = found.pop(0)
            if path in seen:
                continue
            seen.add(path)
            self.open(path)
            links = self._page.eval_on_selector_all(
                "a[href]:not([download])", "found => found.map(one => one.getAttribute('href').split('#')[0])"
            )
            found += [one for one in links if one.startswith(("/audit", "/quality", "/administration"))]

    def leave(self) -> Reader:
        """Close the browser: a page that stays open looks for news of a server that has ended."""
        self._page.context.close()
        return self

    def stream(self, question: str) -> str:
        """Ask with the script of the page, and return what it shows."""
        self._page.goto(self.address + "/")
        self._page.fill("#question", question)
        self._page.keyboard.press("Enter")
        self._page.wait_for_selector(".quietly a, .calm >> visible=true")
        self.pages += 1
        self.happened += [f"answer: {one}" for one in self._page.evaluate(ALIVE)]
        return self._page.inner_text(".reading")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.address):
            self.happened.append(f"request: {request.url}")


def library(folder: Path, hostile: list[str]) -> None:
    """Write documents full of them: in titles, in texts, and in the names of files as far as a name can hold them."""
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    for first in range(0, len(hostile), A_DOCUMENT):
        some = hostile[first : first + A_DOCUMENT]
        lines = "\n\n".join(
            f"Paragraph {first + n} of the heron report says {one}" for n, one in enumerate(some)
        )
        name = re.sub(r"[/\0\n\r\t\x01\x0c\u2028]", "_", some[0])[:60]
        title = some[1].replace("\n", " ")
        (folder / f"{first} {name}.md").write_text(f"# {title}\n\nThe heron report.\n\n{lines}\n")


def packed(texts: list[str], longest: int) -> list[str]:
    """Return the texts one after the other, in pieces that a tool takes."""
    pieces = [""]
    for one in texts:
        if len(pieces[-1]) + len(one) > longest:
            pieces.append("")
        pieces[-1] += one + " "
    return pieces


def tried(chromium: Any, home: Path, hostile: list[str]) -> Iterator[Reader]:
    """Yield each reader once they have opened all that they may."""
    desk = Desk(lambda **options: make(home, **options), FixedClock())
    folder = home.parent / "documents"
    folder.mkdir()
    library(folder, hostile)
    desk.workspace.ingest(folder, hostile[2].replace("/", "_").replace(":", "_").replace("\n", " ")[:40])
    actions = [desk.waiting("notify", to=seen_alone(some), text=some) for some in packed(hostile, 1900)]
    answers = asked(desk.workspace, hostile[:: max(4, len(hostile) // 40)])
    with served(desk.workspace) as address:
        alice = Reader(chromium, address, desk.workspace, ALICE.name)
        seen = ""
        for document in documents(desk.workspace):
            seen += alice.open(f"/documents/{document}")
        for n, one in enumerate(hostile):
            if not NO_TEXT.match(one) and visible(one) not in visible(seen):
                alice.happened.append(f"payload {n} is not shown as it is")
        for path in ("/", "/conversations", "/actions", *answers):
            alice.open(path)
        for one in hostile[:: max(8, len(hostile) // 20)]:
            alice.stream(f"What does the heron report say of {one}"[:900])
        yield alice.leave()
        bob = Reader(chromium, address, desk.workspace, "bob")
        bob.open("/approvals")
        for action in actions:
            bob.open(f"/approvals/{action.id}")
        yield bob.leave()
        for name in ROLES if len(hostile) == COUNT else ():
            keeper = Reader(chromium, address, desk.workspace, name)
            keeper.crawl()
            yield keeper.leave()


def make(home: Path, directory: str, **options: Any) -> Workspace:
    """Make a workspace whose people have hostile names."""
    hostile = payloads(8)
    for name, other in (
        ("Alice Moreau", hostile[0]),
        ("Bob Okafor", hostile[3]),
        ("Carol Lindqvist", hostile[6]),
    ):
        directory = directory.replace(json.dumps(name), json.dumps(other))
    workspace = create(home, embedder=lambda: None, **options)
    file = home.parent / "directory.toml"
    people = "".join(
        f"[users.{name}]\nname = {json.dumps(text, ensure_ascii=False)}\n"
        for name, text in zip(ROLES, payloads(20)[10:], strict=False)
    )
    file.write_text(directory + people)
    workspace.directory.import_file(file, OPERATOR)
    for name, role in ROLES.items():
        workspace.roles.grant(role, name, hostile[1], OPERATOR)
    workspace.incidents.open("user:bob", "low", hostile[2], None, OPERATOR)
    workspace.stops.stop("tool", "other", hostile[5], None, OPERATOR)
    return workspace


def asked(workspace: Workspace, hostile: list[str]) -> list[str]:
    """Ask with hostile words, say hostile things of the answers, and return where they are shown."""
    browser = Browser(workspace).sign_in("alice")
    shown = list[str]()
    for one in hostile:
        response = browser.post(
            "/ask", csrf=browser.csrf, question=f"What does the heron report say of {one}"[:900]
        )
        path = response.headers["location"]
        browser.post(f"{path}/feedback", csrf=browser.csrf, useful="no", reason=one, right_answer=one)
        shown.append(path)
    return shown


def documents(workspace: Workspace) -> list[str]:
    """Return the ids of all documents."""
    from muniment.knowledge import library as shelf

    with workspace.database.read() as connection:
        return [row.id for row in shelf.documents(connection)]


def seen_alone(text: str) -> str:
    """Return what a tool takes for the name of somebody."""
    return re.sub(r"[^\x21-\x7e]+", "_", text)[:200]


def visible(text: str) -> str:
    """Return a text without what a page does not keep: white space and characters that are not seen."""
    return re.sub(r"[\s\x00-\x1f\u200b-\u200f\u2028-\u202e#`]+", "", text)


def control(chromium: Any, watch: Watch) -> tuple[list[str], int]:
    """Return what is noted of a page that does take the same for markup, and how many packets left for it."""

    class Careless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            if self.path == "/":
                self.wfile.write("".join(one for one in payloads(16) if "http-equiv" not in one).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Careless)
    Thread(target=server.serve_forever, daemon=True).start()
    before, noted = watch.count(), list[str]()
    page = chromium.new_context().new_page()
    page.on("console", lambda one: noted.append(one.text))
    page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
    page.wait_for_timeout(1500)
    noted += page.evaluate(ALIVE)
    page.context.close()
    server.shutdown()
    return noted, watch.count() - before


@contextmanager
def browser() -> Iterator[Any]:
    with launched() as chromium:
        yield chromium


def main(folder: Path, count: int) -> None:
    """Print what came of it."""
    prepare()
    with ExitStack() as stack:
        chromium = stack.enter_context(browser())
        watch = Watch()
        readers = list(tried(chromium, folder / "home", payloads(count)))
        left = watch.count()
        noted, packets = control(chromium, watch)
    said = {
        "pages": sum(one.pages for one in readers),
        "happened": [one for reader in readers for one in reader.happened],
        "packets": left,
        "control": {"happened": len(noted), "packets": packets},
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
