"""What the corpus says against a suite's cases: who asks, what they may read, and whether the facts stand there.

A document that an asker may not read is only ever said to be not readable for them; without the keys not even whether
it exists is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders import facts as stated
from muniment.assurance.evaluation.suites.finding import Finding, Severity
from muniment.assurance.evaluation.suites.sees import Sees, sees
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.knowledge import library

Said = tuple[Severity, str, str]


class CorpusChecks:
    """Looks at cases with the rights of their askers."""

    def __init__(
        self,
        *,
        database: Database,
        policy: Policy,
        directory: Directory,
        tools: Collection[str],
        who: Principal | None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._directory = directory
        self._tools = tools
        self._who = who

    def findings(self, cases: Mapping[int, Case]) -> Iterator[Finding]:
        """Yield what is wrong with cases, given by line."""
        askers: dict[str, dict[int, Case]] = {}
        for line, case in cases.items():
            askers.setdefault(case.asker, {})[line] = case
        known = self._known()
        for name, theirs in askers.items():
            yield from self._of_asker(name, theirs, known)
        for line, case in cases.items():
            for tool in sorted({*(call.tool for call in case.tools), *case.forbidden_tools}):
                if tool not in self._tools:
                    what = f"The tool {tool} is not registered here."
                    yield Finding("error", what, "See `muniment tools list`.", case.id, line)

    def _known(self) -> frozenset[str] | None:
        """Return every path; None where whoever checks may not be told which there are."""
        if self._who is not None:
            return None
        with self._database.read() as connection:
            return frozenset(row.path for row in library.documents(connection))

    def _of_asker(
        self, name: str, cases: Mapping[int, Case], known: frozenset[str] | None
    ) -> Iterator[Finding]:
        try:
            asker = self._directory.principal(name)
        except BadInput as error:
            for line, case in cases.items():
                yield Finding("error", f"asker: {error.public}", error.fix, case.id, line)
            return
        if self._directory.active_since(asker) is None:
            for line, case in cases.items():
                what = f"The asker {name} is not active, so that nothing is found."
                yield Finding("error", what, "Let somebody else ask.", case.id, line)
            return
        with sees(self._database, self._policy, asker, self._who) as seen:
            for line, case in cases.items():
                for severity, what, fix in (*_documents(case, seen, known), *_facts(case, seen)):
                    yield Finding(severity, what, fix, case.id, line)


def _documents(case: Case, seen: Sees, known: frozenset[str] | None) -> Iterator[Said]:
    wanted = dict.fromkeys([*case.relevant, *case.citations])
    readable = [path for path in wanted if seen.at(path)]
    for path in wanted:
        if path in readable:
            if len(seen.at(path)) > 1:
                sources = ", ".join(sorted(row.source for row in seen.at(path)))
                yield "warning", f"{path} is a document of several sources: {sources}.", "Any of them counts."
        elif known is not None and path not in known:
            yield "error", f"{path} is no document of this workspace.", "Ingest it, or mend the path."
        else:
            there = "not readable" if known is not None else "not there or not readable"
            # Where another document answers it, one that is out of reach only lowers what can be reached.
            answerable = path not in case.citations and any(one in readable for one in case.relevant)
            yield (
                "warning" if answerable else "error",
                f"{path} is {there} for {case.asker}.",
                "Let somebody ask who may, leave it out, or set abstain and forbidden.",
            )
    for path in case.forbidden:
        if seen.at(path):
            yield (
                "error",
                f"{case.asker} may read {path}, which is forbidden.",
                "Leave it out, or mend its list.",
            )
        elif known is not None and path not in known:
            yield "error", f"{path} is no document of this workspace.", "Ingest it, or mend the path."


def _facts(case: Case, seen: Sees) -> Iterator[Said]:
    if case.abstain or not case.facts:
        return
    rows = [row for path in dict.fromkeys([*case.relevant, *case.citations]) for row in seen.at(path)]
    texts = [text for row in rows if (text := seen.text(row)) is not None]
    if len(texts) < len(rows) or not rows:
        # What is not told proves nothing, and what is not readable was said.
        return
    for one in case.facts:
        if not any(stated.share([one], text) == 1.0 for text in texts):
            what = f"The fact {one[0]!r} stands in none of its documents."
            yield "error", what, "Mend the fact, or add its spelling there."
