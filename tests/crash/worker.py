"""A process that ingests a folder and changes access lists until it is killed, saying what was acknowledged.

Run as `python -m tests.crash.worker HOME FOLDER FIRST DIMENSIONS`. Each line goes out in one write, so that a kill
loses a whole line or none; `setting` stands before a change, `set` after the call that made it returned.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from itertools import count

from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.ingestion import indexing
from muniment.knowledge.ingestion.report import Progress

SOURCE = "docs"
TARGETS = ("team0", "team1", "team2", "team0/keep.md", "team1/keep.md", "team3/keep.md")
WHO = ("group:everyone", "group:engineering", "group:sales", "user:alice", "user:bob", "user:carol")


def say(**line: object) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def acknowledge(progress: Progress) -> None:
    """Name each file once its batch was committed."""
    if progress.stage == "index" and progress.path:
        say(say="document", path=progress.path)


def ingest(workspace: Workspace, folder: str) -> None:
    workspace.ingest(folder, SOURCE, acknowledge)
    say(say="ingested")


def change_access(workspace: Workspace, first: int) -> None:
    """Change one list after another; each is unlike every other by its sensitivity."""
    for number in count(first):
        rng = random.Random(number)
        target = rng.choice(TARGETS)
        clear = rng.random() < 0.2
        allow, deny = rng.sample(WHO, rng.randrange(1, 4)), rng.sample(WHO, rng.randrange(2))
        change = None if clear else {"allow": allow, "deny": deny, "sensitivity": f"change-{number}"}
        say(say="setting", target=target, change=change)
        if change is None:
            workspace.access.clear(f"{SOURCE}/{target}", OPERATOR)
        else:
            workspace.access.set(f"{SOURCE}/{target}", allow, deny, OPERATOR, f"change-{number}")
        say(say="set")


def main(home: str, folder: str, first: str, dimensions: str) -> None:
    indexing.BATCH_DOCUMENTS = 2
    embedder = HashedEmbedder(int(dimensions)) if int(dimensions) else None
    workspace = app.open(home, embedder=lambda: embedder)
    say(say="ready")
    threading.Thread(target=ingest, args=(workspace, folder), daemon=True).start()
    change_access(workspace, int(first))


if __name__ == "__main__":
    main(*sys.argv[1:])
