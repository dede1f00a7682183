"""The composition root: builds every room from the settings of one home folder. No behaviour of its own.

Heavy parts (models, indexes) are built when first used, so that small commands start quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from muniment import settings as settings_file
from muniment.foundation.clock import Clock
from muniment.foundation.collector import settle
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Denied, MunimentError, NotFound, NotSetUp
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.key_lease import KeyLease
from muniment.foundation.key_provider import KeyProvider, KeyRefused, Wrapped
from muniment.foundation.keyring_file import create_keyring, open_keyring, read_head
from muniment.foundation.keys import Keyring
from muniment.foundation.leased_database import LeasedDatabase
from muniment.foundation.segments import Segments
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.repeats import Repeats
from muniment.governance.identity.claimed import LOCAL, GroupRule
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.identity.tenant_part import TenantIds
from muniment.inference.loaded import Loaded
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.assistant.answer import Assistant
    from muniment.assistant.lineage import Lineage
    from muniment.assistant.values import Answer
    from muniment.assurance.backup.make import Backups
    from muniment.assurance.backup.restore import Restored
    from muniment.assurance.backup.verify import Checked
    from muniment.assurance.backup.verify import OnProgress as OnChecked
    from muniment.foundation.egress import Refusal
    from muniment.foundation.egress_rules import EgressRules
    from muniment.foundation.postgres import PostgresDatabase
    from muniment.governance.identity.api_keys import ApiKeys
    from muniment.governance.identity.client_certificates import ClientCertificates
    from muniment.governance.identity.code_flow import CodeFlow
    from muniment.governance.identity.delegation import Delegation
    from muniment.governance.identity.principal import VerifiesTokens
    from muniment.governance.identity.provisioning import Provisioning
    from muniment.governance.identity.published import Published
    from muniment.governance.identity.sessions import Sessions
    from muniment.governance.identity.tokens import Tokens
    from muniment.governance.key_custody import KeyCustody
    from muniment.governance.policy.decide import Policy
    from muniment.governance.policy.decision import Resource
    from muniment.governance.policy.emergency import Emergencies
    from muniment.governance.policy.gate import Gate
    from muniment.governance.policy.replay import Replay
    from muniment.governance.policy.roles import Roles
    from muniment.governance.policy.temporary import TemporaryRoles
    from muniment.governance.policy.versions import Versions
    from muniment.inference.catalog import Catalog
    from muniment.inference.embedders import Embedders
    from muniment.inference.embedding import Embedder
    from muniment.inference.gateway import Gateway
    from muniment.inference.reranking import Reranker
    from muniment.knowledge.access_control import AccessControl
    from muniment.knowledge.ingestion.index_writer import IndexWriter
    from muniment.knowledge.ingestion.parts import Parts
    from muniment.knowledge.ingestion.pipeline import Pipeline
    from muniment.knowledge.ingestion.reembed import Reembed
    from muniment.knowledge.ingestion.report import IngestReport, OnProgress
    from muniment.knowledge.ingestion.upkeep import IndexUpkeep
    from muniment.knowledge.passage import Retrieval
    from muniment.knowledge.reading import Reading
    from muniment.knowledge.retrieval.compare import Comparison
    from muniment.knowledge.retrieval.engine import Engine
    from muniment.knowledge.retrieval.retrieve import Retriever
    from muniment.knowledge.retrieval.versions import RankingVersions

Injected = Callable[[], "Embedder | Sequence[Embedder] | None"]
"""Gives the embedding models in place of those of the settings; of several, a workspace begins with the first."""
DATABASE_FILE = "muniment.db"
PYTHON: Literal["python"] = "python"
_ITSELF = Actor("muniment", PYTHON)


class Models:
    """The models in memory, which hold nothing of any workspace: the workspaces of one process may share them."""

    def __init__(self) -> None:
        self.embedders: Loaded[Embedder] = Loaded()
        self.rerankers: Loaded[Reranker] = Loaded()


class Workspace:
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
        database = _database(home, settings, keyring.tenant, keyring.data_key("database"))
        self._stored = database
        self.database: Database = LeasedDatabase(database, self.lease.check)
        self.segments = Segments(home / "segments", keyring)
        # The log is written also when the lease is lost: it holds no content, and has to tell of it.
        self.audit = AuditLog(LeasedDatabase(database, self.lease.check, writes=False), keyring, clock)
        self.repeats = Repeats(self.audit, clock)
        self.directory = Directory(self.database, self.audit, settings.identity.claimed_groups)
        self._make_embedder = embedder
        self._models = models or Models()

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

    @cached_property
    def key_custody(self) -> KeyCustody:
        """Rotating, re-wrapping, switching off and destroying the key."""
        from muniment.governance.key_custody import KeyCustody

        return KeyCustody(self.database, self.audit, self.key_provider, settings_file.keyring_file(self.home))

    @cached_property
    def tokens(self) -> Tokens:
        """Short-lived tokens of its own; raises Denied where people sign in through a provider."""
        from muniment.governance.identity.tokens import Tokens

        if self.settings.identity.mode == "oidc":
            raise Denied(
                "This workspace signs no tokens: it takes those of the identity provider.",
                fix='Get a token there, or set identity.mode = "local".',
            )
        return Tokens(self.keyring, self.directory, self.clock, self.ids)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """Keys of services."""
        from muniment.governance.identity.api_keys import ApiKeys

        return ApiKeys(self.database, self.audit, self.clock, self.ids, self.repeats, self.tenant_part)

    @cached_property
    def client_certificates(self) -> ClientCertificates:
        """Certificates of services."""
        from muniment.governance.identity.client_certificates import ClientCertificates

        known = self.settings.identity.client_certificates
        return ClientCertificates(known, self.directory, self.audit, self.clock)

    @cached_property
    def provisioning(self) -> Provisioning:
        """What identity providers provision."""
        from muniment.governance.identity.provisioning import Provisioning

        identity = self.settings.identity
        guarded = frozenset(identity.admin_groups) - frozenset(identity.scim_admin_groups)
        claimed = identity.claimed_groups
        return Provisioning(self.database, self.audit, self.clock, self.ids, guarded, claimed)

    @cached_property
    def issuers(self) -> list[Published]:
        """The identity providers whose word is taken; none in local use."""
        from muniment.foundation.egress import Egress
        from muniment.governance.identity.published import LONGEST_REPLY, Published

        if self.settings.identity.mode != "oidc":
            return []
        known = settings_file.issuers(self.settings, self.home)
        private = [origin for one in known if one.private_network for origin in one.origins]
        door = Egress(
            [origin for one in known for origin in one.origins],
            private,
            LONGEST_REPLY,
            purpose="identity",
            rules=self._egress_rules,
            on_refused=self._egress_refused,
        )
        return [Published(one, door, self.clock) for one in known]

    @cached_property
    def bearer(self) -> VerifiesTokens:
        """What bearer tokens are verified by."""
        from muniment.governance.identity.access_tokens import AccessTokens

        if self.settings.identity.mode == "oidc":
            return AccessTokens(self.issuers, self.directory, self.clock)
        return self.tokens

    @property
    def _trusted(self) -> dict[str, GroupRule]:
        """Whose word is taken for who somebody is, and which groups each gives."""
        return {one.issuer.url: one.issuer.group_rule for one in self.issuers} or {LOCAL: GroupRule()}

    @cached_property
    def delegation(self) -> Delegation:
        """Tokens by which services act for people."""
        from muniment.governance.identity.delegation import Delegation

        return Delegation(
            self.keyring,
            self.directory,
            self.bearer,
            self.api_keys,
            self._trusted,
            self.audit,
            self.repeats,
            self.clock,
            self.ids,
        )

    @cached_property
    def sessions(self) -> Sessions:
        """Browser sessions, and in local use one-time sign-in links."""
        from muniment.governance.identity.sessions import Sessions

        ids = TenantIds(self.ids, self.tenant_part)
        return Sessions(self.database, self.directory, self.audit, self.clock, ids, self._trusted)

    @cached_property
    def code_flow(self) -> CodeFlow:
        """How people sign in through a provider; in local use there is none to choose."""
        from muniment.governance.identity.attempts import Attempts
        from muniment.governance.identity.code_flow import CodeFlow

        attempts = Attempts(self.database, self.clock, TenantIds(self.ids, self.tenant_part))
        return CodeFlow(self.issuers, attempts, self.sessions, self.audit, self.clock)

    @cached_property
    def policy(self) -> Policy:
        """The decision point."""
        from muniment.governance.policy.decide import Policy

        return Policy(frozenset(self.settings.identity.admin_groups), self.temporary_roles)

    @cached_property
    def temporary_roles(self) -> TemporaryRoles:
        """The roles that emergency access gives."""
        from muniment.governance.policy.temporary import TemporaryRoles

        return TemporaryRoles(self.clock)

    @cached_property
    def emergencies(self) -> Emergencies:
        """Emergency access."""
        from muniment.governance.policy.emergency import Emergencies

        return Emergencies(
            self.database,
            self.audit,
            self.policy,
            self.gate,
            self.temporary_roles,
            self.clock,
            self.ids,
        )

    @cached_property
    def gate(self) -> Gate:
        """The way to every change of who may do what."""
        from muniment.governance.policy.gate import Gate

        return Gate(self.policy, self.audit)

    @cached_property
    def policies(self) -> Versions:
        """The policy texts: which is in force, and which were."""
        from muniment.governance.policy.versions import Versions

        return Versions(self.database, self.audit, self.policy, self.gate, self.clock)

    @cached_property
    def replay(self) -> Replay:
        """Decisions of the log, taken again."""
        from muniment.governance.policy.replay import Replay

        return Replay(self.database, self.audit, self.policy, self.clock, self.described)

    def described(self, resource: Resource) -> Resource | None:
        """Return a resource with what policy asks of it now, or None where there is no such thing."""
        from muniment.inference.gateway import endpoint_resource

        try:
            if resource.kind == "Model":
                return endpoint_resource(self.catalog.get(resource.id))
            if resource.kind == "Answer":
                return replace(resource, attributes={"owner": self.lineage.owner(resource.id).ref})
        except (BadInput, NotFound):
            return None
        return resource

    @cached_property
    def roles(self) -> Roles:
        """Who holds which role."""
        from muniment.governance.policy.roles import Roles

        return Roles(self.database, self.directory, self.audit, self.gate, self.clock)

    @cached_property
    def embedders(self) -> Embedders:
        """The embedding models, each loaded when first asked for."""
        from muniment.inference.embedders import Embedders

        if self._make_embedder is None:
            offers = settings_file.embedding_offers(self.settings, self.home)
            return Embedders(offers, self._models.embedders)
        made = self._make_embedder()
        return Embedders.given(*made) if isinstance(made, Sequence) else Embedders.given(made)

    @property
    def embedder(self) -> Embedder | None:
        """The embedding model that a workspace begins with, or None where its weights are not present."""
        return self.embedders.first

    @property
    def reranker(self) -> Reranker | None:
        """The cross-encoder where the ranking of searches uses it, or None."""
        return self.cross_encoder if self.settings.retrieval.rerank else None

    @cached_property
    def cross_encoder(self) -> Reranker | None:
        """The cross-encoder that judges quotes, or None where vectors are off or its weights are not present."""
        from muniment.inference import weights
        from muniment.inference.reranking import OnnxReranker

        if self._make_embedder is not None or not self.settings.retrieval.vectors:
            return None
        found = weights.find(weights.RERANKING, settings_file.weight_folders(self.settings))
        if found is None:
            return None
        return self._models.rerankers.get(found.weights.name, lambda: OnnxReranker(found))

    @cached_property
    def engine(self) -> Engine:
        """The index engine: in this process, or where the documents lie in Postgres, there."""
        if self.settings.database.url:
            from muniment.knowledge.retrieval.postgres import PostgresEngine

            return PostgresEngine()
        from muniment.knowledge.retrieval.embedded import EmbeddedEngine

        return EmbeddedEngine(self.segments)

    @cached_property
    def index(self) -> IndexWriter:
        """What keeps the engine's index."""
        if self.settings.database.url:
            from muniment.knowledge.ingestion.row_writer import RowWriter

            return RowWriter(self.ingestion)
        from muniment.knowledge.ingestion.segment_writer import SegmentWriter

        return SegmentWriter(self.ingestion)

    @property
    def ingestion(self) -> Parts:
        """What ingestion works with."""
        from muniment.knowledge.ingestion.parts import Parts

        return Parts(
            self.database, self.audit, self.segments, self.keyring, self.embedders, self.clock, self.ids
        )

    @cached_property
    def retriever(self) -> Retriever:
        """Search over what a principal may read."""
        from muniment.knowledge.retrieval.retrieve import RerankSettings, RetrievalSettings, Retriever

        seconds = self.settings.retrieval.rerank_budget_ms / 1000 if self.settings.retrieval.rerank else 0.0
        return Retriever(
            database=self.database,
            engine=self.engine,
            audit=self.audit,
            policy=self.policy,
            clock=self.clock,
            embedders=self.embedders,
            reranker=self.reranker,
            settings=RetrievalSettings(rerank=RerankSettings(seconds=seconds)),
        )

    @cached_property
    def comparison(self) -> Comparison:
        """One question ranked in several ways, for tuning."""
        from muniment.knowledge.retrieval.compare import Comparison

        return Comparison(
            database=self.database,
            engine=self.engine,
            audit=self.audit,
            policy=self.policy,
            embedders=self.embedders,
        )

    @cached_property
    def rankings(self) -> RankingVersions:
        """The versions of what search ranks by."""
        from muniment.knowledge.retrieval.versions import RankingVersions

        return RankingVersions(self.database, self.audit, self.clock)

    @cached_property
    def catalog(self) -> Catalog:
        """The model endpoints."""
        from muniment.inference.catalog import Catalog

        return Catalog(settings_file.endpoints(self.settings, self.home), self.settings.answers.model)

    @cached_property
    def gateway(self) -> Gateway:
        """The way to every model."""
        from muniment.foundation.egress import Egress
        from muniment.inference.gateway import Gateway

        return Gateway(
            catalog=self.catalog,
            audit=self.audit,
            egress=Egress(
                self.catalog.origins(),
                settings_file.private_origins(self.settings),
                rules=self._egress_rules,
                on_refused=self._egress_refused,
            ),
            embedder=self.embedder,
            reranker=self.cross_encoder,
            clock=self.clock,
        )

    @cached_property
    def lineage(self) -> Lineage:
        """Stored answers and how they came about."""
        from muniment.assistant.lineage import Lineage

        return Lineage(self.database, self.audit, self.policy, self.clock)

    @cached_property
    def assistant(self) -> Assistant:
        """Questions to answers with evidence."""
        from muniment.assistant.answer import Assistant

        return Assistant(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            retriever=self.retriever,
            gateway=self.gateway,
            lineage=self.lineage,
            clock=self.clock,
            ids=self.ids,
            passages=self.settings.answers.passages,
        )

    @cached_property
    def access(self) -> AccessControl:
        """Access lists set by hand."""
        from muniment.knowledge.access_control import AccessControl

        return AccessControl(self.database, self.audit, self.directory, self.clock)

    @cached_property
    def reading(self) -> Reading:
        """Whole documents, for those who may read them."""
        from muniment.knowledge.reading import Reading

        return Reading(self.database, self.audit, self.policy)

    @property
    def backups(self) -> Backups:
        """Encrypted copies; raises BadInput where the documents lie in Postgres, whose own tools copy them."""
        from muniment.assurance.backup.make import Backups

        if not isinstance(self._stored, SqlCipherDatabase):
            raise BadInput(
                f"The documents of this workspace lie in {self._stored.place}, which muniment does not copy.",
                fix="Use pg_dump for that schema, and keep keys/keyring.json and settings.toml of the home with the "
                "dump, which muniment does not encrypt.",
            )
        return Backups(
            home=self.home,
            database=self.database,
            copy=self._stored.copy_to,
            audit=self.audit,
            keyring=self.keyring,
            clock=self.clock,
            ids=self.ids,
            frozen=_frozen_database,
        )

    @property
    def reembed(self) -> Reembed:
        """Another embedding model's vectors beside the index in use, and the switch to them."""
        from muniment.knowledge.ingestion.reembed import Reembed

        return Reembed(self.ingestion, self.index)

    @property
    def upkeep(self) -> IndexUpkeep:
        """Checks and repairs of the segments; raises BadInput where the index lies in Postgres."""
        from muniment.knowledge.ingestion.upkeep import IndexUpkeep

        if self.settings.database.url:
            raise BadInput(
                "The index of this workspace lies in Postgres, not in segments.",
                fix="`muniment doctor` checks it; the next ingest makes again what is missing.",
            )
        return IndexUpkeep(self.database, self.segments, lambda: self.ingestion)

    @cached_property
    def pipeline(self) -> Pipeline:
        """Ingestion of folders."""
        from muniment.foundation.sandbox import Limits
        from muniment.knowledge.ingestion.parser import ParseLimits, Parser
        from muniment.knowledge.ingestion.pipeline import Pipeline

        limits = self.settings.ingestion
        file_bytes = limits.max_file_mb << 20
        return Pipeline(
            self.ingestion,
            self.index,
            lambda: Parser(
                ParseLimits(file_bytes, Limits(seconds=float(limits.parse_seconds))), limits.isolation
            ),
            file_bytes,
        )

    def require_identity(self) -> None:
        """Refuse to go on where nobody could be told apart; raises BadInput naming the setting."""
        _ = self.bearer
        self.directory.require_one_source()

    def prepare(self) -> None:
        """Do now what the first searches would wait for: load weights and index, and compile loops over many rows.

        For a process that lives on: what it holds by now is not looked through for garbage any more.
        """
        self.retriever.prepare()
        settle()

    def principal(self, as_: str | Principal) -> Principal:
        """Return the principal named; raises BadInput for an unknown name."""
        return as_ if isinstance(as_, Principal) else self.directory.principal(as_)

    def search(
        self,
        query: str,
        as_: str | Principal,
        k: int = 10,
        by: Actor | None = None,
        filters: Mapping[str, object] | None = None,
        explain: bool = False,
    ) -> Retrieval:
        """Return what `as_` may read about `query`; for trusted local use, as the log records.

        `filters` may state source, folder, type, author, sensitivity, after and before (see `Filters`). With
        `explain`, each passage says why it is there.
        """
        from muniment.knowledge.retrieval.filters import of

        principal, limits = self.principal(as_), of(filters or {})
        by = by or Actor(principal.ref, PYTHON)
        return self.retriever.retrieve(principal, query, k, by, "search", limits, explain)

    def ask(
        self,
        question: str,
        as_: str | Principal,
        model: str | None = None,
        by: Actor | None = None,
        filters: Mapping[str, object] | None = None,
    ) -> Answer:
        """Return an answer from what `as_` may read; for trusted local use, as the log records."""
        from muniment.knowledge.retrieval.filters import of

        principal, limits = self.principal(as_), of(filters or {})
        return self.assistant.ask(principal, question, by or Actor(principal.ref, PYTHON), model, limits)

    def ingest(
        self,
        folder: Path | str,
        source: str,
        on_progress: OnProgress | None = None,
        dry_run: bool = False,
        by: Actor = OPERATOR,
    ) -> IngestReport:
        """Make the library equal to a folder."""
        return self.pipeline.sync(Path(folder), source, by, on_progress or (lambda _: None), dry_run)

    def close(self) -> None:
        """Close the database."""
        self.repeats.close()
        self.lease.close()
        self.database.close()


