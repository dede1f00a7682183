"""Text to vectors, on the CPU, with a small sentence encoder.

Invariant: a text's vector depends on that text alone. The int8 model scales its activations over the whole
tensor of a run, so a text that shares a run with others gets another vector (cosine .997 to .999 of its
own). Hence every text has a run of its own, unpadded; texts run side by side on threads. That is also the
fastest way on a CPU: no padding is computed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    from muniment.inference.weights import Found

Vectors = npt.NDArray[np.float32]

QUERY_PREFIX = "Represent this sentence for searching relevant passages: "
MAX_TOKENS = 512
DIMENSIONS = 384
POOLING = "cls-normalised-1"
"""Names how tokens become one vector; a change makes a new model identity."""


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What made a vector; vectors of different models are never compared."""

    name: str
    digest: str
    dimensions: int


class Embedder(Protocol):
    """Whatever turns texts into unit vectors."""

    @property
    def model(self) -> EmbeddingModel:
        """Identity of the vectors."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, shape (n, dimensions), each of length 1."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, shape (dimensions,)."""
        ...

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return one row per sentence, to be compared with a question's vector."""
        ...


class OnnxEmbedder:
    """bge-small-en-v1.5 on ONNX Runtime: CLS pooling, 512 tokens, unit length."""

    def __init__(self, found: Found, threads: int | None = None) -> None:
        weights = found.weights
        self.model = EmbeddingModel(
            weights.name, f"sha256:{weights.file('model.onnx').sha256}+{POOLING}", DIMENSIONS
        )
        self._threads = threads or cores()
        self._session = open_session(found.read("model.onnx"))
        self._tokenizer = open_tokenizer(found.read("tokenizer.json"))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; beyond 512 tokens a text is cut."""
        if not texts:
            return np.zeros((0, DIMENSIONS), np.float32)
        if len(texts) == 1 or self._threads == 1:
            return np.stack([self._embed(text) for text in texts])
        with ThreadPoolExecutor(self._threads) as pool:
            return np.stack(list(pool.map(self._embed, texts)))

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, with the prefix that the model was trained on."""
        return self._embed(QUERY_PREFIX + text)

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return one row per sentence."""
        return self.embed_documents(texts)

    def _embed(self, text: str) -> Vectors:
        encoding = self._tokenizer.encode(text)
        states = run_session(self._session, encoding.ids, encoding.type_ids)
        vector = np.asarray(states[0, 0], np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def cores() -> int:
    """Return how many processors this process may use, 16 at most."""
    if sys.platform == "linux":
        return min(16, len(os.sched_getaffinity(0)))
    return min(16, os.cpu_count() or 1)


def open_session(model: bytes) -> InferenceSession:
    """Return a session that computes each run on its caller's thread, the same way every time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def open_tokenizer(definition: bytes) -> Tokenizer:
    """Return a tokenizer that cuts at 512 tokens and never pads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(definition)
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def run_session(session: InferenceSession, ids: Sequence[int], types: Sequence[int]) -> npt.NDArray[Any]:
    """Return the model's first output for one text."""
    tokens = np.array([ids], np.int64)
    feed = {
        "input_ids": tokens,
        "attention_mask": np.ones_like(tokens),
        "token_type_ids": np.array([types], np.int64),
    }
    return np.asarray(session.run(None, feed)[0])
