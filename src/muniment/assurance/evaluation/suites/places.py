"""Where suites lie: at a path, in the home under `evals/`, or beside the code, where they stay as they are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from muniment.assurance.evaluation.suite_file import ABOUT, CASES
from muniment.foundation.errors import BadInput, NotFound

FOLDER = "evals"
"""In the home."""
DRAFTS = "drafts.jsonl"
VERSIONS = "versions.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Kind = Literal["given", "home", "shipped"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a suite lies."""

    path: Path
    """A folder, or a file of cases alone."""
    kind: Kind

    @property
    def name(self) -> str:
        """Return what it is called there."""
        return self.path.stem if self.path.is_file() else self.path.resolve().name

    @property
    def cases(self) -> Path:
        """Return the file of its cases."""
        return self.path if self.path.is_file() else self.path / CASES

    @property
    def about(self) -> Path:
        """Return the file that describes it; a file of cases alone has none."""
        return self.path / ABOUT

    @property
    def drafts(self) -> Path:
        """Return the file of the cases that nobody has accepted yet."""
        return self._beside(DRAFTS)

    @property
    def versions(self) -> Path:
        """Return the file of its versions' digests."""
        return self._beside(VERSIONS)

    def writable(self) -> Place:
        """Return it; raises BadInput where it ships."""
        if self.kind == "shipped":
            raise BadInput(
                f"The suite {self.name} ships with muniment and stays as it is.",
                fix=f"Copy {self.path} to a folder of your own, and name that.",
            )
        return self

    def sibling(self, ending: str) -> Place:
        """Return where a suite made from this one lies: beside it, under a name that ends so."""
        return Place(self.path.with_name(f"{self.name}-{ending}"), self.kind)

    def _beside(self, name: str) -> Path:
        return self.path.with_suffix(f".{name}") if self.path.is_file() else self.path / name


class Places:
    """The suites that one workspace can name."""

    def __init__(self, home: Path, shipped: Path) -> None:
        self._home = home / FOLDER
        self._shipped = shipped

    def find(self, name: str) -> Place:
        """Return the suite at this path, else the home's of this name, else the shipped one; raises NotFound."""
        if os.path.exists(name):
            return Place(Path(name), "given")
        if _NAME.fullmatch(name):
            for folder, kind in self._folders():
                if (folder / name).is_dir():
                    return Place(folder / name, kind)
        known = ", ".join(dict.fromkeys(place.name for place in self.all()))
        raise NotFound(
            f"There is no suite '{name}'.",
            fix=f"Name a folder, or one of: {known}." if known else "Make one: muniment eval new NAME.",
        )

    def new(self, name: str) -> Place:
        """Return where a suite is made: in the home for a plain name, else at the path; raises BadInput."""
        if _NAME.fullmatch(name):
            return Place(self._home / name, "home")
        if "/" not in name:
            raise BadInput(
                f"'{name}' is no name for a suite.",
                fix="Use letters, digits, dots, dashes and underscores, or a path with a slash.",
            )
        return Place(Path(name), "given")

    def all(self) -> list[Place]:
        """Return the suites of the home, then those that ship, each by name."""
        return [
            Place(path, kind)
            for folder, kind in self._folders()
            if folder.is_dir()
            for path in sorted(folder.iterdir())
            if (path / ABOUT).is_file()
        ]

    def _folders(self) -> tuple[tuple[Path, Kind], ...]:
        return (self._home, "home"), (self._shipped, "shipped")
