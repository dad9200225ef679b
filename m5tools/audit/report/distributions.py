"""Charts of the category tree, of prices and of time; as :mod:`m5tools.audit.report.charts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import altair as alt

from m5tools.audit.levels import Level
from m5tools.audit.prices import Currency
from m5tools.audit.report.charts import (
    ACCENT,
    INK,
    LABELS,
    NARROW,
    RULE,
    SOFT,
    Chart,
    data_of,
    powers,
    styled,
)  # fmt: skip
from m5tools.audit.timeline import Month

_MEDIAN = 3
"""Place of the median among a currency's quantiles: 1, 5, 25, 50, 75, 95, 99 %."""


def levels(found: Sequence[Level], width: int) -> Chart:
    """One line a level, products against rank, both logarithmic; the deeper, the darker, its number at both ends."""
    points = [asdict(p) | {"level": level.level} for level in found for p in level.curve]
    ends = [points_of[i] for points_of in _by_level(points) for i in sorted({0, len(points_of) - 1})]
    most = max(p["products"] for p in points)
    widest = max(p["rank"] for p in points)
    x = alt.X(
        "rank:Q",
        scale=alt.Scale(type="log", nice=False),
        title="rank of the category at its level",
        axis=alt.Axis(format="~s", values=powers(widest), grid=False),
    )
    y = alt.Y(
        "products:Q",
        scale=alt.Scale(type="log", nice=False),
        title="products",
        axis=alt.Axis(format="~s", values=powers(most), minExtent=34, maxExtent=34),
    )
    shade = alt.Opacity(
        "level:Q",
        scale=alt.Scale(domain=[1, max(2, len(found))], range=[0.45, 1]),
        legend=None,
    )
    each = alt.Detail("level:N")
    line = (
        alt.Chart(data_of(points)).mark_line(strokeWidth=2, color=ACCENT).encode(x=x, y=y, opacity=shade, detail=each)
    )
    dots = alt.Chart(data_of(points)).mark_circle(size=16, color=ACCENT).encode(x=x, y=y, opacity=shade)
    names = alt.Chart(data_of(ends)).mark_text(align="left", fontSize=12, dx=7, dy=-6, color=INK)
    text = names.encode(x=x, y=y, text="level:N")
    return styled(alt.layer(line, dots, text), width, 300, left=58, bottom=48, top=24, right=24)


def prices(currencies: Sequence[Currency], width: int) -> Chart:
    """One row a currency on a logarithmic axis: 1 to 99 % as a line, 25 to 75 % as a bar, the median as a tick."""
    rows = [
        {
            "currency": c.currency or "none",
            "p1": c.quantiles[0].price,
            "p25": c.quantiles[2].price,
            "p50": c.quantiles[_MEDIAN].price,
            "p75": c.quantiles[4].price,
            "p99": c.quantiles[-1].price,
        }
        for c in currencies
        if c.quantiles
    ]
    order = [c.currency or "none" for c in currencies if c.quantiles]
    y = alt.Y("currency:N", sort=order, title=None, axis=alt.Axis(**LABELS))
    scale = alt.Scale(type="log", nice=False)
    axis = alt.Axis(format="~s", tickCount=width // 100, grid=False, orient="top")

    def x(name: str) -> alt.X:
        return alt.X(f"{name}:Q", scale=scale, title=None, axis=axis)

    base = alt.Chart(data_of(rows))
    layers = alt.layer(
        base.mark_rule(color=SOFT, strokeWidth=1).encode(x=x("p1"), x2="p99:Q", y=y),
        base.mark_bar(color=ACCENT, height=10).encode(x=x("p25"), x2="p75:Q", y=y),
        base.mark_tick(color=INK, thickness=2, height=18).encode(x=x("p50"), y=y),
    )
    return styled(layers, width, 30 + 26 * len(rows), left=52, top=28, right=16)


def months(found: Sequence[Month], width: int) -> Chart:
    """Two bars a month over all sources: products first seen in it, and those last crawled in it."""
    total: dict[str, dict[str, int]] = {}
    for m in found:
        sums = total.setdefault(m.month, {"first seen": 0, "last crawled": 0})
        sums["first seen"] += m.first_seen
        sums["last crawled"] += m.last_crawled
    rows = [{"month": month, "what": what, "products": n} for month, sums in total.items() for what, n in sums.items()]
    every = max(1, -(-len(total) * 62 // max(1, width - 80)))
    axis = alt.Axis(values=list(total)[::every], labelAngle=0, labelPadding=8, ticks=False, domainColor=RULE)
    x = alt.X("month:N", title=None, axis=axis)
    y = alt.Y("products:Q", title="products", axis=alt.Axis(format="~s", tickCount=4, minExtent=34, maxExtent=34))
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=["first seen", "last crawled"], range=["var(--head)", "var(--tail)"]),
        legend=None,
    )
    side = alt.XOffset("what:N", sort=["first seen", "last crawled"])
    bars = alt.Chart(data_of(rows)).mark_bar().encode(x=x, y=y, color=colour, xOffset=side)
    return styled(alt.layer(bars), width, 220, left=58, bottom=30, right=12 if width > NARROW else 6)


def _by_level(points: Sequence[dict[str, int]]) -> list[list[dict[str, int]]]:
    found: dict[int, list[dict[str, int]]] = {}
    for point in points:
        found.setdefault(point["level"], []).append(point)
    return list(found.values())
