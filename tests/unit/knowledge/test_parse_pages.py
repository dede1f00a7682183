"""Web pages, and HTML inside Markdown, keep lists, tables, code and equations."""

from __future__ import annotations

import pytest

from muniment.knowledge.ingestion.parse.html import read_html
from muniment.knowledge.ingestion.parse.plain import read_markdown
from muniment.knowledge.ingestion.parse.tabular import read_csv

PAGES = {
    "lists in lists": (
        "<ul><li>a<ol start=3><li>b<li>c</ol><li>d</ul>",
        "- a\n  3. b\n  4. c\n- d",
    ),
    "an item in a paragraph": ("<ol><li><p>a</p><p>more</p></li><li><div>b</div></li></ol>", "1. a\n\nmore\n2. b"),
    "terms": ("<dl><dt>Tea<dd>hot<dt>Ice<dd>cold</dl>", "Tea\n  - hot\n\nIce\n  - cold"),
    "code": ("<pre>\n  if x:\n\n\n\n    y()\n</pre>", "  if x:\n\n\n\n    y()"),
    "spans": (
        "<table><tr><th>A<th colspan=2>B<tr><td rowspan=2>r<td>1<td>2<tr><td>3<td>4<tr><td>s<td>5</table>",
        "A | B\nr | 1 | 2\n | 3 | 4\ns | 5",
    ),
    "a list in a cell": (
        "<table><tr><th>A<th>B<tr><td>x<td><ul><li>one<li>two</ul></table>",
        "A | B\nx | - one - two",
    ),
    "boxes": ("<p><input type=checkbox checked>Yes <input type=radio>No <input value=x>", "☒ Yes ☐ No"),
    "equations": (
        "<p><math><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><mfrac><mn>1</mn><mrow><mi>a</mi><mo>+</mo><mi>b</mi>"
        "</mrow></mfrac><annotation>x^{2}</annotation></math>",
        "x^2=1/(a+b)",
    ),
    "spans beyond reason": (
        "<table>" + "<tr>" + "<td colspan=60000 rowspan=60000>a" * 300 + "<tr><td>b<td>c</table>",
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PAGES)
def test_a_page_keeps_its_structure(what: str) -> None:
    source, text = PAGES[what]
    read = read_html("x.html", source.encode()).text
    assert len(read) < 10_000 if text is None else read == text


def test_html_in_markdown_reads_as_shown_and_code_stays_as_it_is() -> None:
    source = (
        "# A\n\n<table>\n<tr><th>x<th>y</tr>\n\n<tr><td>1<td>2</tr>\n</table>\nB\n\n"
        "<h2 align=center>C</h2>\n\n<p hidden>canary</p>\n\n```\n<p>code</p>\n```\n\n<ul>\n\nD\n"
    )
    parsed = read_markdown("x.md", source.encode())
    assert parsed.text == "# A\n\nx | y\n1 | 2\nB\n\n## C\n\n\n```\n<p>code</p>\n```\n\n\nD"
    assert [(one.level, one.text) for one in parsed.headings] == [(1, "A"), (2, "C")]
    assert parsed.notes == ("6 hidden characters were left out",)


def test_the_separator_that_a_csv_file_declares_is_used() -> None:
    assert read_csv("x.csv", b"sep=:\na:b\nc:1,5\n").text == "a | b\na: c | b: 1,5"
