"""Fills an empty database from `seed.toml`, the same way every time."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

from permissions import address_of
from shapes import cents

SEED = Path(__file__).parent / "seed.toml"


def seed(db: sqlite3.Connection) -> None:
    """Write orders, refunds, mails, entries and grants of the sample company."""
    found = tomllib.loads(SEED.read_text("utf-8"))
    articles = found["articles"]
    for order_id, order in found["orders"].items():
        _order(db, order_id, order, articles)
    for refund_id, refund in found["refunds"].items():
        amount = cents(refund["amount"])
        values = (refund_id, refund["order"], amount, refund["reason"], refund["made_by"], refund["made_at"])
        db.execute("INSERT INTO refunds VALUES (?, 1, 'paid', ?, ?, 'EUR', ?, ?, ?)", values)
        db.execute("UPDATE orders SET refunded = refunded + ? WHERE id = ?", (amount, refund["order"]))
    for mail_id, mail in found["mail"].items():
        to = json.dumps([address_of(mail["owner"])])
        values = (mail_id, mail["owner"], mail["sender"], to, mail["subject"], mail["body"], mail["at"])
        db.execute("INSERT INTO mail VALUES (?, ?, 'inbox', ?, ?, ?, ?, NULL, ?)", values)
    for entry_id, entry in found["calendar"].items():
        values = tuple(entry[name] for name in ("owner", "title", "start", "end", "location"))
        db.execute("INSERT INTO entries VALUES (?, 1, 'planned', ?, ?, ?, ?, ?)", (entry_id, *values))
        db.executemany(
            "INSERT INTO attendees VALUES (?, ?)", [(entry_id, user) for user in entry["attendees"]]
        )


def _order(db: sqlite3.Connection, order_id: str, order: dict[str, Any], articles: dict[str, Any]) -> None:
    lines = [
        (name, articles[name][0], count, cents(articles[name][1])) for name, count in order["lines"].items()
    ]
    total = sum(count * price for _, _, count, price in lines)
    db.execute(
        "INSERT INTO orders VALUES (?, 1, ?, ?, ?, ?, ?, 'EUR', ?, 0, ?)",
        (
            order_id,
            order["state"],
            order["placed_at"],
            order["customer"],
            order["email"],
            order["account_owner"],
            total,
            order["note"],
        ),
    )
    for position, line in enumerate(lines, 1):
        db.execute("INSERT INTO order_lines VALUES (?, ?, ?, ?, ?, ?)", (order_id, position, *line))
