"""Who runs the installation reads nothing of what is in it: no word of documents, questions, answers or calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.attacks.worlds import memory_folder
from tests.simulators.shop import NOTIFY, Shop
from tests.simulators.web_client import Browser, document_id

from muniment import app, settings
from muniment.actions.context import PROGRAMS
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.assistant.feedback import Opinion
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.web.administration.models import place
from muniment.interfaces.web.openings import OPENINGS

CANARY = "zephyrquark"
PEOPLE = """
[users.alice]
groups = ["lab"]
[users.ivan]
groups = ["lab"]
[users.adam]
groups = ["it"]
[users.carol]
groups = ["lab"]
[groups.lab]
[groups.it]
"""
ALIKE = 8
"""Pages of one shape that are looked at, such as those of single entries of the log."""
SECRET_URL = "https://ada:hunter2@orders.example/v1?key=hunter2"


def write(folder: Path, path: str, text: str) -> None:
    file = folder / "papers" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture(scope="module")
def lab() -> Iterator[Workspace]:
    with memory_folder() as folder:
        app.create(folder / "home", embedder=lambda: None).close()
        chosen = settings.parse({"identity": {"admin_groups": ["it"]}})
        workspace = app.open(folder / "home", settings=chosen, embedder=lambda: None)
        (folder / "people.toml").write_text(PEOPLE)
        workspace.directory.import_file(folder / "people.toml", OPERATOR)
        for role, name in (("operator", "ivan"), ("tool-user", "alice"), ("approver", "carol")):
            workspace.roles.grant(role, name, "a test", OPERATOR)
        write(folder, "access.toml", 'allow = ["group:lab"]\n')
        write(folder, f"{CANARY}/{CANARY}.md", f"# The {CANARY} plan\n\nThe {CANARY} costs twelve crowns.\n")
        write(folder, f"{CANARY}/empty-{CANARY}.md", "")
        workspace.ingest(folder / "papers", "papers")
        workspace.access.set(f"papers/{CANARY}", ["group:lab"], (), OPERATOR)
        alice = workspace.principal("alice")
        by = Actor(alice.ref, "web")
        workspace.conversations.create(alice, by, f"About the {CANARY}")
        made = workspace.ask(f"What does the {CANARY} cost?", "alice")
        opinion = Opinion(False, f"The {CANARY} is wrong", f"The {CANARY} is free")
        workspace.feedback.give(alice, made.id, opinion, by)
        workspace.running = Shop().running()
        workspace.tools.add(NOTIFY, None, OPERATOR)
        call = Call("notify", {"to": CANARY, "text": f"Buy the {CANARY}"})
        assert workspace.actions.propose(alice, by, call, PROGRAMS).action is not None
        workspace.search(CANARY, "alice")
        yield workspace
        workspace.close()


def posts(workspace: Workspace) -> list[tuple[str, dict[str, str]]]:
    """What the pages ask by form and change nothing."""
    hidden = document_id(workspace, f"{CANARY}/{CANARY}.md")
    return [
        ("/administration/access/person", {"name": "alice"}),
        ("/administration/access/person", {"name": "ivan"}),
        ("/administration/access/document", {"document": hidden}),
        ("/administration/sources/papers/readers", {"place": "a.md"}),
        ("/administration/directory/search", {"of": "user", "words": "a"}),
        ("/audit/search", {"kind": ""}),
        ("/audit/search", {"document": hidden}),
        ("/audit/search", {"who": "user:alice"}),
    ]


@pytest.mark.parametrize("name", ["ivan", "adam"])
def test_no_page_that_they_can_open_holds_a_word_of_it(lab: Workspace, name: str) -> None:
    browser = Browser(lab).sign_in(name)
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.http.get("/administration").text)
    csrf = csrf or re.search(r'name="csrf" value="([^"]+)"', browser.http.get("/audit").text)
    assert csrf is not None
    waiting, seen, opened = ["/", *(one.href for one in OPENINGS)], Counter[str](), 0
    looked = set[str]()
    answer = lab.audit.query(kind="answer.finished")[0].about["answer"]
    hidden = document_id(lab, f"{CANARY}/{CANARY}.md")
    waiting += [f"/answers/{answer}", f"/documents/{hidden}", f"/documents/{hidden}/reader", "/approvals"]
    for path, form in posts(lab):
        page = browser.post(path, csrf=csrf[1], **form)
        opened += page.status_code == 200
        assert CANARY not in unescape(page.text).lower(), path
        waiting += re.findall(r'href="(/[^"#]*)', page.text)
    while waiting:
        path = unescape(waiting.pop(0))
        shape = re.sub(r"[0-9]+|_[a-z2-7]{8,}", "*", path.partition("?")[0])
        if path in looked or seen[shape] >= ALIKE or path.startswith(("/static/", "/signout")):
            continue
        seen[shape] += 1
        looked.add(path)
        page = browser.http.get(path)
        opened += page.status_code == 200
        said = unescape(page.text).lower() + str(page.headers).lower()
        assert CANARY not in said and quote(CANARY) not in said, path
        waiting += re.findall(r'href="(/[^"#]*)', page.text)
    assert opened > 20


def test_the_words_are_there_for_who_may_read_them(lab: Workspace) -> None:
    alice = Browser(lab).sign_in("alice")
    answer = lab.audit.query(kind="answer.finished")[0].about["answer"]
    assert CANARY in alice.http.get(f"/answers/{answer}").text.lower()


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        (SECRET_URL, "https://orders.example/v1"),
        ("https://ada:hunter2@orders.example?key=hunter2", "https://orders.example"),
        ("https://orders.example#hunter2", "https://orders.example"),
        ("ada:hunter2@orders.example/v1", "orders.example/v1"),
        ("https://orders.example/v1", "https://orders.example/v1"),
    ],
)
def test_an_address_is_shown_without_what_opens_it(stated: str, shown: str) -> None:
    assert place(stated) == shown
