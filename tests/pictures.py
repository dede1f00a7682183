"""Take the pictures of the guides from a sample company: `python -m tests.pictures HOME [FOLDER]`.

HOME is a copy of what `muniment demo` made, in which suites were run, releases built and something waits for
approval: asking and looking change it. A picture that its state cannot give is left out, and said to be.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulators.browser import DESK, PHONE, launched
from tests.simulators.served import served

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

COLOURS = 128
GIVEN = {
    "supplier": "sup-07",
    "item": "Two flow meters",
    "amount": "1200.00",
    "currency": "EUR",
    "cost_centre": "CC-210",
}
QUESTION = "What is the hotel limit for travel?"
OPENED = "document.querySelectorAll('.chain details').forEach((one, at) => { one.open = at === 1; })"
Act = Callable[[Any], None]


@dataclass(frozen=True)
class Picture:
    """A page that somebody looks at: where it is, or which link of that page leads there, and what is done first."""

    name: str
    who: str
    path: str
    link: str = ""
    act: Act | None = None
    phone: bool = False


def asked(page: Any) -> None:
    page.fill("#question", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/answers/*")


def explained(page: Any) -> None:
    asked(page)
    page.locator(".chip").first.hover()


def opened(page: Any) -> None:
    asked(page)
    page.goto(page.url)
    page.goto(page.locator(".source .open").first.evaluate("one => one.href"))
    page.wait_for_load_state("networkidle")


def traced(page: Any) -> None:
    asked(page)
    page.goto(f"{page.url}/lineage")
    page.evaluate(OPENED)


def explored(page: Any) -> None:
    page.fill("[name=name]", "alice")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")


def compared(page: Any) -> None:
    text = page.input_value("#policies")
    page.fill("#policies", text.replace('Action::"ask", ', "", 1))
    page.locator(".form.is-wide .row button").first.click()
    page.wait_for_selector("#found")


def started(page: Any) -> None:
    for name, value in GIVEN.items():
        page.fill(f"[name=given_{name}]", value)
    page.locator("main form button").last.click()
    page.wait_for_url(lambda url: "/new/" not in url)
    page.wait_for_timeout(6_000)
    page.reload()


PICTURES: Sequence[Picture] = (
    Picture("web-answer", "alice", "/", act=explained),
    Picture("web-answer-phone", "alice", "/", act=asked, phone=True),
    Picture("web-document", "alice", "/", act=opened),
    Picture("web-lineage", "alice", "/", act=traced),
    Picture("web-approval", "carol", "/approvals", "a[href^='/approvals/act_']"),
    Picture("web-approval-phone", "carol", "/approvals", "a[href^='/approvals/act_']", phone=True),
    Picture("web-workflow", "niaj", "/workflows/new/purchase-request", act=started),
    Picture("web-audit", "grace", "/audit"),
    Picture("web-quality-run", "erin", "/quality/runs", ".ledger a"),
    Picture("web-releases", "erin", "/quality/releases"),
    Picture("web-access", "frank", "/administration/access", act=explored),
    Picture("web-policy", "frank", "/administration/policy/draft", act=compared),
    Picture("web-health", "ivan", "/administration"),
)


def taken(chromium: Any, address: str, workspace: Workspace, picture: Picture) -> bytes:
    """Return one picture as a small PNG file."""
    secret = workspace.sessions.redeem(
        workspace.sessions.create_link(workspace.principal(picture.who), OPERATOR)
    ).secret
    view = {"viewport": PHONE, "color_scheme": "dark"} if picture.phone else {"viewport": DESK}
    context = chromium.new_context(reduced_motion="reduce", **view)
    context.add_cookies([{"name": "muniment", "value": secret, "url": address}])
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(address + picture.path)
    if picture.link:
        page.goto(page.locator(picture.link).first.evaluate("one => one.href"))
    if picture.act:
        picture.act(page)
    shot = page.screenshot()
    context.close()
    return small(shot)


def small(shot: bytes) -> bytes:
    """Return a picture in few colours, which is what these pages have."""
    from PIL import Image

    made = io.BytesIO()
    few = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(made, "PNG", optimize=True)
    return made.getvalue()


def main(home: Path, folder: Path, names: Sequence[str]) -> None:
    """Take them all, or those that are named."""
    workspace = app.open(home)
    with served(workspace) as address, launched() as chromium:
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            try:
                content = taken(chromium, address, workspace, picture)
            except Exception as error:
                sys.stderr.write(f"{picture.name}: left out, {str(error).splitlines()[0]}\n")
                continue
            (folder / f"{picture.name}.png").write_bytes(content)
            sys.stderr.write(f"{picture.name}: {len(content) // 1000} kB\n")
    workspace.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/guide/images"), sys.argv[3:])
