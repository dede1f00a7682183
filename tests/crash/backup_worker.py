"""Processes that make a backup or restore one, and kill themselves at the Nth sync, rename or copied file.

Run as `python -m tests.crash.backup_worker`: each line of standard input, `[WHAT, HOME, FOLDER, KEK, N]` in JSON,
runs in a process of its own; the answer is its exit code, or minus the signal that ended it, and the steps it took.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from muniment import app
from muniment.foundation import whole_folder
from muniment.governance.identity.principal import OPERATOR

_seen = 0


def _deadly(real: Callable[..., Any], at: int) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        global _seen
        _seen += 1
        if _seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    return call


def work(what: str, home: str, folder: str, kek: str, at: int) -> None:
    for name in ("fsync", "rename", "replace"):
        setattr(os, name, _deadly(getattr(os, name), at))
    whole_folder.FileRecord = _deadly(whole_folder.FileRecord, at)  # type: ignore[assignment, misc]
    if what == "backup":
        workspace = app.open(home, embedder=lambda: None)
        workspace.backups.make(Path(folder), OPERATOR, lambda *_: None)
        workspace.close()
    else:
        app.restore(Path(folder), Path(home), lambda *_: None, kek=Path(kek))


def main() -> None:
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            work(*json.loads(line))
            os.write(writing, str(_seen).encode())
            os._exit(0)
        os.close(writing)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open(reading) as told:
            print(json.dumps([status, int(told.read() or 0)]), flush=True)


if __name__ == "__main__":
    main()
