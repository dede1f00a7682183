"""Values that a plan takes from results: chosen by rules that were written down before anything untrusted was read.

An expression is JSON. What is not one of the forms below stands for itself:

    {"$from": "s1", "path": ["customer", "email"]}              a value of the result of step s1
    {"$one": {"of": "s1", "where": [["title", "=", "Yoga"]], "field": "id"}}   of the only row that fits
    {"$all": {"of": "s1", "at": ["lines"], "field": "price"}}   of every row that fits
    {"$most": {"of": "s1", "by": "rating", "field": "name"}}    of the row with the most; also $least
    {"$count": {"of": "s1"}}                                    how many rows fit
    {"$text": ["Dinner at ", E, ...]}, {"$sum": [E, ...]}, {"$product": [E, ...]}, {"$difference": [E, E]}

Whoever may decide which rows there are decides what these give, so they are trusted no more than the rows. So is
`$one`: where the expected row is missing, another's may be the only one that fits. Only where `where` asks by `=` for
rows of an author whom the plan names does nobody else decide. `$most` and `$least` fail where the rows that tie
differ in the field asked for.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import cast

from muniment.actions.labels import USERS, Label, join
from muniment.actions.paths import at, beneath, is_name, is_pattern, under
from muniment.actions.reading import Labelled, Reading
from muniment.foundation.errors import BadInput, MunimentError

MOST_DEPTH = 24
_GREATEST = 2**53 - 1
_DIGITS = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,16})?")
_ROW_FORMS = ("$one", "$all", "$most", "$least", "$count")
_FORMS = frozenset({"$from", *_ROW_FORMS, "$text", "$sum", "$product", "$difference"})
_ROW_FIELDS = frozenset({"of", "at", "where", "field", "by", "then"})


class Unresolved(MunimentError):
    """A plan's value cannot be told from what was read: no row fits, several do, or something is of another type."""

    code = "unresolved"
    status = 422


Readings = Mapping[str, Reading]
"""Results by the name of the step that read them."""


def resolve(expression: object, readings: Readings, written: Label = USERS) -> Labelled:
    """Return what an expression stands for, labelled; raises Unresolved where that cannot be told.

    `written` is the label of what whoever wrote the expression knew: its constants carry it.
    """
    found = _resolve(expression, readings, 0)
    return Labelled(found.value, join([found.label, written]))


def steps_of(expression: object) -> frozenset[str]:
    """Return the steps whose results an expression needs; raises BadInput for one that is malformed."""
    found: set[str] = set()
    _examine(expression, found, 0)
    return frozenset(found)


def is_form(expression: object) -> bool:
    """Return whether it stands for another value than itself."""
    return isinstance(expression, Mapping) and any(
        name.startswith("$") for name in cast("Mapping[str, object]", expression)
    )


def _examine(expression: object, found: set[str], depth: int) -> None:
    if depth > MOST_DEPTH:
        raise BadInput(f"An expression is nested deeper than {MOST_DEPTH} levels.", fix="Flatten it.")
    if isinstance(expression, Mapping):
        fields = cast("Mapping[str, object]", expression)
        if is_form(fields):
            _examine_form(fields, found, depth)
            return
        inner = list(fields.values())
    elif isinstance(expression, Sequence) and not isinstance(expression, str):
        inner = list(cast("Sequence[object]", expression))
    else:
        return
    for one in inner:
        _examine(one, found, depth + 1)


def _examine_form(fields: Mapping[str, object], found: set[str], depth: int) -> None:
    form = _form(fields)
    body = fields[form]
    if form == "$from":
        path = fields.get("path", [])
        parts = cast("list[object]", path) if isinstance(path, list) else [None]
        if not isinstance(body, str) or not all(type(part) in (str, int) for part in parts):
            raise BadInput("$from names no step.", fix='Write {"$from": "s1", "path": ["field"]}.')
        found.add(body)
    elif form in _ROW_FORMS:
        spec = _spec(form, body)
        found.add(cast(str, spec["of"]))
        for test in cast("Sequence[Sequence[object]]", spec.get("where", [])):
            _examine(test[2], found, depth + 1)
    elif not isinstance(body, list):
        raise BadInput(f"{form} takes a list.", fix=f'Write {{"{form}": [...]}}.')
    else:
        _examine(cast("Sequence[object]", body), found, depth + 1)


