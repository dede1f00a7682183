"""Forms that browsers send: url-encoded, each field once, no field that was not asked for."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request

from muniment.foundation.errors import BadInput

_TYPE = "application/x-www-form-urlencoded"


async def form_of(request: Request, *names: str) -> dict[str, str]:
    """Return the fields sent, all of them in `names`; raises BadInput for any other body."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise BadInput("This is not a form.")
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=16, errors="strict"
        )
    except ValueError as error:
        raise BadInput("This form cannot be read.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= set(names):
        raise BadInput("This form has fields that do not belong here.")
    return fields
