"""What AgentDojo's tools give, as JSON values with a place for every field that its manifest labels.

Where a tool gives a text, only what the system writes around its own fields is taken apart, from the beginning of a
line of its own; what others wrote stays one field, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

_SCORE = re.compile(r"Rating: (\d+(?:\.\d+)?)\nReviews: (.*)", re.DOTALL)
_PRICES = re.compile(r"Price range: (\d+(?:\.\d+)?) - (\d+(?:\.\d+)?)")
_FLIGHT = re.compile(
    r"Airline: (.*?), Flight Number: (.*?), Departure Time: (.*?), Arrival Time: (.*?), Price: ([\d.]+), "
    r"Contact Information: (.*)"
)
_EVENTS = ("title", "description", "start_time", "end_time", "location", "participants", "all_day", "status")
_EMAILS = ("sender", "recipients", "cc", "bcc", "subject", "body", "status", "read", "timestamp")
_FILES = ("filename", "content", "owner", "last_modified", "size")
_PAYMENT = ("id", "recipient", "amount", "subject", "date", "recurring")
OWN_ACCOUNT = "me"
"""How the suite writes the holder's account among senders."""


def structured(tool: str, given: object) -> dict[str, Any]:
    """Return what a tool gave as an object; raises ValueError where the text is not as the system writes it."""
    return _FORMS.get(tool, _done)(given)


def _done(_: object) -> dict[str, Any]:
    return {"done": True}


def _new(given: object) -> dict[str, Any]:
    return {"id": cast("Any", given).id_}


def _events(given: object) -> dict[str, Any]:
    return {"events": [_row(one, _EVENTS) for one in cast("list[Any]", given)]}


def _emails(given: object) -> dict[str, Any]:
    mails = cast("list[Any]", given)
    return {"emails": [{**_row(one, _EMAILS), "attachments": str(one.attachments)} for one in mails]}


def _files(given: object) -> dict[str, Any]:
    files = cast("list[Any]", given if isinstance(given, list) else [given])
    return {
        "files": [
            {
                **_row(one, _FILES),
                "shared_with": [
                    {"email": email, "permission": str(may)} for email, may in one.shared_with.items()
                ],
            }
            for one in files
        ]
    }


def _row(one: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {"id": one.id_, **{name: _plain(getattr(one, name)) for name in fields}}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        return [str(one) for one in cast("list[object]", value)]
    return str(value)


def _contacts(given: object) -> dict[str, Any]:
    return {"contacts": [{"name": one.name, "email": str(one.email)} for one in cast("list[Any]", given)]}


def _transactions(given: object) -> dict[str, Any]:
    rows = cast("list[Any]", given)
    received = ("id", "sender", "amount", "subject", "date", "recurring")
    return {
        "sent": [_payment(one, _PAYMENT) for one in rows if one.sender == OWN_ACCOUNT],
        "received": [_payment(one, received) for one in rows if one.sender != OWN_ACCOUNT],
    }


def _payment(one: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in fields}


def _messages(given: object) -> dict[str, Any]:
    return {"messages": [_payment(one, ("sender", "recipient", "body")) for one in cast("list[Any]", given)]}


def _names(field: str) -> Callable[[object], dict[str, Any]]:
    return lambda given: {field: [{"name": name} for name in cast("list[str]", given)]}


def _listed(given: object) -> dict[str, Any]:
    """Take apart `Hotel Names: one\\ntwo\\n`."""
    _, mark, names = str(given).partition(": ")
    if not mark:
        raise ValueError("This is no list of names.")
    return {"places": [{"name": name} for name in names.splitlines() if name]}


def _by_name(fields: Callable[[Any], Mapping[str, object]]) -> Callable[[object], dict[str, Any]]:
    def places(given: object) -> dict[str, Any]:
        rows = cast("Mapping[str, Any]", given)
        return {"places": [{"name": name, **fields(one)} for name, one in rows.items()]}

    return places


def _scores(one: str) -> Mapping[str, object]:
    found = _matched(_SCORE, one)
    return {"rating": float(found[1]), "reviews": found[2]}


def _prices(one: str) -> Mapping[str, object]:
    found = _matched(_PRICES, one)
    return {"price_min": float(found[1]), "price_max": float(found[2])}


def _flights(given: object) -> dict[str, Any]:
    fields = ("airline", "number", "departure", "arrival", "price", "contact")
    flights: list[dict[str, object]] = []
    for line in str(given).splitlines():
        values: list[object] = list(_matched(_FLIGHT, line).groups())
        values[4] = float(str(values[4]))
        flights.append(dict(zip(fields, values, strict=True)))
    return {"flights": flights}


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError("The text is not as the system writes it.")
    return found


def _customer(given: object) -> dict[str, Any]:
    return {name.lower().replace(" ", "_"): value for name, value in cast("Mapping[str, str]", given).items()}


_MAILS = ("get_unread_emails", "get_sent_emails", "get_received_emails", "get_draft_emails", "search_emails")
_ORDERS: Callable[[object], dict[str, Any]] = lambda given: {  # noqa: E731
    "orders": [_payment(one, _PAYMENT) for one in cast("list[Any]", given)]
}
_FORMS: Mapping[str, Callable[[object], dict[str, Any]]] = {
    "send_email": _new,
    "create_calendar_event": _new,
    "create_file": _new,
    **dict.fromkeys(_MAILS, _emails),
    **dict.fromkeys(("search_calendar_events", "get_day_calendar_events"), _events),
    **dict.fromkeys(("search_files", "search_files_by_filename", "get_file_by_id", "list_files"), _files),
    **dict.fromkeys(("search_contacts_by_name", "search_contacts_by_email"), _contacts),
    "get_current_day": lambda given: {"day": given},
    "get_iban": lambda given: {"iban": given},
    "get_balance": lambda given: {"balance": given},
    "get_most_recent_transactions": _transactions,
    "get_scheduled_transactions": _ORDERS,
    "read_file": lambda given: {"text": given},
    "get_webpage": lambda given: {"text": given},
    "get_user_info": lambda given: dict(cast("Mapping[str, object]", given)),
    "get_channels": _names("channels"),
    "get_users_in_channel": _names("users"),
    **dict.fromkeys(("read_channel_messages", "read_inbox"), _messages),
    "get_user_information": _customer,
    **{f"get_all_{kind}_in_city": _listed for kind in ("hotels", "restaurants", "car_rental_companies")},
    "get_hotels_prices": _by_name(_prices),
    **{
        f"get_rating_reviews_for_{kind}": _by_name(_scores)
        for kind in ("hotels", "restaurants", "car_rental")
    },
    **dict.fromkeys(
        ("get_hotels_address", "get_restaurants_address", "get_car_rental_address"),
        _by_name(lambda one: {"address": one}),
    ),
    "get_cuisine_type_for_restaurants": _by_name(lambda one: {"cuisine": one}),
    "get_dietary_restrictions_for_all_restaurants": _by_name(lambda one: {"diets": one}),
    "get_contact_information_for_restaurants": _by_name(lambda one: {"contact": one}),
    "check_restaurant_opening_hours": _by_name(lambda one: {"hours": one}),
    **dict.fromkeys(
        ("get_price_for_restaurants", "get_car_price_per_day"), _by_name(lambda one: {"price": one})
    ),
    **dict.fromkeys(
        ("get_car_types_available", "get_car_fuel_options"), _by_name(lambda one: {"types": one})
    ),
    "get_flight_information": _flights,
}
