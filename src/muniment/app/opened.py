"""What everything in one home folder stands on: settings, keys, database, log and directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from muniment import settings as settings_file
from muniment.app.adapters import database_of
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.foundation.key_lease import KeyLease
from muniment.foundation.key_provider import KeyProvider, KeyRefused
from muniment.foundation.keyring_file import open_keyring
from muniment.foundation.keys import Keyring
from muniment.foundation.leased_database import LeasedDatabase
from muniment.foundation.segments import Segments
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.repeats import Repeats
from muniment.governance.audit.subject_keys import SubjectKeyFile
from muniment.governance.audit.subjects import Subjects
from muniment.governance.identity.directory import Directory
from muniment.inference.loaded import Loaded
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.foundation.egress import Refusal
    from muniment.foundation.egress_rules import EgressRules
    from muniment.inference.embedding import Embedder
    from muniment.inference.providers.local_process import LocalProcess
    from muniment.inference.reranking import Reranker

Injected = Callable[[], "Embedder | Sequence[Embedder] | None"]
"""Gives the embedding models in place of those of the settings; of several, a workspace begins with the first."""
PYTHON: Literal["python"] = "python"
_ITSELF = Actor("muniment", PYTHON)


class Models:
    """The models in memory, which hold nothing of any workspace: the workspaces of one process may share them."""

    def __init__(self) -> None:
        self.embedders: Loaded[Embedder] = Loaded()
        self.rerankers: Loaded[Reranker] = Loaded()
        self.local: Loaded[LocalProcess] = Loaded()


class Opened:
    """One home folder, opened: whoever can open its keys is its operator, and the log says so."""

    def __init__(
        self,
        home: Path,
        settings: Settings,
        keyring: Keyring,
        provider: KeyProvider,
        proven: float,
        clock: Clock,
        ids: Ids,
        embedder: Injected | None = None,
        models: Models | None = None,
        worker: int = 0,
    ) -> None:
        """`proven` is when the proof began that `provider` opens `keyring`, by the clock's seconds.

        `worker` is the number of this process, where several serve the home: its own findings name it in the log.
        """
        self.home = home
        self.worker = worker
        self.settings = settings
        self.keyring = keyring
        self.key_provider = provider
        self.clock = clock
        self.ids = ids
        seconds = settings.keys.lease_seconds
        self.lease = KeyLease(self._prove_key, clock, seconds, proven, self._lease_changed)
        database = self._kept_in(home, settings, keyring)
        self._stored = database
        self.database: Database = LeasedDatabase(database, self.lease.check, clock=clock)
        self.segments = Segments(home / "segments", keyring)
        # The log is written also when the lease is lost: it holds no content, and has to tell of it.
        subject_keys = SubjectKeyFile(settings_file.subject_key_file(home), keyring, ids)
        self.subjects = Subjects(subject_keys, keyring.tenant, ids)
        logged = LeasedDatabase(database, self.lease.check, writes=False, clock=clock)
        self.audit = AuditLog(logged, keyring, clock, self.subjects)
        self.repeats = Repeats(self.audit, clock)
        self.directory = Directory(self.database, self.audit, settings.identity.claimed_groups)
        self._make_embedder = embedder
        self._models = models or Models()

    def _kept_in(self, home: Path, settings: Settings, keyring: Keyring) -> Database:
        return database_of(home, settings, keyring.tenant, keyring.data_key("database"))

    def _prove_key(self) -> None:
        found = open_keyring(self.key_provider, settings_file.keyring_file(self.home), self.ids)
        if not found.same(self.keyring):
            raise KeyRefused(
                "The keyring now holds other keys than this workspace was opened with.",
                fix="Open it again if that was meant, or restore keys/keyring.json.",
            )

    def _lease_changed(self, why: MunimentError | None) -> None:
        about = {"provider": self.key_provider.name, **({"reason": why.code} if why else {})}
        self.audit.record(
            [Entry("keys.lost" if why else "keys.recovered", _ITSELF, {**about, **self.process})]
        )

    @property
    def process(self) -> Mapping[str, int]:
        """Which of several processes this is, for entries of what each finds for itself; nothing for the only one."""
        return {"worker": self.worker} if self.worker else {}

    @property
    def tenant_part(self) -> str:
        """What its credentials name it by, where a server serves several; else nothing."""
        return self.keyring.tenant if self.settings.workspace.hosted else ""

    @property
    def _egress_rules(self) -> EgressRules:
        return self.settings.network.rules(self.home)

    def _egress_refused(self, found: Refusal) -> None:
        about = {"purpose": found.purpose, "host": found.host, "port": found.port, "reason": found.why}
        with suppress(MunimentError):
            self.repeats.record(Entry("egress.refused", _ITSELF, about))

    def close(self) -> None:
        """Close the database."""
        self.repeats.close()
        self.lease.close()
        self.database.close()
