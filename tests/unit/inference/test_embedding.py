"""The real encoder and reranker, where their weights are present."""

from __future__ import annotations

import numpy as np
import pytest

from muniment import settings as settings_file
from muniment.inference import weights
from muniment.inference.embedders import open_bundled
from muniment.inference.embedding import OnnxEmbedder
from muniment.inference.reranking import OnnxReranker

pytestmark = pytest.mark.weights

TEXTS = [
    "Employees who become parents are entitled to 16 weeks of fully paid leave.",
    "The VPN gateway must be restarted after a certificate change.",
    "Travel expenses above 50 crowns need a receipt. " * 60,
    "x",
]


def _found(model: weights.Weights) -> weights.Found:
    found = weights.find(model, settings_file.weight_folders(settings_file.Settings()))
    if found is None:
        pytest.skip("the weights are not present; `muniment models fetch` brings them")
    return found


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return open_bundled(_found(weights.EMBEDDING))


def test_it_is_the_model_that_was_published(embedder: OnnxEmbedder) -> None:
    published = [0.0152, -0.0227, 0.0086, -0.0742, 0.0039]
    np.testing.assert_allclose(embedder.embed_documents(["hello world"])[0, :5], published, atol=0.008)


def test_a_vector_depends_on_its_text_alone(embedder: OnnxEmbedder) -> None:
    together = embedder.embed_documents(TEXTS)
    backwards = embedder.embed_documents(TEXTS[::-1])[::-1]
    alone = np.stack([embedder.embed_documents([text])[0] for text in TEXTS])
    assert (together == alone).all() and (backwards == alone).all()
    assert (open_bundled(_found(weights.EMBEDDING), threads=1).embed_documents(TEXTS) == alone).all()


def test_vectors_have_length_one_and_the_stated_shape(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed_documents([]).shape == (0, 384)


def test_a_question_finds_its_answer_without_shared_words(embedder: OnnxEmbedder) -> None:
    scores = embedder.embed_documents(TEXTS) @ embedder.embed_query(
        "How long can I stay home with my newborn?"
    )
    assert int(scores.argmax()) == 0


def test_empty_and_odd_texts_still_give_a_vector(embedder: OnnxEmbedder) -> None:
    assert np.isfinite(embedder.embed_documents(["", "\0", "🦆" * 50, " "])).all()


def test_the_reranker_knows_the_answer_from_the_neighbour() -> None:
    reranker = OnnxReranker(_found(weights.RERANKING))
    texts = ["Paris is the capital of France.", "Berlin is the capital of Germany."]
    scores = reranker.score("What is the capital of France?", texts)
    # Eight-bit kernels round differently from one kind of processor to the next.
    np.testing.assert_allclose(scores, [9.331, -2.038], atol=1)
    assert (reranker.score("What is the capital of France?", texts[1:]) == scores[1:]).all()
