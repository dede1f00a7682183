"""Purchases: what the company orders from suppliers, within the limit of whoever orders."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Literal

from calls import Caller, allowed, etag, reading
from effects import Done, Write, effect, within_a_day, writing
from fastapi import APIRouter, Depends, Path, Query, Response
from problems import Problem, absent, bad_input, forbidden
from pydantic import Field
from shapes import COMPANY_CURRENCY, Amount, Closed, Currency, Id, Line, NoOptions, Paid, cents, money
from store import new_id

router = APIRouter(tags=["payments"])
Writer = Annotated[Write, Depends(writing("purchases:write"))]
SEES_ALL = "purchases:read-all"


class NewPurchase(Closed):
    """What to order."""

    supplier: Line
    item: Line
    amount: Paid
    currency: Currency
    cost_centre: Annotated[str, Field(pattern=r"^[A-Z0-9-]{2,16}$", examples=["OPS-210"])]


class Purchase(Closed):
    """One purchase."""

    id: Id
    version: int
    state: Literal["ordered", "cancelled"]
    supplier: str
    item: str
    amount: Amount
    currency: Currency
    cost_centre: str
    made_by: str
    made_at: str


@effect(router, "/purchases", "createPurchase", Purchase, status=201)
def create_purchase(body: NewPurchase, write: Writer) -> Response:
    """Order something from a supplier."""

    def act(db: sqlite3.Connection) -> Done:
        # A limit in EUR says nothing about an amount in another currency.
        if body.currency != COMPANY_CURRENCY:
            raise bad_input(f"body.currency: purchases are made in {COMPANY_CURRENCY}")
        _within_limit(write.caller, body.amount)
        purchase = new_id("purchase")
        db.execute(
            "INSERT INTO purchases VALUES (?, 1, 'ordered', ?, ?, ?, ?, ?, ?, ?)",
            (
                purchase,
                body.supplier,
                body.item,
                cents(body.amount),
                body.currency,
                body.cost_centre,
                write.caller.person.name,
                write.systems.clock.stamp(),
            ),
        )
        said = f"Order {body.item} from {body.supplier} for {body.amount} {body.currency}, paid by {body.cost_centre}."
        return Done(_purchase(db, purchase), said, "cancelPurchase within 24 hours.")

    return write.run(act)


@reading(router, "/purchases/{purchase_id}", "getPurchase")
def get_purchase(
    purchase_id: Annotated[Id, Path()],
    _none: Annotated[NoOptions, Query()],
    caller: Annotated[Caller, Depends(allowed("purchases:read"))],
    response: Response,
) -> Purchase:
    """Read one purchase: one's own, or any for those who see all."""
    with caller.systems.store.reading() as db:
        purchase = _visible(db, caller, purchase_id)
    response.headers["etag"] = etag(purchase.version)
    return purchase


@effect(router, "/purchases/{purchase_id}/cancel", "cancelPurchase", Purchase)
def cancel_purchase(purchase_id: Annotated[Id, Path()], write: Writer) -> Response:
    """Cancel a purchase, within 24 hours and within the person's limit."""

    def act(db: sqlite3.Connection) -> Done:
        purchase = _visible(db, write.caller, purchase_id)
        _within_limit(write.caller, purchase.amount)
        write.expect(purchase.version)
        if purchase.state != "ordered":
            raise Problem(409, "cancelled-before", "This purchase was cancelled before.")
        within_a_day(write.systems, purchase.made_at, "purchase")
        db.execute(
            "UPDATE purchases SET state = 'cancelled', version = version + 1 WHERE id = ?", (purchase_id,)
        )
        said = f"Cancel the purchase of {purchase.amount} {purchase.currency} from {purchase.supplier}."
        return Done(_purchase(db, purchase_id), said, "None: order it again.")

    return write.run(act)


def _within_limit(caller: Caller, amount: str) -> None:
    if cents(amount) > caller.person.purchase_limit:
        raise forbidden(
            f"The limit of this person is {money(caller.person.purchase_limit)} for one purchase."
        )


def _visible(db: sqlite3.Connection, caller: Caller, purchase_id: str) -> Purchase:
    row = db.execute("SELECT made_by FROM purchases WHERE id = ?", (purchase_id,)).fetchone()
    if row is None or not (row["made_by"] == caller.person.name or caller.holds(SEES_ALL)):
        raise absent()
    return _purchase(db, purchase_id)


def _purchase(db: sqlite3.Connection, purchase_id: str) -> Purchase:
    row: dict[str, Any] = dict(db.execute("SELECT * FROM purchases WHERE id = ?", (purchase_id,)).fetchone())
    return Purchase(**row | {"amount": money(row["amount"])})
