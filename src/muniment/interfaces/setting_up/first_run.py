"""Making a workspace one step after the other; what is done already is found where it lies.

Invariants:
- whoever runs these steps started the process on this machine, so they act as its operator, on record;
- nothing is overwritten: a step that is done is not done again, and a cut one goes on where it was.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from muniment import app as composition
from muniment import settings as settings_file
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotSetUp
from muniment.foundation.private_file import put_private
from muniment.governance.identity.principal import EVERYONE, OPERATOR, Principal
from muniment.governance.identity.sessions import Session
from muniment.inference import weights
from muniment.interfaces.problems import problem_of
from muniment.knowledge import library
from muniment.knowledge.access import NOBODY
from muniment.knowledge.formats import EXTENSIONS
from muniment.knowledge.ingestion.report import IngestReport, Progress
from muniment.knowledge.sources.folder import Folder

Step = Literal["keys", "people", "folder", "question"]
STEPS: tuple[Step, ...] = ("keys", "people", "folder", "question")
Readers = Literal["stated", "administrator", "everyone"]
_REASON = "Set up this workspace"


@dataclass(frozen=True, slots=True)
class FolderLook:
    """What lies in a folder, before anything of it is taken in."""

    folder: str
    source: str
    formats: tuple[tuple[str, int], ...]
    """Files that can be read, by kind, most first."""
    readable: int
    other: int
    """Files of kinds that are not read."""
    stated: int
    """Readable files for which a list says who may read them."""
    problems: tuple[tuple[str, str], ...]
    """Path and reason of what would be left out."""


@dataclass(slots=True)
class TakingIn:
    """A folder that is being taken in."""

    source: str
    stage: str = "scan"
    done: int = 0
    total: int = 0
    ended: bool = False
    trouble: str = ""
    report: IngestReport | None = None
    thread: threading.Thread | None = field(default=None, repr=False)


class FirstRun:
    """The steps over one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = settings_file.load(home)
        self.taking_in: TakingIn | None = None
        self._workspace: Workspace | None = composition.open(home) if composition.exists(home) else None
        self._lock = threading.Lock()
        self._skipped = False

    @property
    def workspace(self) -> Workspace:
        """Return the workspace; raises NotSetUp before its keys are made."""
        if self._workspace is None:
            raise NotSetUp("There is no workspace yet.", fix="Begin with the keys.")
        return self._workspace

    @property
    def administrator(self) -> Principal | None:
        """Return the first administrator, where there is one."""
        held = [one.member for one in self.workspace.roles.listing() if one.role == "security-officer"]
        kind, _, name = held[0].partition(":") if held else ("", "", "")
        return Principal("user", name) if kind == "user" else None

    def step(self) -> Step:
        """Return what is to be done next."""
        if self._workspace is None:
            return "keys"
        if self.administrator is None:
            return "people"
        with self.workspace.database.read() as connection:
            sources = library.source_names(connection)
        running = self.taking_in is not None and not (self.taking_in.ended and not self.taking_in.trouble)
        return "folder" if running or not (sources or self._skipped) else "question"

    def finished(self) -> bool:
        """Return whether nothing is left to do that `muniment serve` would not show."""
        return self.step() == "question"

    def make(self) -> None:
        """Make keys and database; raises Conflict where they are there."""
        with self._lock:
            if self._workspace is not None:
                raise Conflict("The keys are made already.", fix="Go on with the next step.")
            self._workspace = composition.create(self.home)

    def alone(self, name: str, title: str) -> None:
        """Write a directory of one person, and make them the first administrator; raises BadInput, Conflict."""
        file = self.home / "directory.toml"
        if not name:
            raise BadInput("A short name is missing.", fix="Write one, such as alice.")
        stated = f"# Who there is. After a change: muniment directory import {file.name}\n[users.{_quoted(name)}]\n"
        stated += f"name = {_quoted(title or name)}\ngroups = []\n"
        with self._lock:
            if file.exists():
                raise Conflict(
                    f"{file} says already who there is.", fix="Choose the file, and name one of its people."
                )
            self._nobody_yet()
            put_private(file, stated.encode())
            try:
                self.workspace.directory.import_file(file, OPERATOR)
            except MunimentError:
                file.unlink()
                raise
            self.workspace.roles.make_first(name, _REASON, OPERATOR)

    def of_file(self, file: str, name: str) -> None:
        """Take the people of a directory file, one of them the first administrator; raises BadInput, Conflict."""
        if not file or not Path(file).is_absolute():
            raise BadInput("The path of the file is not whole.", fix="Write it from / on.")
        with self._lock:
            self._nobody_yet()
            self.workspace.directory.import_file(Path(file), OPERATOR)
            self.workspace.roles.make_first(name, _REASON, OPERATOR)

    def look(self, folder: str, source: str) -> FolderLook:
        """Return what lies in a folder; nothing is taken in. Raises BadInput."""
        if not folder or not Path(folder).is_absolute():
            raise BadInput("The path of the folder is not whole.", fix="Write it from / on.")
        found = Folder(Path(folder), self.settings.ingestion.max_file_mb << 20).walk()
        kinds = Counter(EXTENSIONS.get(Path(one.path).suffix[1:].lower(), "") for one in found.files)
        other = kinds.pop("", 0)
        readable = [one for one in found.files if Path(one.path).suffix[1:].lower() in EXTENSIONS]
        return FolderLook(
            folder=folder,
            source=source,
            formats=tuple(kinds.most_common()),
            readable=len(readable),
            other=other,
            stated=sum(found.access(one.path) != NOBODY for one in readable),
            problems=tuple((one.path, one.reason) for one in found.problems),
        )

    @property
    def missing_weights(self) -> int:
        """Return the megabytes of weights that search by meaning lacks and that may be fetched; else 0."""
        if self.settings.network.private or self.workspace.embedder is not None:
            return 0
        return -(-sum(file.size for file in weights.EMBEDDING.files) // 1_000_000)

    def take_in(self, folder: str, source: str, readers: Readers, fetch: bool) -> None:
        """Begin to take a folder in, on a thread; raises BadInput, and Conflict while one is taken in.

        Where lists in the folder say who may read, they alone do.
        """
        if readers != "stated" and self.look(folder, source).stated:
            raise BadInput(
                "The folder says itself who may read it.",
                fix="Take its lists as they are, or change them first.",
            )
        admin = self.administrator
        if admin is None:
            raise Conflict("There is no administrator yet.", fix="Begin with people.")
        with self._lock:
            if self.taking_in is not None and not self.taking_in.ended:
                raise Conflict("A folder is being taken in.", fix="Wait until it is done.")
            work = TakingIn(source)
            allow = {"stated": (), "administrator": (admin.ref,), "everyone": (EVERYONE,)}[readers]
            work.thread = threading.Thread(
                target=self._take_in,
                args=(work, Path(folder), allow, fetch),
                name="first-folder",
                daemon=True,
            )
            self.taking_in = work
            work.thread.start()

    def skip_folder(self) -> None:
        """Leave the folder for later; raises Conflict while one is taken in."""
        if self.taking_in is not None and not self.taking_in.ended:
            raise Conflict("A folder is being taken in.", fix="Wait until it is done.")
        self._skipped, self.taking_in = True, None

    def session(self) -> Session:
        """Sign the first administrator in on this browser.

        Raises Conflict where a step is left to be done, Denied where a provider signs people in.
        """
        admin = self.administrator
        if admin is None or not self.finished():
            raise Conflict("The steps before this one are not done.", fix="Go on with the next one.")
        sessions = self.workspace.sessions
        return sessions.redeem(sessions.create_link(admin, OPERATOR))

    def _nobody_yet(self) -> None:
        if any(one.role == "security-officer" for one in self.workspace.roles.listing()):
            raise Conflict("There is an administrator already.", fix="Go on with the next step.")

    def close(self) -> None:
        """Close the workspace."""
        if self._workspace is not None:
            self._workspace.close()

    def _take_in(self, work: TakingIn, folder: Path, allow: tuple[str, ...], fetch: bool) -> None:
        def moved(now: Progress) -> None:
            work.stage, work.done, work.total = now.stage, now.done, now.total

        try:
            if fetch:
                self._fetch(work)
            work.report = self.workspace.ingest(folder, work.source, moved)
            if allow:
                self.workspace.access.set(work.source, allow, (), OPERATOR)
        except MunimentError as error:
            told = problem_of(error)
            work.trouble = f"{told.title} {told.detail}".strip()
        finally:
            work.ended = True

    def _fetch(self, work: TakingIn) -> None:
        def moved(done: int, total: int | None) -> None:
            work.done, work.total = done // 1_000_000, (total or 0) // 1_000_000

        work.stage = "fetch"
        weights.fetch(
            settings_file.weight_cache(self.settings),
            moved,
            settings_file.process_environment(),
            (weights.EMBEDDING,),
        )
        # An open workspace keeps what it found when it was opened.
        old, self._workspace = self.workspace, composition.open(self.home)
        old.close()


def _quoted(text: str) -> str:
    """Return a TOML basic string, which is written as JSON writes strings."""
    return json.dumps(text, ensure_ascii=False)
