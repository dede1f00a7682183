"""How often search finds the right document for a follow-up, as it was asked and as a question that stands alone.

`python -m benchmarks.follow_ups [--json]` asks the questions of evals/follow-ups of the sample company; it
searches by words alone, or by vectors too where weights are present.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from muniment import app
from muniment.assistant.follow_up import standalone
from muniment.governance.identity.principal import OPERATOR

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "evals" / "follow-ups" / "cases.jsonl"
FIRST = (1, 5)


def measured(workspace: app.Workspace) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return the share of follow-ups whose document is among the first, by way of asking; and which miss it."""
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    shares = {way: dict.fromkeys((f"first {k}" for k in FIRST), 0.0) for way in ("as asked", "standalone")}
    missed: list[str] = []
    with workspace.database.read() as connection:
        from muniment.knowledge import library

        paths = {row.id: row.path for row in library.documents(connection)}
    for case in cases:
        texts = {
            "as asked": case["question"],
            "standalone": standalone(case["question"], case["earlier"]),
        }
        for way, text in texts.items():
            found = [
                paths[one.document] for one in workspace.search(text, case["asker"], max(FIRST)).passages
            ]
            for k in FIRST:
                shares[way][f"first {k}"] += bool(set(found[:k]) & set(case["relevant"])) / len(cases)
            if way == "standalone" and not set(found) & set(case["relevant"]):
                missed.append(f"{case['id']} {text}")
    return shares, missed


def main() -> None:
    """Print the shares."""
    with tempfile.TemporaryDirectory() as place:
        workspace = app.create(Path(place) / "home")
        workspace.directory.import_file(ROOT / "examples" / "acme" / "directory.toml", OPERATOR)
        workspace.ingest(ROOT / "examples" / "acme" / "documents", "acme")
        shares, missed = measured(workspace)
        workspace.close()
    if "--json" in sys.argv:
        print(json.dumps({"shares": shares, "missed": missed}))
        return
    for way, by in shares.items():
        print(way, ", ".join(f"{name}: {share:.1%}" for name, share in by.items()))
    print(*missed, sep="\n")


if __name__ == "__main__":
    main()
