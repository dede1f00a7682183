"""A small company that measures its answers: a suite with runs, releases, drawn answers and people of every role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from muniment import app
from muniment.app import Workspace
from muniment.app.evaluating import judged_subject, runner
from muniment.app.releasing import releasing_of
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR

PEOPLE = """
[users]
alice = { groups = ["engineering"] }
bob = {}
carol = {}
dave = {}
erin = {}
grace = {}
judy = {}
olga = {}
[groups.engineering]
"""
ROLES = (
    ("evaluator", "erin"),
    ("evaluator", "bob"),
    ("curator", "judy"),
    ("auditor", "grace"),
    ("approver", "carol"),
    ("operator", "olga"),
)
WHY = "Before each release."
SECRET = "engineering/oncall.md"
ONCALL = "How much is the on-call engineer paid for each weekend?"
CANTEEN = "When does the canteen open?"
CASES = (
    {"id": "c1", "asker": "dave", "question": CANTEEN, "relevant": ["all/canteen.txt"], "facts": ["eight"]},
    {"id": "c2", "asker": "alice", "question": ONCALL, "relevant": [SECRET], "facts": ["900 crowns"]},
)
MORE = ({**CASES[0], "id": "c3", "facts": ["midnight"]}, {**CASES[1], "id": "c4", "facts": ["1 crown"]})
PROMPT = "---\nname: mine\npurpose: answer\ninputs: question text, passages passages\noutput: claims\n---\n{text}\n"


def documents(place: Path) -> Path:
    """Write what the company knows: one document for everybody, one for engineers."""
    for folder, allow in (("all", "everyone"), ("engineering", "engineering")):
        (place / folder).mkdir(parents=True)
        (place / folder / "access.toml").write_text(f'allow = ["group:{allow}"]\n')
    (place / "all" / "canteen.txt").write_text("The canteen opens at eight and closes at three.\n")
    (place / SECRET).write_text("# On call\n\nThe on-call engineer is paid 900 crowns for each weekend.\n")
    return place


def suite(home: Path, *cases: dict[str, Any]) -> Path:
    """Write the suite `canteen` with these cases."""
    place = home / "evals" / "canteen"
    place.mkdir(parents=True, exist_ok=True)
    about = f'name = "canteen"\nreason = "{WHY}"\n[targets]\nall_facts = 1.0\n'
    (place / "suite.toml").write_text(about)
    (place / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cases))
    return place


def run(workspace: Workspace) -> Run:
    """Run it on the workspace itself."""
    place = workspace.home / "evals" / "canteen"
    read = read_suite(place)
    with judged_subject(workspace, read, place, OPERATOR) as what:
        return runner(workspace).run(read, what, Commission(WHY, OPERATOR), fresh=True)


def proving_ground(place: Path) -> Workspace:
    """Make the company: release `first` is in force, and `second` is built, checked and found worse."""
    clock = FixedClock()
    made = app.create(place / "home", clock=clock, embedder=lambda: None)
    (place / "people.toml").write_text(PEOPLE)
    made.directory.import_file(place / "people.toml", OPERATOR)
    made.ingest(documents(place / "papers"), "papers")
    for role, name in ROLES:
        made.roles.grant(role, f"user:{name}", WHY, OPERATOR)
    suite(made.home, *CASES)
    run(made)
    rooms = releasing_of(made)
    rooms.releases.build("first", WHY, OPERATOR)
    rooms.checks.check("first", WHY, OPERATOR)
    rooms.promotions.promote("first", WHY, OPERATOR)
    clock.advance(minutes=5)
    suite(made.home, *CASES, *MORE)
    run(made)
    clock.advance(minutes=5)
    (made.home / "prompts").mkdir(exist_ok=True)
    (made.home / "prompts" / "mine.md").write_text(PROMPT.format(text="Be brief."))
    rooms = releasing_of(made)
    rooms.releases.build("second", WHY, OPERATOR)
    rooms.checks.check("second", WHY, OPERATOR)
    for question in (CANTEEN, "When does the canteen close?", "Who painted the chapel?", CANTEEN):
        made.ask(question, "dave")
    made.ask(ONCALL, "alice")
    return made
