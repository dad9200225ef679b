"""The charts of the report: Altair specifications rendered to SVG by vl-convert, to be put inline.

Colours are the page's CSS variables, so one drawing serves light and dark. Every chart is drawn for a given width in
CSS pixels: the page holds a wide and a narrow drawing and shows the one that fits. No chart needs a script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from m5tools.audit.categories import Categories
from m5tools.audit.completeness import Combination, StateReason
from m5tools.audit.tags import Tag
from m5tools.vocabulary import MODALITIES, Band, State

Chart = Any
"""An Altair chart of any kind; Altair's own types do not survive layering."""

WIDE = 1040
HALF = 508
NARROW = 340

UPSET_ROWS = 14
TAG_ROWS = 24

INK, SOFT, RULE, PAPER, ACCENT = (f"var(--{name})" for name in ("ink", "soft", "rule", "paper", "accent"))
_BANDS = alt.Scale(domain=[b.value for b in Band], range=[f"var(--{b.value})" for b in Band])
LABELS: dict[str, Any] = {"domain": False, "ticks": False, "labelColor": INK, "labelPadding": 8}
_STATES = alt.Scale(domain=[s.word for s in State], range=[f"var(--{s.word})" for s in State])
_ROLES = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"<>]*"|aria-hidden="true")')


def svg(chart: Chart, label: str) -> Markup:
    """A chart as an inline SVG element whose accessible name is `label`.

    vl-convert escapes the text it draws, so the result may stand on a page as it is. The roles that Vega gives to marks
    are taken out: a picture with a name has no parts that would need names of their own.
    """
    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    drawn = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=version)
    opening = Markup('<svg role="img" aria-label="{}" ').format(label)
    return Markup(_ROLES.sub("", drawn).replace("<svg ", opening, 1))  # noqa: S704 - drawn here


def rank_frequency(found: Categories, width: int) -> Chart:
    """Products against category rank, both logarithmic, coloured by band; each band is named where it begins."""
    points = [asdict(point) for point in found.curve]
    names = list({point["band"]: point for point in reversed(points)}.values())
    x = alt.X(
        "rank:Q",
        scale=alt.Scale(type="log", nice=False),
        title="rank of the category",
        axis=alt.Axis(format="~s", values=powers(found.tail.classes), grid=False),
    )
    y = alt.Y(
        "products:Q",
        scale=alt.Scale(type="log", nice=False),
        title="products",
        axis=alt.Axis(format="~s", values=powers(found.tail.largest), minExtent=34, maxExtent=34),
    )
    band = alt.Color("band:N", scale=_BANDS, legend=None)
    line = alt.Chart(data_of(points)).mark_line(strokeWidth=1, color=RULE).encode(x=x, y=y)
    dots = alt.Chart(data_of(points)).mark_circle(size=26, opacity=1).encode(x=x, y=y, color=band)
    text = alt.Chart(data_of(names)).mark_text(align="left", baseline="bottom", fontSize=12, dx=8, dy=-7, color=INK)
    return styled(alt.layer(line, dots, text.encode(x=x, y=y, text="band:N")), width, 300, left=58, bottom=48, top=24)


def coverage(found: Categories, width: int) -> Chart:
    """The share of the products that the largest categories hold; the dashed line is what equal sizes would give."""
    curve = [{"classes": p.rank / found.tail.classes, "products": p.share_so_far} for p in found.curve]
    ends = [{"classes": 0.0, "products": 0.0}, {"classes": 1.0, "products": 1.0}]
    across = alt.Axis(format="%", tickCount=5, grid=False)
    x = alt.X("classes:Q", title="share of the categories, largest first", axis=across)
    y = alt.Y(
        "products:Q", title="share of the products", axis=alt.Axis(format="%", tickCount=5, minExtent=38, maxExtent=38)
    )
    data = data_of(ends[:1] + curve)
    area = alt.Chart(data).mark_area(color=ACCENT, opacity=0.09).encode(x=x, y=y)
    line = alt.Chart(data).mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y=y)
    equal = alt.Chart(data_of(ends)).mark_line(color=SOFT, strokeWidth=1, strokeDash=[3, 4]).encode(x=x, y=y)
    return styled(alt.layer(area, equal, line), width, 300, left=62, bottom=48, top=24)


