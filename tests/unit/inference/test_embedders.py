"""Embedding models of the operator: verified at every load, named by everything that moves a vector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.simulators import tiny_model
from tests.simulators.embedder import HashedEmbedder

from muniment import settings as settings_module
from muniment.foundation.errors import BadInput, NotSetUp, Tampered
from muniment.inference import weights
from muniment.inference.embedders import BUNDLED, Embedders, OwnFiles, own
from muniment.inference.embedding import Embedder, Reading
from muniment.inference.loaded import Loaded

MEAN = Reading("mean")


@pytest.fixture
def tiny(tmp_path: Path) -> OwnFiles:
    return OwnFiles("tiny", tmp_path / "tiny", tiny_model.write(tmp_path / "tiny"))


def opened(files: OwnFiles, reading: Reading = MEAN, dimensions: int = tiny_model.DIMENSIONS) -> Embedders:
    return Embedders([own(files, reading, dimensions)])


def test_a_model_from_a_folder_gives_unit_vectors(tiny: OwnFiles) -> None:
    embedder = opened(tiny).first
    assert embedder is not None
    vectors = embedder.embed_documents(["on call", "key ceremony", "weekend"])
    assert vectors.shape == (3, tiny_model.DIMENSIONS) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (embedder.embed_query("on call") == vectors[0]).all()


def test_pooling_prefixes_and_length_are_used(tiny: OwnFiles) -> None:
    def query(reading: Reading, text: str) -> object:
        embedder = opened(tiny, reading).first
        assert embedder is not None
        return embedder.embed_query(text).tolist(), embedder.embed_documents([text])[0].tolist()

    plain = query(MEAN, "key ceremony")
    assert query(Reading("cls"), "key ceremony") == query(Reading("cls"), "key walnut") != plain
    prefixed = query(Reading("mean", query_prefix="walnut ", document_prefix="room "), "key ceremony")
    assert prefixed == (query(MEAN, "walnut key ceremony")[0], query(MEAN, "room key ceremony")[1])  # type: ignore[index]
    assert query(Reading("mean", max_tokens=8), "key " * 8 + "walnut") == query(MEAN, "key " * 8)


def test_the_digest_covers_files_and_use(tiny: OwnFiles) -> None:
    digests = {
        own(files, reading, dimensions).model.digest
        for files in (tiny, OwnFiles("tiny", tiny.folder, {**tiny.digests, "tokenizer.json": "0" * 64}))
        for reading in (
            MEAN,
            Reading("cls"),
            Reading("mean", "a"),
            Reading("mean", "", "a"),
            Reading("mean", "", "", 9),
        )
        for dimensions in (24, 25)
    }
    assert len(digests) == 20
    elsewhere = OwnFiles("another name", Path("/elsewhere"), tiny.digests)
    assert own(elsewhere, MEAN, 24).model.digest == own(tiny, MEAN, 24).model.digest


def test_the_bundled_model_keeps_the_identity_that_its_indexes_have() -> None:
    sha256 = weights.EMBEDDING.file("model.onnx").sha256
    assert BUNDLED.digest == f"sha256:{sha256}+cls-normalised-1"


def test_a_changed_file_is_refused_at_load(tiny: OwnFiles) -> None:
    file = tiny.folder / "tokenizer.json"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(Tampered, match="tiny"):
        _ = opened(tiny).first


def test_a_file_that_is_no_model_is_named_with_its_fix(tmp_path: Path) -> None:
    import hashlib

    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    files = OwnFiles("odd", tmp_path, {"model.onnx": digest, "tokenizer.json": digest})
    with pytest.raises(NotSetUp, match="odd do not load"):
        _ = opened(files).first


def test_wrong_dimensions_are_named(tiny: OwnFiles) -> None:
    with pytest.raises(NotSetUp, match="not 25 for each token"):
        _ = opened(tiny, dimensions=25).first


def test_a_model_that_is_not_there_is_never_replaced_by_another(tiny: OwnFiles) -> None:
    known = Embedders([own(tiny, MEAN, 24), *Embedders.given(HashedEmbedder()).offers])
    (tiny.folder / "model.onnx").unlink()
    offer = known.named("tiny")
    assert known.first is None and known.get(offer.model.digest) is None
    with pytest.raises(NotSetUp, match="not present") as raised:
        known.require(offer)
    assert str(tiny.folder) in raised.value.fix
    assert known.get("sha256:unheard of") is None
    with pytest.raises(BadInput, match="tiny, hashed-words"):
        known.named("nobody's")


def test_models_come_from_the_settings(tmp_path: Path) -> None:
    digests = tiny_model.write(tmp_path / "models" / "tiny")
    (tmp_path / "settings.toml").write_text(tiny_model.settings("tiny", Path("models/tiny"), digests))
    found = settings_module.embedding_offers(settings_module.load(tmp_path), tmp_path)
    assert [one.model.name for one in found] == [BUNDLED.name, "tiny"] and found[1].is_present()
    assert found[1].load().embed_query("key").shape == (24,)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (BUNDLED.name, {}, "taken"),
        ("Upper", {}, "Upper"),
        ("tiny", {"pooling": "max"}, "pooling"),
        ("tiny", {"model_sha256": "ab"}, "model_sha256"),
        ("tiny", {"url": "https://example.org"}, "unknown setting"),
    ],
)
def test_wrong_settings_of_a_model_are_refused(name: str, change: dict[str, object], says: str) -> None:
    given = {
        "folder": "x",
        "model_sha256": "0" * 64,
        "tokenizer_sha256": "0" * 64,
        "dimensions": 24,
        "pooling": "mean",
    }
    with pytest.raises(BadInput, match=says):
        settings_module.embedding_offers(
            settings_module.parse({"embedding": {name: {**given, **change}}}), Path()
        )


def test_several_models_can_be_given_to_a_workspace(make_workspace: Callable[..., object]) -> None:
    first, second = HashedEmbedder(), HashedEmbedder(kind="-b")
    workspace = make_workspace(embedder=lambda: [first, second])
    assert workspace.embedder is first  # type: ignore[attr-defined]
    assert workspace.embedders.get(second.model.digest) is second  # type: ignore[attr-defined]


def test_workspaces_share_a_model_in_memory_and_nothing_else(tiny: OwnFiles, tmp_path: Path) -> None:
    shared = Loaded[Embedder]()
    offer = own(tiny, MEAN, tiny_model.DIMENSIONS)
    elsewhere = own(OwnFiles("tiny", tmp_path / "absent", tiny.digests), MEAN, tiny_model.DIMENSIONS)
    first, second = Embedders([offer], shared), Embedders([offer], shared)
    assert first.first is second.first is not None
    # What another has in memory is not there for one whose own files are not.
    assert elsewhere.model.digest == offer.model.digest
    assert Embedders([elsewhere], shared).first is None
