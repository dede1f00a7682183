"""A working embedder without weights: hashed, weighted bags of words. Texts that share words are near."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from muniment.inference.embedding import EmbeddingModel, Vectors
from muniment.knowledge.retrieval import wording


class HashedEmbedder:
    """Adds up one fixed pseudo-random direction per term; function words count for nothing."""

    def __init__(self, dimensions: int = 64, kind: str = "") -> None:
        """Another `kind` is another model: its directions have nothing to do with those of this one."""
        self.kind = kind
        self.model = EmbeddingModel(
            f"hashed-words{kind}", f"sha256:hashed-words-1-{dimensions}{kind}", dimensions
        )
        self._directions: dict[str, Vectors] = {}

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        rows = [self._embed(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.model.dimensions), np.float32)

    def embed_query(self, text: str) -> Vectors:
        return self._embed(text)

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        return self.embed_documents(texts)

    def _embed(self, text: str) -> Vectors:
        total = np.zeros(self.model.dimensions, np.float32)
        for term in sorted(set(wording.question(text).terms)):
            total += self._direction(term)
        length = float(np.linalg.norm(total))
        if length == 0.0:
            total[0] = length = 1.0
        return (total / length).astype(np.float32)

    def _direction(self, term: str) -> Vectors:
        known = self._directions.get(term)
        if known is None:
            seed = int.from_bytes(hashlib.sha256((self.kind + term).encode()).digest()[:8], "big")
            known = np.random.default_rng(seed).standard_normal(self.model.dimensions).astype(np.float32)
            self._directions[term] = known
        return known
