"""Refunds: money that goes back to a customer, never more than the order was worth."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Literal

import orders
from calls import Caller, allowed, etag, reading
from effects import Done, Write, effect, within_a_day, writing
from fastapi import APIRouter, Depends, Path, Query, Response
from problems import Problem, absent, bad_input, forbidden
from shapes import Amount, Closed, Currency, Id, Line, NoOptions, Paid, cents, money
from store import new_id

router = APIRouter(tags=["payments"])
Writer = Annotated[Write, Depends(writing("refunds:write"))]


class NewRefund(Closed):
    """What to pay back, and why."""

    order: Id
    amount: Paid
    currency: Currency
    reason: Line


class Refund(Closed):
    """One refund."""

    id: Id
    version: int
    state: Literal["paid", "cancelled"]
    order: Id
    amount: Amount
    currency: Currency
    reason: str
    made_by: str
    made_at: str


@effect(router, "/refunds", "createRefund", Refund, status=201)
def create_refund(body: NewRefund, write: Writer) -> Response:
    """Pay back part of an order or all of it; If-Match must name the order's ETag."""

    def act(db: sqlite3.Connection) -> Done:
        order = orders.visible(db, write.caller, body.order)
        amount = cents(body.amount)
        _within_limit(db, write.caller, order["id"], amount)
        write.expect(order["version"], required=True)
        if body.currency != order["currency"]:
            raise bad_input(f"body.currency: the order is in {order['currency']}")
        left = order["total"] - order["refunded"]
        if amount > left:
            raise Problem(
                409, "exceeds-order", "That is more than is left of the order.", f"{money(left)} is left."
            )
        refund = new_id("refund")
        db.execute(
            "INSERT INTO refunds VALUES (?, 1, 'paid', ?, ?, ?, ?, ?, ?)",
            (
                refund,
                order["id"],
                amount,
                body.currency,
                body.reason,
                write.caller.person.name,
                write.systems.clock.stamp(),
            ),
        )
        _move(db, order["id"], amount)
        said = f"Pay {body.amount} {body.currency} back for order {order['id']}; {money(left - amount)} is left then."
        return Done(_refund(db, refund), said, "cancelRefund within 24 hours.")

    return write.run(act)


@reading(router, "/refunds/{refund_id}", "getRefund")
def get_refund(
    refund_id: Annotated[Id, Path()],
    _none: Annotated[NoOptions, Query()],
    caller: Annotated[Caller, Depends(allowed("refunds:read"))],
    response: Response,
) -> Refund:
    """Read one refund of an order that the person may see."""
    with caller.systems.store.reading() as db:
        refund = _visible(db, caller, refund_id)
    response.headers["etag"] = etag(refund.version)
    return refund


@effect(router, "/refunds/{refund_id}/cancel", "cancelRefund", Refund)
def cancel_refund(refund_id: Annotated[Id, Path()], write: Writer) -> Response:
    """Take a refund back, within 24 hours and within the person's limit."""

    def act(db: sqlite3.Connection) -> Done:
        refund = _visible(db, write.caller, refund_id)
        if write.caller.person.refund_limit < cents(refund.amount):
            raise forbidden(
                f"The limit of this person is {money(write.caller.person.refund_limit)} for one order."
            )
        write.expect(refund.version)
        if refund.state != "paid":
            raise Problem(409, "cancelled-before", "This refund was cancelled before.")
        within_a_day(write.systems, refund.made_at, "refund")
        db.execute("UPDATE refunds SET state = 'cancelled', version = version + 1 WHERE id = ?", (refund_id,))
        _move(db, refund.order, -cents(refund.amount))
        said = f"Take back the refund of {refund.amount} {refund.currency} for order {refund.order}."
        return Done(_refund(db, refund_id), said, "None: pay it again.")

    return write.run(act)


def _within_limit(db: sqlite3.Connection, caller: Caller, order: str, amount: int) -> None:
    # A limit for one refund alone would be dodged by making several.
    before = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM refunds WHERE order_id = ? AND made_by = ? AND state = 'paid'",
        (order, caller.person.name),
    ).fetchone()[0]
    if before + amount > caller.person.refund_limit:
        raise forbidden(f"The limit of this person is {money(caller.person.refund_limit)} for one order.")


def _move(db: sqlite3.Connection, order: str, amount: int) -> None:
    db.execute(
        "UPDATE orders SET refunded = refunded + ?, version = version + 1 WHERE id = ?", (amount, order)
    )


def _visible(db: sqlite3.Connection, caller: Caller, refund_id: str) -> Refund:
    row = db.execute("SELECT order_id FROM refunds WHERE id = ?", (refund_id,)).fetchone()
    if row is None:
        raise absent()
    orders.visible(db, caller, row["order_id"])
    return _refund(db, refund_id)


def _refund(db: sqlite3.Connection, refund_id: str) -> Refund:
    row: dict[str, Any] = dict(db.execute("SELECT * FROM refunds WHERE id = ?", (refund_id,)).fetchone())
    return Refund(order=row.pop("order_id"), **row | {"amount": money(row["amount"])})
