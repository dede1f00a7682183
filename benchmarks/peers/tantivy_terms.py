"""Tantivy: words, with the groups that may read a chunk as terms of a second field that one must match."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from benchmarks.peers.port import Corpus, Engine, Groups

TITLE = "tantivy, access terms"
KIND = "words"
NEEDS = ("tantivy",)
MOST, WHY_MOST = 2_000_000, "indexing takes minutes for each million rows"


@contextmanager
def built(corpus: Corpus) -> Generator[list[Engine]]:
    """Give the engine, its index in the corpus's scratch folder."""
    import tantivy

    folder = corpus.scratch / "tantivy"
    folder.mkdir()
    fields = tantivy.SchemaBuilder()
    fields.add_integer_field("row", stored=True)
    fields.add_text_field("body", tokenizer_name="whitespace")
    fields.add_text_field("groups", tokenizer_name="raw", index_option="basic")
    schema = fields.build()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(heap_size=200_000_000)
    for number, access in enumerate(corpus.access):
        groups = [f"g{group}" for group in access]
        for row, text in enumerate(corpus.texts(number), number * corpus.folder_rows):
            writer.add_document(tantivy.Document(row=row, body=text, groups=groups))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    query, must, should = tantivy.Query, tantivy.Occur.Must, tantivy.Occur.Should

    def search(groups: Groups, words: Sequence[str]) -> Sequence[int]:
        asked = query.boolean_query([(should, query.term_query(schema, "body", word)) for word in words])
        held = query.term_set_query(schema, "groups", [f"g{group}" for group in groups])
        both = query.boolean_query([(must, asked), (must, query.const_score_query(held, 0.0))])
        return [searcher.doc(address)["row"][0] for _, address in searcher.search(both, 10, count=False).hits]

    yield [Engine(TITLE, "one for each search", search)]
