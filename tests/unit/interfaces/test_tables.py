"""Tables whose rows a narrow page shows as lines of name and value."""

from __future__ import annotations

from markupsafe import Markup

from muniment.interfaces.web.tables import labelled

HEAD = (
    '<thead><tr><th scope="col">Suite</th><th scope="col" class="number">Cases &amp; more</th>'
    '<th scope="col"><span class="visually-hidden">Change</span></th></tr></thead>'
)


def test_each_cell_is_given_the_name_of_its_column() -> None:
    body = '<tbody><tr><th scope="row">sample</th><td class="number">100</td><td>Replace</td></tr></tbody>'
    assert labelled(Markup(HEAD + body)) == HEAD + (
        '<tbody><tr><th scope="row">sample</th><td data-label="Cases &amp; more" class="number">100</td>'
        "<td>Replace</td></tr></tbody>"
    )


def test_every_row_begins_with_the_first_column() -> None:
    made = labelled(
        Markup(HEAD + "<tbody><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></tbody>")
    )
    assert made.count('<td data-label="Suite">') == made.count('<td data-label="Cases &amp; more">') == 2


def test_a_cell_over_several_columns_and_a_cell_too_many_are_given_no_name() -> None:
    over, many = '<td colspan="2">Withheld</td><td>x</td>', "<td>1</td><td>2</td><td>3</td><td>4</td>"
    made = labelled(Markup(f"{HEAD}<tbody><tr>{over}</tr><tr>{many}</tr></tbody>"))
    assert over in made and "<td>3</td><td>4</td>" in made


def test_what_has_no_head_comes_back_as_it_is() -> None:
    assert labelled(Markup("<ol><li>permit</li></ol>")) == "<ol><li>permit</li></ol>"


def test_words_of_a_heading_cannot_leave_the_attribute() -> None:
    hostile = Markup(
        '<thead><tr><th scope="col">{}</th></tr></thead><tbody><tr><td>{}</td></tr></tbody>'
    ).format('"><script>', "<td>")
    made = labelled(hostile)
    assert "<script>" not in made and '<td data-label="&#34;&gt;&lt;script&gt;">&lt;td&gt;</td>' in made
