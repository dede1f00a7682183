"""ID6 for every form: without the session's own value, or from another origin, it is refused and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.attacks.test_au1_every_route import held
from tests.matrix import test_routes as matrix
from tests.matrix.test_routes import ROWS, TABLE, Site
from tests.simulators.web_client import ORIGIN

from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR

site = matrix.site

FORMS = {
    route: row
    for route, row in ROWS.items()
    if route.startswith("POST ") and TABLE["door"][row["door"]]["by"] == "session"
}
SENDERS = {
    "alice": ("security-officer", "evaluator", "tool-user", "reader"),
    "bob": ("curator", "approver", "reader"),
    "olga": ("operator", "reader"),
    "erin": ("auditor", "reader"),
}
"""Between them they may do all that a page can do, so that no form is refused because of who sends it."""
SENT_WRONG: dict[str, tuple[str | None, dict[str, str]]] = {
    "without a value": (None, {"origin": ORIGIN}),
    "with an empty value": ("", {"origin": ORIGIN}),
    "with the value of another's session": ("theirs", {"origin": ORIGIN}),
    "with the value of another session of one's own": ("earlier", {"origin": ORIGIN}),
    "from another site": ("own", {"origin": "https://evil.example"}),
    "from another port": ("own", {"origin": ORIGIN + ":1"}),
    "from nowhere": ("own", {}),
    "by another site of this company": ("own", {"sec-fetch-site": "same-site"}),
}


@pytest.fixture(scope="module")
def powerful(site: Site) -> Site:
    """Give the senders their roles, and the actions their forms name."""
    people = site.workspace.home / "people.toml"
    people.write_text(matrix.PEOPLE + "[users.erin]\n")
    site.workspace.directory.import_file(people, OPERATOR)
    held_already = {(one.member, one.role) for one in site.workspace.roles.listing()}
    for name, roles in SENDERS.items():
        for role in roles:
            if (f"user:{name}", role) not in held_already:
                site.workspace.roles.grant(role, name, "a trial", OPERATOR)
    named(site)
    return site


def but_the_log(site: Site) -> dict[str, list[str]]:
    return {name: rows for name, rows in held(site.workspace).items() if not name.startswith("audit_")}


def named(site: Site) -> None:
    """Have what the forms' paths name: an action of alice's, and a conversation that is there still."""
    alice = site.workspace.principal("alice")
    if "action_id" not in site.places:
        site.places |= site.action()
    made = site.workspace.conversations.create(alice, Actor(alice.ref, "python"), "Herons")
    site.places["conversation_id"] = made.id


def send(site: Site, row: dict[str, Any], cookie: str, csrf: str | None, headers: dict[str, str]) -> int:
    path = row["route"].split(" ")[1].format(**site.places)
    # A form without any field is none at all.
    form = {**row.get("form", {}), **({} if csrf is None else {"csrf": csrf})}
    sent = {**headers, "accept": "text/html", "cookie": f"muniment={cookie}"}
    sent["content-type"] = "application/x-www-form-urlencoded"
    return site.http.post(path, data=form, headers=sent).status_code


def test_the_table_has_forms() -> None:
    assert len(FORMS) > 40
    assert "POST /signout" in FORMS


@pytest.mark.parametrize(
    ("how", "sender"),
    [(how, "alice") for how in SENT_WRONG]
    + [(how, sender) for how in ("without a value", "from another site") for sender in (*SENDERS,)[1:]],
)
def test_no_form_is_taken_that_no_page_of_ours_sent_in_this_session(
    powerful: Site, how: str, sender: str
) -> None:
    stated, headers = SENT_WRONG[how]
    other = next(one for one in SENDERS if one != sender)
    values = {"earlier": powerful.session(sender)[1], "theirs": powerful.session(other)[1]}
    cookie, values["own"] = powerful.session(sender)
    csrf = stated if stated is None else values.get(stated, stated)
    before, wrong = but_the_log(powerful), dict[str, int]()
    for route, row in FORMS.items():
        status = send(powerful, row, cookie, csrf, headers)
        if status != 403:
            wrong[route] = status
    assert wrong == {}
    assert but_the_log(powerful) == before


@pytest.mark.prove
def test_what_is_refused_so_is_not_refused_from_a_page_of_ours(powerful: Site) -> None:
    """The refusals above say something only if the same forms are not refused for another reason."""
    refused: list[str] = []
    for route, row in FORMS.items():
        named(powerful)
        # A session each, since one form ends it. What is not there at these names is a 404, as a refusal never is.
        sent = (
            send(powerful, row, cookie, csrf, {"origin": ORIGIN})
            for cookie, csrf in map(powerful.session, SENDERS)
        )
        if all(status == 403 for status in sent):
            refused.append(route)
    assert refused == []