def upset(combinations: Sequence[Combination], width: int) -> Chart:
    """One row a combination that occurs, most frequent first: a dot for each modality it has, a bar for its share.

    Everything is placed in pixels: dots in the left part, bars and their labels in the rest.
    """
    shown = [c for c in combinations if c.products][:UPSET_ROWS]
    step, row = (58, 27) if width > NARROW else (36, 25)
    start, label_room = 5 * step + 6, 124 if width > NARROW else 58
    longest = max(c.share for c in shown)
    middle = {m.value: (i + 0.5) * step for i, m in enumerate(MODALITIES)}
    heads = [{"x": x, "y": 8, "text": name} for name, x in middle.items()]
    dots, links, bars = [], [], []
    for i, c in enumerate(shown):
        y = 40 + i * row
        dots += [{"x": x, "y": y, "has": name in c.modalities} for name, x in middle.items()]
        links.append({"x": middle[c.modalities[0]], "end": middle[c.modalities[-1]], "y": y})
        label = f"{c.products:,} · {percent(c.share)}" if width > NARROW else percent(c.share)
        end = start + max(1.0, c.share / longest * (width - start - label_room))
        bars.append({"x": start, "end": end, "y": y, "text": label})
    height = 40 + len(shown) * row - row // 2
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, width]), axis=None)
    y_axis = alt.Y("y:Q", scale=alt.Scale(domain=[height, 0]), axis=None)
    has = alt.datum["has"]
    layers = alt.layer(
        alt.Chart(data_of(heads))
        .mark_text(fontSize=12 if width > NARROW else 11, color=INK)
        .encode(x=x, y=y_axis, text="text:N"),
        alt.Chart(data_of(links)).mark_rule(color=ACCENT, strokeWidth=2).encode(x=x, x2="end:Q", y=y_axis),
        alt.Chart(data_of(dots))
        .mark_circle(opacity=1)
        .encode(
            x=x,
            y=y_axis,
            size=alt.when(has).then(alt.value(140)).otherwise(alt.value(60)),
            color=alt.when(has).then(alt.value(ACCENT)).otherwise(alt.value(RULE)),
        ),
        alt.Chart(data_of(bars)).mark_rule(color=ACCENT, strokeWidth=13).encode(x=x, x2="end:Q", y=y_axis),
        alt.Chart(data_of(bars))
        .mark_text(align="left", dx=8, fontSize=12, color=INK)
        .encode(x=alt.X("end:Q", axis=None), y=y_axis, text="text:N"),
    )
    return styled(layers, width, height)


def states(found: Sequence[StateReason], width: int) -> Chart:
    """One bar a modality, cut by state."""
    parts = [
        {
            "modality": m.value,
            "state": row.state,
            "order": State[row.state.upper()].value,
            "products": row.products[m.bit],
        }
        for row in found
        for m in MODALITIES
    ]
    share = alt.X("sum(products):Q", stack="normalize", title=None, axis=alt.Axis(format="%", tickCount=5, grid=False))
    bars = (
        alt.Chart(data_of(parts))
        .mark_bar(height=18)
        .encode(
            x=share,
            y=alt.Y("modality:N", sort=[m.value for m in MODALITIES], title=None, axis=alt.Axis(**LABELS)),
            color=alt.Color("state:N", scale=_STATES, legend=None),
            order=alt.Order("order:Q"),
        )
    )
    return styled(alt.layer(bars), width, 170, left=52, bottom=26, right=12)


def tag_rates(tags: Sequence[Tag], width: int) -> Chart:
    """One row a tag: the share of the products of head, middle and tail that have it."""
    shown = tags[:TAG_ROWS]
    points = [{"tag": t.tag, "band": b.band, "share": b.share} for t in shown for b in t.bands]
    spans = [
        {"tag": t.tag, "share": min(b.share for b in t.bands), "most": max(b.share for b in t.bands)} for t in shown
    ]
    left = min(width // 2 + 10, 24 + 7 * max(len(t.tag) for t in shown))
    names = alt.Axis(grid=True, labelLimit=left - 20, **LABELS)
    y = alt.Y("tag:N", sort=[t.tag for t in shown], title=None, axis=names)
    x = alt.X("share:Q", title=None, axis=alt.Axis(format=".1~%", tickCount=width // 100, grid=False, orient="top"))
    rules = alt.Chart(data_of(spans)).mark_rule(color=SOFT, strokeWidth=1).encode(x=x, x2="most:Q", y=y)
    dots = alt.Chart(data_of(points)).mark_circle(size=80, opacity=1, stroke=PAPER, strokeWidth=1)
    band = alt.Color("band:N", scale=_BANDS, legend=None)
    layers = alt.layer(rules, dots.encode(x=x, y=y, color=band))
    return styled(layers, width, 30 + 24 * len(shown), left=left, top=28, right=12)


def percent(share: float) -> str:
    """A share as a percentage with one decimal; a share above 0 never reads 0, one below 1 never 100."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return "> 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def powers(most: int) -> list[int]:
    """1, 10, 100 … up to `most`, or 1 and that: the labelled places of a logarithmic axis."""
    return [10**i for i in range(len(str(most)))] if most >= 10 else sorted({1, max(1, most)})


def data_of(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def styled(
    layers: Chart, width: int, height: int, *, left: int = 0, bottom: int = 0, top: int = 6, right: int = 6
) -> Chart:
    """The look that all charts share, in a drawing of `width` × `height`; the page's style sheet sets the typeface."""
    margin = {"left": left, "bottom": bottom, "top": top, "right": right}
    return (
        layers.properties(
            width=width - left - right,
            height=height - top - bottom,
            padding=margin,
            background="transparent",
            autosize=alt.AutoSizeParams(type="none"),
        )
        .configure(aria=False, font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=SOFT,
            titleColor=SOFT,
            titleFontWeight=400,
            titleFontSize=12,
            labelFontSize=12,
            titlePadding=10,
            gridColor=RULE,
            domainColor=RULE,
            tickColor=RULE,
        )
    )
