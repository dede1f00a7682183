"""Two checkouts of a repository as the sides of a proposal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from muniment.app.checkout import Checkout, Opens
from muniment.app.evaluating import runner, subject
from muniment.app.gathering import gathering_of
from muniment.app.probing import security_subject
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.scenario import SCENARIOS
from muniment.assurance.evaluation.suites.check import check
from muniment.assurance.evaluation.suites.places import Place
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR

if TYPE_CHECKING:
    from muniment.app.workspace import Workspace
    from muniment.assurance.evaluation.case import Suite
    from muniment.assurance.evaluation.results import Run
    from muniment.assurance.evaluation.run import OnProgress
    from muniment.assurance.release.manifest import Manifest
    from muniment.assurance.release.proposed import Put

_WHY = "A proposed change is judged."


class CheckoutSide:
    """A checkout that is asked in a workspace of its own."""

    def __init__(self, workspace: Workspace, workers: int, on_progress: OnProgress) -> None:
        self._workspace = workspace
        self._workers = workers
        self._on_progress = on_progress

    @property
    def manifest(self) -> Manifest:
        """Return the versions of all that answers come from."""
        return gathering_of(self._workspace).live()

    def check(self, put: Put) -> None:
        """Raise BadInput where the figures of a suite would be wrong."""
        if (put.place / SCENARIOS).is_file():
            return
        workspace = self._workspace
        found = check(
            Place(put.place, "given"),
            Commission(_WHY, OPERATOR),
            database=workspace.database,
            policy=workspace.policy,
            gate=workspace.gate,
            audit=workspace.audit,
            directory=workspace.directory,
            tools=frozenset(),
        )
        errors = [one for one in found.findings if one.severity == "error"]
        if errors:
            first = errors[0]
            more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
            raise BadInput(
                f"{put.place}: {f'case {first.case}: ' if first.case else ''}{first.what}{more}",
                fix=first.fix or "Mend the suite.",
            )

    def run(self, put: Put, suite: Suite) -> Run:
        """Ask the cases of a suite, or play its scenarios."""
        running, commission = runner(self._workspace), Commission(_WHY, OPERATOR)
        if (put.place / SCENARIOS).is_file():
            with security_subject(self._workspace, put.place) as played:
                return running.run(suite, played, commission, on_progress=self._on_progress)
        asked = subject(self._workspace, OPERATOR)
        return running.run(suite, asked, commission, workers=self._workers, on_progress=self._on_progress)


def side_of(
    opens: Opens, checkout: Checkout, workers: int, on_progress: OnProgress
) -> Callable[[], AbstractContextManager[CheckoutSide]]:
    """Return what opens a checkout as a side."""

    @contextmanager
    def opened() -> Generator[CheckoutSide]:
        with opens(checkout) as workspace:
            yield CheckoutSide(workspace, workers, on_progress)

    return opened
