"""What is missing, unknown, loose or does not fit in a manifest is an error that names the place and the fix."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.tools import PAY, READ, SEND, WRITE, stated

from muniment.actions.labels import Integrity
from muniment.actions.manifest import FieldLabel, HttpOperation, RemoteTool
from muniment.actions.manifest_file import LONGEST, manifest_of, read_manifest
from muniment.foundation.errors import BadInput

GET = {"kind": "http", "method": "GET", "url": "https://shop.example/orders/{customer}"}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def refused(made: dict[str, Any]) -> str:
    with pytest.raises(BadInput) as caught:
        manifest_of(made)
    assert caught.value.fix
    return caught.value.public


@pytest.mark.parametrize("base", [SEND, PAY, WRITE, READ])
def test_the_samples_are_manifests(base: dict[str, Any]) -> None:
    assert manifest_of(base).name == base["name"]


NEEDED = ["name", "says", "effect", "sensitivity", "arguments", "result", "runs", "roles", "recipients"]


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_field_is_named(name: str) -> None:
    assert refused(stated(SEND, **{name: None})).startswith(name)


def test_what_acts_has_to_say_whether_it_can_be_taken_back() -> None:
    assert refused(stated(SEND, reversible=None)).startswith("reversible")
    assert manifest_of(READ).reversible == "always"


@pytest.mark.parametrize(
    ("base", "path"),
    [
        (SEND, ("extra",)),
        (WRITE, ("undo", "extra")),
        (WRITE, ("touches", "extra")),
        (WRITE, ("runs", "extra")),
        (SEND, ("runs", "extra")),
        (READ, ("runs", "extra")),
        (PAY, ("money", "extra")),
        (PAY, ("limits", "extra")),
        (READ, ("labels", "rows[].id", "extra")),
        (SEND, ("roles", "extra")),
        (SEND, ("recipients", "extra")),
    ],
)
def test_an_unknown_field_is_named_at_every_level(base: dict[str, Any], path: tuple[str, ...]) -> None:
    made = copy.deepcopy(base)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner["extra"] = "free"
    said = refused(made)
    assert "extra" in said and said.startswith(path[0])


@given(st.data())
def test_whatever_is_put_anywhere_is_taken_or_refused(data: st.DataObject) -> None:
    made = copy.deepcopy(data.draw(st.sampled_from([SEND, PAY, WRITE, READ])))
    inner = made
    while True:
        name = data.draw(st.sampled_from(sorted(inner)))
        if isinstance(inner[name], dict) and inner[name] and data.draw(st.booleans()):
            inner = inner[name]
            continue
        inner[name] = data.draw(JUNK)
        break
    try:
        manifest_of(made).digest  # noqa: B018
    except BadInput:
        return


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(sorted(SEND)), JUNK, max_size=6))
def test_nonsense_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        manifest_of(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = ",
        "name = 'a'\nname = 'b'",
        "a = 1" + "0" * 5000,
        "a = " + "[" * 5000 + "]" * 5000,
        ".".join("a" * 3_000) + " = 1",
        "[arguments.properties" + ".x.properties" * 2000 + "]",
        "a = 9007199254740993",
        "a = nan",
        "a = 2026-01-01",
        "x" * (LONGEST + 1),
        "name = '\ud800'",
    ],
    ids=range(12),
)
def test_a_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_manifest(text)


@pytest.mark.parametrize("name", ["", "Mail", "mail send", "1mail", "m" * 65, "mail\n", "mаil"])
def test_a_name_is_plain(name: str) -> None:
    assert refused(stated(SEND, name=name)).startswith("name")


def schema(**fields: object) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": fields}


@pytest.mark.parametrize(
    "arguments",
    [
        {"type": "object", "properties": {"customer": {"type": "string"}}},
        schema(customer={"type": "string"}, more={"type": "object"}),
        schema(customer={"anyOf": [{"type": "string"}, {"type": "object"}]}),
        schema(customer={"anyOf": [{"type": "string"}, True]}),
        {**schema(customer={"type": "string"}), "patternProperties": {"^x": {"type": "string"}}},
        {**schema(customer={"$ref": "#/$defs/c"}), "$defs": {"c": {"type": "object"}}},
        schema(customer={"type": ["string", "array"]}),
        schema(customer={"type": "array", "prefixItems": [{"type": "string"}]}),
        {"type": "array", "items": {"type": "string"}},
        {"$ref": "#/$defs/x", "$defs": {"x": True}},
        {"$ref": "https://elsewhere.example/schema"},
        schema(**{"customer": {"type": "string"}, "a.b": {"type": "string"}}),
    ],
    ids=range(12),
)
def test_arguments_are_closed_everywhere(arguments: dict[str, Any]) -> None:
    said = refused(stated(READ, arguments=arguments))
    assert said.startswith(("arguments", "The schema"))


def test_a_reference_inside_the_schema_is_followed() -> None:
    arguments = {**schema(customer={"$ref": "#/$defs/c"}), "$defs": {"c": {"type": "string"}}}
    assert manifest_of(stated(READ, arguments=arguments)).roles == {"customer": "free"}


def test_every_argument_has_one_role_and_nothing_else_has() -> None:
    assert "'customer'" in refused(stated(READ, roles={}))
    assert "'other'" in refused(stated(READ, roles={"customer": "free", "other": "free"}))
    assert refused(stated(READ, roles={"customer": "boss"})).startswith("roles.customer")


def test_what_may_be_a_text_or_a_list_needs_a_role_for_both() -> None:
    arguments = schema(to={"type": ["string", "array"], "items": {"type": "string"}})
    made = stated(SEND, arguments=arguments, roles={"to[]": "target"})
    assert "'to'" in refused(made)


def test_what_sends_says_whom_it_tells() -> None:
    roles = {"to[]": "content", "body": "content", "thread": "reference"}
    assert "no target" in refused(stated(SEND, roles=roles, recipients={}))
    assert "'to[]'" in refused(stated(SEND, recipients={}))
    assert refused(stated(SEND, recipients={"to[]": "fax"})).startswith("recipients.to[]")
    assert "no target" in refused(stated(SEND, recipients={"to[]": "email", "body": "email"}))


def test_what_pays_says_where_the_amount_stands() -> None:
    assert refused(stated(PAY, money=None)).startswith(("money", "limits"))
    assert refused(stated(PAY, money={"amount": "iban", "currency": "currency"})).startswith("money.amount")
    assert refused(stated(PAY, money={"amount": "amount", "currency": "kind"})).startswith("money.currency")
    assert refused(stated(PAY, money={"amount": "amount"})).startswith("money.currency")
    both = {"amount": "amount", "currency": "currency", "always": "EUR"}
    assert refused(stated(PAY, money=both)).startswith("money.currency")


def test_no_amount_goes_uncounted() -> None:
    arguments = copy.deepcopy(PAY["arguments"])
    arguments["properties"]["tip"] = {"type": "number"}
    roles = {**PAY["roles"], "tip": "amount"}
    assert "'tip'" in refused(stated(PAY, arguments=arguments, roles=roles))


def test_a_limit_of_money_needs_money() -> None:
    assert refused(stated(SEND, limits={"most": "5"})).startswith("limits")


def test_what_a_tool_undoes_is_said_in_both_places() -> None:
    assert refused(stated(WRITE, undo=None)).startswith("undo")
    assert refused(stated(WRITE, reversible="always")).startswith("undo")


def test_a_version_is_read_by_a_tool_or_there_is_none() -> None:
    assert refused(stated(WRITE, touches={"kind": "n", "reference": "title", "tool": "x"})).startswith(
        "touches"
    )
    assert refused(stated(WRITE, touches={"kind": "n", "reference": "name"})).startswith("touches.reference")


def test_no_argument_says_which_server_is_asked() -> None:
    for url in ("https://{customer}/orders", "https://a.{customer}.example/", "{customer}", "//{customer}/x"):
        assert refused(stated(READ, runs={**GET, "url": url})).startswith("runs.url")
    assert isinstance(manifest_of(stated(READ, runs=GET)).runs, HttpOperation)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_reads_changes_nothing_by_its_method(method: str) -> None:
    assert refused(stated(READ, runs={**GET, "method": method})).startswith("runs.method")


def test_a_path_names_only_arguments() -> None:
    assert "'who'" in refused(stated(READ, runs={**GET, "url": "https://shop.example/{who}"}))
    assert "'who'" in refused(stated(READ, runs={**GET, "query": ["who"]}))


@pytest.mark.parametrize("definition", ["", "sha256:00", "0" * 64, None])
def test_a_remote_tool_is_bound_to_its_definition(definition: object) -> None:
    runs = {"kind": "mcp", "server": "shop", "tool": "orders", "definition": definition}
    assert refused(stated(READ, runs=runs)).startswith(("runs.definition", "The value"))


def test_a_function_is_named_with_its_module() -> None:
    for name in ("os.system", "os:", ":run", "os:sys.x", "a b:c", "a:b\n"):
        assert refused(stated(SEND, runs={"kind": "python", "function": name})).startswith("runs.function")


def test_a_result_is_labelled_only_at_places_and_never_as_the_callers_own_word() -> None:
    assert refused(stated(READ, labels={"rows[0]": {}})).startswith("labels.rows[0]")
    assert refused(stated(READ, labels={"id": {"integrity": "user"}})).startswith("labels.id.integrity")
    assert refused(stated(READ, labels={"id": {"readers": "all"}})).startswith("labels.id.readers")
    assert refused(stated(READ, labels={"id": "system"})).startswith("labels.id")


def test_what_is_not_said_of_a_field_is_the_least() -> None:
    made = manifest_of(stated(READ, labels={"id": {}}))
    assert made.labels["id"] == FieldLabel(Integrity.UNTRUSTED, "owner")


@pytest.mark.parametrize(
    ("name", "value"), [("seconds", 0), ("seconds", 601), ("most_bytes", -1), ("most_bytes", 1 << 30)]
)
def test_a_call_is_bounded(name: str, value: object) -> None:
    assert refused(stated(SEND, **{name: value})).startswith(name)


def test_a_manifest_is_read_from_toml() -> None:
    made = read_manifest(
        """
        name = "orders"
        says = "Lists orders."
        effect = "read"
        sensitivity = "internal"
        allowed_groups = ["group:everyone"]
        [arguments]
        type = "object"
        additionalProperties = false
        [result]
        type = "object"
        [labels."rows[].id"]
        integrity = "system"
        [runs]
        kind = "mcp"
        server = "shop"
        tool = "orders"
        definition = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
        """
    )
    assert isinstance(made.runs, RemoteTool)
    assert made.labels["rows[].id"].integrity is Integrity.SYSTEM
