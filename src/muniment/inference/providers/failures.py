"""The one line that each failure of an endpoint becomes; none holds content, key or address."""

from __future__ import annotations

from muniment.foundation.egress import TooLarge
from muniment.foundation.errors import MunimentError, Unavailable
from muniment.inference.catalog import Endpoint
from muniment.inference.providers.provider import Busy, RequestRefused
from muniment.inference.providers.streaming import BrokeOff, TooLong


def known(endpoint: Endpoint, error: BaseException) -> MunimentError | None:
    """Return the line for an error of our own, of time or of size, wherever it lies among the causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Busy):
            return cause
        if isinstance(cause, MunimentError):
            said = f"{_named(endpoint)} could not be reached: {cause.public}"
            return Unavailable(said, fix=cause.fix, detail=detail_of(error))
        if isinstance(cause, TooLong | TooLarge):
            return Unavailable(
                f"{_named(endpoint)} sent more than it was asked for, and was cut off.",
                fix="Check that it keeps to max_output_tokens.",
                detail=detail_of(error),
            )
        if isinstance(cause, BrokeOff):
            return broke_off(endpoint, error)
        cause = cause.__cause__
    return timed_out(endpoint, error) if isinstance(error, TimeoutError) else None


def timed_out(endpoint: Endpoint, error: BaseException) -> Unavailable:
    """Return the line for an endpoint that took too long."""
    return Unavailable(
        f"{_named(endpoint)} did not answer within {endpoint.timeout_seconds:g} seconds.",
        fix="Try again, or raise its timeout_seconds.",
        detail=detail_of(error),
    )


def broke_off(endpoint: Endpoint, error: BaseException) -> Busy:
    """Return the line for a connection that was not made or did not last."""
    return Busy(
        f"{_named(endpoint)} could not be reached, or broke off.",
        fix="Check that it runs and that its base_url is right.",
        detail=detail_of(error),
    )


def not_a_reply(endpoint: Endpoint, error: BaseException, what: str, fix: str) -> Unavailable:
    """Return the line for bytes that are not `what` was expected."""
    return Unavailable(
        f"{_named(endpoint)} returned something that is not {what}.", fix=fix, detail=detail_of(error)
    )


def of_status(endpoint: Endpoint, status: int, retry_after: float = 0.0, detail: str = "") -> Unavailable:
    """Return the line for an HTTP status, Busy where asking again may help."""
    if status in (408, 424, 429) or status >= 500:
        return Busy(
            f"{_named(endpoint)} is busy or failing (status {status}).",
            fix="Try again in a moment.",
            detail=detail,
            retry_after=retry_after,
        )
    if status in (401, 403):
        fix = "Check the key that its api_key refers to."
    elif status == 404:
        fix = "Check its base_url and its model name."
    else:
        fix = "Check its settings, such as model and max_output_tokens."
    said = f"{_named(endpoint)} refused the request (status {status})."
    return RequestRefused(said, fix=fix, detail=detail)


def detail_of(error: BaseException) -> str:
    """Return the kinds of an error and its cause, and not a word of what they say."""
    return f"{type(error).__name__} from {type(error.__cause__).__name__}"


def _named(endpoint: Endpoint) -> str:
    return f"The model {endpoint.name!r}"
