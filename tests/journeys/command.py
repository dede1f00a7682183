"""Runs the real command on a home of its own, ranked by words alone: in this process, or in its own where asked."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from typer import main

_built = cache(main.get_command)
"""Every command, made of its annotations once in a process: that takes longer than most commands do."""
WORDS_ALONE = "[retrieval]\nvectors = false\n"
DIRECTORY = """
[users.alice]
groups = ["platform"]
[users.bob]
groups = ["sales"]
[groups.platform]
members_of = ["engineering"]
[groups.engineering]
[groups.sales]
"""
DOCUMENTS = {
    "engineering/access.toml": 'allow = ["group:engineering"]\n',
    "engineering/oncall.md": "# On call\n\nThe on-call engineer is paid 300 crowns for each weekend.\n",
    "engineering/keys.md": "# Key ceremony\n\nThe key ceremony is held in the walnut room.\n",
    "sales/access.toml": 'allow = ["group:sales"]\nsensitivity = "internal"\n',
    "sales/prices.csv": "product,price\nHeron,1200\nTarn,800\n",
    "all/access.toml": 'allow = ["group:everyone"]\n',
    "all/canteen.txt": "The canteen opens at eight and closes at three.\n",
    "attic/old.md": "# Old\n\nNobody may read about the attic.\n",
}


def write_documents(root: Path) -> None:
    """Write the small documents below `root`."""
    for path, text in DOCUMENTS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line of an error."""
        lines = [line for line in self.err.splitlines() if line.startswith("muniment:")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


class Command:
    """`muniment` in one home folder."""

    def __init__(self, home: Path, settings: str = WORDS_ALONE) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        if settings:
            (home / "settings.toml").write_text(settings)

    def start(self, *words: object, **more: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "MUNIMENT_HOME": str(self.home), "COLUMNS": "100", **more}
        return subprocess.Popen(
            [sys.executable, "-m", "muniment.interfaces.cli.main", *map(str, words)],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def apart(self, *words: object, **more: str) -> Ran:
        """Run in a process of its own."""
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=180)
        return Ran(process.returncode, out, err)

    def __call__(self, *words: object) -> Ran:
        """Run in this process."""
        from muniment.interfaces.cli.main import run_once

        main.get_command = _built
        streams = sys.stdout, sys.stderr
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True) for _ in "oe")
        before = {name: os.environ.get(name) for name in ("MUNIMENT_HOME", "COLUMNS")}
        os.environ.update(MUNIMENT_HOME=str(self.home), COLUMNS="100")
        sys.stdout, sys.stderr = out, err
        try:
            code = run_once([str(word) for word in words])
        finally:
            sys.stdout, sys.stderr = streams
            main.get_command = _built.__wrapped__
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        written = [cast("io.BytesIO", stream.buffer).getvalue().decode() for stream in (out, err)]
        return Ran(code, *written)

    def copy(self, home: Path) -> Command:
        """Return the same workspace in another folder."""
        shutil.copytree(self.home, home)
        return Command(home, settings="")

    def with_people(self, directory: str = DIRECTORY) -> Command:
        """Make the workspace and its directory."""
        file = self.home / "people.toml"
        file.write_text(directory)
        assert self("init").code == 0
        assert self("directory", "import", file).code == 0
        return self
