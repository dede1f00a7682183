"""Decisions in a real browser: hostile values are seen for what they are, and every page is open to everybody."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from tests.journeys.test_workflows import TOOLS, Flow
from tests.simulators.browser import faults, page_of, sign_in
from tests.simulators.hostile_values import VALUES
from tests.simulators.office import ALICE, BOB, PEOPLE
from tests.simulators.served import served
from tests.simulators.shop import MANIFESTS, Shop
from tests.simulators.web_client import document_id

from muniment import app
from muniment.actions.action import Action
from muniment.actions.approvals import Approver
from muniment.actions.assignment import read_assignment
from muniment.actions.bound import Agent, Evidence, Origin
from muniment.actions.context import Context
from muniment.actions.labels import Integrity, Label
from muniment.actions.proposals import Call
from muniment.actions.visible import read_back
from muniment.foundation.clock import Clock
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

ANYTHING = """
name = "write_notes"
says = "Writes notes."
effect = "write"
reversible = "never"
sensitivity = "internal"
allowed_groups = ["group:everyone"]
seen_by = "caller"
[arguments]
type = "object"
additionalProperties = false
required = ["notes"]
[arguments.properties]
notes = { type = "array", maxItems = 100, items = { type = "string", maxLength = 2000 } }
[roles]
"notes[]" = "content"
[result]
type = "object"
[runs]
kind = "python"
function = "shop:write_notes"
"""
HOSTILE_NAME = "Ma\u202ellory <img src=x onerror=alert(1)> </bdo></main>"
MALLORY = Principal("user", "mallory")
SHOWN = "all => all.map(one => one.textContent)"
NOT_WHOLE = """all => all.filter(one => {
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  return box.height === 0 || style.visibility !== 'visible' || one.scrollWidth > one.clientWidth + 1
    || one.scrollHeight > one.clientHeight + 4 && style.overflowY !== 'visible';
}).map(one => one.textContent.slice(0, 40))"""
WIDER = """[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => `${one.tagName}.${one.className} ${one.textContent.slice(0, 60)}`)"""
FOREIGN = """[...document.querySelectorAll('main *')].filter(one =>
  ['SCRIPT', 'IMG', 'IFRAME', 'OBJECT', 'EMBED', 'STYLE', 'LINK', 'SVG', 'svg', 'animate'].includes(one.tagName)
  || one.getAttributeNames().some(name => name.startsWith('on') || name === 'style' || name === 'srcdoc')
  || !'/#'.includes((one.getAttribute('href') ?? '/')[0])).length"""


class House(Flow):
    """A workspace with every state of actions and runs, and its server."""

    address: str = ""

    def ask(
        self, tool: str, who: Principal = ALICE, call: dict[str, Any] | None = None, **given: Any
    ) -> Action:
        options = call or {}
        context = options.pop("context", None)
        made = self.workspace.actions.propose(
            who, Actor(who.ref, "http"), Call(tool, given, **options), context
        )
        assert made.action is not None, made
        return made.action

    def reject(self, made: Action, reason: str, who: Principal = BOB) -> Action:
        by = Actor(who.ref, "web")
        shown = self.workspace.approvals.show(made.id, who, by)
        approver = Approver(who, by, self.workspace.clock.now())
        return self.workspace.approvals.reject(made.id, made.digest, shown.ticket, reason, approver)

    def assigned(self, rule: str) -> None:
        """Have later calls be asked about as a rule says."""
        self.workspace.assignment = read_assignment(f'[[rule]]\nid = "r"\n{rule}')
        for name in ("proposals", "actions"):
            self.workspace.__dict__.pop(name, None)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("deciding")
    workspace = app.create(place / "home", embedder=lambda: None, clock=Clock())
    people = PEOPLE + f"[users.mallory]\nname = {HOSTILE_NAME!a}\n".replace("'", '"')
    (place / "people.toml").write_text(people)
    workspace.directory.import_file(place / "people.toml", OPERATOR)
    shop = Shop()
    shop.gives["mail_get"] = {"subject": "Broken", "body": "My A-1 arrived broken, please refund it."}
    workspace.running = shop.running()
    for text in (*MANIFESTS, *TOOLS, ANYTHING):
        workspace.tools.add(text, None, OPERATOR)
    for role, who in (
        *(("tool-user", "group:support"), ("tool-user", "user:mallory"), ("approver", "group:leads")),
        *(("reader", "group:leads"), ("reader", "group:support")),
    ):
        workspace.roles.grant(role, who, "they do", OPERATOR)
    papers = place / "papers"
    papers.mkdir()
    (papers / "access.toml").write_text('allow = ["group:everyone"]\n')
    title = "# Rules <script>alert(1)</script> p\u0430ypal [x](javascript:alert(2))\n\n"
    (papers / "rules.md").write_text(title + "A refund of 20.00 EUR\u202e is paid <b>at once</b>.\n")
    workspace.ingest(papers, "papers")
    workspace.workflows.launch()
    assert workspace.workflows.is_running(60)
    made = House(workspace, shop, workspace.clock)  # type: ignore[arg-type]
    with served(workspace) as made.address:
        yield made
    workspace.close()


def test_hostile_values_are_seen_for_what_they_are_and_exactly_they_are_carried_out(
    chromium: Any, house: House
) -> None:
    given = list(VALUES.values())
    rules = document_id(house.workspace, "rules.md")
    origins = {f"notes[{at}]": Origin("untrusted", one) for at, one in enumerate(given)}
    agent = Agent(VALUES["script"], VALUES["bidi override"], VALUES["svg"])
    call = {"agent": agent, "origins": origins, "evidence": (Evidence(rules, "1", f"{rules}:1:0"),)}
    made = house.ask("write_notes", MALLORY, call, notes=given)
    spelled = [unicodedata.normalize("NFC", one) for one in given]
    assert made.bound.arguments == {"notes": spelled}
    with page_of(chromium, house.address) as page:
        sign_in(page, house.address, house.workspace, "bob")
        page.goto(f"{house.address}/approvals/{made.id}")
        assert page.locator("[data-approve] button").is_disabled()
        page.eval_on_selector_all("details[data-long] summary", "all => all.forEach(one => one.click())")
        page.wait_for_selector("[data-approve] button:enabled")
        assert [read_back(one) for one in page.eval_on_selector_all(".value", SHOWN)] == spelled
        for width in (360, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.eval_on_selector_all(".value", NOT_WHOLE) == []
            assert page.evaluate(WIDER) == []
        text = page.locator("body").inner_text()
        assert not {"\u202e", "\u200b", "\u2067", "\ufeff", "\U000e0061"} & set(text)
        assert page.evaluate(FOREIGN) == 0 and "owned" not in page.title()
        hashed = hashlib.sha256(made.bound.text().encode()).hexdigest()
        assert page.locator(".technical").inner_text() == made.digest == f"sha256:{hashed}"
        assert "<b>at once</b>" in page.locator(".rested").inner_text()
        assert "[U+202E]" in page.locator(".who").inner_text()
        page.click("[data-approve] button")
        page.wait_for_selector("text=It was carried out.")
        page.goto(f"{house.address}/approvals")
        assert page.evaluate(FOREIGN) == 0
    assert house.shop.effects[-1] == ("write_notes", made.digest, {"notes": spelled})


def test_a_hostile_reason_reaches_whoever_asked_as_words(chromium: Any, house: House) -> None:
    made = house.ask("refund", order="A-1", amount="3.00")
    house.reject(made, f"{VALUES['closing tags']} {VALUES['bidi isolate']} {VALUES['markdown']}"[:300])
    with page_of(chromium, house.address) as page:
        sign_in(page, house.address, house.workspace, "alice")
        page.goto(f"{house.address}/actions?one={made.id}")
        told = page.locator("article.mine").inner_text()
        assert "</bdo></div></details>" in told and "[U+2067]" in told and "](javascript:alert(1))" in told
        assert page.evaluate(FOREIGN) == 0


def test_a_page_that_is_open_says_that_its_action_was_decided(chromium: Any, house: House) -> None:
    made = house.ask("refund", order="A-1", amount="4.00")
    with page_of(chromium, house.address) as page:
        sign_in(page, house.address, house.workspace, "bob")
        page.clock.install()
        page.goto(f"{house.address}/approvals/{made.id}")
        assert page.locator("[data-approve] button").is_enabled()
        house.workspace.approvals.withdraw(made.id, ALICE, Actor(ALICE.ref, "http"))
        page.clock.fast_forward(5_500)
        page.wait_for_selector(".live.is-changed")
        told = page.locator(".live [role=status]").inner_text()
        assert told == "This has changed: Whoever asked for it took it back."
        assert page.locator("[data-approve] button").is_disabled()
        page.click(".live a")
        assert "took it back" in page.locator(".banner").inner_text()


def test_on_paper_every_value_stands_open_and_that_counts_for_nothing(chromium: Any, house: House) -> None:
    made = house.ask("write_notes", notes=["word " * 100, "short"])
    with page_of(chromium, house.address) as page:
        sign_in(page, house.address, house.workspace, "bob")
        page.goto(f"{house.address}/approvals/{made.id}")
        assert not page.locator("details[data-long]").evaluate("one => one.open")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details[data-long]").evaluate("one => one.open")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("[data-approve] button").is_disabled()


def test_everybody_can_use_every_page_of_decisions_and_workflows(chromium: Any, house: House) -> None:
    ask, rules = house.ask, document_id(house.workspace, "rules.md")
    house.approve(ask("refund", order="A-1", amount="15.00", reason="It came a week late."))
    house.shop.fault = "breaks after"
    house.approve(ask("refund", order="A-1", amount="16.00"))
    house.shop.fault = ""
    tainted = {
        "agent": Agent("local:qwen", "agent@1f2e3d4c", "run_7"),
        "origins": {"amount": Origin("untrusted", rules), "order": Origin("system", "get_order")},
        "evidence": (Evidence(rules, "1", f"{rules}:1:0"),),
        "context": Context(Label(Integrity.UNTRUSTED)),
    }
    refund = ask("refund", call=tainted, order="A-1", amount="20.00", reason="It came br\u043eken.")
    many = [f"person{n}@customer.example" for n in range(30)]
    mail = ask("send_mail", to=many, subject="Recall", body="Dear customer, " * 40)
    house.assigned('groups = ["user:carol"]\nescalate_to = ["group:leads"]\nafter = "1s"\nexpires = "8h"')
    ask("refund", order="A-1", amount="5000.00")
    house.ended(house.start("purchase-request", {"supplier": "S-1"}))
    house.assigned('expires = "8h"')
    access = house.start("access-request", {"user": "bob", "system": "orders", "for": "3d"})
    house.inbox("grant_access")
    paths = {
        "bob": ("/approvals", f"/approvals/{refund.id}", f"/approvals/{mail.id}", "/approvals/delegations"),
        "alice": ("/actions", "/workflows", "/workflows/new/purchase-request", f"/workflows/{access.id}"),
    }
    for name, places in paths.items():
        with page_of(chromium, house.address, bypass_csp=True, reduced_motion="reduce") as page:
            enter(page, house, name)
            for path in places:
                assert page.goto(house.address + path).status == 200
                assert faults(page) == [], path


def enter(page: Any, house: House, name: str) -> None:
    """Sign somebody in without seeing the first page, which is not open to everybody."""
    secret = house.workspace.sessions.redeem(
        house.workspace.sessions.create_link(house.workspace.principal(name), OPERATOR)
    ).secret
    page.context.add_cookies([{"name": "muniment", "value": secret, "url": house.address}])


def test_the_list_has_a_name_for_each_value_and_enough_of_them() -> None:
    assert len(VALUES) >= 60 and len(set(VALUES.values())) == len(VALUES)
