"""An answer in a schema keeps to it, each value proved; or the error names the place that failed, and no value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.openai_server import Mind, Simulator, serving

from muniment import settings
from muniment.assistant.structured import read
from muniment.assistant.values import Claim
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.errors import BadInput, Unavailable
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.passage import Passage

PAY = "What is the on-call engineer paid?"
PROOF = "The on-call engineer is paid 300 crowns for each weekend."
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["crowns", "per"],
    "properties": {
        "crowns": {"type": "integer"},
        "per": {"type": "string"},
        "kind": {"enum": ["money", "time", None]},
        "note": {"type": ["string", "null"]},
    },
}


def field(path: str, *quotes: tuple[int, str]) -> dict[str, Any]:
    return {"path": path, "quotes": [{"passage": n, "quote": quote} for n, quote in quotes]}


def result(value: Any, *evidence: dict[str, Any], found: bool = True) -> str:
    return json.dumps({"found": found, "evidence": evidence, "result": value})


GOOD = result(
    {"crowns": 300, "per": "weekend", "kind": "money", "note": None},
    field("/crowns", (1, PROOF)),
    field("/per", (1, PROOF)),
    field("/kind", (1, PROOF)),
)


@contextmanager
def asking(make_workspace: Callable[..., Any], folder: Path, mind: Mind) -> Iterator[tuple[Any, Simulator]]:
    with serving(mind) as server:
        model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0}
        workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
        workspace.ingest(folder, "acme")
        yield workspace, server


def replies(*texts: str) -> Mind:
    left = list(texts)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_a_result_keeps_to_the_schema_and_cites_each_of_its_values(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    with asking(make_workspace, folder, replies(GOOD)) as (workspace, server):
        answer = workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA)
        body = json.loads(server.bodies[0])
        stored = workspace.lineage.explain(workspace.principal("alice"), answer.id)
    assert answer.status == "answered"
    assert answer.result == {"crowns": 300, "per": "weekend", "kind": "money", "note": None}
    assert json.loads(answer.answer) == answer.result == stored.result
    assert [claim.text for claim in answer.claims] == ["/crowns: 300", "/per: weekend", "/kind: money"]
    assert [claim.inferred for claim in answer.claims] == [False, False, True]
    assert {citation.quote for citation in answer.citations} == {PROOF}
    assert body["response_format"]["json_schema"]["schema"]["properties"]["result"] == SCHEMA
    assert str(answer.lineage["schema"]).startswith("sha256:")


def stated(given: Any) -> bool:
    """Whether the amount stands in it; a time or an id may hold the same digits."""
    return re.search(r"(?<![\w.])300(?![\w.])", json.dumps(given.as_json())) is not None


def test_a_result_is_withheld_once_its_evidence_may_not_be_read(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    with asking(make_workspace, folder, replies(GOOD)) as (workspace, _):
        answer = workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA)
        workspace.directory.remove_member("platform", "alice", OPERATOR)
        later = workspace.lineage.explain(workspace.principal("alice"), answer.id)
    assert later.result is None
    assert not stated(later)


def test_a_revoke_while_the_model_writes_gives_no_value(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    def mind(_: str) -> str:
        workspace.directory.remove_member("platform", "alice", OPERATOR)
        return GOOD

    with asking(make_workspace, folder, mind) as (workspace, _):
        answer = workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA)
    assert (answer.status, answer.result) == ("refused", None)
    assert not stated(answer)


@pytest.mark.parametrize(
    "bad",
    [
        "<html>walnut</html>",
        result({"crowns": "many walnuts", "per": "weekend"}),
        result({"crowns": 300}),
        result({"crowns": 300, "per": "weekend"}),
        result({"crowns": 900, "per": "weekend"}, field("/crowns", (1, PROOF)), field("/per", (1, PROOF))),
        result({"crowns": 300, "per": "walnut"}, field("/crowns", (1, PROOF)), field("/per", (1, PROOF))),
        result({"crowns": 300, "per": "weekend"}, field("", (1, "Every walnut is 300 per weekend."))),
        result({"crowns": 300, "per": "weekend"}, field("", (2, PROOF))),
    ],
)
def test_what_is_not_valid_or_not_proved_is_asked_for_twice_more_and_then_an_error_names_its_place(
    make_workspace: Callable[..., Any], folder: Path, bad: str
) -> None:
    with asking(make_workspace, folder, replies(bad)) as (workspace, server):
        with pytest.raises(Unavailable) as caught:
            workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA)
        assert workspace.audit.tail(1)[0].kind == "answer.refused"
        assert len(server.bodies) == 3
        server.mind = replies(bad, bad, GOOD)
        assert workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA).result["crowns"] == 300
    assert "/" in caught.value.public
    assert "walnut" not in str(caught.value) and "900" not in str(caught.value)
    assert "What follows was wrong." in server.prompts[1]


@pytest.mark.parametrize(("fault", "limit"), [("wordy", "800"), ("", "4,000")])
def test_a_reply_that_was_cut_is_said_to_be_and_not_asked_for_again(
    make_workspace: Callable[..., Any], folder: Path, fault: str, limit: str
) -> None:
    with serving(replies(GOOD[:40]), fault) as server:
        model = {"base_url": server.url, "model": "m", "context_tokens": 4_000}
        workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
        workspace.ingest(folder, "acme")
        server.prompt_tokens = 3_995
        with pytest.raises(
            Unavailable, match=f"still filling in the form at its limit of {limit} tokens"
        ) as caught:
            workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA)
        assert "max_output_tokens" in str(caught.value.fix)
        assert len(server.bodies) == 1
        assert workspace.audit.tail(1)[0].kind == "answer.refused"


def test_a_form_that_the_passages_do_not_fill_is_an_abstention(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    empty = result({"crowns": 0, "per": ""}, found=False)
    with asking(make_workspace, folder, replies(empty)) as (workspace, server):
        answer = workspace.ask(PAY, as_="alice", model="remote", schema=SCHEMA)
    # The reply breaks no promise: what it holds as result is not looked at.
    assert (answer.status, answer.result, len(server.bodies)) == ("abstained", None, 1)


def test_names_that_the_schema_does_not_know_must_be_proved_too(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    open_ = {"type": "object", "additionalProperties": {"type": "integer"}}
    good = result({"crowns": 300}, field("/crowns", (1, PROOF)))
    bad = result({"the walnut room": 300}, field("/the walnut room", (1, PROOF)))
    with asking(make_workspace, folder, replies(good)) as (workspace, server):
        assert workspace.ask(PAY, as_="alice", model="remote", schema=open_).result == {"crowns": 300}
        server.mind = replies(bad)
        with pytest.raises(Unavailable) as caught:
            workspace.ask(PAY, as_="alice", model="remote", schema=open_)
    assert "walnut" not in str(caught.value)


def test_values_come_only_once_all_of_them_are_proved(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    half = result({"crowns": 300, "per": "walnut"}, field("", (1, PROOF)))
    with asking(make_workspace, folder, replies(half)) as (workspace, _):
        given: list[Any] = []
        alice = workspace.principal("alice")
        events = workspace.assistant.stream(alice, PAY, OPERATOR, "remote", schema=SCHEMA)
        with pytest.raises(Unavailable):
            given.extend(events)
    assert not [event for event in given if isinstance(event, Claim)]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "is not a JSON object"),
        ({"type": "sentence"}, "not valid at /type"),
        ({"$ref": "https://evil.example/schema"}, "what is not inside it"),
        ({"$ref": "file:///etc/passwd"}, "what is not inside it"),
        ({"$ref": "#"}, "recursive at #"),
        ({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}}, "recursive"),
        ({"$ref": "#/$defs/none"}, "which it does not hold"),
        ({"properties": {"x" * 100_000: {}}}, "Use at most 65,536"),
        ({"type": "string", "pattern": "(a+)+\\1"}, "not valid at /pattern"),
        ({"type": "object", "properties": {"a": float("nan")}}, "not JSON"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_before_anything_is_asked(
    make_workspace: Callable[..., Any], folder: Path, schema: Any, said: str
) -> None:
    with asking(make_workspace, folder, replies(GOOD)) as (workspace, server):
        with pytest.raises(BadInput, match=said):
            workspace.ask(PAY, as_="alice", model="remote", schema=schema)
        assert workspace.audit.tail(1)[0].kind == "answer.refused"
        with pytest.raises(BadInput, match="fills in no form"):
            workspace.ask(PAY, as_="alice", model="quotes", schema=SCHEMA)
    assert server.bodies == []


def test_forms_as_deep_as_real_ones_are_taken_and_bottomless_ones_are_not() -> None:
    def nested(levels: int) -> dict[str, Any]:
        form: dict[str, Any] = {"type": "integer"}
        for _ in range(levels):
            form = {"type": "object", "properties": {"a": form}}
        return form

    assert not CheckedSchema(nested(30)).faults({"a": {}})
    with pytest.raises(BadInput, match="deeper than 64 levels"):
        CheckedSchema(nested(40))


def test_a_schema_that_grows_without_end_by_its_references_is_refused() -> None:
    definitions = {f"n{at}": {"allOf": [{"$ref": f"#/$defs/n{at + 1}"}] * 8} for at in range(10)}
    with pytest.raises(BadInput, match=r"parts|levels"):
        CheckedSchema({"$ref": "#/$defs/n0", "$defs": {**definitions, "n10": {"type": "string"}}})


@pytest.mark.parametrize("word", ["description", "enum"])
def test_a_schema_whose_words_multiply_by_its_references_is_refused(word: str) -> None:
    long: object = "x" * 9_000
    fields = {f"n{at}": {"$ref": "#/$defs/long"} for at in range(100)}
    with pytest.raises(BadInput, match="262,144 characters"):
        CheckedSchema({"properties": fields, "$defs": {"long": {word: [long] if word == "enum" else long}}})


def test_names_and_values_that_look_like_keywords_are_names_and_values() -> None:
    link = {
        "type": "object",
        "properties": {"$ref": {"type": "string"}, "$id": {"const": 4}, "enum": {"$ref": "#/$defs/n"}},
    }
    values = {"enum": [{"$ref": "elsewhere"}], "default": {"$ref": "#/none"}}
    schema = CheckedSchema({"properties": {"link": link, "kind": values}, "$defs": {"n": {"type": "null"}}})
    assert not schema.faults({"link": {"$ref": "a", "$id": 4, "enum": None}, "kind": {"$ref": "elsewhere"}})
    for wrong in ({"$ref": 1}, {"$id": 5}, {"enum": 2}):
        assert schema.faults({"link": wrong})


def passage(text: str) -> Passage:
    return Passage("doc", "Leave", 1, "doc:1:0", None, (0, len(text)), 1.0, text, "", "s", "p", "text/plain")


@pytest.mark.parametrize(
    ("value", "quote", "stands"),
    [
        ({"date": "2026-01-05"}, "The review is on 5 January 2026.", True),
        ({"date": "2026-01-06"}, "The review is on 5 January 2026.", False),
        ({"weeks": 16}, "Parents get sixteen weeks of leave.", True),
        ({"days": 16}, "Parents get 16 weeks of leave.", False),
        ({"status": "allowed"}, "Guests are not allowed in the lab.", False),
        ({"status": "allowed"}, "Guests are allowed in the lab.", True),
        ({"who": "art"}, "Guests start at the desk of the party.", False),
        ({"open": True}, "The lab is open to guests on Friday.", True),
        ({"price": 1500.5}, "The price is EUR 1,500.50 for each of them.", True),
    ],
)
def test_a_value_is_proved_by_its_own_words_or_number(value: Any, quote: str, stands: bool) -> None:
    name = next(iter(value))
    reply = result(value, field(f"/{name}", (1, quote)))
    found = read(reply, CheckedSchema({"type": "object", "properties": {name: {}}}), [passage(quote)])
    assert (found.faults == ()) is stands


@given(st.text(max_size=300))
def test_any_reply_is_read_without_an_error(text: str) -> None:
    assert read(text, CheckedSchema(SCHEMA), [passage(PROOF)]).faults
