"""Reading the versions of what answers from a workspace, as they are now.

What an operator set is named, and its value stands as a keyed digest, so that a change shows and nobody can guess it.
Nothing here is loaded for it: no weights, no index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from muniment.assistant.recorded import endpoint_recorded
from muniment.assistant.support import VERSION as SUPPORT
from muniment.assurance.release.manifest import Manifest, Versions
from muniment.foundation import canonical
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.version import VERSION, source_digest
from muniment.governance.audit.entry import Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.serving import differing
from muniment.governance.privacy.recognise import recognise
from muniment.inference import weights
from muniment.inference.prompt_file import PURPOSES, Prompt
from muniment.knowledge import index_model
from muniment.knowledge.ingestion import chunk
from muniment.knowledge.retrieval import versions as rankings
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.retrieval_settings import RerankSettings, RetrievalSettings

if TYPE_CHECKING:
    from muniment.actions.registry import Tools
    from muniment.assurance.evaluation.case import Suite
    from muniment.governance.policy.decide import Policy
    from muniment.inference.catalog import Catalog
    from muniment.inference.embedders import Embedders
    from muniment.inference.prompt_registry import Prompts

ANSWERS = ("answers", "sensitive")
"""Sections whose settings take part in answers; retrieval, chunking and models are components of their own."""
FULL_PRECISION = "float32"
"""Of the vectors that rank: the first look is int8, and its bound makes the result that of float32."""
_OF_FILES = ("risk.toml", "approvals.toml")
"""Files of the home that say how calls of tools are classed and who approves them."""


_SECRETS = ("api_key", "token", "client_secret", "password", "secret")
"""Names of settings that hold references to secrets."""
_REFERENCES = ("env:", "file:")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a manifest is read from."""

    home: Path
    database: Database
    audit: AuditLog
    policy: Policy
    prompts: Prompts
    catalog: Catalog
    embedders: Embedders
    tools: Tools
    weight_folders: Sequence[Path]
    effective: Mapping[str, object]
    """The settings in force, as plain values."""
    shipped: Mapping[str, object]
    suites: Callable[[], Sequence[Suite]]


