"""Orders: what customers bought. Names and notes are the customers' own words."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from calls import Caller, allowed, etag, reading
from fastapi import APIRouter, Depends, Path, Query, Response
from problems import absent
from pydantic import Field
from shapes import Amount, Closed, Currency, Id, NoOptions, money

router = APIRouter(tags=["orders"])
Reader = Annotated[Caller, Depends(allowed("orders:read"))]
State = Literal["open", "shipped", "delivered", "returned"]


class Customer(Closed):
    """Who bought."""

    name: str
    email: str


class OrderLine(Closed):
    """One article of an order."""

    article: str
    description: str
    quantity: int
    unit_price: Amount
    total: Amount


class Order(Closed):
    """One order."""

    id: Id
    version: int
    state: State
    placed_at: str
    customer: Customer
    account_owner: str
    currency: Currency
    lines: list[OrderLine]
    total: Amount
    refunded: Amount
    note: str = Field(description="Free text written by the customer: untrusted.")


class Orders(Closed):
    """Orders, newest first."""

    orders: list[Order]


class OrderFilter(Closed):
    """Which orders are listed."""

    customer: Annotated[str, Field(max_length=200, description="Part of the name or the address.")] = ""
    state: State | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


@reading(router, "/orders", "listOrders")
def list_orders(asked: Annotated[OrderFilter, Query()], caller: Reader) -> Orders:
    """List the orders that the person may see."""
    state, part = asked.state, asked.customer
    with caller.systems.store.reading() as db:
        rows = db.execute(
            "SELECT * FROM orders WHERE (? IS NULL OR state = ?)"
            " AND (instr(lower(customer_name), lower(?)) OR instr(lower(customer_email), lower(?)))"
            " AND (? OR account_owner = ?) ORDER BY placed_at DESC, id LIMIT ?",
            (state, state, part, part, caller.person.orders == "all", caller.person.name, asked.limit),
        ).fetchall()
        return Orders(orders=[order_of(db, row) for row in rows])


@reading(router, "/orders/{order_id}", "getOrder")
def get_order(
    order_id: Annotated[Id, Path()], _none: Annotated[NoOptions, Query()], caller: Reader, response: Response
) -> Order:
    """Read one order; its ETag is what a refund must name."""
    with caller.systems.store.reading() as db:
        order = order_of(db, visible(db, caller, order_id))
    response.headers["etag"] = etag(order.version)
    return order


def visible(db: sqlite3.Connection, caller: Caller, order_id: str) -> sqlite3.Row:
    """Return the row of an order; one that the person may not see is absent."""
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    own = row is not None and caller.person.orders == "own" and row["account_owner"] == caller.person.name
    if row is None or not (own or caller.person.orders == "all"):
        raise absent()
    return row


def order_of(db: sqlite3.Connection, row: sqlite3.Row) -> Order:
    """Return an order as it is sent."""
    lines = db.execute("SELECT * FROM order_lines WHERE order_id = ? ORDER BY position", (row["id"],))
    return Order(
        id=row["id"],
        version=row["version"],
        state=row["state"],
        placed_at=row["placed_at"],
        customer=Customer(name=row["customer_name"], email=row["customer_email"]),
        account_owner=row["account_owner"],
        currency=row["currency"],
        lines=[
            OrderLine(
                article=line["article"],
                description=line["description"],
                quantity=line["quantity"],
                unit_price=money(line["unit_price"]),
                total=money(line["quantity"] * line["unit_price"]),
            )
            for line in lines
        ],
        total=money(row["total"]),
        refunded=money(row["refunded"]),
        note=row["note"],
    )
