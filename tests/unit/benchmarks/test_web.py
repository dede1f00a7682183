"""The benchmark of the web interface asks for what the routes name, and counts what crosses."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from tests.simulators.served import served

from benchmarks import pages, readers
from muniment.app import Workspace


def test_every_page_that_opens_is_weighed_with_all_that_it_asks_for(workspace: Workspace) -> None:
    cookies = pages.staffed(workspace, {"alice": "", "bob": "approver"})
    with served(workspace) as url:
        port = int(urlsplit(url).port or 0)
        found, left_out = pages.opened(port, cookies, {"answer_id": "ans_none"})
        page = next(one for one in found if one.route == "/")
        pages.weigh(port, page)
        pages.clock(port, page, 2)
    assert {"/", "/conversations", "/approvals"} <= {one.route for one in found}
    assert {"/answers/{answer_id}", "/documents/{document_id}"} <= set(left_out)
    assert page.packed < page.html < page.weight < 60_000
    assert len(page.seconds) == 2


def test_a_secret_of_another_or_a_foreign_answer_is_counted(
    make_workspace: Callable[..., Workspace],
) -> None:
    workspace = make_workspace()
    one, other = readers.settle(workspace, 2)
    answer = workspace.ask(one.question, as_=one.name).id
    mine = readers.Told(one, answer, one.secret)
    for told in (readers.Told(other, "", f"{other.secret} {one.secret}"), readers.Told(other, answer, "")):
        assert other.name in readers.Outcome([mine, told]).crossed(workspace)
    assert readers.Outcome([mine]).crossed(workspace) == []
