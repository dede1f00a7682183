"""What a file says of its own sensitivity is read, and what cannot be read is not taken for silence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest
from tests import fixtures_parse as make

from muniment.knowledge.ingestion.parse.stated_labels import stated
from muniment.knowledge.ingestion.parser import Parser
from muniment.knowledge.stated import UNREADABLE, Stated

GUID = "0f6e1a2b-1111-2222-3333-444455556666"
CUSTOM = (
    '<?xml version="1.0" encoding="UTF-8"?><Properties '
    'xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
    'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">{}</Properties>'
)
LABELS = (
    '<clbl:labelList xmlns:clbl="http://schemas.microsoft.com/office/2020/mipLabelMetadata">'
    '<clbl:label id="{{{}}}" enabled="{}" method="Standard" removed="0"/></clbl:labelList>'
)


def properties(**given: str) -> str:
    rows = (
        f'<property pid="2" name="{name}"><vt:lpwstr>{text}</vt:lpwstr></property>'
        for name, text in given.items()
    )
    return CUSTOM.format("".join(rows))


def with_parts(content: bytes, parts: Mapping[str, str]) -> bytes:
    """Return an Office file with further parts, as Office writes them."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as out:
        for entry in archive.infolist():
            if entry.filename not in parts:
                out.writestr(entry, archive.read(entry))
        for name, text in parts.items():
            out.writestr(name, text)
    return made.getvalue()


def labelled(**given: str) -> Mapping[str, str]:
    return {"docProps/custom.xml": properties(**given)}


@pytest.mark.parametrize(
    ("kind", "content"), [("docx", make.word), ("xlsx", make.workbook), ("pptx", make.slides)]
)
def test_an_office_file_states_its_label(kind: str, content: object) -> None:
    made = content()  # type: ignore[operator]  # each makes a file
    assert stated(kind, made) == Stated()
    msip = {f"MSIP_Label_{GUID}_Enabled": "true", f"MSIP_Label_{GUID}_Name": "Highly Confidential"}
    assert stated(kind, with_parts(made, labelled(**msip))).labels == ("Highly Confidential",)
    assert stated(kind, with_parts(made, labelled(Classification="Secret"))).labels == ("Secret",)


def test_a_label_that_is_switched_off_states_nothing() -> None:
    msip = {f"MSIP_Label_{GUID}_Enabled": "false", f"MSIP_Label_{GUID}_Name": "Secret"}
    assert stated("docx", with_parts(make.word(), labelled(**msip))).labels == ()
    off = {"docMetadata/LabelInfo.xml": LABELS.format(GUID, "0")}
    assert stated("docx", with_parts(make.word(), off)).labels == ()


def test_a_label_without_a_name_is_stated_by_its_identity() -> None:
    bare = {"docMetadata/LabelInfo.xml": LABELS.format(GUID, "1")}
    assert stated("docx", with_parts(make.word(), bare)).labels == (GUID,)
    named = {**bare, **labelled(**{f"MSIP_Label_{GUID}_Name": "Secret"})}
    assert stated("docx", with_parts(make.word(), named)).labels == ("Secret",)


@pytest.mark.parametrize("part", ["docProps/custom.xml", "docMetadata/LabelInfo.xml"])
def test_labels_that_cannot_be_read_are_named_as_such(part: str) -> None:
    assert stated("docx", with_parts(make.word(), {part: "<broken"})).labels == (UNREADABLE,)


def test_more_labels_than_anybody_writes_hold_the_file_back() -> None:
    many = "".join(f'<property name="Classification"><a>L{n}</a></property>' for n in range(30))
    found = stated("docx", with_parts(make.word(), {"docProps/custom.xml": CUSTOM.format(many)}))
    assert len(found.labels) == 21 and UNREADABLE in found.labels


def test_headers_and_footers_of_word_pages_are_kept_beside_the_text() -> None:
    import docx

    document = docx.Document()
    document.add_paragraph("Words.")
    document.sections[0].header.paragraphs[0].text = "STRICTLY CONFIDENTIAL"
    made = io.BytesIO()
    document.save(made)
    assert stated("docx", made.getvalue()).margins == "STRICTLY CONFIDENTIAL"


def pdf(**given: str) -> bytes:
    from fpdf import FPDF

    document = FPDF()
    document.add_page()
    document.set_font("helvetica", size=10)
    document.cell(text="Words of a page")
    if "keywords" in given:
        document.set_keywords(given["keywords"])
    if "xmp" in given:
        document.set_xmp_metadata(given["xmp"])
    return bytes(document.output())


def test_a_pdf_states_its_label_in_keywords_and_in_its_metadata() -> None:
    assert stated("pdf", pdf(keywords="pay, Classification: Confidential")).labels == ("Confidential",)
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description pdfx:Classification="Secret">'
        f"<pdfx:MSIP_Label_{GUID}_Name>Highly &amp; Confidential</pdfx:MSIP_Label_{GUID}_Name>"
        "</rdf:Description></x:xmpmeta>"
    )
    assert stated("pdf", pdf(xmp=xmp)).labels == ("Secret", "Highly & Confidential")
    assert stated("pdf", pdf()).labels == ()


def test_a_pdf_states_its_label_in_a_property_of_its_own() -> None:
    added = pdf() + f"\n9 0 obj<</MSIP_Label_{GUID}_Name (Secret \\(A\\))>>endobj".encode()
    assert stated("pdf", added).labels == ("Secret (A)",)
    wide = ("\ufeff" + "Geheim").encode("utf-16-be").hex()
    added = pdf() + f"\n9 0 obj<</MSIP_Label_{GUID}_Name <{wide}>>>endobj".encode()
    assert stated("pdf", added).labels == ("Geheim",)


def test_the_isolated_parser_says_what_a_file_states() -> None:
    parser = Parser()
    try:
        found = parser.parse("x.docx", with_parts(make.word(), labelled(Classification="Secret")))
        assert found.stated.labels == ("Secret",)
        assert parser.parse("x.pdf", pdf(keywords="Classification=Secret")).stated.labels == ("Secret",)
    finally:
        parser.close()
