"""What one run of the command writes to: results on standard output, all else on standard error.

Invariants:
- with `--json`, standard output carries exactly one JSON document;
- text that came from documents, questions or models is never read as markup, and its control and direction
  characters are made visible before they reach a terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from muniment.app import Workspace

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
MAX_WIDTH = 110


@dataclass(slots=True)
class Terminal:
    """The streams and the global options of this run."""

    home: Path | None = None
    tenant: str | None = None
    """The tenant of the host's home that this run works on; None: the home itself."""
    json: bool = False
    debug: bool = False
    interrupted: str = ""
    """What to say after Ctrl-C: what was kept and how to go on."""
    owns_process: bool = False
    """Whether the process ends with this run."""
    _consoles: dict[str, Console] = field(default_factory=dict[str, "Console"])

    def begin(self, json: bool, debug: bool) -> None:
        """Forget an earlier run of this process."""
        self.home, self.tenant, self.json, self.debug, self.interrupted = None, None, json, debug, ""
        self._consoles.clear()

    def home_folder(self) -> Path:
        """Return the home that this run works on: that of --tenant where it is given; raises for one that is not."""
        if self.tenant is None:
            return self.host_folder()
        from muniment.tenancy.places import existing

        return existing(self.host_folder(), self.tenant)

    def new_home(self) -> Path:
        """Return the home that this run makes or looks for: it need not be there."""
        if self.tenant is None:
            return self.host_folder()
        from muniment.tenancy.places import place

        return place(self.host_folder(), self.tenant)

    def host_folder(self) -> Path:
        """Return --home, else what the settings say."""
        from muniment.settings import default_home

        return self.home if self.home is not None else default_home()

    @contextmanager
    def workspace(self) -> Generator[Workspace]:
        """Open the workspace of this run, and close it."""
        from muniment.app import open as open_workspace
        from muniment.tenancy.places import opened

        home = self.host_folder()
        workspace = open_workspace(home) if self.tenant is None else opened(home, self.tenant)
        try:
            yield workspace
        finally:
            workspace.close()

    @contextmanager
    def host(self) -> Generator[Workspace]:
        """Open the host's own workspace, whose log tells of its tenants, and close it."""
        from muniment.foundation.errors import BadInput

        if self.tenant is not None:
            raise BadInput("Tenants have no tenants.", fix="Leave --tenant away.")
        with self.host_of_tenant() as workspace:
            yield workspace

    @contextmanager
    def host_of_tenant(self) -> Generator[Workspace]:
        """Open the host's own workspace, whichever tenant this run is for, and close it."""
        from muniment.app import open as open_workspace

        workspace = open_workspace(self.host_folder())
        try:
            yield workspace
        finally:
            workspace.close()

    def document(self, value: object) -> None:
        """Write the one JSON document of a run with `--json`."""
        text = json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.flush()

    def say(self, line: str) -> None:
        """Write a line to standard error."""
        sys.stderr.write(visible(line) + "\n")
        sys.stderr.flush()

    def show(self, *parts: RenderableType) -> None:
        """Write results for a person to standard output."""
        for part in parts:
            whole_lines = isinstance(part, str) and not self.out.is_terminal
            self.out.print(part, soft_wrap=whole_lines)

    @property
    def out(self) -> Console:
        """The console on standard output."""
        return self._console("stdout")

    @property
    def err(self) -> Console:
        """The console on standard error."""
        return self._console("stderr")

    def _console(self, name: str) -> Console:
        if name not in self._consoles:
            from rich.console import Console

            console = Console(stderr=name == "stderr", highlight=False, markup=False, emoji=False)
            if console.width > MAX_WIDTH:
                console.width = MAX_WIDTH
            self._consoles[name] = console
        return self._consoles[name]


TERMINAL = Terminal()
"""The terminal of this process; `main.run` sets it once from the global options."""


def visible(text: str) -> str:
    """Return `text` with control, zero-width and direction characters spelled out as `<U+XXXX>`."""
    return _UNSAFE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text.replace("\r\n", "\n"))


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)  # pyright: ignore[reportUnknownArgumentType]
    return str(value)
