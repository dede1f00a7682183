"""Where somebody was on the way to when they had to sign in: kept by their own browser, and only ever a page of ours.

Only a page on which people decide is gone back to, by its exact form, so that no link leads anywhere else.
"""

from __future__ import annotations

import re

from fastapi import Request
from starlette.responses import Response

from muniment.interfaces.authenticate import cookie_name

SECONDS = 900
_PAGE = re.compile(
    r"/approvals/(?:act_[a-z2-7]{1,40}|delegations)|/(?:administration|quality)(?:/[a-z0-9_-]{1,60}){0,3}"
)


def remember(request: Request, response: Response, page: str) -> None:
    """Have the browser keep a page until the sign-in is done."""
    if _PAGE.fullmatch(page):
        response.set_cookie(_name(request), page, max_age=SECONDS, **_how(request))  # pyright: ignore[reportArgumentType]


def way_back(request: Request) -> str:
    """Return the page that was remembered, else the first page."""
    page = request.cookies.get(_name(request), "")
    return page if _PAGE.fullmatch(page) else "/"


def forget(request: Request, response: Response) -> None:
    """Have the browser forget the page."""
    if _name(request) in request.cookies:
        response.delete_cookie(_name(request), **_how(request))  # pyright: ignore[reportArgumentType]


def _name(request: Request) -> str:
    return cookie_name(request) + "-page"


def _how(request: Request) -> dict[str, object]:
    secure = cookie_name(request).startswith("__Host-")
    return {"path": "/", "httponly": True, "samesite": "lax", "secure": secure}
