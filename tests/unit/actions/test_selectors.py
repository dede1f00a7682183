"""What a plan takes from results is what its rules say, labelled with all that decided it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.actions.tools import READ, tool

from muniment.actions.labels import USERS, Integrity, Label
from muniment.actions.reading import Reading, reading
from muniment.actions.selectors import MOST_DEPTH, Unresolved, is_form, resolve, steps_of
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput, MunimentError

TRUSTED = {"integrity": "system", "readers": "company"}
LABELS = {
    "rows[]": TRUSTED,
    "rows[].id": TRUSTED,
    "rows[].price": TRUSTED,
    "rows[].kind": TRUSTED,
    "rows[].customer.email": TRUSTED,
    "rows[].tags": TRUSTED,
    "rows[].tags[]": TRUSTED,
    # Anybody can add one of these; who sent it and what it is called are the system's own.
    "mails[].id": TRUSTED,
    "mails[].sender": TRUSTED,
    "mails[].price": TRUSTED,
    "total": TRUSTED,
    "names[]": TRUSTED,
}
SHOP = tool(READ, labels=LABELS)
UNTRUSTED = Label(Integrity.UNTRUSTED)


def shop(value: Any, asked: Label = USERS) -> dict[str, Reading]:
    return {"s1": reading(SHOP, "user:ann", value, asked)}


ROWS = [
    {"id": "A1", "price": 5, "kind": "tea", "customer": {"email": "a@x"}, "tags": ["new"], "note": "hi"},
    {"id": "A2", "price": 9, "kind": "tea", "customer": {"email": "b@x"}, "tags": [], "note": "ho"},
    {"id": "A3", "price": 9, "kind": "ale", "customer": {"email": "c@x"}, "tags": ["old", "new"]},
]
WORLD = shop({"rows": ROWS, "mails": [], "total": 23, "names": ["ann", "bob"]})


def body(form: str, **spec: Any) -> dict[str, Any]:
    return {form: {"of": "s1", "at": ["rows"], **spec}}


@pytest.mark.parametrize(
    ("expression", "value", "trusted"),
    [
        ({"$from": "s1", "path": ["total"]}, 23, True),
        ({"$from": "s1", "path": ["rows", 1, "id"]}, "A2", True),
        ({"$from": "s1", "path": ["rows", 0, "note"]}, "hi", False),
        (body("$one", where=[["id", "=", "A1"]], field="price"), 5, True),
        (body("$one", where=[["note", "=", "hi"]], field="id"), "A1", False),
        (body("$one", where=[["customer.email", "starts", "b"]], field="id"), "A2", True),
        (body("$all", where=[["kind", "=", "tea"]], field="id"), ["A1", "A2"], True),
        (body("$all", where=[["tags", "holds", "new"]], field="id"), ["A1", "A3"], True),
        (body("$all", where=[["kind", "in", ["ale", "gin"]]], field="id"), ["A3"], True),
        (body("$all", where=[["price", ">=", 9], ["kind", "!=", "ale"]], field="id"), ["A2"], True),
        (body("$all", where=[["kind", "=", "gin"]], field="id"), [], True),
        (body("$least", by="price", field="id"), "A1", True),
        (body("$most", by="price", then=[["id", "most"]], field="id"), None, True),
        (body("$count", where=[["price", "<", 9]]), 1, True),
        ({"$one": {"of": "s1", "at": ["names"], "where": [["", "=", "bob"]]}}, "bob", True),
        ({"$text": ["Pay ", {"$from": "s1", "path": ["total"]}, "."]}, "Pay 23.", True),
        ({"$sum": [body("$least", by="price", field="price"), 2.5]}, 7.5, True),
        ({"$product": [{"$from": "s1", "path": ["total"]}, "2"]}, 46, True),
        ({"$difference": [{"$from": "s1", "path": ["total"]}, 0.1]}, 22.9, True),
        ({"a": [{"b": {"$from": "s1", "path": ["rows", 0, "note"]}}]}, {"a": [{"b": "hi"}]}, False),
        ({"a": {}, "b": []}, {"a": {}, "b": []}, True),
    ],
    ids=str,
)
def test_an_expression_stands_for_what_its_rules_choose(expression: Any, value: Any, trusted: bool) -> None:
    if value is None:
        with pytest.raises(Unresolved):
            resolve(expression, WORLD)
        return
    found = resolve(expression, WORLD)
    assert found.value == value
    assert found.label.trusted == trusted
    assert steps_of(expression) <= {"s1"}


@pytest.mark.parametrize(
    "expression",
    [
        {"$from": "s2"},
        {"$from": "s1", "path": ["nothing"]},
        {"$from": "s1", "path": ["rows", 3]},
        {"$from": "s1", "path": ["rows", -1]},
        {"$from": "s1", "path": ["total", "x"]},
        body("$one", where=[["kind", "=", "tea"]], field="id"),
        body("$one", where=[["kind", "=", "gin"]], field="id"),
        body("$one", where=[["id", "=", "A1"]], field="nothing"),
        body("$most", by="price", field="id"),
        body("$most", by="kind", field="id"),
        body("$all", field="note"),
        {"$count": {"of": "s1", "at": ["total"]}},
        {"$text": [{"$from": "s1", "path": ["rows"]}]},
        {"$text": [True]},
        {"$sum": ["many"]},
        {"$sum": [True]},
        {"$difference": [1]},
    ],
    ids=str,
)
def test_what_cannot_be_told_is_unresolved(expression: Any) -> None:
    assert steps_of(expression) is not None
    with pytest.raises(Unresolved):
        resolve(expression, WORLD)


@pytest.mark.parametrize(
    "expression",
    [
        {"$other": "s1"},
        {"$from": "s1", "also": 1},
        {"$from": 1},
        {"$from": "s1", "path": "a"},
        {"$from": "s1", "path": [True]},
        {"$from": "s1", "path": [None]},
        {"$from": "s1", "$text": []},
        {"a": 1, "$from": "s1"},
        {"$text": "a"},
        {"$one": "s1"},
        {"$one": {"of": 1}},
        {"$one": {"of": "s1", "extra": 1}},
        {"$one": {"of": "s1", "by": "price"}},
        {"$one": {"of": "s1", "then": [["price", "most"]]}},
        {"$most": {"of": "s1"}},
        {"$most": {"of": "s1", "by": 5}},
        {"$most": {"of": "s1", "by": "price", "then": [["id", "banana"]]}},
        {"$most": {"of": "s1", "by": "price", "then": [[5, "most"]]}},
        {"$most": {"of": "s1", "by": "price", "then": ["id"]}},
        {"$most": {"of": "s1", "by": "price", "then": "id"}},
        {"$one": {"of": "s1", "at": "rows"}},
        {"$one": {"of": "s1", "at": [0]}},
        {"$one": {"of": "s1", "field": 5}},
        {"$one": {"of": "s1", "field": "tags[]"}},
        {"$one": {"of": "s1", "field": "a..b"}},
        {"$one": {"of": "s1", "where": "id = 1"}},
        {"$one": {"of": "s1", "where": [["id", "="]]}},
        {"$one": {"of": "s1", "where": [["id", "like", "a"]]}},
        {"$one": {"of": "s1", "where": [["id", ["="], "a"]]}},
        {"$one": {"of": "s1", "where": [["tags[]", "=", "new"]]}},
        {"$one": {"of": "s1", "where": [["id", "=", {"$odd": 1}]]}},
        {"a": [[{"b": {"$odd": 1}}]]},
    ],
    ids=str,
)
def test_what_is_malformed_is_refused_before_anything_is_read(expression: Any) -> None:
    with pytest.raises(BadInput):
        steps_of(expression)
    with pytest.raises(MunimentError):
        resolve(expression, WORLD)


def test_an_expression_is_only_so_deep() -> None:
    deep: Any = 1
    for _ in range(MOST_DEPTH + 1):
        deep = {"$sum": [deep]}
    with pytest.raises(BadInput):
        steps_of(deep)
    with pytest.raises(Unresolved):
        resolve(deep, WORLD)


def test_steps_are_found_wherever_they_stand() -> None:
    nested = {"a": [{"$text": [{"$from": "s1"}]}, body("$one", where=[["id", "=", {"$from": "s2"}]])]}
    assert steps_of(nested) == {"s1", "s2"}


def test_what_a_result_holds_is_never_an_expression() -> None:
    trap = {"$from": "s2", "path": []}
    world = {
        **shop({"total": trap, "rows": [{"id": trap}]}),
        "s2": reading(SHOP, "user:ann", "secret", USERS),
    }
    assert resolve({"$from": "s1", "path": ["total"]}, world).value == trap
    assert resolve(body("$all", field="id"), world).value == [trap]
    assert is_form(trap)


def test_a_name_that_reads_like_a_place_is_not_trusted_as_it() -> None:
    world = shop(
        {"rows[].id": "mallory", "rows": [{"customer.email": "m@evil", "customer": {"email": "a@x"}}]}
    )
    for path in (["rows[].id"], ["rows", 0, "customer.email"]):
        with pytest.raises(Unresolved):
            resolve({"$from": "s1", "path": path}, world)
    assert resolve(body("$all", field="customer.email"), world).value == ["a@x"]


def test_what_was_asked_with_untrusted_words_is_untrusted() -> None:
    assert not resolve({"$from": "s1", "path": ["total"]}, shop({"total": 1}, UNTRUSTED)).label.trusted


def test_the_word_of_whoever_wrote_an_expression_is_in_its_label() -> None:
    assert not resolve(1, {}, UNTRUSTED).label.trusted
    assert resolve(1, {}).label == USERS


def test_the_only_row_is_trusted_only_as_whoever_adds_rows() -> None:
    world = shop({"rows": [{"id": "A1"}], "mails": [{"id": "m1", "sender": "bob"}]})
    assert resolve({"$one": {"of": "s1", "at": ["rows"], "field": "id"}}, world).label.trusted
    mail = {"of": "s1", "at": ["mails"], "field": "id"}
    assert not resolve({"$one": mail}, world).label.trusted
    # Another's may be the only one that fits, where the expected row is missing.
    assert not resolve({"$one": {**mail, "where": [["sender", "=", "bob"]]}}, world).label.trusted


@pytest.mark.parametrize("form", ["$all", "$count", "$most", "$least"])
def test_what_depends_on_which_rows_there_are_is_trusted_as_whoever_adds_rows(form: str) -> None:
    by = {"by": "price"} if form in ("$most", "$least") else {}
    rows = [{"id": "m1", "sender": "bob", "price": 1}, {"id": "m2", "sender": "bob", "price": 2}]
    world = shop({"rows": rows, "mails": rows})
    for place, trusted in (("rows", True), ("mails", False)):
        where: list[Any] = [["id", "in", ["m1", "m2"]]]
        spec = {"of": "s1", "at": [place], "where": where, "field": "id", **by}
        assert resolve({form: spec}, world).label.trusted == trusted


def test_a_row_by_its_number_is_trusted_as_whoever_adds_rows() -> None:
    world = shop({"rows": [{"id": "A1"}], "mails": [{"id": "m1"}]})
    assert resolve({"$from": "s1", "path": ["rows", 0, "id"]}, world).label.trusted
    assert not resolve({"$from": "s1", "path": ["mails", 0, "id"]}, world).label.trusted


def test_a_field_that_anybody_writes_is_untrusted_though_its_row_was_chosen_by_trusted_ones() -> None:
    for form in ("$one", "$all"):
        found = resolve(body(form, where=[["id", "=", "A1"]], field="note"), WORLD)
        assert found.value in ("hi", ["hi"]) and not found.label.trusted


@pytest.mark.parametrize("how", ["=", "!=", "<", "in", "holds", "starts"])
def test_a_row_that_misses_a_field_is_the_word_of_whoever_could_have_filled_it(how: str) -> None:
    world = shop({"rows": [{"id": "A1"}]})
    wanted: Any = ["x"] if how == "in" else "x"
    assert not resolve(body("$count", where=[["note", how, wanted]]), world).label.trusted
    assert resolve(body("$count", where=[["kind", how, wanted]]), world).label.trusted


def test_a_text_in_the_way_of_a_field_has_decided_that_there_is_none() -> None:
    world = shop({"rows": [{"id": "A1", "customer": "mallory"}]})
    assert not resolve(body("$count", where=[["customer.email", "=", "a@x"]]), world).label.trusted


def test_true_is_not_one() -> None:
    world = shop({"rows": [{"id": True}, {"id": 1}, {"id": [True]}, {"id": {"a": True}}]})
    for how, wanted in (("=", 1), ("in", [1]), ("=", 1.0)):
        assert resolve(body("$all", where=[["id", how, wanted]], field="id"), world).value == [1]
    assert resolve(body("$count", where=[["id", "=", [1]]]), world).value == 0
    assert resolve(body("$count", where=[["id", "in", [{"a": 1}, [1]]]]), world).value == 0


NUMBERS = [
    "1e999999999",
    "1e400",
    "1_0",
    "１",
    " 1",
    "9" * 400,
    "NaN",
    10**400,
    2**53,
    float("inf"),
    float("nan"),
]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_a_number_that_would_take_forever_or_be_read_otherwise_is_unresolved(number: Any) -> None:
    world = shop({"total": number, "rows": [{"id": "A", "price": number}, {"id": "B", "price": 1}]})
    for expression in ({"$sum": [{"$from": "s1", "path": ["total"]}]}, body("$most", by="price", field="id")):
        with pytest.raises(Unresolved):
            resolve(expression, world)


def test_a_product_stays_exact_or_is_unresolved() -> None:
    assert resolve({"$product": [3, 4, 0.5]}, {}).value == 6
    with pytest.raises(Unresolved):
        resolve({"$product": [2**52] * 40}, {})


FIELDS = st.sampled_from(
    ["id", "price", "kind", "note", "customer", "customer.email", "tags", "sender", "", "none"]
)
LISTS = st.sampled_from([["rows"], ["mails"], ["names"], ["none"], []])
PLAIN = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b", "5"])
TESTS = st.tuples(
    FIELDS,
    st.sampled_from(["=", "!=", "<", ">=", "starts", "holds", "in"]),
    PLAIN | st.lists(PLAIN, max_size=2),
).map(list)
TIES = st.lists(st.tuples(FIELDS, st.sampled_from(["most", "least"])).map(list), max_size=1)


def chosen() -> st.SearchStrategy[dict[str, Any]]:
    spec = {"of": st.just("s1"), "at": LISTS, "where": st.lists(TESTS, max_size=2), "field": FIELDS}
    plain = st.sampled_from(["$one", "$all", "$count"])
    rows = st.builds(lambda form, one: {form: one}, plain, st.fixed_dictionaries(spec))
    best = st.builds(
        lambda form, one: {form: one},
        st.sampled_from(["$most", "$least"]),
        st.fixed_dictionaries({**spec, "by": FIELDS, "then": TIES}),
    )
    steps = st.sampled_from(
        ["rows", "mails", "names", "total", "id", "price", "note", "customer", "email", 0, 1]
    )
    path = st.builds(lambda parts: {"$from": "s1", "path": parts}, st.lists(steps, max_size=3))
    return rows | best | path


EXPRESSIONS = st.recursive(
    chosen() | PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        st.builds(
            lambda form, parts: {form: parts},
            st.sampled_from(["$text", "$sum", "$product"]),
            st.lists(inner, max_size=2),
        ),
    ),
    max_leaves=4,
)
ROW = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"]) | st.integers(0, 3)},
    optional={
        "price": st.integers(0, 3),
        "kind": st.sampled_from(["a", "b"]),
        "sender": st.sampled_from(["a", "b"]),
        "customer": st.fixed_dictionaries({"email": st.sampled_from(["a", "b"])}),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
    },
)
FORGED = PLAIN | st.lists(PLAIN, max_size=2) | st.just({"$from": "s1", "path": ["total"]})


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two results that differ only in what anybody may write: notes, odd names, and mails that were added."""
    base = {
        "rows": draw(st.lists(ROW, max_size=3)),
        "mails": draw(st.lists(ROW, max_size=2)),
        "names": ["a", "b"],
        "total": draw(st.integers(0, 3)),
    }

    def attacked(mails: list[Any]) -> Any:
        made = copy.deepcopy(base)
        for row in [*made["rows"], *made["mails"]]:
            for name in ("note", "customer.email", "none"):
                if draw(st.booleans()):
                    row[name] = draw(FORGED)
        made["mails"] += mails
        if draw(st.booleans()):
            made["none"] = draw(st.lists(ROW, max_size=1))
        return made

    return attacked([]), attacked(draw(st.lists(ROW, max_size=2)))


