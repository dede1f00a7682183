"""A company with somebody for each kind of administration, and documents that hardly any of them may read."""

from __future__ import annotations

from pathlib import Path

from tests.simulators.web_client import document_id

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR

PEOPLE = """
[users.alice]
name = "Alice Moreau"
groups = ["bakery"]
[users.bob]
name = "Bob Okafor"
groups = ["board"]
[users.dan]
name = "Dan Petit"
groups = ["bakery"]
clearance = "public"
[users.judy]
name = "Judy Stone"
groups = ["bakery"]
[users.frank]
name = "Frank Lys"
groups = []
[users.grace]
name = "Grace Hollow"
groups = ["board"]
[users.ivan]
name = "Ivan Petrov"
groups = ["board"]
[users."zoë smith/temp"]
name = "Zoë Smith"
groups = []
[groups.bakery]
members_of = ["staff"]
[groups.board]
members_of = ["staff"]
[groups.staff]
[services.helpdesk]
groups = ["staff"]
"""
ROLES = {
    "contributor": "alice",
    "curator": "judy",
    "security-officer": "frank",
    "auditor": "grace",
    "operator": "ivan",
}
SECRET = ("walnut", "Walnut merger", "plans/walnut-merger.md")
"""Words that stand only in the path and the title of what the board alone may read."""


def kept_company(place: Path, clock: FixedClock | None = None) -> Workspace:
    """Return a workspace below a folder, with a source `papers` of which one file could not be read."""
    workspace = app.create(place / "home", clock=clock or FixedClock(), embedder=lambda: None)
    (place / "people.toml").write_text(PEOPLE)
    workspace.directory.import_file(place / "people.toml", OPERATOR)
    for role, name in ROLES.items():
        workspace.roles.grant(role, name, f"{name} does this", OPERATOR)
    write(place, "bread/rye.md", "# Rye\n\nRye needs a sour dough.\n")
    write(place, "bread/spelt.md", "# Spelt\n\nSpelt wants cold water.\n")
    write(place, "bread/access.toml", 'allow = ["group:bakery"]\ndeny = ["user:dan"]\n')
    write(place, "plans/walnut-merger.md", "# Walnut merger\n\nThe walnut merger is signed in May.\n")
    write(place, "plans/access.toml", 'allow = ["group:board"]\nsensitivity = "restricted"\n')
    write(place, "plans/empty-walnut.md", "")
    workspace.ingest(place / "papers", "papers")
    return workspace


def write(place: Path, path: str, text: str) -> None:
    """Write a file of the source."""
    file = place / "papers" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def hidden_id(workspace: Workspace) -> str:
    """Return the id of the document that the board alone may read."""
    return document_id(workspace, "plans/walnut-merger.md")