def exists(home: Path) -> bool:
    """Return whether both halves of a workspace are there: its keys and its database."""
    settings = settings_file.load(home)
    with closing(_database(home, settings, settings.workspace.tenant, b"")) as database:
        return (home / "keys" / "keyring.json").exists() and database.exists()


def _database(home: Path, settings: Settings, tenant: str, key: bytes) -> Database:
    if settings_file.database_url(settings, home) is None:
        return SqlCipherDatabase(home / DATABASE_FILE, key)
    return _postgres_database(home, settings, tenant, key)


def _postgres_database(home: Path, settings: Settings, tenant: str, key: bytes) -> PostgresDatabase:
    from muniment.foundation.postgres import PostgresDatabase, schema_of
    from muniment.foundation.postgres_address import reached

    url = settings_file.database_url(settings, home)
    if url is None:
        raise NotSetUp("The settings name no database.url.", fix="See docs/guide/postgres.md.")
    address = reached(url.reveal(), settings.network.rules(home))
    return PostgresDatabase(address, schema_of(tenant), key)


def rows_elsewhere(place: Path, settings: Settings, provider: KeyProvider | None = None) -> PostgresDatabase:
    """Return the database of a home that lies in Postgres, with the mark of its keys where `provider` opens them.

    Raises as `open_keyring` does; the database is neither asked nor migrated.
    """
    key = b""
    if provider is not None:
        key = open_keyring(provider, settings_file.keyring_file(place), Ids()).data_key("database")
    return _postgres_database(place, settings, settings.workspace.tenant, key)


