"""The pages of the web interface as a browser gets them: which there are, what they weigh, how long they take."""

from __future__ import annotations

import gzip
import http.client
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.web.routes import ROUTERS

if TYPE_CHECKING:
    from muniment.governance.identity.sessions import Session

ROLES = ("contributor", "curator", "evaluator", "auditor", "operator", "approver", "security-officer")
_NOT_PAGES = ("/static/", "/signin")
_ASSET = re.compile(rb'(?:href|src)="(/static/[^"]+\.(?:css|js))"')
_IMPORT = re.compile(rb'from "\./([a-z-]+\.js)"')
_CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
_PAINTED = "performance.getEntriesByType('paint').map(one => one.startTime)[0]"


@dataclass(slots=True)
class Page:
    """A page that opens for somebody."""

    route: str
    address: str
    cookie: str
    """Of whoever it opens for."""
    weight: int = 0
    """Bytes of the page, its styles and its scripts, as they go over the wire."""
    html: int = 0
    """Bytes of the page alone."""
    packed: int = 0
    """What the page alone would weigh if it were compressed, which it is not."""
    seconds: list[float] = field(default_factory=list[float])


def opened(port: int, cookies: Sequence[str], samples: Mapping[str, str]) -> tuple[list[Page], list[str]]:
    """Return the pages, each with the first person for whom it opens, and the routes of those that open for nobody.

    `samples` are what may stand in the place of the parameters of routes.
    """
    found: list[Page] = []
    left_out: list[str] = []
    for route in _routes():
        address = re.sub(r"\{(\w+)\}", lambda one: samples.get(one[1], "{"), route)
        if "{" in address:
            left_out.append(route)
            continue
        cookie = next((one for one in cookies if _is_page(port, address, one)), None)
        if cookie is None:
            left_out.append(route)
        else:
            found.append(Page(route, address, cookie))
    return found, left_out


def _routes() -> list[str]:
    routes = (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute))
    named = [route.path for route in routes if "GET" in (route.methods or ())]
    return [path for path in named if not path.startswith(_NOT_PAGES)]


def weigh(port: int, page: Page) -> None:
    """Fetch a page and all that it asks for, as a browser does that has nothing of it yet."""
    _, html, held = _got(port, page.address, page.cookie)
    assets: dict[str, int] = {}
    wanted = [one.decode() for one in _ASSET.findall(html)]
    while wanted:
        address = wanted.pop()
        if address in assets:
            continue
        _, content, assets[address] = _got(port, address, page.cookie)
        place = address.rpartition("/")[0]
        wanted += [f"{place}/{name.decode()}" for name in _IMPORT.findall(content)]
    page.html, page.packed = held, len(gzip.compress(html))
    page.weight = held + sum(assets.values())


def clock(port: int, page: Page, rounds: int) -> None:
    """Take how long the server needs for a page, each time over a connection that is open already."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for at in range(rounds + 2):
        begun = time.perf_counter()
        connection.request("GET", page.address, headers=_headers(page.cookie))
        response = connection.getresponse()
        response.read()
        # The first ones open what later ones find open.
        if at >= 2:
            page.seconds.append(time.perf_counter() - begun)
    connection.close()


def paints(port: int, pages: Sequence[Page], loads: int) -> dict[str, float] | None:
    """Return milliseconds to the first paint by route, the median of loads; None where there is no Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if not _CHROMIUM.exists():
        return None
    found: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(_CHROMIUM), args=list(_ARGUMENTS))
        for page in pages:
            found[page.route] = _painted(browser, port, page, loads)
        browser.close()
    return found


def _painted(browser: Any, port: int, page: Page, loads: int) -> float:
    origin = f"http://127.0.0.1:{port}"
    context = browser.new_context()
    name, _, value = page.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": origin}])
    shown = context.new_page()
    times: list[float] = []
    for _ in range(loads + 1):
        shown.goto(origin + page.address)
        shown.wait_for_selector("main")
        painted = None
        while painted is None:
            painted = shown.evaluate(_PAINTED)
        times.append(float(painted))
    context.close()
    # The first load has no styles yet, and starts the process of the page.
    return statistics.median(times[1:])


def staffed(workspace: Workspace, people: Mapping[str, str]) -> list[str]:
    """Give each person a role, and return their cookies; nobody has two that conflict."""
    for name, role in people.items():
        if role:
            workspace.roles.grant(role, name, "to measure pages", OPERATOR)
    return [cookie_of(signed_in(workspace, name)) for name in people]


def signed_in(workspace: Workspace, name: str) -> Session:
    """Return a new session of a person."""
    link = workspace.sessions.create_link(workspace.directory.principal(name), OPERATOR)
    return workspace.sessions.redeem(link)


def cookie_of(session: Session) -> str:
    """Return what a browser sends of a session."""
    return f"muniment={session.secret}"


def _is_page(port: int, address: str, cookie: str) -> bool:
    """Return whether this opens for somebody as a page to look at: no download, no image, no state for a script."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", address, headers=_headers(cookie))
    response = connection.getresponse()
    response.read()
    connection.close()
    shown = response.headers.get("content-type", "").startswith("text/html")
    return response.status == 200 and shown and "content-disposition" not in response.headers


def _got(port: int, address: str, cookie: str) -> tuple[int, bytes, int]:
    """Return status, content and how many bytes of content went over the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", address, headers=_headers(cookie))
    response = connection.getresponse()
    content = response.read()
    connection.close()
    unpacked = gzip.decompress(content) if response.headers.get("content-encoding") == "gzip" else content
    return response.status, unpacked, len(content)


def _headers(cookie: str) -> dict[str, str]:
    return {"cookie": cookie, "accept": "text/html", "accept-encoding": "gzip"}
