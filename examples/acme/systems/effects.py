"""An operation that writes: it takes effect once for each idempotency key, with its reply and its journal row."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from calls import Caller, Systems, allowed, etag
from fastapi import APIRouter, Depends, Header, Query, Request
from problems import Problem, documented
from pydantic import BaseModel
from shapes import Closed
from starlette.responses import Response
from store import new_id

DAY = 24 * 3600


class Preview(Closed):
    """What a dry run says would have happened; nothing has."""

    dry_run: Literal[True] = True
    operation: str
    summary: str
    undo: str
    """How it could be undone, or that it could not."""


class Done(NamedTuple):
    """What an effect did, in words and as its reply."""

    reply: BaseModel
    summary: str
    undo: str


class WriteOptions(Closed):
    """The query string of an operation that writes."""

    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """One request for an effect."""

    caller: Caller
    key: str
    if_match: str | None
    dry_run: bool
    operation: str
    status: int
    target: str

    @property
    def sub(self) -> str:
        return f"user:{self.caller.person.name}"

    @property
    def systems(self) -> Systems:
        return self.caller.systems

    def expect(self, version: int, required: bool = False) -> None:
        """Refuse when the request was made for another version of the thing."""
        if self.if_match is None and required:
            raise Problem(428, "if-match-missing", "Send the ETag of the thing in the header If-Match.")
        if self.if_match not in (None, "*", etag(version)):
            raise Problem(412, "changed", "The thing has changed since it was read.", "Read it again.")
        if self.if_match == "*" and required:
            raise Problem(428, "if-match-missing", "If-Match must name the version that was read, not `*`.")

    def run(self, act: Callable[[sqlite3.Connection], Done]) -> Response:
        """Do it once, and give whoever asks again with the same key the first reply."""
        wanted = hashlib.sha256(f"{self.target}\n{self.caller.claims.body_digest}".encode()).hexdigest()
        with self.systems.store.writing(keep=not self.dry_run) as connection:
            before = connection.execute(
                "SELECT request_digest, status, etag, reply FROM effect WHERE sub = ? AND key = ?",
                (self.sub, self.key),
            ).fetchone()
            if before is not None:
                return self._again(before, wanted)
            done = act(connection)
            if self.dry_run:
                shown = Preview(operation=self.operation, summary=done.summary, undo=done.undo)
                return _json(200, shown.model_dump_json(), None)
            reply, tag = done.reply.model_dump_json(), etag(getattr(done.reply, "version", 1))
            connection.execute(
                "INSERT INTO effect VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new_id("effect"),
                    self.systems.clock.stamp(),
                    self.key,
                    self.operation,
                    self.sub,
                    self.caller.claims.body_digest,
                    wanted,
                    self.status,
                    tag,
                    reply,
                ),
            )
        return _json(self.status, reply, tag)

    def _again(self, before: sqlite3.Row, wanted: str) -> Response:
        if before["request_digest"] != wanted:
            raise Problem(422, "key-reused", "This idempotency key was used for another request.")
        if self.dry_run:
            undo = "Nothing to undo."
            shown = Preview(operation=self.operation, summary="This was done before.", undo=undo)
            return _json(200, shown.model_dump_json(), None)
        response = _json(before["status"], before["reply"], before["etag"])
        response.headers["idempotent-replayed"] = "true"
        return response


def writing(scope: str) -> Callable[..., Write]:
    """Return the dependency of an operation that writes."""

    def check(
        request: Request,
        options: Annotated[WriteOptions, Query()],
        idempotency_key: Annotated[
            str, Header(min_length=1, max_length=200, description="One for each effect that is wanted.")
        ],
        if_match: Annotated[
            str | None, Header(max_length=100, description="The ETag of what is changed, as it was read.")
        ] = None,
        caller: Caller = Depends(allowed(scope)),
    ) -> Write:
        route = request.scope["route"]
        target = f"{request.method} {request.scope['raw_path'].decode('latin-1')}"
        return Write(
            caller,
            idempotency_key,
            if_match,
            options.dry_run,
            route.operation_id,
            route.status_code,
            target,
        )

    return check


def effect(
    router: APIRouter, path: str, operation_id: str, reply: Any, method: str = "POST", status: int = 200
) -> Any:
    """Return the decorator of an operation that writes, documented with every refusal that it knows."""
    dry: dict[int | str, dict[str, Any]] = {} if status == 200 else {200: {"model": Preview}}
    return router.api_route(
        path,
        methods=[method],
        operation_id=operation_id,
        status_code=status,
        response_model=reply if status != 200 else reply | Preview,
        responses=dry | documented(400, 401, 403, 404, 409, 412, 413, 422, 428, 503),
    )


def within_a_day(systems: Systems, made_at: str, what: str) -> None:
    """Refuse what can no longer be undone."""
    if systems.clock.age(made_at) > DAY:
        raise Problem(409, "too-late", f"A {what} can be cancelled within 24 hours only.")


def _json(status: int, body: str, tag: str | None) -> Response:
    headers = {"etag": tag} if tag else {}
    return Response(body, status, headers, "application/json")
