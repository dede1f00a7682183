"""What is shown of an answer: its sources' origin, what was not used, results as tables, and taking it along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode
from tests.simulators.openai_server import Mind, Simulator, serving
from tests.simulators.web_client import Browser, document_id, kinds

from muniment import app, settings
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

PEOPLE = """
[users.alice]
name = "Alice Moreau"
groups = ["platform"]
[users.bob]
groups = ["sales"]
[users.carol]
groups = []
[groups.platform]
members_of = ["engineering"]
[groups.engineering]
[groups.sales]
"""
PROOF = "The on-call engineer is paid 300 crowns for each weekend."
PAY = "How much is the on-call engineer paid for each weekend?"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["crowns_paid", "duties"],
    "properties": {
        "crowns_paid": {"type": "integer"},
        "note": {"type": ["string", "null"]},
        "duties": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"when": {"type": "string"}, "crowns": {"type": "integer"}},
            },
        },
    },
}
RESULT = {"crowns_paid": 300, "note": None, "duties": [{"when": "weekend", "crowns": 300}]}


class Company:
    """A small company with models of others, and what those say."""

    def __init__(self, root: Path, server: Simulator, said: list[str]) -> None:
        self.said = said
        models = {
            name: {"base_url": server.url, "model": "m", "max_sensitivity": label}
            for name, label in (("outside", "internal"), ("house", "any"))
        }
        self.workspace: Workspace = app.create(
            root / "home", settings=settings.parse({"models": models}), embedder=lambda: None
        )
        (root / "people.toml").write_text(PEOPLE)
        self.workspace.directory.import_file(root / "people.toml", OPERATOR)
        self.folder = root / "documents"
        self.write("engineering", "oncall.md", f"# On call\n\n{PROOF}\n", "confidential")
        self.write("engineering/shut", "keys.md", "# Keys\n\nThe key is in the walnut room.\n", None, "bob")
        self.write("all", "canteen.txt", "The canteen opens at eight and closes at three.\n", "public")
        self.workspace.ingest(self.folder, "docs")

    def write(self, place: str, name: str, text: str, label: str | None, only: str = "") -> None:
        (self.folder / place).mkdir(parents=True, exist_ok=True)
        who = f"user:{only}" if only else {"all": "group:everyone"}.get(place, "group:engineering")
        stated = f'sensitivity = "{label}"\n' if label else ""
        (self.folder / place / "access.toml").write_text(f'allow = ["{who}"]\n{stated}')
        (self.folder / place / name).write_text(text)

    def browser(self, name: str) -> Browser:
        return Browser(self.workspace).sign_in(name)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    said = [json.dumps({"claims": []})]
    mind: Mind = lambda _: said[0]  # noqa: E731
    with serving(mind) as server:
        made = Company(tmp_path_factory.mktemp("asking"), server, said)
        yield made
        made.workspace.close()


def asked(who: Browser, question: str = PAY, **fields: str) -> str:
    """Return the address of the answer."""
    got = who.post("/ask", csrf=who.csrf, question=question, **{"model": "quotes", **fields})
    assert got.status_code == 303, got.text
    return str(got.headers["location"])


def page(who: Browser, address: str) -> LexborHTMLParser:
    got = who.http.get(address)
    assert got.status_code == 200
    return LexborHTMLParser(got.text)


def said(shown: LexborHTMLParser | LexborNode, selector: str) -> str:
    return " ".join(" ".join(one.text().split()) for one in shown.css(selector))


def conversation_of(shown: LexborHTMLParser) -> str:
    found = shown.css_first("input[name=conversation]")
    assert found is not None
    return str(found.attributes["value"])


def test_a_source_says_why_it_was_found_how_fresh_it_is_and_by_which_right_it_is_read(
    company: Company,
) -> None:
    shown = page(company.browser("alice"), asked(company.browser("alice")))
    assert "that fitted best, by words alone." in said(shown, "[data-slot=why]")
    assert "It holds your words: on-call, engineer, paid, each, weekend." in said(shown, "[data-slot=why]")
    assert "Its source, docs, was last read on" in said(shown, ".source [data-slot=fresh]")
    assert said(shown, ".source [data-slot=through]") == "You read it through the group engineering."
    listed = shown.css_first(".source [data-slot=listed]")
    assert listed is not None and "hidden" in listed.attributes and listed.text() == ""


def test_the_whole_access_list_is_shown_to_whom_policy_shows_sources(company: Company) -> None:
    company.workspace.roles.grant("contributor", "user:alice", "she writes", OPERATOR)
    try:
        alice = company.browser("alice")
        shown = page(alice, asked(alice))
    finally:
        company.workspace.roles.revoke("contributor", "user:alice", "enough", OPERATOR)
    listed = said(shown, ".source [data-slot=listed]")
    assert listed == "Allows group:engineering. Labelled confidential."
    assert "access.list_read" in kinds(company.workspace)


def test_a_source_says_so_once_a_newer_version_exists(company: Company) -> None:
    alice = company.browser("alice")
    address = asked(alice, "When does the canteen open?")
    assert said(page(alice, address), ".source .newer") == ""
    company.write("all", "canteen.txt", "The canteen opens at nine and closes at three.\n", "public")
    company.workspace.ingest(company.folder, "docs")
    shown = page(alice, address)
    assert "version 2 is current" in said(shown, ".source .newer")
    assert "This is its current version." not in said(shown, ".source [data-slot=fresh]")


def test_the_answer_says_what_the_model_could_not_be_sent_and_which_other_could(company: Company) -> None:
    alice = company.browser("alice")
    company.said[0] = json.dumps({"claims": []})
    shown = page(alice, asked(alice, model="outside"))
    unused = said(shown, ".answer .unused")
    assert "1 passage is more sensitive than outside may be sent" in unused
    assert "house; Quotes, no language model" in unused
    assert "withheld from the model" not in said(shown, ".notes")
    assert said(shown, "#question") == PAY
    assert [one.attributes["value"] for one in shown.css("select[name=model] [selected]")] == ["outside"]


def test_what_a_person_may_not_read_is_never_told_as_not_used(company: Company) -> None:
    company.said[0] = json.dumps({"claims": []})
    carol = company.browser("carol")
    assert page(carol, asked(carol, model="outside")).css_first(".answer .unused") is None


def test_an_abstention_offers_a_search_for_the_words_of_what_may_be_read(company: Company) -> None:
    for name in ("carol", "alice"):
        who = company.browser(name)
        shown = page(who, asked(who, "Who holds the walnut key of zebras?"))
        form = shown.css_first(".answer [data-words]")
        assert form is not None and form.attributes["action"] == "/search"
        assert said(shown, "#question") == "Who holds the walnut key of zebras?"
        found = who.post("/search", csrf=who.csrf, query="walnut room canteen")
        listed = LexborHTMLParser(found.text)
        assert "canteen.txt" in said(listed, ".passages .path")
        assert "keys.md" not in found.text and "walnut room." not in found.text
        assert "canteen" in said(listed, ".passages b")


def test_a_search_without_words_says_what_is_missing(company: Company) -> None:
    carol = company.browser("carol")
    got = carol.post("/search", csrf=carol.csrf, query=" ")
    assert got.status_code == 422 and "The query is empty" in got.text


def structured(company: Company) -> str:
    quotes = [{"passage": 1, "quote": PROOF}]
    evidence = [{"path": path, "quotes": quotes} for path in ("/crowns_paid", "/duties/0")]
    company.said[0] = json.dumps({"found": True, "evidence": evidence, "result": RESULT})
    made = company.workspace.ask(PAY, as_="alice", model="house", schema=SCHEMA)
    assert made.status == "answered"
    return f"/answers/{made.id}"


def test_a_result_in_a_schema_is_tables_with_a_chip_at_each_value(company: Company) -> None:
    shown = page(company.browser("alice"), structured(company))
    pairs = {said(one, "dt"): one for one in shown.css(".claims > .pairs > div")}
    assert set(pairs) == {"Crowns paid", "Note", "Duties"}
    assert said(pairs["Crowns paid"], "dd") == "300 1" and said(pairs["Note"], "dd") == "not stated"
    assert [one.text() for one in pairs["Duties"].css("thead th")] == ["When", "Crowns"]
    cells = pairs["Duties"].css("tbody td")
    assert [said(cell, "span") for cell in cells] == ["weekend", "300"]
    chips = [chip.attributes["href"] for cell in cells for chip in cell.css(".chip")]
    assert chips == ["#source-1", "#source-1"]
    assert cells[1].attributes["class"] == "number"


def test_an_answer_is_taken_along_as_text_markdown_and_json_with_its_sources(company: Company) -> None:
    alice, address = company.browser("alice"), structured(company)
    text = alice.http.get(f"{address}/text")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Crowns paid: 300 [1]" in text.text and "[1] On call. Version 1" in text.text
    assert f"“{PROOF}”" in text.text
    written = alice.http.get(f"{address}/export")
    name = 'attachment; filename="how-much-is-the-on-call-engineer-paid-for-each-weekend-'
    assert written.headers["content-disposition"].startswith(name)
    assert written.headers["x-content-type-options"] == "nosniff"
    assert f"- [1] On call, version 1: “{PROOF}”" in written.text and '"crowns_paid": 300' in written.text
    stated = alice.http.get(f"{address}/export", params={"form": "json"})
    assert stated.headers["content-disposition"].endswith('.json"') and stated.json()["result"] == RESULT
    assert kinds(company.workspace).count("answer.exported") == 3
    assert alice.http.get(f"{address}/export", params={"form": "exe"}).status_code == 404


def test_what_may_no_longer_be_read_is_in_no_download(company: Company) -> None:
    alice = company.browser("alice")
    address = asked(alice)
    talk = conversation_of(page(alice, address))
    company.workspace.access.set("docs/engineering", ["user:bob"], [], OPERATOR)
    try:
        for place in (f"{address}/text", f"{address}/export", f"/conversations/{talk}/export"):
            for form in ("markdown", "json"):
                assert "300 crowns" not in alice.http.get(place, params={"form": form}).text
    finally:
        company.workspace.access.clear("docs/engineering", OPERATOR)


def test_a_conversation_is_shared_with_a_person_and_a_group_and_taken_back(company: Company) -> None:
    alice, bob = company.browser("alice"), company.browser("bob")
    talk = conversation_of(page(alice, asked(alice, "When does the canteen open?")))
    place = f"/conversations/{talk}"
    assert bob.http.get(place).status_code == 404
    for kind, name in (("user", "bob"), ("group", "sales")):
        got = alice.post(f"{place}/shares", csrf=alice.csrf, kind=kind, name=name)
        assert got.headers["location"] == f"{place}#sharing"
    assert [one.text() for one in page(alice, place).css(".along span")] == ["Group sales", "bob"]
    seen = page(bob, place)
    assert "The canteen opens" in said(seen, ".talk") and seen.css_first("#sharing") is None
    for subject in ("user:bob", "group:sales"):
        alice.post(f"{place}/shares/remove", csrf=alice.csrf, subject=subject)
    assert "Nobody reads along yet." in said(page(alice, place), "#sharing")
    assert bob.http.get(place).status_code == 404


def test_a_share_that_names_nobody_says_what_to_write_and_shares_nothing(company: Company) -> None:
    alice = company.browser("alice")
    talk = conversation_of(page(alice, asked(alice, "When does the canteen open?")))
    for fields in ({"kind": "user", "name": " "}, {"kind": "service", "name": "helpdesk"}):
        got = alice.post(f"/conversations/{talk}/shares", csrf=alice.csrf, **fields)
        assert got.status_code == 422 and "names neither a person nor a group" in got.text
    assert alice.post(f"/conversations/{talk}/shares", kind="user", name="bob").status_code == 403
    assert "Nobody reads along yet." in said(page(alice, f"/conversations/{talk}"), "#sharing")


def offered(shown: LexborHTMLParser, name: str) -> list[str]:
    values = [one.attributes.get("value") or "" for one in shown.css(f"select[name={name}] option")]
    return [one for one in values if one]


def test_a_question_is_limited_to_places_and_kinds_in_which_its_asker_may_read_something(
    company: Company,
) -> None:
    alice, carol = page(company.browser("alice"), "/"), page(company.browser("carol"), "/")
    assert offered(alice, "place") == ["docs", "docs/all", "docs/engineering"]
    assert offered(alice, "type") == ["md", "txt"]
    assert offered(carol, "place") == ["docs", "docs/all"] and offered(carol, "type") == ["txt"]


def test_limits_hold_are_said_and_go_along_with_a_follow_up(company: Company) -> None:
    alice = company.browser("alice")
    limits = {"place": "docs/all", "type": "txt", "after": "2020-01-01", "before": "2100-01-01"}
    shown = page(alice, asked(alice, **limits))
    assert "300 crowns" not in said(shown, ".answer")
    words = "Limited to: docs/all, Text, from 1 January 2020, before 1 January 2100."
    assert words in said(shown, ".notes") and words == said(shown, ".ask .limits summary")
    kept = {one.attributes["name"]: one.attributes.get("value") for one in shown.css(".limits input")}
    chosen = [one.attributes["value"] for one in shown.css(".limits [selected]")]
    assert kept == {"after": "2020-01-01", "before": "2100-01-01"} and chosen == ["docs/all", "txt"]
    assert "300 crowns" in said(page(alice, asked(alice, place="docs/engineering")), ".answer")


def test_a_limit_that_cannot_hold_names_the_field_and_keeps_what_was_typed(company: Company) -> None:
    alice = company.browser("alice")
    got = alice.post(
        "/ask", csrf=alice.csrf, question=PAY, after="2026-02-01", before="2026-01-01", place="docs"
    )
    shown = LexborHTMLParser(got.text)
    assert got.status_code == 422 and "is not earlier than before" in said(shown, "[role=alert]")
    assert said(shown, "#question") == PAY and shown.css_first(".limits[open]") is not None


def test_a_place_that_may_not_be_read_finds_what_one_that_is_not_there_finds(company: Company) -> None:
    carol = company.browser("carol")
    shut, absent = (page(carol, asked(carol, place=place)) for place in ("docs/engineering", "docs/nothing"))
    told = [said(one, ".answer").replace("docs/engineering", "docs/nothing") for one in (shut, absent)]
    assert told[0] == told[1]


def events(got: Any) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in got.text.replace("\r", "").split("\n\n") if "data:" in block]
    return [
        (
            next(line[6:].strip() for line in block if line.startswith("event:")),
            json.loads("".join(line[5:] for line in block if line.startswith("data:"))),
        )
        for block in blocks
    ]


def test_a_stream_tells_what_its_page_tells(company: Company) -> None:
    alice = company.browser("alice")
    headers = {"origin": "http://localhost", "accept": "text/event-stream"}
    fields = {"csrf": alice.csrf, "question": PAY, "model": "quotes", "place": "docs/engineering"}
    told = events(alice.http.post("/ask", data=fields, headers=headers))
    name, last = told[-1]
    claim = next(data for kind, data in told if kind == "claim")
    assert name == "finished" and last["unused"] is None
    assert last["notes"][0] == "Limited to: docs/engineering."
    assert claim["sources"][0]["through"] == "You read it through the group engineering."
    shown = page(alice, last["href"])
    assert said(shown, ".source [data-slot=why]") == " ".join(one["why"] for one in last["whys"])


def test_documents_are_named_by_where_they_stand_in_a_search(company: Company) -> None:
    alice = company.browser("alice")
    found = LexborHTMLParser(alice.post("/search", csrf=alice.csrf, query=PAY, type="md").text)
    link = found.css_first(".passages a")
    assert link is not None
    assert document_id(company.workspace, "engineering/oncall.md") in str(link.attributes["href"])
    assert "Limited to: Markdown." in said(found, ".notes")
