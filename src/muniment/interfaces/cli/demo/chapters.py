"""The chapters of the story. Every line shown comes from the workspace at work; nothing is written in advance."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from muniment.foundation.canonical import canonical
from muniment.foundation.errors import MunimentError, Unavailable
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.interfaces.cli.audit import verify_folder
from muniment.interfaces.cli.demo.script import Poison, Script
from muniment.interfaces.cli.demo.stage import Stage, answered
from muniment.interfaces.cli.ingest import progress_bar
from muniment.interfaces.cli.models import fetch_with_bar
from muniment.interfaces.cli.render import BAD, QUIET, WARN
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    import sqlalchemy as sa

    from muniment.app import Workspace
    from muniment.assistant.values import Answer

SOURCE = "acme"
CLI: Literal["cli"] = "cli"
_WHO = b'"actor":"subject:'
_ORDER = re.compile(r"assistants?\b|ignore all previous|apply the following|^allow =", re.IGNORECASE)


@dataclass(slots=True)
class Story:
    """The workspace of this telling, and whether everything turned out as it must."""

    workspace: Workspace
    script: Script
    stage: Stage
    language_model: str = ""
    """What answers in place of quoting."""
    good: bool = True
    titles: dict[str, str] = field(default_factory=dict[str, str])

    def ask(self, name: str, question: str) -> Answer:
        """Ask as someone."""
        principal = self.workspace.directory.principal(name)
        return self.workspace.ask(question, principal, by=Actor(principal.ref, CLI))

    def check(self, good: bool, words: str) -> None:
        """Show what a check found; one that fails makes the whole demo fail."""
        self.good = self.good and good
        self.stage.verdict(good, words)

    def hope(self, good: bool, words: str, otherwise: str) -> None:
        """Show what quoting always achieves; a language model may have nothing to show, and then that is told."""
        if good or not self.language_model:
            self.check(good, words)
        else:
            self.stage.say(f"  ~ {otherwise}", WARN)

    def who(self, name: str) -> str:
        """Return a person's full name."""
        return self.titles.get(name, name)

    def role(self, name: str) -> str:
        """Return the groups that a person is in now."""
        for user in self.workspace.directory.listing().users:
            if user.name == name:
                return ", ".join(user.groups) or "in no group"
        return ""


def weights(story: Story) -> None:
    """Bring the weights for search by meaning, unless they are there or cannot be had."""
    from muniment.inference.weights import EMBEDDING, find
    from muniment.settings import weight_folders

    settings = story.workspace.settings
    if find(EMBEDDING, weight_folders(settings)) is not None:
        return
    try:
        fetch_with_bar(settings, story.stage.console)
    except MunimentError as error:
        story.stage.say(f"{error.public} Search is by words alone, and every answer says so.", WARN)


def ingest(story: Story) -> None:
    """Chapter 1."""
    workspace, stage = story.workspace, story.stage
    stage.chapter(
        1,
        "A company moves in",
        "Marrowby Instruments, which does not exist: its people, its nested groups and its shared folder. Files are "
        "read in a child process that reaches no network and no other file; all that is kept is encrypted.",
    )
    people = workspace.directory.import_file(story.script.directory, OPERATOR)
    story.titles = {user.name: user.title for user in workspace.directory.listing().users}
    with progress_bar(stage.console) as on_progress:
        report = workspace.ingest(story.script.documents, SOURCE, on_progress)
    stage.bars(report.formats)
    documents = sum(report.formats.values())
    speed = f"{report.chunks} pieces, {report.seconds:.1f} s"
    meaning = "words and meaning" if report.vectors else "words alone (no weights)"
    stage.say("")
    story.check(
        documents > 0, f"{documents} documents in {len(report.formats)} formats, {speed}; search by {meaning}"
    )
    story.check(
        people.users > 0, f"{people.users} people, {people.groups} groups, {people.services} services"
    )
    closed = _readable_by_nobody(workspace)
    story.check(
        closed > 0, f"{closed} documents lie in folders without a readable manifest: nobody may read them"
    )
    for problem in report.failed:
        stage.say(f"    {problem.path}: {problem.reason}", WARN)


