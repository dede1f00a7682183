"""Serves a home for `audit`, and notes how long each search waits for the log.

Run by path, with the home, the port to listen on, and the file that gets a line of seconds for each search.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from muniment import app
from muniment.governance.audit.entry import Entry
from muniment.interfaces.listening import listening
from muniment.interfaces.server import serve


def main(home: Path, port: int, noted: Path) -> None:
    workspace = app.open(home)
    workspace.prepare()
    record = workspace.audit.record
    with noted.open("w", buffering=1) as file:

        def timed(entries: Sequence[Entry]) -> range:
            started = time.perf_counter()
            places = record(entries)
            took = time.perf_counter() - started
            if entries and entries[0].kind == "search.request":
                file.write(f"{took}\n")
            return places

        workspace.audit.record = timed  # pyright: ignore[reportAttributeAccessIssue]
        serve(workspace, listening(workspace, "127.0.0.1"), port)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
