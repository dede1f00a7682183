"""A report as one HTML page that needs nothing else: no script, no file, no network.

Invariants:
- every text is shown with all of its characters to be seen, and escaped; no template marks anything as safe;
- its policy forbids whatever is not in the page: only the one style whose digest it names.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FunctionLoader, StrictUndefined

from muniment.assurance.evaluation.reports import charts, wording
from muniment.assurance.evaluation.reports.reported import CaseRow, ReportedRun, about
from muniment.assurance.evaluation.reports.shortfall import ORDER
from muniment.foundation.errors import BadInput

_HERE = files("muniment.assurance.evaluation.reports")


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that fell short for the same first reason; each with its place among all that did."""

    reason: str
    breach: bool
    cases: tuple[tuple[int, CaseRow], ...]


def page(run: ReportedRun, server: str = "") -> str:
    """Return a report as a page; `server` is the address under which answers are shown. Raises BadInput."""
    filled = {
        "run": run,
        "groups": groups(run.short),
        "server": checked_server(server),
        "policy": policy(),
        "charts": charts,
        "w": wording,
    }
    return environment().get_template("report.html").render(filled)


def checked_server(server: str) -> str:
    """Return a server's address without what stands behind its host; raises BadInput for no such address."""
    if not server:
        return ""
    try:
        parts = urlsplit(server)
        parts.port  # noqa: B018
    except ValueError:
        parts = urlsplit("")
    plain = all(one.isalnum() or one in ".-:[]" for one in parts.netloc) and parts.netloc.isascii()
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not plain
        or parts.query
        or parts.fragment
    ):
        raise BadInput(
            "The server's address cannot be linked to.", fix="Give one such as https://muniment.example."
        )
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path.rstrip('/'), safe='/')}"


def command(answer_id: str) -> str:
    """Return the command that shows how an answer came about."""
    return f"muniment explain {shlex.quote(answer_id)}"


@cache
def environment() -> Environment:
    """Return where templates of reports are filled in."""
    made = Environment(
        loader=FunctionLoader(lambda name: (_HERE / "templates" / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    cast("dict[str, object]", made.globals).update(about=about, command=command, link=_link)
    return made


def _shown(value: object) -> object:
    # Markup is a text too, but one that a macro of ours has made: its parts have been shown already.
    return wording.visible(value) if type(value) is str else value


def _link(server: str, answer_id: str) -> str:
    return f"{server}/answers/{quote(answer_id, safe='', errors='replace')}/lineage"


def policy() -> str:
    """Return the policy of a page: nothing but its one style."""
    style = environment().get_template("report.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def groups(short: Sequence[CaseRow]) -> tuple[Group, ...]:
    """Return the cases that fell short by the worst that is to be said of each, breaches first."""
    found: dict[str, list[tuple[int, CaseRow]]] = {}
    for number, row in enumerate(short, 1):
        found.setdefault(row.short[0], []).append((number, row))
    made = [Group(reason, any(row.breach for _, row in rows), tuple(rows)) for reason, rows in found.items()]
    return tuple(sorted(made, key=lambda group: (not group.breach, _rank(group.reason))))


def _rank(reason: str) -> int:
    return ORDER.index(reason) if reason in ORDER else len(ORDER)