class Gathering:
    """Reads what one workspace answers from."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def prompts(self, named: Sequence[str] = (), waiting: bool = True) -> dict[str, Prompt]:
        """Return the prompt of each purpose: those that `named` names, else the one that waits, else the live one.

        A candidate waits, and a file of the home that was never live. Raises BadInput for an unknown name, or several
        of one purpose.
        """
        registry = self._parts.prompts
        chosen: dict[str, Prompt] = {}
        for one in named:
            found = registry.find(one).prompt
            if found.purpose not in PURPOSES:
                raise BadInput(f"{found.version} is for no purpose that there is.", fix=_KNOWN)
            if other := chosen.get(found.purpose):
                raise BadInput(
                    f"{other.version} and {found.version} are both for the purpose {found.purpose!r}.",
                    fix="Name one prompt for each purpose.",
                )
            chosen[found.purpose] = found
        for purpose in PURPOSES:
            if purpose not in chosen:
                chosen[purpose] = (self._waiting(purpose) if waiting else None) or registry.live(purpose)
        return chosen

    def manifest(self, prompts: Mapping[str, Prompt]) -> Manifest:
        """Return what would answer now with these prompts."""
        return Manifest(
            {
                "prompts": {
                    purpose: {"prompt": one.version, "digest": one.digest} for purpose, one in prompts.items()
                },
                "endpoints": self._endpoints(),
                "embedding": self._embedding(),
                "reranker": self._reranker(),
                "retrieval": self._retrieval(),
                "chunking": {
                    "rules": chunk.rules(cast("int", self._section("ingestion")["chunk_characters"]))
                },
                "tools": self._tools(),
                "policy": self._policy(),
                "answers": {
                    "model": self._parts.catalog.default,
                    "support": SUPPORT,
                    **self._set({name: self._section(name) for name in ANSWERS}),
                },
                "suites": {one.name: one.digest for one in self._parts.suites()},
                "code": {"version": VERSION, "source": source_digest()},
            }
        )

    def live(self) -> Manifest:
        """Return what answers now."""
        return self.manifest(self.prompts(waiting=False))

    def sections(self) -> dict[str, str]:
        """Return the keyed digest of each section of the settings."""
        commit = self._parts.audit.commitment
        return {
            name: commit(canonical.canonical(one).decode())
            for name, one in sorted(self._parts.effective.items())
        }

    def settings_text(self) -> str:
        """Return settings.toml as it lies there; raises BadInput where a credential stands in it."""
        path = self._parts.home / "settings.toml"
        try:
            text = path.read_text("utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} cannot be read.", fix="Save it as UTF-8 text.") from error
        for name, value in _texts({**self._parts.effective, "sensitive": {}}):
            if name.rpartition(".")[2] in _SECRETS and value and not value.startswith(_REFERENCES):
                raise _holds_secret(name)
        for found in recognise(text, ["secret"]):
            if not text[found.start : found.end].strip("\"'").startswith(_REFERENCES):
                raise _holds_secret(f"line {text.count(chr(10), 0, found.start) + 1}")
        return text

    def _waiting(self, purpose: str) -> Prompt | None:
        registry = self._parts.prompts
        in_files = {one.digest for one in registry.drafts()}
        found = [
            one.prompt
            for one in registry.all()
            if one.prompt.purpose == purpose
            and (one.stage == "candidate" or (one.stage == "draft" and one.prompt.digest in in_files))
        ]
        if len(found) > 1:
            several = ", ".join(one.version for one in found)
            raise BadInput(
                f"Several prompts wait for the purpose {purpose!r}: {several}.", fix="Name one with --prompt."
            )
        return found[0] if found else None

    def _section(self, name: str) -> Mapping[str, object]:
        return cast("Mapping[str, object]", self._parts.effective[name])

    def _set(self, sections: Mapping[str, object]) -> dict[str, Json]:
        """Return the settings of these sections that are not as shipped, each with a keyed digest."""
        before = {name: self._parts.shipped.get(name) for name in sections}
        found = differing(sections, before, self._parts.audit.commitment)
        return {name: digest for name, digest in found.items() if name != "answers.model"}

    def _endpoints(self) -> Versions:
        stated = cast("Mapping[str, Mapping[str, object]]", self._parts.effective["models"])
        made: dict[str, Json] = {}
        for one in self._parts.catalog.endpoints():
            prefix = f"models.{one.name}."
            set_ = differing(
                {"models": {one.name: stated.get(one.name, {})}}, {}, self._parts.audit.commitment
            )
            made[one.name] = {
                **endpoint_recorded(one),
                **({"weights": one.weights_sha256} if one.weights_sha256 else {}),
                "settings": {name.removeprefix(prefix): digest for name, digest in set_.items()},
            }
        return made

    def _embedding(self) -> Versions:
        with self._parts.database.read() as connection:
            used = index_model.live(connection)
        offers = self._parts.embedders.offers
        model = used.model if used else offers[0].model if offers else None
        if model is None:
            return {"model": "none"}
        return {
            "model": model.name,
            "weights": model.digest,
            "dimensions": model.dimensions,
            "precision": FULL_PRECISION,
        }

    def _reranker(self) -> Versions:
        stated = self._section("retrieval")
        there = (
            bool(stated["vectors"])
            and weights.find(weights.RERANKING, self._parts.weight_folders) is not None
        )
        name = f"{weights.RERANKING.name}@sha256:{weights.RERANKING.file('model.onnx').sha256}"
        seconds = cast("int", stated["rerank_budget_ms"]) / 1000 if stated["rerank"] else 0.0
        return {
            "model": name if there else "none",
            "ranks": RerankSettings(seconds=seconds).name if there and stated["rerank"] else "no",
        }

    def _retrieval(self) -> Versions:
        shipped = RetrievalSettings()
        with self._parts.database.read() as connection:
            version = rankings.in_use(connection)
        ranked_by = version.over(shipped.ranking)
        return {
            "settings": version.name,
            "words": wording.VERSION,
            "legs": ranked_by.legs if self._section("retrieval")["vectors"] else "lexical",
            "lexical": ranked_by.lexical.name,
            "fusion": ranked_by.fusion.name,
            "passages": cast("int", self._section("answers")["passages"]),
            "per_document": shipped.per_document,
            "join": shipped.join,
            "fold": shipped.fold,
        }

    def _tools(self) -> Versions:
        return {
            one.manifest.name: {"manifest": one.manifest.digest, "enabled": one.enabled}
            for one in self._parts.tools.listing()
        }

    def _policy(self) -> Versions:
        with self._parts.database.read() as connection:
            version = self._parts.policy.version(connection)
        files = {name: self._parts.home / name for name in _OF_FILES}
        return {
            "version": version,
            **{
                name: canonical.digest(path.read_bytes().hex()) if path.exists() else "as shipped"
                for name, path in files.items()
            },
        }


def _texts(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, one in cast("Mapping[str, object]", value).items():
            yield from _texts(one, f"{at}.{name}" if at else name)
    elif isinstance(value, str):
        yield at, value


def _holds_secret(where: str) -> BadInput:
    return BadInput(
        f"settings.toml, {where}, holds what looks like a credential.",
        fix='Write "env:NAME" or "file:PATH" in its place: a release keeps the file.',
    )


_KNOWN = f"Known: {', '.join(PURPOSES)}."
