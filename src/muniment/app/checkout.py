"""Workspaces made of checkouts: of the settings, prompts, policy, documents and people that a repository holds.

Invariants:
- what answers there comes from the checkout and the code, and from no workspace that people use;
- of all outside, only the model endpoints that its settings name are reached;
- they share their keys, so that equal settings of two checkouts have equal digests;
- each is encrypted, in a folder of this account's own, and gone afterwards unless it is to be kept.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.adapters import DATABASE_FILE
from muniment.app.homes import create, exists, open
from muniment.app.opened import Models
from muniment.app.scratch import remove_home, scratch_settings
from muniment.app.workspace import Workspace
from muniment.foundation import canonical
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.keys import Keyring
from muniment.foundation.private_file import make_folder
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.foundation.version import VERSION, source_digest
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.rules import version_of
from muniment.inference.prompt_file import PURPOSES, Prompt, parse
from muniment.inference.prompts import shipped
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.knowledge.ingestion.report import IngestReport, OnProgress

POLICY, POLICY_CASES = "policy.cedar", "cases.toml"
_HOME = "home-"
_WHY = "As the checkout has it."


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in a checkout."""

    settings: str
    prompts: str
    policy: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a checkout says of how questions are answered."""

    settings: Settings
    prompts: Mapping[str, Prompt]
    """By purpose; for any other, what ships is live."""
    policy: str = ""
    """Empty: as shipped."""
    policy_cases: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """The documents that are asked about, and who may ask."""

    documents: Path
    directory: Path
    source: str


Opens = Callable[[Checkout], AbstractContextManager[Workspace]]


def read_checkout(folder: Path, layout: Layout) -> Checkout:
    """Return what a checkout says; raises BadInput naming the file that is broken."""
    policy = folder / layout.policy
    return Checkout(
        settings_file.load_file(folder / layout.settings),
        _prompts(folder / layout.prompts),
        _text(policy / POLICY),
        _text(policy / POLICY_CASES),
    )


@contextmanager
def checkouts(
    library: Library,
    files: Path,
    keep: Path | None = None,
    on_progress: OnProgress | None = None,
    on_read: Callable[[IngestReport], None] = lambda report: None,
) -> Generator[Opens]:
    """Give what opens workspaces of checkouts while the block runs, one at a time.

    Checkouts with the same settings and policy share one. `files` is the folder from which settings name files;
    `keep` is where workspaces stay, for a later run to go on with.
    """
    folder = keep or Path(tempfile.mkdtemp(prefix="muniment-ci-"))
    make_folder(folder, 0o700)
    models = Models()
    used: set[str] = set()

    @contextmanager
    def opened(checkout: Checkout) -> Generator[Workspace]:
        settings = scratch_settings(checkout.settings, files, own_people=True)
        home = folder / _name(settings, checkout)
        used.add(home.name)
        _share_keys(folder, home)
        if exists(home):
            workspace: Workspace = open(home, settings=settings, models=models)
        else:
            kind = Workspace if keep else _Passing
            workspace = create(home, settings=settings, models=models, kind=kind)
        try:
            _put_in_force(workspace, checkout)
            workspace.directory.import_file(library.directory, OPERATOR)
            on_read(workspace.ingest(library.documents, library.source, on_progress))
            yield workspace
        finally:
            workspace.close()

    try:
        yield opened
    finally:
        for home in folder.glob(f"{_HOME}*"):
            if keep is None or home.name not in used:
                remove_home(home)
        if keep is None:
            folder.rmdir()


class _Passing(Workspace):
    """A workspace that need not outlive the machine, and so does not wait for the disk."""

    def _kept_in(self, home: Path, settings: Settings, keyring: Keyring) -> Database:
        return SqlCipherDatabase(home / DATABASE_FILE, keyring.data_key("database"), durable=False)


def _name(settings: Settings, checkout: Checkout) -> str:
    """Return the name of the home for all that decides what lies in it; prompts are changed within one."""
    parts = {
        "settings": settings.model_dump_json(),
        "policy": [checkout.policy, checkout.policy_cases],
        "code": [VERSION, source_digest()],
    }
    return _HOME + canonical.digest(parts).removeprefix("sha256:")[:16]


def _share_keys(folder: Path, home: Path) -> None:
    other = next((one for one in sorted(folder.glob(f"{_HOME}*/keys")) if one.parent != home), None)
    if other is not None and not (home / "keys").exists():
        make_folder(home, 0o700)
        # Under their name they are whole: a run that is killed leaves no half of them to the next one.
        shutil.rmtree(home / ".keys", ignore_errors=True)
        shutil.copytree(other, home / ".keys").rename(home / "keys")


def _put_in_force(workspace: Workspace, checkout: Checkout) -> None:
    if checkout.policy and version_of(checkout.policy) != workspace.policies.show().version:
        workspace.policies.activate(checkout.policy, _WHY, OPERATOR, checkout.policy_cases or None)
    first = {prompt.purpose: prompt for prompt in shipped().values()}
    with workspace.gate.recorded(OPERATOR), workspace.database.write() as connection:
        for purpose in PURPOSES:
            prompt = checkout.prompts.get(purpose) or first[purpose]
            workspace.prompts.bring_live(connection, prompt, "promote", _WHY, OPERATOR, None)


def _prompts(folder: Path) -> Mapping[str, Prompt]:
    found: dict[str, Prompt] = {}
    for path in sorted(folder.glob("*.md")):
        where = f"{folder.name}/{path.name}"
        one = parse(_text(path), where)
        if one.purpose not in PURPOSES:
            raise BadInput(f"{where} is for no purpose that there is.", fix=f"Known: {', '.join(PURPOSES)}.")
        if other := found.get(one.purpose):
            raise BadInput(
                f"{where} and {other.where} are both for the purpose {one.purpose!r}.",
                fix="Keep one for each purpose.",
            )
        found[one.purpose] = one
    return found


def _text(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read.", fix="Save it as UTF-8 text.") from error
