"""AZ1, LK1 to LK13 in browsers: worlds that differ only in what a person may not read look the same.

Every page that a reader can open is opened in each of them, and compared byte for byte; random names, the values of
forms and what the machine's clock says aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attacks.worlds import File, World, memory_folder, readable_by
from tests.simulators.shop import NOTIFY, Shop
from tests.simulators.web_client import Browser, document_id, observable

from muniment import app
from muniment.actions.context import PROGRAMS
from muniment.actions.proposals import Call
from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal

UMA, VIC = Principal("user", "uma"), Principal("user", "vic")
PEOPLE = '[users.uma]\ngroups = ["staff"]\n[users.vic]\nname = "Vic Ostrow"\n[groups.staff]\n'
QUESTION = "What does the copper ferry cost?"
FLOW = "purchase-request"
SHOWN = (
    File(
        "open/ferry.txt", "The copper ferry costs nine crowns.\n\nIt sails at dawn.", readable_by("user:uma")
    ),
    File("open/tariff.txt", "The tariff of the ferry is set each spring.", readable_by("group:staff")),
)
VICS = "shut/of vic.txt"
_SAID_ANEW = (
    (re.compile(r"\b(act|ans|conv|dlg|key|run|tkt|x)_[a-z2-7]{20,}|\brun_[0-9a-f]{40}"), "ID"),
    (re.compile(r'name="(csrf|ticket|digest|key)" value="[^"]*"'), "FORM"),
    (
        re.compile(
            r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d\d:\d\d:\d\d(\.\d+)?( UTC)?|\d{1,2} \w+ \d{4}(, \d\d:\d\d UTC)?"
        ),
        "TIME",
    ),
    (re.compile(r"[\d,]+ (ms|milliseconds)"), "TOOK"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "DIGEST"),
)


def nothing_hidden(world: World) -> None:
    world.put([File(VICS, "The lantern costs one crown.", readable_by("user:vic"))])


def much_hidden(world: World) -> None:
    """What answers Uma's question better, more of her words, other names, places, types, labels and people."""
    world.directory(PEOPLE + '[users.wes]\ngroups = ["board"]\n[groups.board]\nmembers_of = ["staff"]\n')
    files = [File(VICS, f"The lantern costs {QUESTION} ninety crowns.", readable_by("user:vic"))]
    files += [
        File(
            f"shut {n}/{QUESTION[:-1]}.txt",
            f"{QUESTION} The copper ferry costs {n} crowns.",
            readable_by(who),
        )
        for n, who in enumerate(("user:wes", "group:audit", "user:vic"))
    ]
    files += [
        File("open/secret.txt", QUESTION, readable_by("group:staff", deny=["user:uma"], label="internal"))
    ]
    world.put(files)
    world.put([File("minutes/may.txt", f"{QUESTION} A million.", readable_by("user:wes"))], source="board")
    busy(world)


def changed_and_removed(world: World) -> None:
    """The same once more, after changes of which some took away what Uma could never read."""
    much_hidden(world)
    world.put([File(VICS, "The lantern costs seven crowns, says the ferry.", readable_by("user:vic"))])
    world.remove("open/secret.txt")
    world.move("shut 1/What does the copper ferry cost.txt", "open/moved.txt")
    world.set_access("open/tariff.txt", readable_by("group:staff", "user:vic"))


def busy(world: World) -> None:
    """Others ask, propose, start runs and stand in for one another."""
    workspace, by = world.workspace, Actor(VIC.ref, "http")
    workspace.ask(QUESTION, "vic")
    for n in range(3):
        workspace.workflow_runs.start(FLOW, {"item": {"requester": UMA.ref}}, VIC, by, key=f"{n}")
        workspace.actions.propose(VIC, by, Call("notify", {"to": "wes", "text": f"{n}"}), PROGRAMS)


