"""What the release gate gets from evaluation: suites of the home, runs of them on a release, and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.evaluation.suites.snapshot import corpus_digest
from muniment.foundation.errors import BadInput
from muniment.foundation.shipped import shipped

if TYPE_CHECKING:
    from muniment.app.workspace import Workspace
    from muniment.assurance.release.records import Release
    from muniment.governance.audit.entry import Actor, Json
    from muniment.governance.identity.principal import Principal

FOLDER = "evals"
"""Of the home: one suite in each folder or file of it."""


class WorkspaceEvidence:
    """The suites of one workspace, run on itself."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def suites(self) -> Sequence[Suite]:
        """Return the suites of the home and of release.suites; raises BadInput for a broken or double one."""
        return [suite for suite, _ in self._places().values()]

    def corpus(self) -> str:
        """Return the digest of the documents, their versions and who may read them."""
        with self._workspace.database.read() as connection:
            return corpus_digest(connection)

    def run(self, suite: Suite, release: Release, reason: str, by: Actor, who: Principal | None) -> Run:
        """Run a suite on a release."""
        from muniment.app.evaluating import judged_subject, runner

        place = self._places()[suite.name][1]
        lineage = release.manifest.lineage
        with judged_subject(self._workspace, suite, place, by, None, release.prompts, lineage) as what:
            return runner(self._workspace).run(suite, what, Commission(reason, by, who))

    def last(self, suite: Suite, lineage: Mapping[str, Json]) -> Run | None:
        """Return the last whole run of this suite with this lineage, or None."""
        from muniment.app.evaluating import run_store

        return run_store(self._workspace).latest(suite.name, lineage)

    def _places(self) -> dict[str, tuple[Suite, Path]]:
        home = self._workspace.home
        folder = home / FOLDER
        places = sorted(folder.iterdir()) if folder.is_dir() else []
        places += [self._named(named) for named in self._workspace.settings.release.suites]
        found: dict[str, tuple[Suite, Path]] = {}
        for place in places:
            suite = read_suite(place)
            if suite.name in found:
                raise BadInput(
                    f"{place} and {found[suite.name][1]} are both the suite {suite.name}.", fix="Rename one."
                )
            found[suite.name] = suite, place
        return found

    def _named(self, named: str) -> Path:
        path = self._workspace.home / named
        return path if path.exists() or "/" in named else shipped(f"evals/{named}")
