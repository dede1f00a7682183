"""The figures of a scale run as one picture: engines by share of rows that may be read, and how our times grow."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.alone import ENGINE, half
from benchmarks.bars import percent
from benchmarks.comparison import ENOUGH
from benchmarks.growth import Point
from benchmarks.workload import SHARES
from muniment.foundation.errors import BadInput

_LIMIT = "this machine reads the codes"
_WIDTH, _HEIGHT = 300, 230
_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d", "#72b7b2", "#eeca3b", "#e45756")
_OURS, _GREY = "#111111", "#8a8a8a"
_SHARES = [percent(share) for share in SHARES]
_TIME = "median time, ms"
_DECADES = {"values": [10.0**power * part for power in range(-3, 5) for part in (1, 2, 5)], "format": "~r"}
_LEVEL = {"labelAngle": 0}


def checked(stated: object) -> Path | None:
    """Return the file for the charts, or None; raises BadInput where it cannot be written or drawn."""
    if stated is None:
        return None
    if stated in (True, ""):
        raise BadInput("--svg names no file.", fix="Write --svg FILE.")
    file = Path(str(stated))
    if file.is_dir() or not file.resolve().parent.is_dir():
        raise BadInput(f"--svg {file} cannot be written.", fix="Name a file in a folder that exists.")
    missing = [name for name in ("altair", "vl_convert") if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"--svg needs {' and '.join(missing)}, not installed here.",
            fix="Install the charts extra: pip install 'muniment[charts]'.",
        )
    return file


def write(result: Mapping[str, Any], file: Path) -> None:
    """Draw the result of a run into an SVG file."""
    import altair as alt

    chart = alt.vconcat(
        alt.hconcat(_vectors(result), _recall(result), _words(result), spacing=45).resolve_scale(
            color="shared"
        ),
        alt.hconcat(
            _growth(result, "chunks", "chunks in the library"),
            _growth(result, "groups held", "groups that the reader holds"),
            _growth(result, "access classes", "access classes in the library"),
            spacing=45,
        ).resolve_scale(color="shared", strokeDash="independent"),
        spacing=40,
    ).resolve_scale(color="independent", strokeDash="independent")
    machine = result["machine"]
    chart = chart.properties(
        title=alt.TitleParams(
            f"Search that obeys permissions, {result['rows']:,} chunks of 384 dimensions",
            subtitle=[
                f"{machine['processor']}, {machine['cores']} cores. Medians, from a reader's rights to ten rows; "
                "in the lower row with looking up the rights. The axes of time for groups and classes are linear.",
                f"Hollow: recall below {ENOUGH:g} on adversarial questions, those far from what the reader may read.",
            ],
            fontSize=17,
            anchor="start",
            offset=18,
        )
    )
    chart.configure_axis(labelFontSize=11, titleFontSize=12).configure_legend(
        labelFontSize=11, titleFontSize=12, labelLimit=260, symbolSize=90
    ).configure_title(fontSize=13, anchor="start").save(str(file), format="svg")


def _vectors(result: Mapping[str, Any]) -> Any:
    rows = _adversarial(result)
    for share, limit in result["machine_limit_ms"].items():
        rows.append({"engine": _LIMIT, "readable": percent(float(share)), "p50_ms": limit, "enough": True})
    return _times(result, rows, "Vectors, adversarial questions")


def _words(result: Mapping[str, Any]) -> Any:
    rows = [{**row, "enough": True} for row in result["engines"] if row["questions"] == half(None)]
    return _times(result, rows, "Three words, common to rare")


def _adversarial(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**row, "enough": row["recall"] >= ENOUGH}
        for row in result["engines"]
        if row["questions"] == half(True)
    ]


def _colour(result: Mapping[str, Any], named: bool = True) -> Any:
    """Return the colours of all engines, the same in each chart, and with `named` their legend."""
    import altair as alt

    others = [name for name in dict.fromkeys(row["engine"] for row in result["engines"]) if name != ENGINE]
    return alt.Color(
        "engine:N",
        scale=alt.Scale(
            domain=[ENGINE, _LIMIT, *others], range=[_OURS, _GREY, *(_COLOURS * 2)[: len(others)]]
        ),
        legend=alt.Legend(title=None, orient="bottom", columns=4, symbolType="circle") if named else None,
    )


def _share() -> Any:
    import altair as alt

    return alt.X("readable:N", sort=_SHARES, title="rows that the reader may read", axis=_LEVEL)


def _times(result: Mapping[str, Any], rows: list[dict[str, Any]], heading: str) -> Any:
    """Return one line for each engine over the share that may be read."""
    import altair as alt

    base = alt.Chart(alt.Data(values=rows)).encode(
        x=_share(),
        y=alt.Y("p50_ms:Q", scale=alt.Scale(type="log", nice=False, padding=8), axis=_DECADES, title=_TIME),
        color=_colour(result),
    )
    line = base.mark_line().encode(
        strokeWidth=alt.condition(f"datum.engine == '{ENGINE}'", alt.value(3.5), alt.value(1.8)),
        detail="engine:N",
    )
    point = base.mark_point(size=55, strokeWidth=1.8, opacity=1).encode(
        fill=alt.condition("datum.enough", _colour(result, False), alt.value("white"))
    )
    return (line + point).properties(width=_WIDTH, height=_HEIGHT, title=heading)


def _recall(result: Mapping[str, Any]) -> Any:
    """Return one bar for each engine and share."""
    import altair as alt

    return (
        alt.Chart(alt.Data(values=_adversarial(result)))
        .mark_bar()
        .encode(
            x=_share(),
            xOffset=alt.XOffset("engine:N", sort=[ENGINE]),
            y=alt.Y("recall:Q", scale=alt.Scale(domain=[0, 1]), title="recall at 10"),
            color=_colour(result),
        )
        .properties(width=_WIDTH, height=_HEIGHT, title="The same: what was found of the true ten")
    )


def _growth(result: Mapping[str, Any], what: str, title: str) -> Any:
    """Return our times over one kind of size."""
    import altair as alt

    points: list[Point] = [point for point in result["growth"] if point["what"] == what]
    rows = [
        {"at": point["at"], "ms": point[f"{by}_ms"], "by": by, "readable": point["readable"]}
        for point in points
        for by in ("vectors", "words")
    ]
    shares = list(dict.fromkeys(row["readable"] for row in rows))
    read = ", dotted ".join([f"{shares[0]} readable", *shares[1:]])
    logarithmic = what == "chunks"
    scale = alt.Scale(type="log", nice=False, padding=8) if logarithmic else alt.Scale(zero=True)
    axis = _DECADES if logarithmic else {"format": "~r", "tickCount": 6}
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=alt.OverlayMarkDef(size=45), strokeWidth=2.2)
        .encode(
            x=alt.X(
                "at:Q",
                scale=alt.Scale(type="log", nice=False, padding=14),
                axis=alt.Axis(values=sorted({row["at"] for row in rows}), format=",d", grid=False),
                title=title,
            ),
            y=alt.Y("ms:Q", scale=scale, axis=axis, title=_TIME),
            color=alt.Color(
                "by:N",
                scale=alt.Scale(domain=["vectors", "words"], range=[_OURS, _COLOURS[1]]),
                legend=alt.Legend(title="muniment, by", orient="bottom", symbolType="circle"),
            ),
            strokeDash=alt.StrokeDash(
                "readable:N",
                scale=alt.Scale(domain=shares, range=[[1, 0], [2, 2]][: len(shares)]),
                legend=None,
            ),
        )
        .properties(width=_WIDTH, height=_HEIGHT, title=f"Growth with {what} ({read})")
    )
