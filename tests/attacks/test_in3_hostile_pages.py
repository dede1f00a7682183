"""IN3: a page that is made to harm whoever shows it is not shown as an image, and harms nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.fixtures_parse import pdf
from tests.set_pages import Setting, drawn, set_page

from muniment.foundation.sandbox import Limits
from muniment.knowledge.pages import page_images
from muniment.knowledge.pages.page_child import MOST_OBJECTS
from muniment.knowledge.pages.page_images import NoImage, PageImages
from muniment.knowledge.pages.turns import Turns

WORDS = "BT /F 12 Tf 40 200 Td (Heron) Tj ET"


@pytest.fixture(scope="module")
def images() -> Iterator[PageImages]:
    limits = Limits(seconds=1.5, memory_bytes=page_images.LIMITS.memory_bytes, reply_bytes=24 << 20)
    made = PageImages(limits=limits)
    yield made
    made.close()


def nested(depth: int) -> bytes:
    """Return a page that draws a form two hundred times, which draws another two hundred times, and so on."""
    forms = [
        "<< /Type /XObject /Subtype /Form /BBox [0 0 400 300] /Resources << /XObject << /X "
        f"{7 + n} 0 R >> >> /Length 1200 >>\nstream\n" + "/X Do " * 200 + "\nendstream"
        for n in range(depth)
    ]
    last = "<< /Type /XObject /Subtype /Form /BBox [0 0 400 300] /Length 18 >>\nstream\n0 0 300 300 re f  \nendstream"
    made = drawn(f"{WORDS} /X Do", more=[*forms, last])
    return made.replace(b"/Font << /F 5 0 R >>", b"/Font << /F 5 0 R >> /XObject << /X 6 0 R >>")


HOSTILE = {
    "a page without end": drawn(WORDS, box="0 0 200000 200000"),
    "a page that is a thread": drawn(WORDS, box="0 0 0.1 14000"),
    "thousands of things to draw": drawn("0 0 9 9 re f " * (MOST_OBJECTS + 1)),
    "cut short": pdf()[:400],
    "no PDF": b"%PDF-1.7\n" + os.urandom(2000),
    "nothing": b"",
    "a password": pdf(password="x"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_page_has_no_image(images: PageImages, name: str) -> None:
    for show in (images.look, images.image):
        with pytest.raises(NoImage, match=r"This page cannot be shown as an image\. Read its text\."):
            show(HOSTILE[name], 1)
    good = set_page(["Heron"], Setting())
    assert images.look(good, 1).pages == 1
    assert images.image(good, 1).startswith(b"\x89PNG")


@pytest.mark.parametrize("content", [drawn("0 0 400 300 re f " * 40_000), nested(5)])
def test_a_page_that_takes_forever_or_breaks_its_child_is_given_up_and_the_next_one_is_shown(
    images: PageImages, content: bytes
) -> None:
    with pytest.raises(NoImage) as refused:
        images.image(content, 1)
    assert any(reason in refused.value.detail for reason in ("(time)", "(crash)", "(memory)"))
    assert images.image(set_page(["Heron"], Setting()), 1).startswith(b"\x89PNG")


@pytest.mark.parametrize("page", [0, -1, 2, 10**9])
def test_a_page_that_is_not_there_has_no_image(images: PageImages, page: int) -> None:
    with pytest.raises(NoImage):
        images.image(set_page(["Heron"], Setting()), page)


@pytest.mark.parametrize("box", ["0 0 14400 14400", "0 0 14400 10", "0 0 2 2"])
def test_an_image_has_no_more_pixels_than_a_screen_needs(images: PageImages, box: str) -> None:
    made = images.image(drawn(WORDS, box=box), 1)
    width, height = (int.from_bytes(made[at : at + 4], "big") for at in (16, 20))
    assert width <= 1472 + 1
    assert width * height <= 4_100_000


def answered(answer: bytes) -> PageImages:
    """Return images from a child that has been taken over and answers this."""

    class Taken:
        def request(self, *parts: bytes) -> bytes:
            return answer

    made = PageImages()
    made._turns = Turns([Taken()])  # type: ignore[assignment, list-item]
    return made


@pytest.mark.parametrize(
    "answer",
    [
        b'{"width": 400, "height": 300, "pages": 1, "marks": [[0, 0, 401, 10]]}',
        b'{"width": 400, "height": 300, "pages": 1, "marks": [[9, 0, 1, 10]]}',
        b'{"width": 400, "height": 300, "pages": 1, "marks": [["0", 0, 1, 10]]}',
        b'{"width": NaN, "height": 300, "pages": 1, "marks": []}',
        b'{"width": 400, "height": 1e9, "pages": 1, "marks": []}',
        b'{"width": 400, "height": 300, "pages": true, "marks": []}',
        b'{"width": 400, "height": 300, "pages": 1, "marks": "<script>"}',
        b'{"width": 400, "height": 300}',
        b"<svg onload=alert(1)>",
        b"[]",
    ],
)
def test_what_a_child_answers_is_not_believed(answer: bytes) -> None:
    with pytest.raises(NoImage):
        answered(answer).look(b"", 1)
    with pytest.raises(NoImage):
        answered(answer).image(b"", 1)
