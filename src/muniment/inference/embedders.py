"""The embedding models that a workspace knows: the one that muniment brings, and those of the operator.

Invariants:
- a model's digest covers its files and how it is used, so that whatever could move a vector makes another model;
- a model is loaded when it is first asked for, and its files are verified then;
- whoever asks for the model of a digest gets that one or none, never another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation import canonical
from muniment.foundation.errors import BadInput, NotSetUp, Tampered, Unavailable
from muniment.inference import weights
from muniment.inference.embedding import Embedder, EmbeddingModel, OnnxEmbedder, Reading
from muniment.inference.loaded import Loaded

BUNDLED_DIMENSIONS = 384
BUNDLED_POOLING = "cls-normalised-1"
"""Names how the bundled model is used; a change of that makes a new model identity."""
BUNDLED = EmbeddingModel(
    weights.EMBEDDING.name,
    f"sha256:{weights.EMBEDDING.file('model.onnx').sha256}+{BUNDLED_POOLING}",
    BUNDLED_DIMENSIONS,
)
_BUNDLED_READING = Reading("cls", "Represent this sentence for searching relevant passages: ")


@dataclass(frozen=True, slots=True)
class Offer:
    """An embedding model that may be used."""

    model: EmbeddingModel
    fix: str
    """What to do where its files are not there."""
    is_present: Callable[[], bool]
    load: Callable[[], Embedder]
    """Raises Tampered for files that are not the ones expected, NotSetUp for files that are no such model."""


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The files of an operator's model."""

    name: str
    folder: Path
    digests: Mapping[str, str]
    """SHA-256 of each file, as the settings state them."""

    def is_present(self) -> bool:
        """Return whether every file is there; `read` verifies."""
        return all((self.folder / name).is_file() for name in self.digests)

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises Tampered unless they have the stated digest."""
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Unavailable(
                f"The file {path} cannot be read ({error.strerror}).", fix="Mend its permissions."
            ) from error
        if hashlib.sha256(content).hexdigest() != self.digests[name]:
            raise Tampered(
                f"{path} is not the file of the embedding model {self.name} that the settings state.",
                fix="Put back the right file. If you mean to use another, state its digest: it is another model.",
            )
        return content


class Embedders:
    """The models in their order; safe to share between threads."""

    def __init__(self, offers: Sequence[Offer] = (), loaded: Loaded[Embedder] | None = None) -> None:
        """The first offer is what a workspace begins with; `loaded` may be shared with other workspaces."""
        self._offers = tuple(offers)
        self._loaded = loaded or Loaded[Embedder]()
        self._mine: dict[str, Embedder] = {}

    @classmethod
    def given(cls, *embedders: Embedder | None) -> Embedders:
        """Return models that are loaded already."""
        return cls([_loaded(one) for one in embedders if one is not None])

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Return every model that is known, present or not."""
        return self._offers

    def offer(self, digest: str) -> Offer | None:
        """Return what is known of a model, or None."""
        return next((one for one in self._offers if one.model.digest == digest), None)

    def named(self, name: str) -> Offer:
        """Return a model by its name; raises BadInput for an unknown one."""
        for one in self._offers:
            if one.model.name == name:
                return one
        names = ", ".join(one.model.name for one in self._offers) or "none"
        raise BadInput(
            f"There is no embedding model {name!r}; there are: {names}.",
            fix="Add it to the settings; see `muniment index models`.",
        )

    def get(self, digest: str) -> Embedder | None:
        """Return the model of exactly this digest, or None where it is not known or not present."""
        found = self.offer(digest)
        if found is None:
            return None
        if digest not in self._mine:
            # Whether another workspace has it in memory changes nothing here.
            if not found.is_present():
                return None
            self._mine[digest] = self._loaded.get(digest, found.load)
        return self._mine[digest]

    def require(self, offer: Offer) -> Embedder:
        """Return a model that is known; raises NotSetUp where it is not present."""
        found = self.get(offer.model.digest)
        if found is None:
            raise NotSetUp(f"The embedding model {offer.model.name} is not present.", fix=offer.fix)
        return found

    @property
    def first(self) -> Embedder | None:
        """Return the model that a workspace begins with, or None where it is not present."""
        return self.get(self._offers[0].model.digest) if self._offers else None


def bundled(folders: Sequence[Path]) -> Offer:
    """Return the model that muniment brings, looked for in these folders."""

    def load() -> Embedder:
        found = weights.find(weights.EMBEDDING, folders)
        if found is None:
            raise NotSetUp(f"The weights {BUNDLED.name} are gone.", fix="Run `muniment models fetch`.")
        return open_bundled(found)

    return Offer(
        BUNDLED,
        "Run `muniment models fetch`.",
        lambda: weights.find(weights.EMBEDDING, folders) is not None,
        load,
    )


def open_bundled(found: weights.Found, threads: int | None = None) -> OnnxEmbedder:
    """Return the model that muniment brings: bge-small-en-v1.5, CLS pooling, 512 tokens."""
    return OnnxEmbedder(BUNDLED, found, _BUNDLED_READING, threads)


def own(files: OwnFiles, reading: Reading, dimensions: int) -> Offer:
    """Return a model of the operator's own."""
    model = EmbeddingModel(files.name, own_digest(files.digests, reading, dimensions), dimensions)
    return Offer(
        model,
        f"Put its files into {files.folder}: {', '.join(files.digests)}.",
        files.is_present,
        lambda: OnnxEmbedder(model, files, reading),
    )


def own_digest(digests: Mapping[str, str], reading: Reading, dimensions: int) -> str:
    """Return the digest that covers a model's files and how it is used."""
    used = canonical.exact(
        {
            "files": dict(digests),
            "pooling": f"{reading.pooling}-normalised-1",
            "query_prefix": reading.query_prefix,
            "document_prefix": reading.document_prefix,
            "max_tokens": reading.max_tokens,
            "dimensions": dimensions,
        }
    )
    return f"sha256:{hashlib.sha256(used).hexdigest()}"


def _loaded(embedder: Embedder) -> Offer:
    return Offer(embedder.model, "", lambda: True, lambda: embedder)
