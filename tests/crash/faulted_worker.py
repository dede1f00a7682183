"""Processes that play a step of the scenario while a call goes wrong, all of it on record, or look at what is left.

Run as `python -m tests.crash.faulted_worker` with the shim preloaded. It takes lines of JSON, makes a process for
each that has all modules loaded already, and says how that ended. What such a process has to say stands in a file,
each line in one write: `done` is the acknowledgement of a step.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.crash.scenario import NAMES, OF, STEPS, Facts, Stage, begin, check_effects
from tests.crash.shim import Fault, Shim
from tests.crash.test_kill_nine import check_whole

from muniment.app import Workspace
from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.foundation.workflows import library
from muniment.knowledge.ingestion import parse_child, parser

SECONDS = 90


class Said:
    """A file of what this process says."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, **said: object) -> None:
        os.write(self._file, json.dumps(said).encode() + b"\n")


class InThisProcess:
    """Reads files as the isolated child does, which writes to no disk, without the wait for it."""

    def __init__(self, *_: object) -> None:
        pass

    def request(self, *parts: bytes) -> bytes:
        return parse_child.handle(parts)

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


def tried(say: Said, work: Callable[[], Facts | None]) -> bool:
    """Do something and say how it went; return whether it was done."""
    try:
        facts = work()
    except MunimentError as error:
        say(say="refused", kind=type(error).__name__, words=str(error), detail=error.detail)
        return False
    except BaseException:
        say(say="crashed", words=traceback.format_exc())
        return False
    say(say="done", facts=facts)
    return True


def fault(said: dict[str, Any], say: Said) -> None:
    """Play one step while a call goes wrong, and where it is refused, once more after the disk was mended."""
    shim, stage, step = Shim(), Stage(Path(said["base"])), OF[said["step"]]
    step.prepare(stage)
    shim.arm(stage.disk, Fault(said["fault"]), said["at"])

    def work() -> Facts:
        opened = stage.workspace
        if opened is None:
            opened = begin(stage) if step.name == NAMES[0] else stage.open()
        return step.do(stage, opened)

    usual = stage.patience
    if said["fault"] == Fault.ENOSPC:
        # A run gets no further until there is room.
        stage.patience = 1.0
    done = tried(say, work)
    stage.patience = usual
    if shim.fired:
        say(say="fired", at=shim.fired, points=shim.points)
    if not done:
        shim.mend()
        tried(say, work)
    tried(say, stage.close)  # type: ignore[arg-type]
    say(say="ended", at=shim.fired, points=shim.points)


def play(said: dict[str, Any], say: Said) -> None:
    """Play the whole scenario in one process, on record."""
    shim = Shim()
    stage = Stage(Path(said["base"]), shim.say)
    for step in STEPS:
        step.prepare(stage)
        if step.name == NAMES[0]:
            shim.arm(stage.disk, record=Path(said["record"]))
            begin(stage)
        shim.say("begin " + step.name)
        facts = step.do(stage, stage.workspace)  # type: ignore[arg-type]
        shim.say("done " + json.dumps([step.name, facts]))
    stage.close()
    say(say="done", facts={"points": shim.points})


def opened(stage: Stage, told: dict[str, Facts]) -> Workspace:
    """Open what is left; where nothing was acknowledged yet, the making may go on."""
    try:
        return stage.open()
    except NotSetUp:
        if told:
            raise
        return begin(stage)


def check(said: dict[str, Any], say: Said) -> None:
    """Look for all that was acknowledged; then play the step that was cut short, and look again."""
    stage, told, current = Stage(Path(said["base"])), said["told"], said["current"]
    workspace = opened(stage, told)
    check_there(stage, workspace, told)
    if current:
        step = OF[current]
        told[current] = step.do(stage, workspace)
        check_there(stage, workspace, told)
        if said["seen"]:
            assert stage.seen() == said["seen"], "they find something else than in a home without faults"
    seen = stage.seen() if "directory" in told else {}
    stage.close()
    say(say="done", facts={"seen": seen, "told": told})


def check_there(stage: Stage, workspace: Workspace, told: dict[str, Facts]) -> None:
    check_effects(stage, workspace)
    for name, facts in told.items():
        OF[name].check(stage, workspace, facts)
    check_whole(workspace, stage.ever)
    assert not [one for one in workspace.upkeep.check() if one.problem]
    workspace.database.examine()


def main() -> None:
    library._prepare()
    parser.Sandbox = InThisProcess  # type: ignore[misc, assignment]
    logging.disable(logging.CRITICAL)
    does = {"fault": fault, "play": play, "check": check}
    for line in sys.stdin:
        said = json.loads(line)
        gc.freeze()
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            before = set(sys.modules)
            say = Said(said["said"])
            try:
                does[said["do"]](said, say)
            except BaseException as error:
                say(say="problem", words="".join(traceback.format_exception(error)))
            finally:
                if "loaded" in said:
                    Path(said["loaded"]).write_text("\n".join(sorted(set(sys.modules) - before)))
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        if "loaded" in said:
            # What each would load anew is loaded once.
            for name in Path(said["loaded"]).read_text().split():
                with suppress(ImportError):
                    import_module(name)
        print(json.dumps({"status": status}), flush=True)


if __name__ == "__main__":
    main()
