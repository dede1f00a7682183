"""The pages of the first run, for the one browser that came with the link of the terminal.

Invariants:
- the link works in one browser, once; every step asks for what that browser was given, and for this origin;
- once the last step is done there are no such pages any more.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, cast

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from muniment.assistant.answer import LONGEST_QUESTION
from muniment.assistant.dialogue import NEW
from muniment.foundation.errors import BadInput, Conflict, MunimentError, Unauthenticated
from muniment.governance.audit.entry import Actor
from muniment.interfaces.authenticate import Caller, check_origin, open_cookie
from muniment.interfaces.boundary import Boundary
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.problems import install, problem_of
from muniment.interfaces.rest.answers import answer_of
from muniment.interfaces.rest.bodies import AnswerRequest
from muniment.interfaces.setting_up.doorway import Doorway
from muniment.interfaces.setting_up.first_run import STEPS, FirstRun, FolderLook
from muniment.interfaces.web import static_files
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.problem_page import problem_page
from muniment.interfaces.web.rendering import render, say

COOKIE = "muniment-setup"
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Setup:
    """Who came with the link, and what is shown to them."""

    def __init__(self, first: FirstRun, doorway: Doorway, served: Callable[[], FastAPI]) -> None:
        """`served` makes the server once all is there."""
        self.first, self.token = first, secrets.token_urlsafe(24)
        self._doorway, self._served = doorway, served
        self._secret, self._lock = "", threading.Lock()
        self._finishing = anyio.Lock()
        self._finished = False

    def take(self, token: str) -> str:
        """Return what the first browser with the link is given; raises Unauthenticated for all others."""
        with self._lock:
            if self._secret or not hmac.compare_digest(token.encode(), self.token.encode()):
                raise Unauthenticated(say("setup.spent"), fix=say("setup.spent_why"))
            self._secret = secrets.token_urlsafe(24)
        return self._secret

    def check(self, request: Request, csrf: str | None = None) -> None:
        """Refuse any other browser, and a change that no page of ours sent; raises Unauthenticated, Denied."""
        if not self.knows(request):
            raise Unauthenticated(say("setup.spent"), fix=say("setup.spent_why"))
        if csrf is not None:
            check_origin(request)
            if not hmac.compare_digest(csrf.encode(), self.csrf.encode()):
                raise BadInput("This form is out of date.", fix="Reload the page and send it again.")

    def knows(self, request: Request) -> bool:
        """Return whether this is the browser that came with the link; a cookie may be of an earlier run."""
        given = request.cookies.get(COOKIE, "")
        return bool(self._secret) and hmac.compare_digest(given.encode(), self._secret.encode())

    @property
    def csrf(self) -> str:
        """Return what each form carries."""
        return hmac.new(self._secret.encode(), b"form", "sha256").hexdigest()

    def page(
        self, typed: Mapping[str, str] | None = None, trouble: str = "", look: FolderLook | None = None
    ) -> str:
        """Return the page of the step that is next, with what was typed where it was refused."""
        first, step = self.first, self.first.step()
        work = first.taking_in if step == "folder" else None
        admin = first.administrator if step in ("folder", "question") else None
        report = first.taking_in.report if first.taking_in else None
        values: dict[str, object] = {
            "steps": STEPS,
            "step": step,
            "csrf": self.csrf,
            "trouble": trouble or (work.trouble if work else ""),
            "typed": typed or {},
            "home": str(first.home.resolve()),
            "provider": first.settings.keys.provider,
            "look": look,
            "work": work if work and not work.ended else None,
            "report": report,
            "admin": admin.name if admin else "",
            "megabytes": first.missing_weights if step == "folder" else 0,
            "longest": LONGEST_QUESTION,
        }
        return render("setting_up/step.html", say(f"setup.{step}"), **values)

    async def finish(self, request: Request, question: str) -> Response:
        """Open the server and sign in; with a question, answer it first."""
        async with self._finishing:
            if self._finished:
                raise Conflict(say("setup.spent"), fix=say("setup.spent_why"))
            session = await to_thread.run_sync(self.first.session)
            await self._doorway.open(self._served())
            self._finished = True
        made = "/"
        if question:
            workspace, who = self.first.workspace, session.principal
            caller = Caller(who, Actor(who.ref, "web"), signed_in=session.proved)
            body = AnswerRequest(question=question, conversation=NEW)
            # What went wrong is told when it is asked again, by a server that is there to be asked.
            with suppress(MunimentError):
                made = f"/answers/{(await to_thread.run_sync(lambda: answer_of(workspace, caller, body))).id}"
        response = RedirectResponse(made, 303)
        open_cookie(request, response, session)
        response.delete_cookie(COOKIE, path="/setup", httponly=True, samesite="strict")
        return response


async def _setup_of(request: Request) -> Setup:
    return cast("Setup", request.app.state.setup)


TheSetup = Annotated[Setup, Depends(_setup_of)]
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def setup_app(setup: Setup) -> FastAPI:
    """Return the application of the first run."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.setup = setup
    install(app, problem_page)
    app.add_exception_handler(Unauthenticated, _spent)
    app.include_router(static_files.router)
    app.include_router(router)
    app.add_middleware(Boundary, hosts=HOSTS, proxies=Proxies())
    return app