def _frozen_database(file: Path, keyring: Keyring) -> Database:
    return SqlCipherDatabase(file, keyring.data_key("database"), frozen=True)


def backup_keys(
    folder: Path,
    home: Path,
    kek: Path | None = None,
    keyring: Path | None = None,
    settings: Path | None = None,
) -> Keyring:
    """Open the keys of a backup: by the key file `kek`, else by the keeper that settings name.

    These are `settings`, else those of `home`, else, for a key file alone, the backup's own: nothing is sent to a
    key service that only an unproven backup names. `keyring` stands for the backup's. Raises as `open` does.
    """
    file = keyring or folder / "keyring.json"
    wrapped = read_head(file).wrapped
    ours = settings or home / settings_file.FILE_NAME
    if kek is not None:
        provider: KeyProvider = KekFile(kek, Ids())
    elif ours.exists() or wrapped.provider == "local":
        chosen = settings_file.load_file(ours if ours.exists() else folder / settings_file.FILE_NAME)
        provider = key_provider(chosen, home, wrapped=wrapped)
    else:
        raise NotSetUp(
            f"The keys of this backup are kept by {wrapped.provider}, and no settings of yours say where that is.",
            fix="Give yours with --settings FILE, or those of the backup once you have read them.",
        )
    try:
        return open_keyring(provider, file, Ids())
    except KeyRefused as error:
        raise KeyRefused(
            f"{file} was wrapped by version {wrapped.version or '(not stated)'} of the key {wrapped.key}, "
            f"which {provider.place} does not open.",
            fix="After a rotation give the newest keyring.json with --keyring FILE; a destroyed key opens nothing.",
            detail=str(error),
        ) from error


