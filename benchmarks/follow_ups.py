"""How often search finds the right document for a follow-up, as it was asked and as a question that stands alone.

`python -m benchmarks.follow_ups [--model NAME] [--json]` asks the questions of evals/follow-ups of the sample company
by words alone, or by vectors too where weights are present. With the name of a language model on this machine, that
writes the questions too: `by the model` is what comes of it with the rules where it writes nothing of use, as in a
conversation.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.past_the_door import QUALITY
from muniment import app, settings
from muniment.assistant.follow_up import standalone
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "evals" / "follow-ups" / "cases.jsonl"
FIRST = (1, 5)
Way = Callable[[Mapping[str, Any]], str]
"""From a case to what is searched for."""


def measured(
    workspace: app.Workspace, ways: Mapping[str, Way]
) -> tuple[dict[str, dict[str, float]], dict[str, list[str]]]:
    """Return the share of follow-ups whose document is among the first, by way of asking; and which miss it."""
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    shares = {way: dict.fromkeys((f"first {k}" for k in FIRST), 0.0) for way in ways}
    missed: dict[str, list[str]] = {way: [] for way in ways}
    with workspace.database.read() as connection:
        from muniment.knowledge import library

        paths = {row.id: row.path for row in library.documents(connection)}
    for case in cases:
        for way, of in ways.items():
            text = of(case)
            found = [
                paths[one.document] for one in workspace.search(text, case["asker"], max(FIRST)).passages
            ]
            for k in FIRST:
                shares[way][f"first {k}"] += bool(set(found[:k]) & set(case["relevant"])) / len(cases)
            if not set(found) & set(case["relevant"]):
                missed[way].append(f"{case['id']} {text}")
    return shares, missed


def by_model(workspace: app.Workspace, name: str, used: list[str]) -> Way:
    """Return what a model makes of a case; `used` gets the cases in which that is what is searched for."""

    def way(case: Mapping[str, Any]) -> str:
        principal = workspace.principal(case["asker"])
        by = Actor(principal.ref, "benchmark")
        made = workspace.rewriting.rewritten(principal, case["question"], case["earlier"], by, name)
        if made.made_by:
            used.append(case["id"])
        return made.text

    return way


def main() -> None:
    """Print the shares."""
    name = sys.argv[sys.argv.index("--model") + 1] if "--model" in sys.argv else ""
    chosen = settings.parse(
        {**QUALITY, "models": {name: {"kind": "local", "model": name, "threads": 1}} if name else {}}
    )
    used: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        workspace = app.create(Path(place) / "home", settings=chosen)
        workspace.directory.import_file(ROOT / "examples" / "acme" / "directory.toml", OPERATOR)
        workspace.ingest(ROOT / "examples" / "acme" / "documents", "acme")
        ways: dict[str, Way] = {
            "as asked": lambda case: case["question"],
            "by the rules": lambda case: standalone(case["question"], case["earlier"]),
        }
        if name:
            ways["by the model"] = by_model(workspace, name, used)
        shares, missed = measured(workspace, ways)
        workspace.close()
    if "--json" in sys.argv:
        print(json.dumps({"shares": shares, "missed": missed, "written by the model": len(used)}))
        return
    for way, by in shares.items():
        print(way, ", ".join(f"{which}: {share:.1%}" for which, share in by.items()))
    if name:
        print(f"{name} wrote {len(used)} questions of use")
    print(*missed[list(missed)[-1]], sep="\n")


if __name__ == "__main__":
    main()