class Visit:
    """Uma in one world, who opens all that she knows an address of."""

    def __init__(self, world: World, hidden: Callable[[World], None]) -> None:
        self.world, workspace = world, world.workspace
        assert isinstance(workspace.clock, FixedClock)
        self.clock = workspace.clock
        workspace.running = Shop().running()
        world.directory(PEOPLE)
        workspace.tools.add(NOTIFY, None, OPERATOR)
        workspace.roles.grant("tool-user", "user:uma", "she helps", OPERATOR)
        workspace.roles.grant("tool-user", "user:vic", "he helps", OPERATOR)
        self.documents = world.put(SHOWN)
        hidden(world)
        by = Actor(UMA.ref, "http")
        self.run = workspace.workflow_runs.start(FLOW, {"item": "pumps"}, UMA, by, key="mine").id
        made = workspace.actions.propose(UMA, by, Call("notify", {"to": "vic", "text": "hello"}), PROGRAMS)
        assert made.action is not None
        self.action = made.action.id
        self.clock.advance(seconds=1)
        self.share()
        self.browser = Browser(workspace).sign_in("uma")
        self.seen: dict[str, tuple[int, str, dict[str, str]]] = {}

    def share(self) -> None:
        """Let Uma open a conversation of Vic's of which she may read no word."""
        workspace, by = self.world.workspace, Actor(VIC.ref, "http")
        assert "lantern costs" in Browser(workspace).sign_in("vic").ask("What does the lantern cost?").text
        talk = workspace.conversations.listing(VIC, by)[0]
        workspace.conversations.share(VIC, talk.id, UMA.ref, by)
        self.shared = talk.id

    def open(self, path: str, method: str = "GET", **form: str) -> str:
        """Keep what is to be seen; return the address that follows, if one does."""
        http = self.browser.http
        # What is listed by time is in one order then.
        self.clock.advance(seconds=1)
        answer = http.get(path) if method == "GET" else self.browser.post(path, csrf=self.csrf, **form)
        status, body, headers = observable(answer)
        text = body.decode()
        for what, instead in _SAID_ANEW:
            text = what.sub(instead, text)
        headers = {k: v for k, v in headers.items() if k not in ("content-length", "location", "set-cookie")}
        name = f"{method} {re.sub(r'(act|ans|conv|run|doc)_[a-z0-9]+', 'ID', path)} {form}"
        self.seen[f"{len(self.seen)} {name}"] = (status, text, headers)
        return str(answer.headers.get("location", ""))

    def everything(self) -> dict[str, tuple[int, str, dict[str, str]]]:
        self.csrf = self.browser.csrf
        self.open("/")
        answers = [
            self.open("/ask", "POST", question=QUESTION),
            self.open("/ask", "POST", question=QUESTION, place="files/open"),
            self.open("/ask", "POST", question="Where is the velvet quarry?"),
        ]
        for one in answers:
            assert one.startswith("/answers/")
            for tail in ("", "/lineage", "/compare", "/compare?beside=ans_none", "/text"):
                self.open(one + tail)
            self.open(one + f"/compare?beside={answers[0].rpartition('/')[2]}")
            for form in ("markdown", "json"):
                self.open(f"{one}/export?form={form}")
            self.open(f"{one}/replay", "POST", ask="yes")
            self.open(f"{one}/feedback", "POST", useful="yes")
        listed = self.browser.http.get("/conversations").text
        for path in ("/", "/conversations", "/search"):
            self.open(path)
        for talk in (*re.findall(r"/conversations/(conv_\w+)", listed), self.shared):
            for tail in ("", "/export?form=markdown", "/export?form=json"):
                self.open(f"/conversations/{talk}{tail}")
        for words in ("ferry", "lantern", "crown"):
            self.open("/conversations/search", "POST", words=words)
            for place in ("", "files", "files/open", "files/shut", "board", "board/minutes"):
                self.open("/search", "POST", query=words, place=place)
        for document in (*self.documents, "doc_none"):
            for tail in ("", "?view=text", "?version=1&at=0-5", "?version=2", "?page=2", "/pages/1.png"):
                self.open(f"/documents/{document}{tail}")
        for path in (
            *(
                "/actions",
                "/actions?state=open",
                f"/actions?one={self.action}",
                f"/actions?after={self.action}",
            ),
            *("/workflows", "/workflows?whose=all", f"/workflows?after={self.run}", f"/workflows/{self.run}"),
            *(f"/workflows/{self.run}/state", f"/workflows/new/{FLOW}"),
            *("/approvals", f"/approvals/{self.action}", f"/approvals/{self.action}/state"),
            *("/approvals/delegations", "/audit", "/audit/entries/0", "/audit/proof", "/quality"),
            *("/administration", "/administration/sources", "/administration/directory"),
        ):
            self.open(path)
        return self.seen


