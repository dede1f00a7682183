"""The command of a worker, which `muniment serve --workers N` starts and nobody types."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from muniment.foundation.errors import MunimentError
from muniment.interfaces.cli.failures import report
from muniment.interfaces.cli.terminal import TERMINAL
from muniment.interfaces.worker import Line, opened, work

# Loops that are still being compiled hold up no end: all that is to be kept is kept by then.
_BOOT = """import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
from muniment.interfaces.cli.worker import main
code = main(int(sys.argv[2]))
sys.stderr.flush()
os._exit(code)
"""


def command(descriptor: int) -> list[str]:
    """Return what starts a worker that hears its orders on this descriptor."""
    paths = [path for path in sys.path if os.path.isabs(path)]
    return [sys.executable, "-P", "-c", _BOOT, json.dumps(paths), str(descriptor)]


def main(descriptor: int) -> int:
    """Serve until told to end; return the exit code."""
    line = Line(descriptor)
    TERMINAL.home = Path(line.orders.home)
    try:
        work(line, opened(line.orders))
    except MunimentError as error:
        line.failed(error)
        return error.exit_code
    except (KeyboardInterrupt, SystemExit):
        return 1
    except Exception as error:
        return report(TERMINAL, error)
    return 0