def _form(fields: Mapping[str, object]) -> str:
    forms = [name for name in fields if name in _FORMS]
    allowed = {"path"} if forms == ["$from"] else set[str]()
    if len(forms) != 1 or set(fields) - set(forms) - allowed:
        raise BadInput(
            f"{', '.join(fields)} is no expression.", fix=f"Use one of {', '.join(sorted(_FORMS))}."
        )
    return forms[0]


def _spec(form: str, body: object) -> Mapping[str, object]:
    fault = BadInput(f"{form} is malformed.", fix=f'Write {{"{form}": {{"of": "s1", "field": "id"}}}}.')
    if not isinstance(body, Mapping):
        raise fault
    spec = cast("Mapping[str, object]", body)
    if set(spec) - _ROW_FIELDS or not isinstance(spec.get("of"), str):
        raise fault
    if (form in ("$most", "$least")) != ("by" in spec) or not _names_fields(spec):
        raise fault
    tests = spec.get("where", [])
    if not isinstance(tests, list):
        raise fault
    for test in cast("list[object]", tests):
        if not isinstance(test, list) or len(cast("list[object]", test)) != 3:
            raise fault
        name, how, _ = cast("list[object]", test)
        if not _is_field(name) or not isinstance(how, str) or how not in _TESTS:
            raise fault
    return spec


def _is_field(name: object) -> bool:
    """Return whether it names one field of a row, or the row itself."""
    return isinstance(name, str) and is_pattern(name) and "[]" not in name


def _names_fields(spec: Mapping[str, object]) -> bool:
    path, then = spec.get("at", []), spec.get("then", [])
    return (
        _is_field(spec.get("field", ""))
        and _is_field(spec.get("by", ""))
        and isinstance(path, list)
        and all(isinstance(part, str) for part in cast("list[object]", path))
        and isinstance(then, list)
        and (not then or "by" in spec)
        and all(_is_tie_break(one) for one in cast("list[object]", then))
    )


def _is_tie_break(stated: object) -> bool:
    if not isinstance(stated, list) or len(cast("list[object]", stated)) != 2:
        return False
    name, way = cast("list[object]", stated)
    return _is_field(name) and way in ("most", "least")


def _resolve(expression: object, readings: Readings, depth: int) -> Labelled:
    if depth > MOST_DEPTH:
        raise Unresolved(f"An expression is nested deeper than {MOST_DEPTH} levels.", fix="Flatten it.")
    if isinstance(expression, Mapping):
        fields = cast("Mapping[str, object]", expression)
        if is_form(fields):
            return _resolve_form(fields, readings, depth)
        inner = {name: _resolve(value, readings, depth + 1) for name, value in fields.items()}
        values = {name: one.value for name, one in inner.items()}
        return Labelled(values, join(one.label for one in inner.values()))
    if isinstance(expression, Sequence) and not isinstance(expression, str):
        parts = [_resolve(one, readings, depth + 1) for one in cast("Sequence[object]", expression)]
        return Labelled([one.value for one in parts], join(one.label for one in parts))
    return Labelled(expression, USERS)


def _resolve_form(fields: Mapping[str, object], readings: Readings, depth: int) -> Labelled:
    form = _form(fields)
    body = fields[form]
    if form == "$from":
        return _follow(_reading(readings, cast(str, body)), cast("Sequence[object]", fields.get("path", [])))
    if form in _ROW_FORMS:
        return _select(form, _spec(form, body), readings, depth)
    if not isinstance(body, list):
        raise Unresolved(f"{form} takes a list.", fix=f'Write {{"{form}": [...]}}.')
    parts = [_resolve(one, readings, depth + 1) for one in cast("list[object]", body)]
    label = join(one.label for one in parts)
    if form == "$text":
        return Labelled("".join(_text(one.value) for one in parts), label)
    numbers = [_number(one.value) for one in parts]
    return Labelled(_plain(_CALCULATIONS[form](numbers)), label)


def _reading(readings: Readings, step: str) -> Reading:
    found = readings.get(step)
    if found is None:
        raise Unresolved(f"Step {step} has not been read.", fix="Let the plan read it first.")
    return found