def check_backup(folder: Path, keyring: Keyring | None, on_progress: OnChecked) -> Checked:
    """Check a backup; without its keys, its digests alone."""
    from muniment.assurance.backup.verify import check

    return check(folder, keyring, _frozen_database, Clock(), on_progress)


def restore(
    folder: Path,
    home: Path,
    on_progress: OnChecked,
    kek: Path | None = None,
    keyring: Path | None = None,
    settings: Path | None = None,
    revoke_keys: bool = False,
    by: Actor = OPERATOR,
) -> Restored:
    """Make `home` of a backup, opened once; the files given stand for the backup's (see `backup_keys`)."""
    from muniment.assurance.backup.manifest import read
    from muniment.assurance.backup.restore import Instead
    from muniment.assurance.backup.restore import restore as restored

    read(folder)
    chosen = settings_file.load_file(settings or folder / settings_file.FILE_NAME)
    if chosen.database.url:
        raise BadInput(
            "database.url is set, and a backup is restored to a folder.", fix="Take it out of the settings."
        )
    place = settings_file.kek_file(chosen, home)
    relative = not Path(chosen.keys.kek_file).is_absolute()
    lies_within = relative and place.resolve().is_relative_to(home.resolve())
    ready = kek is not None if lies_within else place.exists()
    if chosen.keys.provider == "local" and not ready:
        raise NotSetUp(
            f"The key file belongs at {place}, and nothing puts it there.",
            fix="Give it with --kek FILE."
            if lies_within
            else "Put it there, or change keys.kek_file by --settings.",
        )
    keys = backup_keys(folder, home, kek, keyring, settings)
    within = kek is not None and chosen.keys.provider == "local" and lies_within
    instead = Instead(
        keyring.read_bytes() if keyring else None,
        settings.read_bytes() if settings else None,
        (chosen.keys.kek_file, kek.read_bytes()) if kek is not None and within else None,
    )
    return restored(
        folder,
        home,
        keys,
        instead,
        _frozen_database,
        lambda made: closing(open(made)),
        Clock(),
        by,
        revoke_keys,
        on_progress,
    )


