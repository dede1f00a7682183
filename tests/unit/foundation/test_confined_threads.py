"""A process that works with threads is locked as a whole: threads that were there, and those that start later."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, os, socket, subprocess, sys, threading, queue
from muniment.foundation.confinement import confine

asked, found = queue.SimpleQueue(), queue.SimpleQueue()

def attempts():
    tries = {
        "open": lambda: os.open("/etc/hostname", os.O_RDONLY),
        "socket": lambda: socket.socket(),
        "fork": os.fork,
        "kill": lambda: os.kill(os.getppid(), 0),
    }
    done = []
    for name, attempt in tries.items():
        try:
            attempt()
            done.append(name)
        except OSError:
            pass
    return done

def earlier():
    asked.get()
    found.put(attempts())

thread = threading.Thread(target=earlier)
thread.start()
confine(1 << 30, 60, (0, 1, 2), "required", address_bytes=4 << 30, threads=THREADS)
report = {"main": attempts()}
asked.put(None)
report["earlier"] = found.get()
try:
    later = threading.Thread(target=lambda: report.update(later=attempts()))
    later.start()
    later.join()
except RuntimeError:
    report["later"] = "none"
print(json.dumps(report), flush=True)
os._exit(0)
"""


def report(threads: bool) -> dict[str, object]:
    program = PROGRAM.replace("THREADS", str(threads))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_threads_may_start_and_none_of_them_reaches_anything() -> None:
    assert report(threads=True) == {"main": [], "earlier": [], "later": []}


def test_no_thread_starts_where_none_is_needed() -> None:
    assert report(threads=False) == {"main": [], "earlier": [], "later": "none"}
