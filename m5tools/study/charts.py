"""The plots of a study as SVG files: differences with their intervals, and curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import altair as alt
import polars as pl
import vl_convert

from m5tools import atomic
from m5tools.study.plan import Question

WIDTH: Final = 460
_ROW: Final = 20


def forest(differences: pl.DataFrame, path: Path, metric: str, title: str) -> bool:
    """One row a comparison: the mean over seeds, its t interval, and every seed as a small mark.

    Returns:
        Whether there was anything to draw.
    """
    shown = differences.filter(pl.col("metric") == metric).with_row_index("place")
    if shown.is_empty():
        return False
    rows = [{k: row[k] for k in ("name", "place", "mean", "low", "high", "values")} for row in shown.to_dicts()]
    seeds = [{"name": row["name"], "value": value} for row in rows for value in row["values"]]
    names = alt.Axis(title=None, labelLimit=600)
    y = alt.Y("name:N", sort=[row["name"] for row in rows], axis=names)
    x = alt.X("mean:Q", title=f"{metric}, paired difference")
    zero = alt.Chart(alt.InlineData(values=[{"mean": 0}])).mark_rule(color="#888", strokeDash=[3, 3]).encode(x=x)
    spans = alt.Chart(_data(rows)).mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    means = alt.Chart(_data(rows)).mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y)
    each = alt.Chart(_data(seeds)).mark_tick(color="#999", size=8, thickness=1).encode(x=alt.X("value:Q"), y=y)
    _write(alt.layer(zero, each, spans, means).properties(height=_ROW * len(rows) + 10), path, title)
    return True


def curve(question: Question, table: pl.DataFrame, path: Path, metric: str, title: str) -> bool:
    """Mean over seeds against the cells' `at`, one line a crossed cell and pooling; bars are one standard error.

    Returns:
        Whether there was anything to draw.
    """
    named = question.named()
    places = pl.DataFrame(
        [(cell, change.at, _other(cell)) for cell, change in named.items() if change.at is not None],
        schema={"cell": pl.String, "at": pl.Float64, "other": pl.String},
        orient="row",
    )
    points = (
        table.filter(
            pl.col("metric") == metric,
            pl.col("pooling").is_in(question.poolings),
            pl.col("removal").is_in(question.removal[:1]),
        )
        .join(places, on="cell")
        .group_by("at", "other", "pooling")
        .agg(pl.col("value").mean(), (pl.col("value").std() / pl.len().sqrt()).fill_null(0).alias("error"))
        .with_columns(
            (pl.col("other") + pl.lit(" ") + pl.col("pooling")).str.strip_chars().alias("line"),
            (pl.col("value") - pl.col("error")).alias("low"),
            (pl.col("value") + pl.col("error")).alias("high"),
        )
        .sort("line", "at")
    )
    if points.is_empty():
        return False
    data = _data(points.to_dicts())
    x = alt.X("at:Q", title=question.axis, scale=alt.Scale(zero=False, nice=False, padding=10))
    colour = alt.Color("line:N", title=None, legend=alt.Legend(labelLimit=300))
    y = alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False))
    lines = alt.Chart(data).mark_line(point=True).encode(x=x, y=y, color=colour)
    bars = alt.Chart(data).mark_rule().encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    _write(alt.layer(lines, bars).properties(height=240), path, title)
    return True


def _other(cell: str) -> str:
    return cell.partition(", ")[2]


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _write(chart: Any, path: Path, title: str) -> None:
    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    whole = chart.properties(width=WIDTH, title=title, background="white", padding=10)
    drawn: str = vl_convert.vegalite_to_svg(whole.to_dict(), vl_version=version)
    atomic.write_bytes(path, drawn.encode())