def key_provider(
    settings: Settings, home: Path, ids: Ids | None = None, wrapped: Wrapped | None = None
) -> KeyProvider:
    """Return the keeper of the key that the settings name, or of the one that wrapped `wrapped`; asks it nothing."""
    keys = settings_file.key_settings(settings, wrapped)
    if keys.provider == "local":
        return KekFile(settings_file.kek_file(settings, home), ids or Ids())
    from muniment.foundation.egress import Egress
    from muniment.foundation.key_endpoint import MAX_REPLY_BYTES, KeyEndpoint, origin_for_keys

    rules = settings.network.rules(home)
    if keys.provider == "vault":
        from muniment.foundation.vault_transit import VaultTransit

        vault = keys.vault
        origin = origin_for_keys(vault.address, "keys.vault.address")
        ca_file = home / Path(vault.ca_file).expanduser() if vault.ca_file else None
        egress = Egress((), {origin}, MAX_REPLY_BYTES, ca_file, purpose="keys", rules=rules)
        endpoint = KeyEndpoint(origin, egress, keys.timeout_seconds)
        token = partial(settings_file.vault_token, settings, home)
        return VaultTransit(vault.address, vault.mount, vault.key, token, endpoint, vault.namespace)
    from muniment.foundation.aws_kms import AwsKms

    address = keys.aws.endpoint_url or f"https://kms.{keys.aws.region}.amazonaws.com"
    origin = origin_for_keys(address, "keys.aws.endpoint_url")
    egress = Egress((), {origin}, MAX_REPLY_BYTES, purpose="keys", rules=rules)
    endpoint = KeyEndpoint(origin, egress, keys.timeout_seconds)
    return AwsKms(keys.aws.key, keys.aws.region, address, endpoint)


