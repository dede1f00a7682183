"""All that is counted as text, as Prometheus reads it (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from muniment.foundation.telemetry.instruments import Family

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposed(families: Iterable[Family]) -> str:
    """Return the text."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    one = family.instrument
    name = one.exposed_name
    yield f"# HELP {name} {one.said}"
    yield f"# TYPE {name} {one.kind}"
    names = [label.name.replace(".", "_") for label in one.labels]
    for point in family.points:
        labels = list(zip(names, point.labels, strict=True))
        if one.kind != "histogram":
            yield f"{name}{_labels(labels)} {_number(point.numbers[0])}"
            continue
        count = 0.0
        for bound, number in zip((*one.bounds, None), point.numbers, strict=False):
            count += number
            upto = "+Inf" if bound is None else _number(bound)
            yield f"{name}_bucket{_labels([*labels, ('le', upto)])} {_number(count)}"
        yield f"{name}_sum{_labels(labels)} {_number(point.numbers[-1])}"
        yield f"{name}_count{_labels(labels)} {_number(count)}"


def _labels(labels: list[tuple[str, str]]) -> str:
    # A label has no value that would have to be escaped.
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
