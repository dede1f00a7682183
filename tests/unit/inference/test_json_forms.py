"""What a grammar cannot express is found before a model is asked."""

from __future__ import annotations

import pytest

from muniment.inference.providers.json_forms import inexpressible

CLAIM = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 400},
        "passage": {"type": "integer", "minimum": 1, "maximum": 9},
        "kind": {"anyOf": [{"const": "fact"}, {"enum": ["rule", None]}]},
    },
    "required": ["text", "passage"],
    "additionalProperties": False,
}


def test_the_form_of_an_answer_can_be_expressed() -> None:
    whole = {
        "type": "object",
        "properties": {"claims": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/claim"}}},
        "$defs": {"claim": CLAIM},
    }
    assert inexpressible(whole) == ""


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "pattern": "^a+$"}, "pattern"),
        ({"type": "array", "items": {"type": "integer", "multipleOf": 3}}, "multipleOf"),
        ({"properties": {"a": {"not": {"type": "null"}}}}, "not"),
        ({"$defs": {"a": {"oneOf": [{"uniqueItems": True}]}}}, "uniqueItems"),
        ({"$ref": "https://elsewhere.example/form"}, "another document"),
        ({"items": [{"type": "string"}]}, "no object"),
        ({"anyOf": {"type": "string"}}, "anyOf"),
    ],
)
def test_what_cannot_be_is_named(schema: dict[str, object], said: str) -> None:
    assert said in inexpressible(schema)