def questions(story: Story) -> None:
    """Chapter 2."""
    stage = story.stage
    stage.chapter(
        2,
        "The same question, three people",
        "Each gets what they are entitled to. What a person may not read takes no part in the search: no passage, "
        "no count, no word statistic. Each quote was found word for word in the stored document before it was shown.",
    )
    silent = 0
    for question in story.script.questions:
        stage.question(question.text)
        answers = {name: story.ask(name, question.text) for name in question.askers}
        stage.side_by_side([answered(story.who(n), story.role(n), a) for n, a in answers.items()])
        silent += sum(answer.status == "abstained" for answer in answers.values())
        different = len({answer.answer for answer in answers.values()})
        story.hope(
            different > 1,
            f"{different} different outcomes, {_times(answers.values())}",
            f"one outcome for all, {_times(answers.values())}",
        )
        stage.say("")
    story.check(
        silent > 0,
        f"{silent} honest \u201cnothing found\u201d: the same words whether it is forbidden or absent",
    )


def revocation(story: Story) -> None:
    """Chapter 3."""
    stage, told = story.stage, story.script.revocation
    stage.chapter(
        3,
        "A right ends",
        "Rights are read from the database when a passage is found, and again when a claim is released. There is no "
        "cache of decisions, so the very next request sees the change.",
    )
    stage.question(told.question)
    before, was = story.ask(told.user, told.question), story.role(told.user)
    story.workspace.directory.remove_member(told.group, told.user, OPERATOR)
    after, now = story.ask(told.user, told.question), story.role(told.user)
    who = story.who(told.user)
    stage.side_by_side([answered(f"{who}, before", was, before), answered(f"{who}, after", now, after)])
    story.check(
        after.status == "abstained" and not after.citations,
        f"{who} left the group {told.group}, asked again at once, and gets nothing",
    )
    story.hope(
        before.status == "answered",
        f"while {who} was in it, there was an answer",
        f"{story.language_model} had found no answer with evidence before either",
    )


def poison(story: Story) -> None:
    """Chapter 4."""
    stage = story.stage
    stage.chapter(
        4,
        "Documents that give orders",
        "Some texts try to command whoever reads them. Here a text is evidence and never an instruction: it can be "
        "quoted, and that is all.",
    )
    for told in story.script.poisons:
        _one_poison(story, told)


def _one_poison(story: Story, told: Poison) -> None:
    stage, who = story.stage, story.who(told.asker)
    before = _state(story.workspace, told.asker)
    stage.boxed(
        f"{told.document} orders:", told.order or _orders(story.script.documents / told.document), BAD
    )
    stage.question(told.question)
    answer = story.ask(told.asker, told.question)
    stage.side_by_side([answered(who, story.role(told.asker), answer)])
    after = _state(story.workspace, told.asker)
    with story.workspace.database.read() as connection:
        row = library.document_at(connection, SOURCE, told.document)
        may_read = _may_read(connection, story.workspace.directory.principal(told.asker))
    cited = {citation.document for citation in answer.citations}
    story.check(
        row is not None and row.id in _considered(answer), "the document with the orders was read for this"
    )
    story.check(cited <= may_read, f"{who} got only quotes from documents that {who} may open anyway")
    story.check(before == after, "nothing that the orders aimed at has moved:")
    stage.compared(before, after)
    stage.say("")


def evidence(story: Story, home: Path) -> None:
    """Chapter 6."""
    stage, audit = story.stage, story.workspace.audit
    stage.chapter(
        6,
        "The record, and who can bend it",
        "Every passage read, every answer, action and change of a right is in a log that holds no content: a tree of "
        "hashes with signed checkpoints (RFC 6962), which anyone can check offline, without muniment or a secret.",
    )
    found = audit.verify()
    story.check(found.ok, f"the log is whole: {found.entries} entries, root {found.root[:16]}\u2026")
    export = audit.export(home / "evidence")
    checked = verify_folder(export.folder)
    story.check(bool(checked["ok"]), f"a copy in {export.folder} verifies offline with its own verify.py")
    where, was, now = _flip(export.folder / "entries.jsonl")
    stage.say(f"    Now one byte, of who approved, is flipped: byte {where}, {was!r} becomes {now!r}.")
    broken = verify_folder(export.folder)
    findings = _findings(broken)
    story.check(not broken["ok"] and bool(findings), "the verifier says where:")
    for finding in findings[:3]:
        stage.say(f"      {finding}", BAD)


