"""A customer's mail: classified, looked up, a refund by rule, approved and paid, and a reply reviewed and sent.

A model may classify and draft; without one, words in the mail and a fixed text do. What is paid is reckoned from what
the order system says, and people decide about all that acts: the order was named in a customer's mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from muniment.actions.reading import Reading
from muniment.assistant.workflows.hands import Hands, needed
from muniment.assistant.workflows.rooms import Rooms
from muniment.foundation.workflows.definition import Definition, Json, Steps, Takes

NAME = "customer-case"
SAYS = "Reads a customer's mail, proposes a refund by what the order system says, and proposes a reply."
TAKES = (Takes("mail", "Id of the mail", "mail-1042"),)
KINDS = ("refund", "question", "other")
CLASSIFY: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "order", "amount"],
    "properties": {
        "kind": {"enum": list(KINDS)},
        "order": {"type": "string", "maxLength": 32, "pattern": "^[A-Za-z0-9-]*$"},
        "amount": {"type": "string", "maxLength": 12, "pattern": "^([0-9]{1,9}[.][0-9]{2})?$"},
    },
}
QUESTION = (
    "What does the customer want, which order is it about, and how much do they want back, as in 75.00? Leave order "
    "and amount empty where none is named."
)
_ORDER = re.compile(r"\b[A-Z]{1,3}-[0-9]{1,8}\b")
_AMOUNT = re.compile(r"\b(?:EUR|GBP|USD)\s?([0-9]{1,6}[.][0-9]{2})\b")
_REFUND = re.compile(r"\b(refund|money back|return(ed)?|broken|damaged|faulty)\b", re.IGNORECASE)
REPLY = (
    "Dear customer,\n\nyour refund of {amount} {currency} for order {order} has been paid.\n\n"
    "Marrowby Instruments"
)


def definition(rooms: Rooms) -> Definition:
    """Return the workflow over the rooms of a workspace."""

    def run(steps: Steps, given: Mapping[str, Json]) -> Mapping[str, Json]:
        [mail] = needed(given, "mail")
        hands = Hands(rooms, steps, given)
        letter = hands.read("mail", "mail_get", {"mail_id": mail})
        case = _classified(hands, letter)
        kind, order = str(_at(case, "kind")), str(_at(case, "order"))
        steps.tell(stage="classified", kind=kind, order=order)
        if kind != "refund" or not order:
            return {"state": "for a person", "kind": kind, "order": order}
        bought = hands.read(
            "order", "orders_get", {"order_id": {"$from": "case", "path": ["order"]}}, {"case": case}
        )
        # For whoever approves: what the library says stays inside, and no word of it goes into the reply.
        hands.search("evidence", "refund policy for customers")
        left = hands.reckon("reckon", refundable, bought, case)
        amount = str(_at(left, "amount"))
        if Decimal(amount) <= 0:
            steps.tell(stage="nothing left to refund")
            return {"state": "nothing to refund", "order": order}
        refund = {
            "order": {"$from": "order", "path": ["id"]},
            "amount": {"$from": "left", "path": ["amount"]},
            "currency": {"$from": "order", "path": ["currency"]},
            "reason": {"$text": ["Customer case ", steps.run]},
        }
        paid = hands.propose("propose-refund", "refund_order", refund, {"order": bought, "left": left})
        steps.tell(stage="refund waits for approval", action=paid)
        found = hands.outcome("refund", paid)
        if found["state"] != "done":
            steps.tell(stage=f"refund {found['state']}")
            return {"state": found["state"], "action": paid, "order": order, "reason": found["reason"]}
        text = _reply(hands, letter, bought, amount)
        steps.tell(stage="reply waits for review")
        answer = {
            "to": [{"$from": "order", "path": ["customer", "email"]}],
            "subject": {"$text": ["Your order ", {"$from": "order", "path": ["id"]}]},
            "body": {"$from": "reply", "path": ["text"]},
        }
        sent = hands.propose("send-reply", "send_mail", answer, {"order": bought, "reply": text})
        ended = hands.outcome("sent", sent)
        steps.tell(stage=f"reply {ended['state']}")
        return {"state": ended["state"], "refund": paid, "reply": sent, "amount": amount, "order": order}

    return Definition(NAME, 1, run, SAYS, TAKES)


def refundable(order: Mapping[str, Json], case: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return what is paid back: what was asked for, or all, and never more than the order system says is left."""
    left = Decimal(str(order["total"])) - Decimal(str(order.get("refunded", "0")))
    asked = Decimal(str(case["amount"])) if case.get("amount") else left
    return {"amount": f"{max(min(left, asked), Decimal(0)):.2f}"}


def _classified(hands: Hands, letter: Reading) -> Reading:
    if hands.model:
        return hands.take("classify", letter, QUESTION, CLASSIFY)
    value = letter.value if isinstance(letter.value, Mapping) else {}
    text = f"{value.get('subject', '')}\n{value.get('body', '')}"  # pyright: ignore[reportUnknownMemberType]
    found = _ORDER.search(text)
    asked = _AMOUNT.search(text)
    made = {
        "kind": "refund" if _REFUND.search(text) or asked else "question",
        "order": found[0] if found else "",
        "amount": asked[1] if asked else "",
    }
    return Reading("classify", "", hands.principal.ref, made, {}, letter.label)


def _reply(hands: Hands, letter: Reading, bought: Reading, amount: str) -> Reading:
    if hands.model:
        wanted = (
            f"Tell the customer that {amount} of their order was paid back, and answer what else they ask."
        )
        return hands.draft("draft-reply", wanted, {"mail": letter, "order": bought})
    value = bought.value if isinstance(bought.value, Mapping) else {}
    text = REPLY.format(amount=amount, currency=value.get("currency", ""), order=value.get("id", ""))  # pyright: ignore[reportUnknownMemberType]
    return Reading("reply", "", hands.principal.ref, {"text": text}, {}, bought.label)


def _at(found: Reading, name: str) -> object:
    value = found.value if isinstance(found.value, Mapping) else {}
    return value.get(name, "")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
