"""A process that tries to make first administrators, many at the same moment.

Run as `python -m tests.attacks.racer HOME FIRST COUNT`: waits for a line on its input, then prints who won.
"""

from __future__ import annotations

import sys
import threading

from muniment import app
from muniment.foundation.errors import Conflict
from muniment.governance.identity.principal import OPERATOR


def main(home: str, first: int, count: int) -> None:
    workspace = app.open(home, embedder=lambda: None)
    barrier, won = threading.Barrier(count), list[str]()
    lost = list[str]()

    def race(name: str) -> None:
        barrier.wait()
        try:
            won.append(workspace.roles.make_first(name, "I was here first", OPERATOR).member)
        except Conflict as error:
            lost.append(error.public)

    threads = [threading.Thread(target=race, args=[f"u{first + n}"]) for n in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workspace.close()
    print(len(lost), *won, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
