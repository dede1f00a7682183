"""LK15: sensitive values reach no model and no log; the reader still gets them, as far as answers may show them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.simulators import openai_server
from tests.simulators.openai_server import serving
from tests.simulators.web_client import Browser

from muniment import settings
from muniment.assistant.shown import MASKED
from muniment.assistant.values import NOTHING_FOUND
from muniment.foundation.errors import Denied

CARD, ACCOUNT, PERSON = "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32", "078-05-1120"
KEY, MAIL = "Winter-2024!x", "ann.heron@marrowby.example"
VALUES = (CARD, ACCOUNT, PERSON, KEY)
NOTES = {
    "heron.md": f"# Heron card {CARD}\n\nThe heron tickets are paid by the company card {CARD} every month.\n",
    "account.md": f"# Heron account\n\nThe heron rent goes to the account {ACCOUNT} on the first day.\n",
    "person.md": f"# Heron keeper\n\nThe heron keeper is Ann, {PERSON}, reached at {MAIL} at any time.\n",
    "login.md": f"# Heron login\n\nThe heron pump's staging password: {KEY}\n\n"
    f"The heron pump takes {KEY} twice a day.\n",
}
QUESTION = "How are the heron tickets paid, and where does the heron rent go?"


@contextmanager
def ready(
    make: Callable[..., Any], root: Path, mind: Any = openai_server.answering, **options: Any
) -> Iterator[Any]:
    """A workspace with these notes, and the server that its one language model is."""
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:everyone"]\n')
    for name, text in NOTES.items():
        (root / name).write_text(text)
    with serving(mind) as server:
        model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0, **options.pop("model", {})}
        workspace = make(settings=settings.parse({"models": {"remote": model}, **options}))
        workspace.ingest(root, "acme")
        yield workspace, server


def everything(prompt: str) -> str:
    """A model that quotes each line of each passage."""
    lines = [(n, line.strip()) for n, text in openai_server.passages_of(prompt) for line in text.split("\n")]
    return openai_server.reply(*(openai_server.claim(line, (n, line)) for n, line in lines if len(line) > 20))


@pytest.fixture(autouse=True)
def verbose(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def test_the_model_never_gets_a_value_and_the_reader_gets_each_back(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    shown = {"sensitive": {"answers": {"secret": "allow"}}}
    with ready(make_workspace, tmp_path / "notes", everything, **shown) as (workspace, server):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        asked = workspace.ask(f"What is the card {CARD} for, heron?", as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
    assert MAIL in sent
    for value in VALUES:
        assert value not in sent, value
    quotes = " ".join(citation.quote for citation in (*answer.citations, *asked.citations))
    for value in VALUES:
        assert value in quotes, value
    assert not re.search(r"\[(CARD|ACCOUNT|IDENTIFIER|SECRET)-", json.dumps(answer.as_json()) + quotes)


def test_the_log_and_its_export_say_how_many_and_never_which(
    make_workspace: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with ready(make_workspace, tmp_path / "notes", everything) as (workspace, _):
        workspace.ask(f"{QUESTION} Not by {CARD}?", as_="alice", model="remote")
        sent, _ = workspace.audit.query(kind="model.call", limit=10)
        assert sent.about["redacted"]["card"] >= 2
        assert set(sent.about["redacted"]) == {"secret", "card", "iban", "national_id"}
        workspace.audit.export(tmp_path / "export")
        entries = [json.dumps([one.kind, one.about]) for one in workspace.audit.query(limit=10_000)]
    out, err = capfd.readouterr()
    exported = "".join(path.read_text("latin-1") for path in (tmp_path / "export").iterdir())
    for value in (*VALUES, MAIL):
        for where in ("\n".join(entries), exported, caplog.text, out, err):
            assert value not in where, value


def test_an_endpoint_of_ones_own_may_be_given_more_and_another_less(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    own = {"model": {"sensitive": {"card": "allow", "email": "redact"}}}
    with ready(make_workspace, tmp_path / "notes", **own) as (workspace, server):
        workspace.ask(QUESTION, as_="alice", model="remote")
        sent = server.bodies[0].decode()
    assert CARD in sent
    assert MAIL not in sent and ACCOUNT not in sent


def test_blocked_passages_stay_out_and_the_answer_says_how_many(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    blocking = {"sensitive": {"prompts": {"card": "block"}}}
    with ready(make_workspace, tmp_path / "notes", **blocking) as (workspace, server):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        with pytest.raises(Denied, match="a payment card number, which may not go to the model 'remote'"):
            workspace.ask(f"What is {CARD} for, heron?", as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
        refused = workspace.audit.query(kind="answer.refused")[-1].about
    assert "heron tickets are paid" not in sent and len(server.bodies) == 1
    assert answer.status == "answered" and "heron rent" in answer.answer
    assert "Not given to this model because of sensitive values: 1 passage." in answer.notes
    assert refused["reason"] == "denied"


def test_with_every_passage_blocked_the_model_is_not_asked(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    blocking = {"sensitive": {"prompts": {k: "block" for k in ("card", "iban", "national_id", "secret")}}}
    with ready(make_workspace, tmp_path / "notes", **blocking) as (workspace, server):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        assert (answer.status, answer.answer, server.bodies) == ("abstained", NOTHING_FOUND, [])


def test_answers_mask_what_they_may_not_show_also_where_the_quote_begins_behind_its_name(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    masking = {"sensitive": {"answers": {"card": "redact"}}}
    with ready(make_workspace, tmp_path / "notes", everything, **masking) as (workspace, _):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        again = workspace.lineage.explain(workspace.principal("alice"), answer.id)
        for made in (json.dumps(answer.as_json()), json.dumps(again.as_json())):
            assert "**** 1111" in made and "[key or password] twice a day" in made
            assert CARD not in made and KEY not in made
            assert ACCOUNT in made
    assert MASKED in answer.notes
    assert answer.lineage["checks"]["masked"] >= 2


def test_a_claim_with_a_blocked_value_is_dropped_and_the_others_stand(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    blocking = {"sensitive": {"answers": {"card": "block"}}}
    with ready(make_workspace, tmp_path / "notes", everything, **blocking) as (workspace, _):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
    assert answer.status == "answered" and ACCOUNT in answer.answer
    assert "1111" not in json.dumps(answer.as_json())
    assert any(note.startswith("Left out because of sensitive values: ") for note in answer.notes)


def test_the_built_in_quotes_leave_nothing_out_and_mask_as_well(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    masking = {"sensitive": {"prompts": {"card": "block"}, "answers": {"card": "redact"}}}
    with ready(make_workspace, tmp_path / "notes", **masking) as (workspace, server):
        answer = workspace.ask("How are the heron tickets paid?", as_="alice")
    assert server.bodies == []
    assert "**** 1111" in answer.answer and CARD not in json.dumps(answer.as_json())


def test_the_cards_of_the_web_page_cover_what_the_answer_masks(
    make_workspace: Callable[..., Any], tmp_path: Path
) -> None:
    with ready(make_workspace, tmp_path / "notes", everything) as (workspace, _):
        made = workspace.ask(QUESTION, as_="alice", model="remote")
        page = Browser(workspace).sign_in("alice").http.get(f"/answers/{made.id}").text
    assert "heron pump" in page and "[key or password]" in page
    assert KEY not in page