def _follow(source: Reading, path: Sequence[object]) -> Labelled:
    value, place, labels = source.value, "", list[Label]()
    for part in path:
        if isinstance(part, str) and is_name(part) and isinstance(value, Mapping) and part in value:
            value, place = cast("Mapping[str, object]", value)[part], under(place, part)
        elif type(part) is int and isinstance(value, list) and 0 <= part < len(cast("list[object]", value)):
            labels.append(source.rows(place))
            value, place = cast("list[object]", value)[part], f"{place}[]"
        else:
            raise Unresolved(f"The result of {source.tool} has no {part!r} there.", fix="Mend the path.")
    return Labelled(value, join([source.of(value, place), *labels]))


def _select(form: str, spec: Mapping[str, object], readings: Readings, depth: int) -> Labelled:
    source = _reading(readings, cast(str, spec["of"]))
    path = cast("Sequence[object]", spec.get("at", []))
    held = _follow_place(source, path)
    place, rows = held
    fits, labels = list[object](), list[Label]()
    for name, how, wanted in cast("Sequence[tuple[str, str, object]]", spec.get("where", [])):
        meant = _resolve(wanted, readings, depth + 1)
        labels.append(meant.label)
        rows = [row for row in rows if _fits(row, name, how, meant.value)]
    asked = len(labels)
    for row in held[1]:
        # Every row was asked, also those that did not fit: what decided is whatever stands in these fields.
        for name, _, _ in cast("Sequence[tuple[str, str, object]]", spec.get("where", [])):
            labels.append(_label_of(source, row, f"{place}[]", name))
    fits = rows
    if not _of_named_author(source, place, spec, [label.trusted for label in labels[:asked]]):
        labels.append(source.rows(place))
    if form == "$count":
        return Labelled(len(fits), join(labels))
    if form in ("$most", "$least"):
        fits, by = _extreme(form, spec, fits)
        labels.extend(_label_of(source, row, f"{place}[]", name) for name in by for row in held[1])
    parts = [_field(source, place, spec, row) for row in fits]
    if form in ("$one", "$most", "$least"):
        alike = form != "$one" and all(_same(one.value, parts[0].value) for one in parts)
        if len(parts) != 1 and not (parts and alike):
            # How many there are is told to nobody: a model that has read nothing else would have read that.
            raise Unresolved(f"Not one row of {source.tool} alone fits.", fix="Say which one.")
        return Labelled(parts[0].value, join([*(one.label for one in parts), *labels]))
    return Labelled([one.value for one in parts], join([*(one.label for one in parts), *labels]))


def _of_named_author(
    source: Reading, place: str, spec: Mapping[str, object], trusted: Sequence[bool]
) -> bool:
    """Return whether only rows of an author can fit whom something trusted names."""
    tests = cast("Sequence[tuple[str, str, object]]", spec.get("where", []))
    return any(
        how == "=" and meant and source.authored(under(f"{place}[]", name))
        for (name, how, _), meant in zip(tests, trusted, strict=True)
    )


def _follow_place(source: Reading, path: Sequence[object]) -> tuple[str, list[object]]:
    value, place = source.value, ""
    for part in path:
        if (
            not (isinstance(part, str) and is_name(part))
            or not isinstance(value, Mapping)
            or part not in value
        ):
            raise Unresolved(f"The result of {source.tool} has no {part!r} there.", fix="Mend `at`.")
        value, place = cast("Mapping[str, object]", value)[part], under(place, part)
    if not isinstance(value, list):
        raise Unresolved(f"The result of {source.tool} has no rows there.", fix="Mend `at`.")
    return place, cast("list[object]", value)


def _label_of(source: Reading, row: object, place: str, name: str) -> Label:
    """Return the label of what stands in a field of a row, or of there being none."""
    value, whole = row, beneath(place, name)
    for part in name.split(".") if name else ():
        if not isinstance(value, Mapping):
            # What stands in its way has decided that there is none.
            return join([source.of(value, place), source.missing(whole)])
        fields = cast("Mapping[str, object]", value)
        if part not in fields:
            return source.missing(whole)
        value, place = fields[part], under(place, part)
    return source.of(value, whole)