@router.get("/setup")
async def show(
    request: Request, setup: TheSetup, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Ask whether to begin, where the link was opened, else show the step that is next."""
    if token and not setup.knows(request):
        return HTMLResponse(render("setting_up/begin.html", say("setup.title"), token=token))
    setup.check(request)
    return HTMLResponse(await to_thread.run_sync(setup.page))


@router.post("/setup")
async def begin(request: Request, setup: TheSetup) -> Response:
    """Bind the first run to this browser."""
    fields = await form_of(request, "token")
    check_origin(request)
    response = RedirectResponse("/setup", 303)
    secret = setup.take(fields.get("token", ""))
    response.set_cookie(COOKIE, secret, path="/setup", httponly=True, samesite="strict")
    return response


@router.post("/setup/keys")
async def keys(request: Request, setup: TheSetup) -> Response:
    """Make keys and database."""
    return await _done(setup, await _fields(setup, request), setup.first.make)


@router.post("/setup/people")
async def people(request: Request, setup: TheSetup) -> Response:
    """Make the directory and the first administrator."""
    typed = await _fields(setup, request, "from", "name", "title", "file", "who")

    def work() -> None:
        if typed.get("from") == "file":
            setup.first.of_file(typed.get("file", ""), typed.get("who", ""))
        else:
            setup.first.alone(typed.get("name", ""), typed.get("title", ""))

    return await _done(setup, typed, work)


@router.post("/setup/look")
async def look(request: Request, setup: TheSetup) -> Response:
    """Show what lies in a folder."""
    typed = await _fields(setup, request, "folder", "source")

    def shown() -> str:
        found = setup.first.look(typed.get("folder", ""), typed.get("source", ""))
        return setup.page(typed, look=found)

    try:
        return HTMLResponse(await to_thread.run_sync(shown))
    except MunimentError as error:
        return await _shown(setup, typed, error)


@router.post("/setup/folder")
async def folder(request: Request, setup: TheSetup) -> Response:
    """Begin to take a folder in."""
    typed = await _fields(setup, request, "folder", "source", "readers", "fetch")

    def work() -> None:
        readers = typed.get("readers", "")
        if readers not in ("stated", "administrator", "everyone"):
            raise BadInput("Who may read is not said.", fix="Choose one of the three.")
        setup.first.take_in(typed.get("folder", ""), typed.get("source", ""), readers, "fetch" in typed)

    return await _done(setup, typed, work)


@router.post("/setup/skip")
async def skip(request: Request, setup: TheSetup) -> Response:
    """Leave the folder for later."""
    return await _done(setup, await _fields(setup, request), setup.first.skip_folder)


@router.get("/setup/progress")
async def progress(request: Request, setup: TheSetup) -> Response:
    """Say how far the folder is, for the script of the page."""
    setup.check(request)
    work = setup.first.taking_in
    if work is None or work.ended:
        return JSONResponse({"ended": True, "said": ""})
    key = f"setup.stage_{work.stage}" if work.total else "setup.stage_begun"
    said = say(key, done=work.done, total=work.total)
    return JSONResponse({"ended": False, "said": said})


@router.post("/setup/question")
async def question(request: Request, setup: TheSetup) -> Response:
    """Sign in, with an answer where something is asked."""
    typed = await _fields(setup, request, "question")
    try:
        return await setup.finish(request, typed.get("question", ""))
    except MunimentError as error:
        return await _shown(setup, typed, error)


@router.get("/{path:path}")
async def elsewhere() -> Response:
    """Lead to the step that is next."""
    return RedirectResponse("/setup", 303)


async def _spent(_request: Request, _error: Exception) -> Response:
    return HTMLResponse(render("setting_up/begin.html", say("setup.title"), token=""), 401)


async def _fields(setup: Setup, request: Request, *names: str) -> dict[str, str]:
    fields = await form_of(request, "csrf", *names)
    setup.check(request, fields.pop("csrf", ""))
    return {name: value.strip() for name, value in fields.items()}


async def _done(setup: Setup, typed: dict[str, str], work: Callable[[], None]) -> Response:
    try:
        await to_thread.run_sync(work)
    except MunimentError as error:
        return await _shown(setup, typed, error)
    return RedirectResponse("/setup", 303)


async def _shown(setup: Setup, typed: dict[str, str], error: MunimentError) -> Response:
    told = problem_of(error)
    said = f"{told.title} {told.detail}".strip()
    return HTMLResponse(await to_thread.run_sync(lambda: setup.page(typed, said)), told.status)