@settings(max_examples=200)
@given(worlds(), EXPRESSIONS)
def test_what_anybody_writes_changes_no_value_that_is_trusted(pair: tuple[Any, Any], expression: Any) -> None:
    try:
        steps_of(expression)
    except BadInput:
        return

    def told(value: Any) -> bytes | None:
        """The value in one spelling where it is trusted; None where it cannot be told or is not trusted."""
        try:
            found = resolve(expression, shop(value))
        except Unresolved:
            return None
        return canonical([found.value]) if found.label.trusted else None

    one, other = told(pair[0]), told(pair[1])
    assert one is None or other is None or one == other


@given(
    st.recursive(PLAIN | st.text(max_size=5), lambda one: st.lists(one) | st.dictionaries(FIELDS, one)),
    EXPRESSIONS,
)
def test_whatever_was_read_an_expression_has_a_value_or_is_unresolved(value: Any, expression: Any) -> None:
    try:
        steps_of(expression)
        resolve(expression, shop(value))
    except (BadInput, Unresolved):
        return


def test_why_a_value_cannot_be_told_says_nothing_of_what_was_read() -> None:
    expression = body("$one", where=[["id", "=", "A1"]], field="id")
    said: set[str] = set()
    for rows in ([], [{"id": "A1"}] * 2, [{"id": "A1"}] * 9):
        with pytest.raises(Unresolved) as caught:
            resolve(expression, shop({"rows": rows}))
        said.add(str(caught.value))
    assert len(said) == 1
