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
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from muniment.foundation.errors import NotSetUp

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]

MAX_TOKENS = 512
Pooling = Literal["cls", "mean"]


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


class Files(Protocol):
    """The files of a model."""

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises Tampered unless they have the digest that is expected of them."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads a text, and makes one vector of those of its tokens."""

    pooling: Pooling
    """The first token's vector, or the mean of all."""
    query_prefix: str = ""
    document_prefix: str = ""
    max_tokens: int = MAX_TOKENS
    """Beyond these a text is cut."""


class OnnxEmbedder:
    """A sentence encoder on ONNX Runtime, in `model.onnx` and `tokenizer.json`: unit vectors."""

    def __init__(
        self, model: EmbeddingModel, files: Files, reading: Reading, threads: int | None = None
    ) -> None:
        """Raises Tampered for another file, NotSetUp for one that is no such model."""
        self.model = model
        self._reading = reading
        self._threads = threads or cores()
        onnx, tokenizer = files.read("model.onnx"), files.read("tokenizer.json")
        try:
            self._session = open_session(onnx)
            self._tokenizer = open_tokenizer(tokenizer, reading.max_tokens)
            found = self._states("a").shape
        except MemoryError:
            raise
        except Exception as error:
            # Both libraries raise errors of kinds of their own for a file that they cannot read.
            raise NotSetUp(
                f"The files of the embedding model {model.name} do not load.",
                fix="It takes a sentence encoder as ONNX, and the tokenizer.json that belongs to it.",
                detail=str(error),
            ) from error
        if len(found) != 3 or found[0] != 1 or found[2] != model.dimensions:
            raise NotSetUp(
                f"The embedding model {model.name} gives numbers of shape {found} for one text, "
                f"not {model.dimensions} for each token.",
                fix="Mend its dimensions in the settings, or name a model whose first output is by token.",
            )

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; beyond the most tokens a text is cut."""
        if not texts:
            return np.zeros((0, self.model.dimensions), np.float32)
        texts = [self._reading.document_prefix + text for text in texts]
        if len(texts) == 1 or self._threads == 1:
            return np.stack([self._embed(text) for text in texts])
        with ThreadPoolExecutor(self._threads) as pool:
            return np.stack(list(pool.map(self._embed, texts)))

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, with the prefix that the model was trained on."""
        return self._embed(self._reading.query_prefix + text)

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return one row per sentence."""
        return self.embed_documents(texts)

    def _embed(self, text: str) -> Vectors:
        states = self._states(text)[0]
        vector = np.asarray(states[0] if self._reading.pooling == "cls" else states.mean(axis=0), np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def _states(self, text: str) -> npt.NDArray[Any]:
        encoding = self._tokenizer.encode(text)
        return run_session(self._session, encoding.ids, encoding.type_ids)


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


def open_tokenizer(definition: bytes, most: int = MAX_TOKENS) -> Tokenizer:
    """Return a tokenizer that cuts at `most` tokens and never pads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(definition)
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return tokenizer


def run_session(session: InferenceSession, ids: Sequence[int], types: Sequence[int]) -> npt.NDArray[Any]:
    """Return the model's first output for one text."""
    tokens = np.array([ids], np.int64)
    feed = {
        "input_ids": tokens,
        "attention_mask": np.ones_like(tokens),
        "token_type_ids": np.array([types], np.int64),
    }
    wanted = {given.name for given in session.get_inputs()}
    return np.asarray(session.run(None, {name: part for name, part in feed.items() if name in wanted})[0])
