"""A second, slower opinion on the best passages: a cross-encoder reads question and passage together.

Each pair has a run of its own, so a score depends on that pair alone (see embedding.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from muniment.inference.embedding import Vectors, cores, open_session, open_tokenizer, run_session

if TYPE_CHECKING:
    from muniment.inference.weights import Found


class Reranker(Protocol):
    """Whatever scores how well texts answer a question."""

    @property
    def name(self) -> str:
        """Name and digest of the model."""
        ...

    @property
    def side_by_side(self) -> int:
        """How many texts it scores at a time."""
        ...

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return one score per text, higher is better, comparable within one query."""
        ...


class OnnxReranker:
    """ms-marco-MiniLM-L-12-v2 on ONNX Runtime; scores are logits, roughly -12 to 12."""

    def __init__(self, found: Found, threads: int | None = None) -> None:
        weights = found.weights
        self.name = f"{weights.name}@sha256:{weights.file('model.onnx').sha256}"
        self.side_by_side = threads or cores()
        self._session = open_session(found.read("model.onnx"))
        self._tokenizer = open_tokenizer(found.read("tokenizer.json"))

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return the logit of each pair; question and text together are cut at 512 tokens."""
        if len(texts) < 2 or self.side_by_side == 1:
            return np.array([self._score(query, text) for text in texts], np.float32)
        with ThreadPoolExecutor(self.side_by_side) as pool:
            return np.array(list(pool.map(partial(self._score, query), texts)), np.float32)

    def _score(self, query: str, text: str) -> float:
        encoding = self._tokenizer.encode(query, text)
        return float(run_session(self._session, encoding.ids, encoding.type_ids)[0, 0])
