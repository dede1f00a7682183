"""A stand-in for the process of a local model: it speaks the same lines, reads its passages, and can fail.

Run as a program; the one argument is a fault: "", unconfined, unloadable, slow-start, crash, crash-at-once, silent,
garbage, not-an-object, other-id, endless, long-line, deaf, patient, too-long, no-schema.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.simulators.openai_server import answering

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
WAITING: queue.SimpleQueue[dict] = queue.SimpleQueue()
STOPPED = {0}


def say(**reply: object) -> None:
    os.write(1, json.dumps(reply).encode() + b"\n")


def read() -> None:
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        if "stop" in asked:
            STOPPED.add(asked["stop"])
        else:
            WAITING.put(asked)
    os._exit(0)


def misbehave(n: int) -> None:
    if FAULT == "crash":
        os.abort()
    if FAULT == "silent":
        time.sleep(600)
    if FAULT == "garbage":
        os.write(1, b"\x00\xff{]\n")
    if FAULT == "not-an-object":
        os.write(1, b'["text"]\n')
    if FAULT == "other-id":
        say(id=n + 7, text="to somebody else")
    if FAULT == "long-line":
        while True:
            os.write(1, b"x" * 65536)
    while FAULT == "endless":
        say(id=n, text="and so on " * 100)


def answer(asked: dict) -> None:
    n = asked["id"]
    if FAULT == "crash-at-once":
        os.abort()
    if FAULT == "too-long":
        return say(id=n, refused="context", tokens=9000, room=4096)
    if FAULT == "no-schema":
        return say(id=n, refused="schema", detail="a form")
    say(id=n, read=3)
    text = answering(asked["user"])
    parts = [text[at : at + 7] for at in range(0, len(text), 7)]
    for at, part in enumerate(parts):
        say(id=n, text=part)
        if at == 1:
            misbehave(n)
        if FAULT in ("deaf", "patient"):
            time.sleep(0.05)
        if n in STOPPED and FAULT != "deaf":
            return say(id=n, done={})
    say(id=n, done={"prompt_tokens": 120, "completion_tokens": len(parts)})


if FAULT == "unconfined":
    say(unconfined="no filter")
elif FAULT == "unloadable":
    say(failed="/secret/place/model.gguf is another file")
else:
    time.sleep(1 if FAULT == "slow-start" else 0)
    threading.Thread(target=read, daemon=True).start()
    say(ready=0.0)
    while True:
        answer(WAITING.get())
