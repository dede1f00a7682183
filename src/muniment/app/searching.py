"""What is known: models that embed, the index, ingestion and search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.governed import Governed
from muniment.app.opened import PYTHON
from muniment.foundation.collector import settle
from muniment.foundation.database import storable
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal

if TYPE_CHECKING:
    from muniment.foundation.secret import Secret
    from muniment.inference.embedders import Embedders
    from muniment.inference.embedding import Embedder
    from muniment.inference.reranking import Reranker
    from muniment.knowledge.access_control import AccessControl
    from muniment.knowledge.access_explorer import AccessExplorer
    from muniment.knowledge.flag_listing import FlagListing
    from muniment.knowledge.ingestion.index_writer import IndexWriter
    from muniment.knowledge.ingestion.labelling import Labelling
    from muniment.knowledge.ingestion.parser import Parser
    from muniment.knowledge.ingestion.parts import Parts
    from muniment.knowledge.ingestion.pipeline import Pipeline
    from muniment.knowledge.ingestion.reembed import Reembed
    from muniment.knowledge.ingestion.relabelling import Relabelling
    from muniment.knowledge.ingestion.report import IngestReport, OnProgress
    from muniment.knowledge.ingestion.upkeep import IndexUpkeep
    from muniment.knowledge.pages.page_images import PageImages
    from muniment.knowledge.passage import Retrieval
    from muniment.knowledge.places import Places
    from muniment.knowledge.provenance import Provenances
    from muniment.knowledge.quarantine_review import QuarantineReview
    from muniment.knowledge.reading import Reading
    from muniment.knowledge.retrieval.compare import Comparison
    from muniment.knowledge.retrieval.engine import Engine
    from muniment.knowledge.retrieval.retrieve import Retriever
    from muniment.knowledge.retrieval.versions import RankingVersions
    from muniment.knowledge.source_care import SourceCare
    from muniment.knowledge.source_pages import SourcePages
    from muniment.knowledge.source_readers import SourceReaders
    from muniment.knowledge.syncing.content_pass import ContentPass
    from muniment.knowledge.syncing.feeding import Feeding
    from muniment.knowledge.syncing.removal import Removal
    from muniment.knowledge.syncing.sources import Sources


class Searching(Governed):
    """A home that finds what may be read."""

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
        from muniment.knowledge.ingestion.sensitivity import Sensitivity

        return Parts(
            self.database,
            self.audit,
            self.segments,
            self.keyring,
            self.embedders,
            self.clock,
            self.ids,
            Sensitivity(self.settings.ingestion.sensitivity),
            self.settings.ingestion.quality,
        )

    @cached_property
    def retriever(self) -> Retriever:
        """Search over what a principal may read."""
        return self.retriever_with(rerank=self.settings.retrieval.rerank)

    def retriever_with(self, rerank: bool) -> Retriever:
        """Return a search that reranks or does not, where there is a cross-encoder, for trials of both."""
        from muniment.knowledge.retrieval.retrieval_settings import RerankSettings, RetrievalSettings
        from muniment.knowledge.retrieval.retrieve import Retriever

        seconds = self.settings.retrieval.rerank_budget_ms / 1000 if rerank else 0.0
        return Retriever(
            database=self.database,
            engine=self.engine,
            audit=self.audit,
            policy=self.policy,
            clock=self.clock,
            embedders=self.embedders,
            reranker=self.cross_encoder if rerank else None,
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
    def access(self) -> AccessControl:
        """Access lists set by hand."""
        from muniment.knowledge.access_control import AccessControl

        return AccessControl(self.database, self.audit, self.directory, self.clock, self.gate)

    @cached_property
    def access_explorer(self) -> AccessExplorer:
        """Who may read what, explained."""
        from muniment.knowledge.access_explorer import AccessExplorer

        return AccessExplorer(self.database, self.audit, self.policy, self.gate)

    @cached_property
    def source_care(self) -> SourceCare:
        """Connected sources, for those whom policy lets look after them."""
        from muniment.knowledge.source_care import SourceCare

        return SourceCare(self.database, self.policy, self.gate, lambda: self.sources)

    @cached_property
    def source_readers(self) -> SourceReaders:
        """Who may read a document and why, for whoever runs the installation."""
        from muniment.knowledge.source_readers import SourceReaders

        return SourceReaders(self.database, self.audit, self.policy, self.clock)

    @cached_property
    def source_pages(self) -> SourcePages:
        """Sources as they are shown."""
        from muniment.knowledge.source_pages import SourcePages

        most = self.settings.ingestion.max_file_mb << 20
        return SourcePages(self.database, self.audit, self.policy, self.gate, self.clock, most)

    @cached_property
    def source_flags(self) -> FlagListing:
        """What ingestion noted about documents."""
        from muniment.knowledge.flag_listing import FlagListing

        return FlagListing(self.database, self.audit, self.policy)

    @cached_property
    def quarantine(self) -> QuarantineReview:
        """What ingestion held back, and letting it through."""
        from muniment.knowledge.quarantine_review import QuarantineReview

        return QuarantineReview(self.database, self.audit, self.policy, self.gate, self.clock)

    @cached_property
    def reading(self) -> Reading:
        """Whole documents, for those who may read them."""
        from muniment.knowledge.reading import Reading

        return Reading(self.database, self.audit, self.policy)

    @cached_property
    def page_images(self) -> PageImages:
        """Pages of PDF files as images."""
        from muniment.knowledge.pages.page_images import PageImages

        return PageImages(self.settings.ingestion.isolation, pdf_passwords=self._pdf_passwords)

    def _pdf_passwords(self) -> tuple[Secret, ...]:
        return settings_file.pdf_passwords(self.settings, self.home)

    @cached_property
    def provenances(self) -> Provenances:
        """Where documents come from, how fresh they are, and through what they may be read."""
        from muniment.knowledge.provenance import Provenances

        return Provenances(self.database, self.audit, self.policy)

    @cached_property
    def places(self) -> Places:
        """What a search may be limited to."""
        from muniment.knowledge.places import Places

        return Places(self.database)

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
        from muniment.knowledge.ingestion.pipeline import Pipeline

        limits = self.settings.ingestion
        return Pipeline(
            self.ingestion,
            self.index,
            self._parser,
            limits.max_file_mb << 20,
            self.labelling if limits.labels else None,
            limits.chunk_characters,
        )

    def _parser(self) -> Parser:
        from muniment.foundation.sandbox import Limits
        from muniment.knowledge.ingestion.ocr import Ocr
        from muniment.knowledge.ingestion.parser import ParseLimits, Parser

        limits = self.settings.ingestion
        child = Limits(seconds=float(limits.parse_seconds))
        return Parser(
            ParseLimits(limits.max_file_mb << 20, child),
            limits.isolation,
            self._pdf_passwords,
            Ocr(limits.ocr_languages, limits.isolation, wanted=limits.ocr == "auto"),
        )

    @cached_property
    def sources(self) -> Sources:
        """Systems of record that are connected."""
        from muniment.foundation.egress import Egress
        from muniment.knowledge.sources.kinds import Doors
        from muniment.knowledge.syncing.access_pass import AccessPass
        from muniment.knowledge.syncing.sources import Sources

        def egress(origins: Iterable[str], private: bool) -> Egress:
            named = tuple(origins)
            return Egress(
                () if private else named,
                named if private else (),
                self.settings.ingestion.max_file_mb << 20,
                purpose="sources",
                rules=self._egress_rules,
                on_refused=self._egress_refused,
            )

        doors = Doors(
            egress,
            lambda reference, key: settings_file.secret_of(reference, key, self.home),
            self.clock,
            self.home,
            self.settings.ingestion.max_file_mb << 20,
        )
        reading = AccessPass(self.database, self.audit, self.clock)
        return Sources(
            self.database, self.audit, self.clock, doors, reading, self._content_pass, self._removal
        )

    def _removal(self) -> Removal:
        from muniment.knowledge.syncing.removal import Removal

        return Removal(self.ingestion, self.index)

    def _content_pass(self) -> ContentPass:
        from muniment.knowledge.syncing.content_pass import ContentPass

        limits = self.settings.ingestion
        return ContentPass(
            self.ingestion, self.index, self._parser, limits.max_file_mb << 20, limits.chunk_characters
        )

    @cached_property
    def feeding(self) -> Feeding:
        """What keeps connected sources fresh while a workspace is served."""
        from muniment.knowledge.syncing.feeding import Feeding

        return Feeding(self.database, self.audit, self.clock, lambda: self.sources)

    @cached_property
    def labelling(self) -> Labelling:
        """Labels of the names in what is known."""
        from muniment.knowledge.ingestion.labeller import Labeller
        from muniment.knowledge.ingestion.labelling import Labelling

        return Labelling(
            self.database,
            self.audit,
            lambda: Labeller(self.settings.ingestion.isolation),
            self.relabelling.settle,
        )

    @property
    def relabelling(self) -> Relabelling:
        """The rules of sensitivity, applied to what is stored."""
        from muniment.knowledge.ingestion.relabelling import Relabelling

        return Relabelling(self.ingestion)

    def prepare(self) -> None:
        """Do now what the first searches would wait for: load weights and index, and compile loops over many rows.

        For a process that lives on: what it holds by now is not looked through for garbage any more.
        """
        self.retriever.prepare()
        settle()

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

    def ingest(
        self,
        folder: Path | str,
        source: str,
        on_progress: OnProgress | None = None,
        dry_run: bool = False,
        by: Actor = OPERATOR,
    ) -> IngestReport:
        """Make the library equal to a folder; raises Conflict for the name of a connected source."""
        from muniment.knowledge.syncing import connection as connections

        with self.database.read() as connection:
            if storable(source) and connections.connected(connection, source) is not None:
                raise Conflict(f"{source} is a connected source.", fix="Choose another name.")
        return self.pipeline.sync(Path(folder), source, by, on_progress or (lambda _: None), dry_run)