def _field(source: Reading, place: str, spec: Mapping[str, object], row: object) -> Labelled:
    name = cast(str, spec.get("field", ""))
    found = list(at(row, name))
    if len(found) != 1:
        raise Unresolved(f"A row of {source.tool} has no field {name!r}.", fix="Mend `field`.")
    return Labelled(found[0], source.of(found[0], beneath(f"{place}[]", name)))


def _extreme(form: str, spec: Mapping[str, object], rows: list[object]) -> tuple[list[object], list[str]]:
    """Return the rows with the most or the least, ties broken by `then`, and the fields that decided."""
    wanted: list[tuple[str, str]] = [(cast(str, spec["by"]), form[1:])]
    wanted += [(name, way) for name, way in cast("Sequence[Sequence[str]]", spec.get("then", []))]
    for name, way in wanted:
        if len(rows) < 2:
            break
        keys = [_number(next(at(row, name), None)) for row in rows]
        best = max(keys) if way == "most" else min(keys)
        rows = [row for row, key in zip(rows, keys, strict=True) if key == best]
    return rows, [name for name, _ in wanted]


def _fits(row: object, name: str, how: str, wanted: object) -> bool:
    found = list(at(row, name))
    return len(found) == 1 and _TESTS[how](found[0], wanted)


def _ordered(compare: Callable[[Decimal | str, Decimal | str], bool]) -> Callable[[object, object], bool]:
    def test(found: object, wanted: object) -> bool:
        if isinstance(found, str) and isinstance(wanted, str):
            return compare(found, wanted)
        try:
            return compare(_number(found), _number(wanted))
        except Unresolved:
            return False

    return test


def _same(found: object, wanted: object) -> bool:
    """Return whether two JSON values are the same; to Python, true is 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, list) and isinstance(wanted, list):
        one, other = cast("list[object]", found), cast("list[object]", wanted)
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        this, that = cast("Mapping[str, object]", found), cast("Mapping[str, object]", wanted)
        return this.keys() == that.keys() and all(_same(inner, that[name]) for name, inner in this.items())
    return found == wanted


def _holds(found: object, wanted: object) -> bool:
    return isinstance(found, str | list) and wanted in found if isinstance(wanted, str) else False


_TESTS: Mapping[str, Callable[[object, object], bool]] = {
    "=": _same,
    "!=": lambda found, wanted: not _same(found, wanted),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "starts": lambda found, wanted: (
        isinstance(found, str) and isinstance(wanted, str) and found.startswith(wanted)
    ),
    "holds": _holds,
    "in": lambda found, wanted: (
        isinstance(wanted, list) and any(_same(found, one) for one in cast("list[object]", wanted))
    ),
}


def _number(value: object) -> Decimal:
    fault = Unresolved("A value is no number.", fix="Choose a field that holds numbers.")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise fault
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise fault
        return _bounded(Decimal(value))
    # Compared before it is spelled: a result may hold whole numbers of any length.
    if not -_GREATEST <= value <= _GREATEST:
        raise fault
    return Decimal(str(value))


def _bounded(number: Decimal) -> Decimal:
    if not -_GREATEST <= number <= _GREATEST:
        raise Unresolved("A number is too large to be exact.", fix="Choose a field that holds smaller ones.")
    return number


def _plain(number: Decimal) -> int | float:
    return int(_bounded(number)) if number == number.to_integral_value() else float(number)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unresolved(
            "A value cannot be part of a text.", fix="Choose a field that holds a text or a number."
        )
    return str(value)


def _product(numbers: Sequence[Decimal]) -> Decimal:
    result = Decimal(1)
    for number in numbers:
        result = _bounded(result * number)
    return result


def _difference(numbers: Sequence[Decimal]) -> Decimal:
    if len(numbers) != 2:
        raise Unresolved("$difference takes two values.", fix="Give two.")
    return numbers[0] - numbers[1]


_CALCULATIONS: Mapping[str, Callable[[Sequence[Decimal]], Decimal]] = {
    "$sum": lambda numbers: sum(numbers, Decimal(0)),
    "$product": _product,
    "$difference": _difference,
}
