"""A process that goes over between two embedding models, again and again, while documents change, until it is killed.

Run as `python -m tests.crash.reembedder HOME FIRST`. It says when it is at work and when it is about to switch.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from itertools import count, cycle

from tests.simulators.embedder import HashedEmbedder
from tests.simulators.shelf import EVERYONE, put, set_access

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import Conflict
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import index_model
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion import reembed

MODELS = [HashedEmbedder(24, kind) for kind in ("-a", "-b")]
PATHS = [f"team{team}/{name}" for team in range(3) for name in range(5)]


def say(word: str) -> None:
    os.write(1, json.dumps(word).encode() + b"\n")


def papers(rng: random.Random, paths: list[str]) -> dict[str, list[str]]:
    return {
        path: [" ".join(f"term{rng.randrange(60)}" for _ in range(6)) for _ in range(rng.randrange(1, 4))]
        for path in paths
    }


def change(workspace: Workspace, first: int) -> None:
    """Write new versions and access lists, one after the other, as turns allow."""
    for number in count(first):
        rng = random.Random(number)
        with contextlib.suppress(Conflict):
            put(workspace, papers(rng, rng.sample(PATHS, 2)))
        who = rng.choice(["group:sales", "group:engineering", "group:everyone"])
        set_access(workspace, f"team{rng.randrange(3)}", AccessList(frozenset({who})))
        time.sleep(0.02)


def main(home: str, first: str) -> None:
    reembed.BATCH_CHUNKS = 4
    workspace = app.open(home, embedder=lambda: MODELS)
    switch = index_model.switch

    def told(*given: object) -> None:
        say("switching")
        switch(*given)  # type: ignore[arg-type]

    index_model.switch = told
    say("ready")
    threading.Thread(target=change, args=(workspace, int(first)), daemon=True).start()
    for embedder in cycle(MODELS):
        workspace.reembed.run(embedder, OPERATOR)


def fill(workspace: Workspace) -> None:
    put(workspace, papers(random.Random(1), PATHS), EVERYONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