def explain(story: Story) -> None:
    """Chapter 7."""
    stage, told = story.stage, story.script.explain
    name = told.askers[0]
    stage.chapter(
        7,
        "How one answer came about",
        "The versions of everything behind an answer are kept with it. Whoever looks later sees the evidence only as "
        "far as they may still read it.",
    )
    answer = story.ask(name, told.text)
    principal = story.workspace.directory.principal(name)
    found = story.workspace.lineage.explain(principal, answer.id, Actor(principal.ref, CLI))
    lines = found.text().splitlines()
    stage.say(f"muniment explain {answer.id} --as {name}\n", "bold")
    for line in lines:
        stage.say(
            "  " + (line if len(line) < 400 else line[:400] + " \u2026"),
            QUIET if line.startswith(" ") else "",
        )
    story.check(found.withheld == 0, "every passage, version and check is on record")
    story.hope(
        found.status == "answered",
        "and so is the answer",
        f"{story.language_model} had no answer with evidence",
    )


def _state(workspace: Workspace, name: str) -> dict[str, str]:
    """Return digests of what an order in a document would want to move."""
    from muniment.inference import prompts

    with workspace.database.read() as connection:
        lists = library.access_classes(connection)
        access = {
            f"{row.source}/{row.path}": [
                sorted(lists[row.access_class].allow),
                sorted(lists[row.access_class].deny),
            ]
            for row in library.documents(connection)
        }
        may_read = _may_read(connection, workspace.directory.principal(name))
        policy = workspace.policy.version(connection)
    listing = workspace.directory.listing()
    groups = {account.name: list(account.groups) for account in (*listing.users, *listing.services)}
    return {
        "access lists": _digest(access),
        "groups": _digest(groups),
        f"{name} may read": f"{len(may_read)} documents, {_digest(sorted(may_read))}",
        "prompt": prompts.load("answer").version,
        "policy": policy,
        "models, tools": _digest([endpoint.version for endpoint in workspace.catalog.endpoints()]),
    }


def _may_read(connection: sa.Connection, principal: Principal) -> set[str]:
    sees = visible(connection, principal)
    return {row.id for row in library.documents(connection) if sees.may_read(row)}


def _digest(value: object) -> str:
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def _readable_by_nobody(workspace: Workspace) -> int:
    with workspace.database.read() as connection:
        classes = library.access_classes(connection)
        return sum(not classes[row.access_class].allow for row in library.documents(connection))


def _orders(path: Path) -> str:
    """Return the paragraphs of a file that address an assistant, without its markup."""
    raw = re.sub(r"<[^>]+>", "\n", path.read_text("utf-8", "replace"))
    return "\n".join(" ".join(line.split()) for line in raw.splitlines() if _ORDER.search(line))


def _considered(answer: Answer) -> list[str]:
    passages = answer.lineage.get("passages")
    found = passages if isinstance(passages, list) else []
    return [str(one["document"]) for one in found if isinstance(one, dict)]


def _flip(path: Path) -> tuple[int, str, str]:
    """Change one byte of who approved the refund."""
    content = bytearray(path.read_bytes())
    approved = content.find(b'"kind":"action.approved"')
    where = content.rfind(_WHO, 0, max(approved, 0)) + len(_WHO)
    if where < len(_WHO):
        raise Unavailable(f"{path} holds no approval.")
    was = chr(content[where])
    content[where] ^= 1
    path.write_bytes(content)
    return where, was, chr(content[where])


def _findings(found: dict[str, object]) -> list[str]:
    listed = found.get("findings")
    return [str(one) for one in listed] if isinstance(listed, list) else []  # pyright: ignore[reportUnknownArgumentType]


def _times(answers: Iterable[Answer]) -> str:
    took = sorted(answer.took_ms for answer in answers)
    return f"{took[0]:.0f} to {took[-1]:.0f} ms each"
