"""Pages of sources, people, access and policy: what each role is shown and may change, and what it never sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.simulators.kept_company import SECRET, hidden_id, kept_company, write
from tests.simulators.web_client import Browser, document_id, kinds

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.rules import Rules, shipped, version_of
from muniment.interfaces.web.administration import policy
from muniment.knowledge import library

Person = Callable[[str], Browser]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = kept_company(tmp_path_factory.mktemp("company"))
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def person(company: Workspace) -> Person:
    known: dict[str, Browser] = {}

    def of(name: str) -> Browser:
        if name not in known:
            known[name] = Browser(company).sign_in(name)
        return known[name]

    return of


def place(workspace: Workspace) -> Path:
    """Return the folder that holds the home and the documents."""
    return workspace.home.parent


def sent(browser: Browser, path: str, **fields: str) -> str:
    """Send a form and return the page that comes back."""
    got = browser.post(path, csrf=csrf(browser), **fields)
    assert got.status_code in (200, 403, 409, 422), got.status_code
    return got.text


def csrf(browser: Browser) -> str:
    """Return the value for forms; an operator has no page to ask on, which others have it from."""
    page = browser.http.get("/administration/access")
    return hidden(page.text, "csrf") if page.status_code == 200 else browser.csrf


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def readable(workspace: Workspace, path: str) -> set[str]:
    """Return who may read the document at a path, by its list."""
    told = workspace.access_explorer.of_document(
        document_id(workspace, path), workspace.principal("grace"), OPERATOR
    )
    return {one.account.principal.name for one in told.readers}


class TestSources:
    def test_who_watches_over_the_installation_is_told_how_much_there_is_and_never_what(
        self, person: Person
    ) -> None:
        for name in ("ivan", "grace"):
            page = person(name).http.get("/administration/sources/papers").text
            assert "<dd>3</dd>" in page and "Its content cannot be read" in page
            assert name == "grace" or not any(word in page for word in SECRET)
        assert "muniment ingest" in person("ivan").http.get("/administration/sources/papers").text

    def test_anybody_else_is_told_of_what_they_may_read(self, person: Person) -> None:
        page = person("alice").http.get("/administration/sources/papers").text
        assert "<dd>2</dd>" in page and "<dd>3</dd>" not in page
        assert not any(word in page for word in SECRET)
        assert person("frank").http.get("/administration/sources/papers").status_code == 404
        assert person("alice").http.get("/administration/sources/none").status_code == 404

    def test_what_a_contributor_sees_is_the_same_whatever_hidden_documents_there_are(
        self, company: Workspace, person: Person
    ) -> None:
        def seen() -> list[str]:
            alice = person("alice")
            pages = [
                alice.http.get(path).text
                for path in ("/administration/sources", "/administration/sources/papers")
            ]
            pages.append(
                sent(alice, "/administration/sources/papers/readers", place="plans/second-walnut.md")
            )
            return [
                re.sub(r'name="csrf" value="[^"]+"|<td[^>]* class="number">\d+</td>', "", one)
                for one in pages
            ]

        before = seen()
        write(place(company), "plans/second-walnut.md", "# Second walnut\n\nThere is another.\n")
        company.ingest(place(company) / "papers", "papers")
        after = seen()
        (place(company) / "papers" / "plans" / "second-walnut.md").unlink()
        company.ingest(place(company) / "papers", "papers")
        assert before == after

    def test_who_could_read_follows_from_the_manifest_and_names_what_denies(self, person: Person) -> None:
        page = sent(person("judy"), "/administration/sources/papers/readers", place="bread/not-there-yet.md")
        assert (
            "People: 2. Services: 0." in page and "The access.toml of the folder rules there: bread." in page
        )
        assert "Alice Moreau" in page and "user:alice</bdi> › <bdi>group:bakery" in page
        assert "Denied, as" in page and "Dan Petit" in page
        elsewhere = sent(person("judy"), "/administration/sources/papers/readers", place="cake/new.md")
        assert "No access.toml lies there or above" in elsewhere and "People: 0. Services: 0." in elsewhere

    def test_people_are_counted_for_who_may_not_read_the_directory(self, person: Person) -> None:
        page = sent(person("alice"), "/administration/sources/papers/readers", place="plans")
        assert "People: 3. Services: 0." in page and "Bob Okafor" not in page
        assert "They are counted and not named" in page
        away = person("alice").post(
            "/administration/sources/papers/readers", csrf=csrf(person("alice")), place="../x"
        )
        assert away.status_code == 422 and "This is no place in the source." in away.text

    def test_what_a_preview_showed_is_set_and_nothing_else(self, company: Workspace, person: Person) -> None:
        judy, path = person("judy"), "/administration/sources/papers/access"
        wanted = {"place": "bread", "allow": "group:board\r\nuser:dan", "deny": "", "sensitivity": ""}
        page = sent(judy, path, **wanted)
        assert (
            "Bob Okafor" in page
            and "Alice Moreau" in page
            and readable(company, "bread/rye.md") == {"alice", "judy"}
        )
        digest = hidden(page, "digest")
        other = {**wanted, "allow": "group:everyone"}
        assert "something else than what you were shown" in sent(judy, f"{path}/set", digest=digest, **other)
        assert readable(company, "bread/rye.md") == {"alice", "judy"}
        company.access.set("papers/bread/rye.md", ["user:bob"], [], OPERATOR)
        stale = sent(judy, f"{path}/set", digest=digest, **wanted)
        assert "something else" in stale and readable(company, "bread/spelt.md") == {"alice", "judy"}
        done = judy.post(f"{path}/set", csrf=csrf(judy), digest=hidden(stale, "digest"), **wanted)
        assert done.headers["location"] == "/administration/sources/papers?said=set"
        assert readable(company, "bread/spelt.md") == {"bob", "grace"}
        assert readable(company, "bread/rye.md") == {"bob"}
        assert "access.set" in kinds(company)
        shown = judy.http.get(done.headers["location"]).text
        assert "felt from the next request on" in shown and "Withheld: you may read nothing there" in shown
        for place in ("bread", "bread/rye.md"):
            back = {"place": place, "allow": "", "deny": "", "sensitivity": "", "clear": "1"}
            digest = hidden(sent(judy, path, **back), "digest")
            assert judy.post(f"{path}/set", csrf=csrf(judy), digest=digest, **back).status_code == 303
        assert readable(company, "bread/spelt.md") == {"alice", "judy"}

    def test_a_list_that_names_nobody_and_a_role_that_sets_none_are_told_so(self, person: Person) -> None:
        path = "/administration/sources/papers/access"
        form = {"place": "bread", "allow": "group:bakers", "deny": "", "sensitivity": ""}
        said = sent(person("judy"), path, **form)
        assert "The directory holds no group:bakers." in said and "group:bakery" in said
        assert "Nothing lies there." in sent(person("judy"), path, **{**form, "place": "cake"})
        assert person("alice").post(path, csrf=csrf(person("alice")), **form).status_code == 403
        assert person("grace").post(path, csrf=csrf(person("grace")), **form).status_code == 403


class TestDirectory:
    def test_everybody_is_listed_searched_and_shown_with_how_they_come_to_a_group(
        self, person: Person
    ) -> None:
        frank = person("frank")
        assert "Alice Moreau" in frank.http.get("/administration/directory").text
        found = sent(frank, "/administration/directory/search", of="user", words="MOR")
        assert "Alice Moreau" in found and "Bob Okafor" not in found and "1 in all." in found
        none = sent(frank, "/administration/directory/search", of="group", words="100%")
        assert "Nobody is called that." in none
        page = frank.http.get("/administration/directory/user/alice").text
        assert "user:alice</bdi> › <bdi>group:bakery</bdi> › <bdi>group:staff" in page
        group = frank.http.get("/administration/directory/group/staff").text
        assert "group:bakery" in group and "<dd>6</dd>" in group
        assert frank.http.get("/administration/directory/user/nobody").status_code == 404
        assert person("judy").http.get("/administration/directory").status_code == 404

    def test_a_name_with_a_slash_has_its_page(self, person: Person) -> None:
        page = person("frank").http.get("/administration/directory").text
        found = re.search(r'href="(/administration/directory/member[^"]+)"', page)
        assert found is not None
        assert "Zoë Smith" in person("frank").http.get(found[1].replace("&amp;", "&")).text

    def test_a_role_is_given_and_taken_and_a_conflict_is_told(
        self, company: Workspace, person: Person
    ) -> None:
        frank, path = person("frank"), "/administration/directory/roles"
        give = {"member": "user:bob", "role": "evaluator", "reason": "He tests", "do": "give"}
        done = frank.post(path, csrf=csrf(frank), **give)
        assert done.headers["location"] == "/administration/directory/user/bob?said=given"
        assert "He tests" in frank.http.get(done.headers["location"]).text
        conflict = sent(frank, path, **{**give, "role": "auditor"})
        assert "user:bob would be auditor and evaluator, which nobody may be together." in conflict
        taken = frank.post(path, csrf=csrf(frank), **{**give, "do": "take"})
        assert taken.headers["location"].endswith("said=taken")
        assert not [one for one in company.roles.listing() if one.member == "user:bob"]
        assert "nobody-grants-to-themselves" in sent(frank, path, **{**give, "member": "user:frank"})
        assert "A reason has" in sent(frank, path, **{**give, "reason": " "})
        assert person("ivan").post(path, csrf=csrf(person("ivan")), **give).status_code == 403

    def test_an_account_that_is_switched_off_is_out_at_once_and_comes_back_as_another(
        self, company: Workspace, person: Person
    ) -> None:
        frank, dan, path = (
            person("frank"),
            Browser(company).sign_in("dan"),
            "/administration/directory/account",
        )
        form = {"member": "user:dan", "reason": "He left"}
        assert dan.http.get("/").status_code == 200
        token = company.tokens.issue(company.principal("dan"))
        assert frank.post(path, csrf=csrf(frank), do="off", **form).status_code == 303
        assert dan.http.get("/").status_code == 303
        assert "Switched off" in frank.http.get("/administration/directory/user/dan").text
        assert "is switched off already" in sent(frank, path, do="off", **form)
        assert frank.post(path, csrf=csrf(frank), do="on", **form).status_code == 303
        assert dan.http.get("/").status_code == 303
        bearer = {"authorization": f"Bearer {token}", "accept": "application/json"}
        assert dan.http.post("/v1/search", json={"query": "x"}, headers=bearer).status_code == 401
        anew = Browser(company).sign_in("dan")
        assert frank.post(path, csrf=csrf(frank), do="ended", **form).status_code == 303
        assert anew.http.get("/").status_code == 303
        assert "This is your own account." in sent(frank, path, do="off", **{**form, "member": "user:frank"})
        assert {"directory.account_switched_off", "session.ended_by_hand"} <= set(kinds(company))


class TestAccess:
    def test_only_documents_that_both_may_read_are_named(self, company: Workspace, person: Person) -> None:
        page = sent(person("grace"), "/administration/access/person", name="bob")
        assert "Documents that Bob Okafor may read: 1" in page and "Walnut merger" in page
        other = sent(person("frank"), "/administration/access/person", name="bob")
        assert "Documents that Bob Okafor may read: 1" in other and "1 of them are not named" in other
        assert not any(word in other for word in SECRET)
        assert "The directory holds no nobody." in sent(
            person("frank"), "/administration/access/person", name="nobody"
        )
        operator = sent(person("frank"), "/administration/access/person", name="ivan")
        assert "Documents that Ivan Petrov may read: 0" in operator and "operators-read-nothing" in operator

    def test_readers_of_a_document_are_explained_and_its_name_is_withheld(
        self, company: Workspace, person: Person
    ) -> None:
        form = {"document": hidden_id(company)}
        page = sent(person("ivan"), "/administration/access/document", **form)
        assert "A document whose name you may not see" in page and not any(word in page for word in SECRET)
        assert "user:bob</bdi> › <bdi>group:board" in page
        assert "Policy lets them read no documents (operators-read-nothing)." in page
        assert "Walnut merger" in sent(person("grace"), "/administration/access/document", **form)
        absent = sent(person("ivan"), "/administration/access/document", document="plans/walnut-merger.md")
        assert "There is no document with this id." in absent

    def test_a_decision_is_explained_by_rules_roles_and_groups(self, person: Person) -> None:
        form = {"who": "ivan", "action": "read_document", "about": "workspace", "with": ""}
        page = sent(person("grace"), "/administration/access/decision", **form)
        assert "Denied: user:ivan may not read_document on Workspace:workspace." in page
        assert "operators-read-nothing" in page and "readers" in page
        own = {"who": "frank", "action": "grant_role", "about": "grant:auditor", "with": "subject=user:frank"}
        assert "nobody-grants-to-themselves" in sent(
            person("grace"), "/administration/access/decision", **own
        )
        bad = sent(person("grace"), "/administration/access/decision", **{**own, "with": "subject"})
        assert "&#39;subject&#39; is not NAME=VALUE." in bad


class TestPolicy:
    def draft(self, browser: Browser, text: str, **more: str) -> str:
        form = {"policies": text.replace("\n", "\r\n"), "cases": "", "days": "7", "reason": "", "tested": ""}
        return sent(browser, "/administration/policy/draft", **{**form, **more})

    def test_what_does_not_fit_is_told_with_its_line(self, company: Workspace, person: Person) -> None:
        text = company.policies.show().policies
        page = self.draft(person("grace"), text.replace("resource.owner", "resource.ownr", 1))
        line = text[: text.index("resource.owner")].count("\n") + 1
        assert f"Line {line}:" in page and "ownr" in page and "It cannot be put in force" in page

    def test_duties_and_cases_are_tested_and_nobody_lifts_a_duty(
        self, company: Workspace, person: Person
    ) -> None:
        text = company.policies.show().policies
        lifted = re.sub(r'@id\("auditors-change-nothing"\)\n[^;]+;', "", text)
        page = self.draft(person("frank"), lifted)
        assert (
            "auditors-change-nothing" in page and 'formaction="/administration/policy/activate"' not in page
        )
        case = '[[case]]\nname = "readers search"\nroles = ["reader"]\naction = "search"\nexpect = "deny"\n'
        assert "readers search: search gave allow" in self.draft(person("frank"), text, cases=case)
        assert "cases is no TOML" in self.draft(person("frank"), text, cases="[[")

    def test_what_was_tested_is_put_in_force_once_and_can_be_taken_back(
        self, company: Workspace, person: Person
    ) -> None:
        frank, text = person("frank"), company.policies.show().policies
        company.search("rye", "alice")
        draft = text.replace('[Action::"search", Action::"ask"', '[Action::"ask"', 1)
        page = self.draft(frank, draft)
        assert "Would be denied" in page and "<del>" in page and "<ins>" in page
        form = {"cases": "", "days": "7", "reason": "No searching", "tested": hidden(page, "tested")}
        path = "/administration/policy/activate"
        other = draft + "\n"
        refused = sent(frank, path, policies=other, **form)
        assert "are not what was tested" in refused and company.policies.show().policies == text
        done = frank.post(path, csrf=csrf(frank), policies=draft.replace("\n", "\r\n"), **form)
        assert done.headers["location"] == "/administration/policy"
        assert company.policies.show().policies == draft
        overview = frank.http.get("/administration/policy").text
        assert "No searching" in overview and "In force" in overview
        first = company.policies.history()[0]
        assert frank.http.get(f"/administration/policy/versions/{'x' * 64}").status_code == 404
        before = version_of(shipped())[7:]
        assert "Go back to this version" in frank.http.get(f"/administration/policy/versions/{before}").text
        form = {"version": before, "reason": "Searching is needed"}
        stale = frank.post(
            "/administration/policy/rollback", csrf=csrf(frank), upon=version_of(shipped()), **form
        )
        assert stale.status_code == 409 and company.policies.show().policies == draft
        back = frank.post("/administration/policy/rollback", csrf=csrf(frank), upon=version_of(draft), **form)
        assert back.status_code == 303 and company.policies.show().policies == text
        assert company.policies.history()[0].number == first.number + 1

    def test_the_newest_activations_are_listed_and_the_others_counted(
        self, company: Workspace, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(policy, "LISTED", 2)
        text = company.policies.show().policies
        before = len(company.policies.history())
        for reason in ("Reason one", "Reason two", "Reason three"):
            company.policies.activate(f"{text}// {reason}\n", reason, OPERATOR)
        page = person("frank").http.get("/administration/policy").text
        assert "Reason three" in page and "Reason two" in page and "Reason one" not in page
        assert f"Older ones: {before + 1}." in page

    def test_what_was_tested_beside_another_version_is_not_put_in_force(
        self, company: Workspace, person: Person
    ) -> None:
        frank, text = person("frank"), company.policies.show().policies
        page = self.draft(frank, text + "// Mine.\n")
        form = {"cases": "", "days": "7", "reason": "Mine", "tested": hidden(page, "tested")}
        company.policies.activate(text + "// Theirs.\n", "Meanwhile", OPERATOR)
        refused = sent(frank, "/administration/policy/activate", policies=text + "// Mine.\n", **form)
        assert "are not what was tested" in refused and "<del>" in refused
        assert company.policies.show().policies.endswith("// Theirs.\n")
        company.policies.activate(text, "As before", OPERATOR)

    def test_decisions_are_taken_again_while_there_is_time_the_newest_first(self, company: Workspace) -> None:
        company.search("rye", "alice")
        draft, day = Rules(shipped()), timedelta(days=1)
        whole, none = company.replay.changes(draft, day), company.replay.changes(draft, day, None, -1.0)
        assert whole.decisions and not whole.cut
        assert not none.decisions and none.cut

    def test_no_draft_ends_the_server(self, person: Person) -> None:
        deep = '@id("x") permit (principal, action, resource) when { ' + "(" * 9_000 + "true" + ")" * 9_000
        page = self.draft(person("ivan"), f"// Deep\n{deep} }};")
        assert "Line 2:" in page and "nests too deep" in page
        nested = self.draft(person("ivan"), shipped(), cases="case = " + "[" * 9_000)
        assert "cases nests too deep" in nested

    def test_who_may_not_read_the_log_is_shown_no_decisions_of_it(
        self, company: Workspace, person: Person
    ) -> None:
        draft = company.policies.show().policies.replace(
            '[Action::"search", Action::"ask"', '[Action::"ask"', 1
        )
        page = self.draft(person("ivan"), draft)
        assert "Past decisions are in the log, which you may not read" in page
        assert "Would be denied" not in page and "A security officer puts one in force." in page
        form = {"policies": draft, "cases": "", "days": "7", "reason": "x", "tested": "x"}
        assert person("ivan").post(
            "/administration/policy/activate", csrf=csrf(person("ivan")), **form
        ).status_code in (403, 409)
        assert company.policies.show().policies != draft


def test_consequential_changes_ask_for_a_recent_sign_in(tmp_path: Path) -> None:
    clock = FixedClock()
    workspace = kept_company(tmp_path, clock)
    frank, judy = Browser(workspace).sign_in("frank"), Browser(workspace).sign_in("judy")
    clock.advance(minutes=16)
    listed = {"place": "bread", "allow": "group:everyone", "deny": "", "sensitivity": ""}
    for browser, path, form in (
        (frank, "directory/roles", {"member": "user:bob", "role": "evaluator", "reason": "x", "do": "give"}),
        (frank, "directory/account", {"member": "user:bob", "reason": "x", "do": "off"}),
        (frank, "policy/activate", {"policies": "x", "cases": "", "days": "7", "reason": "x", "tested": "x"}),
        (frank, "policy/rollback", {"version": "x", "reason": "x"}),
        (judy, "sources/papers/access/set", {**listed, "digest": "x"}),
    ):
        got = browser.post(f"/administration/{path}", csrf=csrf(browser), **form)
        assert (got.status_code, got.headers.get("location")) == (303, "/signin?again=1"), path
    workspace.close()


def test_no_page_of_an_operator_names_a_document(company: Workspace, person: Person) -> None:
    ivan = person("ivan")
    with company.database.read() as connection:
        names = [word for row in library.documents(connection) for word in (row.path, row.title)]
    for path in ("sources", "sources/papers", "directory", "directory/group/board", "access", "policy"):
        page = ivan.http.get(f"/administration/{path}")
        assert page.status_code == 200
        assert not [name for name in names if name in page.text], path