def create(
    home: Path | str | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    settings: Settings | None = None,
    embedder: Injected | None = None,
) -> Workspace:
    """Make keys and database in `home` and open it; raises Conflict where a workspace already is.

    A making that was cut short after the keys goes on with them.
    """
    place = Path(home) if home is not None else settings_file.default_home()
    chosen = settings or settings_file.load(place)
    ids = ids or Ids()
    clock = clock or Clock()
    provider, keys = key_provider(chosen, place, ids), settings_file.keyring_file(place)
    with closing(_database(place, chosen, chosen.workspace.tenant, b"")) as database:
        if database.exists():
            raise Conflict(f"{database.place} already exists.", fix="Nothing was overwritten.")
    proven = clock.seconds()
    if keys.exists():
        keyring = open_keyring(provider, keys, ids)
    else:
        keyring = create_keyring(provider, keys, chosen.workspace.tenant, ids)
    workspace = Workspace(place, chosen, keyring, provider, proven, clock, ids, embedder)
    workspace.database.create()
    try:
        workspace.audit.record([Entry("workspace.created", OPERATOR, {"tenant": keyring.tenant})])
    except MunimentError:
        workspace.database.discard()
        raise
    return workspace


def open(
    home: Path | str | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    settings: Settings | None = None,
    embedder: Injected | None = None,
    provider: KeyProvider | None = None,
    models: Models | None = None,
    worker: int = 0,
) -> Workspace:
    """Open the workspace in `home`; raises NotSetUp where there is none, or its key is missing or wrong.

    Where a key service keeps the key, raises KeyUnreachable while it does not answer and KeyRefused where it
    refuses. `provider` stands for the one that the settings name; `worker` is the number of this process among
    several that serve the home.
    """
    place = Path(home) if home is not None else settings_file.default_home()
    if not place.is_dir():
        raise NotSetUp(f"No workspace at {place}.", fix="Run `muniment init` first.")
    chosen = settings or settings_file.load(place)
    ids = ids or Ids()
    clock = clock or Clock()
    provider = provider or key_provider(chosen, place, ids)
    proven = clock.seconds()
    keyring = open_keyring(provider, settings_file.keyring_file(place), ids)
    workspace = Workspace(place, chosen, keyring, provider, proven, clock, ids, embedder, models, worker)
    try:
        workspace.database.check()
    except MunimentError:
        workspace.database.close()
        raise
    return workspace
