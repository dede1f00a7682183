"""The pages of running the installation: what each role sees and may change, and that they work for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulators.browser import faults, page_of, sign_in
from tests.simulators.served import served
from tests.simulators.shop import NOTIFY, Shop
from tests.simulators.web_client import Browser

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.incidents import sealing
from muniment.settings import parse

PEOPLE = """
[users.olga]
[users.sven]
[users.ada]
[users.cleo]
[users.rita]
[services.helpdesk]
"""
ROLES = {"olga": "operator", "sven": "security-officer", "ada": "auditor", "cleo": "curator"}
SETTINGS = {
    "models": {
        "house": {
            "base_url": "http://127.0.0.1:9/v1",
            "model": "llama",
            "max_sensitivity": "confidential",
        },
        "keyless": {"base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": "env:MUNIMENT_ABSENT"},
    },
    "limits": {"tenant_tokens_per_day": 1000, "teams": {"sales": {"tokens_per_day": 500}}},
}
PAGES = ("", "/models", "/tools", "/tools/notify", "/keys", "/network", "/limits", "/incidents")
SECRET = "The heron costs twelve crowns."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    place = tmp_path_factory.mktemp("running")
    made = app.create(place / "home", clock=FixedClock(), embedder=lambda: None, settings=parse(SETTINGS))
    (place / "people.toml").write_text(PEOPLE)
    made.directory.import_file(place / "people.toml", OPERATOR)
    for name, role in ROLES.items():
        made.roles.grant(role, name, "their work", OPERATOR)
    (place / "papers").mkdir()
    (place / "papers" / "access.toml").write_text('allow = ["user:rita"]\n')
    (place / "papers" / "heron.md").write_text(SECRET + "\n")
    made.ingest(place / "papers", "papers")
    made.running = Shop().running()
    made.tools.add(NOTIFY, None, OPERATOR)
    draft = next(one.prompt for one in made.prompts.all() if one.prompt.name == "answer")
    (made.home / "prompts").mkdir()
    text = draft.content.rstrip() + "\nUse <short> sentences.\n"
    (made.home / "prompts" / "answer.md").write_text(text)
    refused = {"purpose": "tools", "host": "paste.example", "port": 443, "reason": "not listed"}
    made.audit.record([Entry("egress.refused", Actor("muniment", "python"), refused)])
    made.audit.record([Entry("limit.reached", Actor("user:rita", "http"), {"limit": "user-requests"})])
    yield made
    made.close()


@pytest.fixture(scope="module")
def people(home: Workspace) -> dict[str, Browser]:
    return {name: Browser(home).sign_in(name) for name in (*ROLES, "rita")}


def at(browser: Browser, page: str = "") -> Any:
    return browser.http.get(f"/administration{page}")


def csrf(browser: Browser) -> str:
    """Any page that is open to them holds it, on the button that signs out."""
    pages = (browser.http.get(path).text for path in ("/administration", "/administration/prompts", "/"))
    return next(found[1] for one in pages if (found := re.search(r'name="csrf" value="([^"]+)"', one)))


def send(browser: Browser, page: str, **fields: str) -> Any:
    return browser.post(f"/administration{page}", csrf=csrf(browser), **fields)


def test_each_page_is_open_to_whom_policy_lets_and_absent_for_all_others(people: dict[str, Browser]) -> None:
    for page in PAGES:
        got = {name: at(browser, page).status_code for name, browser in people.items()}
        assert got == {"olga": 200, "sven": 200, "ada": 200, "cleo": 404, "rita": 404}, page
    prompts = {name: at(browser, "/prompts").status_code for name, browser in people.items()}
    assert prompts == {"olga": 404, "sven": 404, "ada": 200, "cleo": 200, "rita": 404}
    assert at(people["rita"], "/keys").text == people["rita"].http.get("/nowhere").text


def test_no_page_tells_what_documents_say_are_called_or_how_many_there_are(
    people: dict[str, Browser],
) -> None:
    told = "".join(at(people["olga"], page).text for page in PAGES)
    assert "heron" not in told and "crowns" not in told and "1 document" not in told


def test_an_auditor_sees_every_page_and_no_form_but_for_evidence(
    home: Workspace, people: dict[str, Browser]
) -> None:
    made = home.incidents.open("user:rita", "low", "A trial.", None, OPERATOR).id
    pages = [at(people["ada"], page).text for page in (*PAGES, "/prompts", "/prompts/answer")]
    pages.append(at(people["ada"], f"/incidents/{made}").text)
    actions = set(re.findall(r'method="post" action="([^"]+)"', "".join(pages)))
    assert actions == {"/signout", f"/administration/incidents/{made}/evidence"}
    for page, fields in (
        ("/tools/stop", {"kind": "tool", "name": "notify", "reason": "x"}),
        ("/models/freeze", {"name": "house", "reason": "x"}),
        ("/keys/rotate", {"reason": "x", "sure": "yes"}),
        ("/prompts/answer/promote", {"reason": "x"}),
        (f"/incidents/{made}/close", {"outcome": "x"}),
    ):
        assert send(people["ada"], page, **fields).status_code in (403, 409), page


def test_health_says_first_what_needs_somebody(home: Workspace, people: dict[str, Browser]) -> None:
    held = home.stops.stop("tool", "notify", "a trial", None, OPERATOR)
    told = at(people["olga"]).text
    assert told.index("Tool notify is stopped") < told.index("What is well")
    assert "What to do:" in told
    home.stops.end(held.id, None, OPERATOR)
    assert "is stopped;" not in at(people["olga"]).text


def test_everything_is_stopped_only_with_a_reason_and_a_tick(
    home: Workspace, people: dict[str, Browser]
) -> None:
    olga, everything = people["olga"], {"kind": "everything"}
    assert "the box was not ticked" in send(olga, "/tools/stop", **everything, reason="odd mails").text
    assert send(olga, "/tools/stop", **everything, reason="", sure="yes").status_code == 422
    assert home.stops.lasting() == []
    assert send(olga, "/tools/stop", **everything, reason="odd mails", sure="yes").status_code == 303
    told = at(olga, "/tools").text
    assert "Everything is stopped" in told and "odd mails" in told
    [held] = home.stops.lasting()
    assert send(olga, f"/tools/stops/{held.id}/end").headers["location"] == (
        "/administration/tools?done=resumed"
    )
    assert home.stops.lasting() == []


def test_a_tool_is_switched_off_and_on(home: Workspace, people: dict[str, Browser]) -> None:
    assert send(people["olga"], "/tools/notify/disable", reason="Mails are moved").status_code == 303
    assert not home.tools.show("notify").enabled
    assert "Mails are moved" in at(people["sven"], "/tools/notify").text
    assert send(people["olga"], "/tools/notify/enable").status_code == 303
    assert home.tools.show("notify").enabled
    assert at(people["olga"], "/tools/none").status_code == 404


def test_a_model_is_frozen_for_a_new_incident_and_thawed(home: Workspace, people: dict[str, Browser]) -> None:
    olga = people["olga"]
    assert send(olga, "/models/freeze", name="none", reason="x").status_code == 422
    assert send(olga, "/models/freeze", name="house", reason="It says odd things").status_code == 303
    assert send(olga, "/models/freeze", name="house", reason="Again").status_code == 409
    assert "Frozen" in at(olga, "/models").text
    told = {one.subject: one.says for one in home.incidents.listing(None, OPERATOR, "open")}
    assert told["endpoint:house"] == "It says odd things"
    assert send(olga, "/models/thaw", name="house", reason="It was a test").status_code == 303
    assert home.incidents.frozen(None, OPERATOR) == []


def test_a_model_without_its_key_is_shown_so_beside_the_others(people: dict[str, Browser]) -> None:
    cards = re.split(r"<h2>", at(people["olga"], "/models").text)
    told = {card.split("<")[0]: "Its key is not set (env:MUNIMENT_ABSENT)" in card for card in cards[1:]}
    assert told["keyless"] and not told["house"]


def test_a_prompt_is_compared_promoted_and_taken_back(home: Workspace, people: dict[str, Browser]) -> None:
    cleo = people["cleo"]
    draft, live = (
        next(one for one in home.prompts.all() if one.prompt.name == "answer" and one.stage == stage)
        for stage in ("draft", "live")
    )
    version, against = (one.prompt.digest.removeprefix("sha256:")[:16] for one in (draft, live))
    told = at(cleo, f"/prompts/answer?version={version}&against={against}").text
    assert re.search(r"<ins>.*Use &lt;short&gt; sentences\.</ins>", told)
    for stage in ("candidate", "live"):
        assert send(cleo, "/prompts/answer/promote", version=version, reason="Shorter").status_code == 303
        assert home.prompts.find(draft.prompt.digest).stage == stage
    assert "became live" in at(cleo, "/prompts").text
    assert send(cleo, "/prompts/answer/rollback", version=version, reason="Too short").status_code == 303
    assert home.prompts.live("answer").digest == live.prompt.digest
    again = send(cleo, "/prompts/answer/rollback", version=version, reason="Somebody did it already")
    assert again.status_code == 409 and home.prompts.live("answer").digest == live.prompt.digest
    assert at(cleo, f"/prompts/answer?version={'0' * 16}").status_code == 404


def test_the_key_above_all_keys_is_rotated_by_whom_policy_lets(
    home: Workspace, people: dict[str, Browser]
) -> None:
    fields = {"reason": "It is time", "sure": "yes", "keep": "yes"}
    assert send(people["olga"], "/keys/rotate", **fields).status_code == 403
    assert home.audit.tail(1)[0].kind != "keys.rotate"
    assert "Rotate it" not in at(people["olga"], "/keys").text
    assert "the box was not ticked" in send(people["sven"], "/keys/rotate", reason="It is time").text
    assert send(people["sven"], "/keys/rotate", **fields).status_code == 303
    assert "A new version was made: version 2" in at(people["sven"], "/keys").text
    [entry] = home.audit.newest(("keys.rotate",), 1)
    assert (entry.actor, entry.about["action"]) == ("user:sven", "manage_keys") and "reason" in entry.about


def test_a_service_key_is_shown_once(home: Workspace, people: dict[str, Browser]) -> None:
    sven, asked = people["sven"], {"service": "helpdesk", "life": "30d", "scope_search": "yes"}
    assert send(people["olga"], "/keys/services", **asked).status_code == 403
    assert home.api_keys.latest(9) == []
    assert send(sven, "/keys/services", **(asked | {"life": "soon"})).status_code == 422
    shown = send(sven, "/keys/services", **asked)
    found = re.search(r'aria-label="The new key">([^<]+)</pre>', shown.text)
    assert found and shown.headers["cache-control"] == "no-store"
    assert home.api_keys.verify(found[1]).scopes == {"search"}
    assert found[1] not in at(sven, "/keys").text
    [key] = home.api_keys.latest(9)
    assert "It is shown this once" in send(sven, f"/keys/services/{key.id}/rotate").text
    assert send(sven, f"/keys/services/{key.id}/revoke").status_code == 303
    assert [one.state for one in home.api_keys.latest(9)] == ["active", "revoked"]
    assert {one.about["action"] for one in home.audit.newest(("api_key.created", "api_key.revoked"), 2)} == {
        "manage_keys"
    }


def test_the_network_and_the_limits_say_what_was_refused_and_reached(people: dict[str, Browser]) -> None:
    network, limits = at(people["olga"], "/network").text, at(people["olga"], "/limits").text
    assert "http://127.0.0.1:9" in network and "models.house" in network and "paste.example:443" in network
    assert "rita" in limits and "user-requests" in limits and "limits.teams.sales.tokens_per_day" in limits


def test_an_officer_handles_an_incident_and_an_auditor_takes_the_evidence(
    home: Workspace, people: dict[str, Browser]
) -> None:
    sven, rita = people["sven"], {"kind": "user", "name": "rita"}
    fields = {"subject": "user:rita", "severity": "high", "says": "A laptop is gone."}
    place = send(sven, "/incidents", **fields).headers["location"].partition("?")[0]
    page = place.removeprefix("/administration")
    assert "A laptop is gone." in at(sven, page).text
    assert send(sven, f"{page}/freeze", **rita, reason="While we look").status_code == 303
    told = at(sven, page).text
    assert told.index("Opened") < told.index("Frozen: <strong>user:rita")
    assert send(sven, f"{page}/thaw", **rita, reason="It was found").status_code == 303
    private, public = sealing.key_pair(Ids().random_bytes(32))
    assert send(sven, f"{page}/evidence", key=public.decode()).status_code == 403
    sealed = send(people["ada"], f"{page}/evidence", key=public.decode())
    assert sealed.headers["content-disposition"].startswith("attachment")
    assert sealing.opened(sealed.content, private).startswith(b"PK")
    assert send(people["ada"], f"{page}/evidence", key="none").status_code == 422
    assert send(sven, f"{page}/close", outcome="It was found.").status_code == 303
    assert "It was found." in at(sven, page).text


def test_an_operator_acts_on_incidents_without_reading_them(
    home: Workspace, people: dict[str, Browser]
) -> None:
    made = home.incidents.open("user:rita", "high", "Words of an officer.", None, OPERATOR).id
    for page in ("/incidents", f"/incidents/{made}", "/incidents/inc_none"):
        told = at(people["olga"], page)
        assert told.status_code == 200 and "Words of an officer" not in told.text, page
        assert "the right to read the log" in told.text
    frozen = {"kind": "user", "name": "rita", "reason": "While we look"}
    assert send(people["olga"], f"/incidents/{made}/freeze", **frozen).status_code == 303
    assert home.incidents.frozen(None, OPERATOR)[0].name == "rita"
    home.incidents.thaw("user", "rita", "a trial", None, OPERATOR)


def test_the_pages_work_at_both_widths_and_for_everybody(home: Workspace, chromium: Any) -> None:
    made = home.incidents.open("user:rita", "high", "A laptop is gone.", None, OPERATOR).id
    home.incidents.freeze(made, "user", "rita", "a trial", None, OPERATOR)
    home.stops.stop("everything", "", "a trial", None, OPERATOR)
    versions = [one.prompt.digest[7:23] for one in home.prompts.all() if one.prompt.name == "answer"]
    visits = {
        "sven": [*PAGES, f"/incidents/{made}"],
        "cleo": ["/prompts", f"/prompts/answer?version={versions[0]}&against={versions[1]}"],
    }
    found: dict[str, list[str]] = {}
    with served(home) as address:
        for name, pages in visits.items():
            with page_of(chromium, address, bypass_csp=True) as page:
                sign_in(page, address, home, name)
                for one in pages:
                    page.goto(f"{address}/administration{one}")
                    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                    found[one] = faults(page)
    assert {one: wrong for one, wrong in found.items() if wrong} == {}


def test_whoever_signed_in_long_ago_proves_it_anew_before_a_change_and_stops_at_once(
    home: Workspace, people: dict[str, Browser]
) -> None:
    clock = home.clock
    assert isinstance(clock, FixedClock)
    clock.advance(hours=0.5)
    asked = {"service": "helpdesk", "life": "30d", "scope_search": "yes"}
    before = len(home.api_keys.latest(99))
    for page, fields in (("/keys/services", asked), ("/models/freeze", {"name": "house", "reason": "x"})):
        sent = send(people["sven"], page, **fields)
        assert sent.status_code == 303 and sent.headers["location"] == "/signin?again=1", page
    assert len(home.api_keys.latest(99)) == before
    assert send(people["olga"], "/tools/stop", kind="tool", name="notify", reason="x").status_code == 303