@pytest.fixture(scope="module")
def visit() -> Iterator[Callable[[Callable[[World], None]], Visit]]:
    with memory_folder() as folder:
        template, made = folder / "template", list[World]()
        app.create(template, clock=FixedClock(), ids=SeededIds(1)).close()

        def one(hidden: Callable[[World], None]) -> Visit:
            made.append(World.copy(template, Path(folder) / f"home-{len(made)}"))
            return Visit(made[-1], hidden)

        yield one
        for world in made:
            world.close()


Visiting = Callable[[Callable[[World], None]], Visit]


@pytest.fixture(scope="module")
def plain(visit: Visiting) -> Visit:
    made = visit(nothing_hidden)
    made.everything()
    return made


@pytest.mark.parametrize("hidden", [pytest.param(much_hidden, marks=pytest.mark.prove), changed_and_removed])
def test_every_page_is_the_same_whatever_is_hidden(
    visit: Visiting, plain: Visit, hidden: Callable[[World], None]
) -> None:
    seen = visit(hidden).everything()
    assert [name for name in plain.seen if seen.get(name) != plain.seen[name]] == []
    assert seen.keys() == plain.seen.keys()


def test_what_is_compared_are_pages_that_say_something(plain: Visit) -> None:
    assert sum(status == 200 for status, _, _ in plain.seen.values()) > 60
    whole = "\n".join(text for _, text, _ in plain.seen.values())
    assert "nine crowns" in whole and "withheld" in whole and "Ostrow" not in whole
    assert all(status < 500 for status, _, _ in plain.seen.values())


def test_what_is_anothers_looks_at_every_address_like_what_never_was(plain: Visit) -> None:
    workspace, by = plain.world.workspace, Actor(VIC.ref, "http")
    made = workspace.actions.propose(VIC, by, Call("notify", {"to": "uma", "text": "x"}), PROGRAMS).action
    assert made is not None
    answer = workspace.ask("What does the lantern cost?", "vic").id
    talk = workspace.conversations.create(VIC, by).id
    run = workspace.workflow_runs.start(FLOW, {}, VIC, by, key="theirs").id
    document = document_id(workspace, VICS)
    addresses = {
        answer: ("", "/lineage", "/compare", "/text", "/export", "/export?form=json"),
        talk: ("", "/export", "/export?form=json"),
        document: (
            "",
            "?view=text",
            "?version=1&at=0-3",
            "/pages/1.png",
            "/pages/x.png",
            "/pages/1.png?version=1",
        ),
        made.id: ("", "/state"),
        run: ("", "/state"),
    }
    rooms = {
        answer: "answers",
        talk: "conversations",
        document: "documents",
        made.id: "approvals",
        run: "workflows",
    }
    http, wrong = plain.browser.http, list[str]()
    for theirs, tails in addresses.items():
        never = theirs[:-1] + ("b" if theirs[-1] == "a" else "a")
        for tail in tails:
            seen = [observable(http.get(f"/{rooms[theirs]}/{one}{tail}")) for one in (theirs, never)]
            if seen[0] != seen[1] or seen[0][0] != 404:
                wrong.append(f"/{rooms[theirs]}{tail}")
    for query in ("/actions?one=", "/actions?after=", "/workflows?after="):
        theirs = run if "workflows" in query else made.id
        pages = [http.get(query + one).text for one in (theirs, theirs[:-1] + "0")]
        if pages[0] != pages[1]:
            wrong.append(query)
    mine = re.findall(r"/answers/(ans_\w+)", http.get("/conversations").text + http.get("/").text)
    for one in mine[:1]:
        beside = [http.get(f"/answers/{one}/compare?beside={other}") for other in (answer, answer[:-1] + "0")]
        assert beside[0].status_code == beside[1].status_code == 404
        assert beside[0].text.replace(answer, "") == beside[1].text.replace(answer[:-1] + "0", "")
    assert wrong == []
