"""The page: an audit put into the template, with style and script inside and a policy that lets nothing else run.

All text of products, categories, files and tags is foreign: the template escapes everything, and only this module's
own style, script and SVG pass as markup. The Content-Security-Policy names the hashes of that style and that script,
so even markup that slipped through could run nothing, load nothing and send nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from m5tools.audit.columns import NotYet
from m5tools.audit.report import charts, distributions
from m5tools.audit.whole import Audit

_FOLDER = Path(__file__).parent
STYLE, SCRIPT = _FOLDER / "page.css", _FOLDER / "page.js"
HEAT_STEPS = 10
SOURCES_SHOWN = 250
"""Rows of the table of sources; the file of numbers has all."""
_JOINT = re.compile(r"[._]+(?=\w)")


def render(audit: Audit, gallery: Mapping[str, str] | None = None) -> str:
    """The whole page, one self-contained HTML document.

    Args:
        gallery: links to the galleries beside it, by what they show.
    """
    style, script = (path.read_text(encoding="utf-8") for path in (STYLE, SCRIPT))
    return (
        environment(_FOLDER)
        .get_template("page.html.j2")
        .render(
            audit=audit,
            charts=_charts(audit),
            gallery=gallery or {},
            sources_shown=SOURCES_SHOWN,
            policy=security_policy(style, script),
            style=Markup(style),  # noqa: S704 - the project's own file
            script=Markup(script),  # noqa: S704 - the project's own file
        )
    )


def environment(templates: Path) -> jinja2.Environment:
    """Templates of a folder, everything escaped, with the filters that all pages share."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"n": _number, "short": _short, "percent": charts.percent}
    made.filters |= {"joints": _joints, "base64": _base64, "holes": _holes, "small_percent": _small_percent}
    made.tests["not_yet"] = lambda section: isinstance(section, NotYet)
    return made


def _charts(audit: Audit) -> dict[str, dict[str, Markup]]:
    """Every chart by name, each drawn wide and narrow."""
    found: dict[str, dict[str, Markup]] = {}

    def draw(name: str, label: str, chart: Any, data: Any, wide: int) -> None:
        widths = {"wide": wide, "narrow": charts.NARROW}
        found[name] = {size: charts.svg(chart(data, width), label) for size, width in widths.items()}

    if audit.categories.curve:
        label = "Products against rank of the category, both axes logarithmic"
        draw("rank", label, charts.rank_frequency, audit.categories, charts.HALF)
        label = "Share of the products held by the largest categories"
        draw("coverage", label, charts.coverage, audit.categories, charts.HALF)
    if len(audit.levels) > 1:
        label = "Products against rank of the category at every level of the tree, both axes logarithmic"
        draw("levels", label, distributions.levels, audit.levels, charts.WIDE)
    if audit.completeness.products > audit.completeness.nothing:
        label = "Products by the combination of modalities they have"
        draw("upset", label, charts.upset, audit.completeness.combinations, charts.WIDE)
    if audit.completeness.states:
        draw("states", "States of each modality", charts.states, audit.completeness.states, charts.WIDE)
    if not isinstance(audit.tags, NotYet) and audit.tags:
        label = "Share of head, middle and tail products that have each tag"
        draw("tags", label, charts.tag_rates, audit.tags, charts.WIDE)
    if any(currency.quantiles for currency in audit.prices.currencies):
        draw("prices", "Prices of each currency", distributions.prices, audit.prices.currencies, charts.WIDE)
    if len({month.month for month in audit.timeline.months}) > 1:
        label = "Products first seen and last crawled, by month"
        draw("time", label, distributions.months, audit.timeline.months, charts.WIDE)
    return found


def security_policy(style: str, script: str, sources: str = "img-src data:") -> str:
    """The Content-Security-Policy: nothing but this style, this script and, from these sources, pictures and sounds."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        f"{sources}; base-uri 'none'; form-action 'none'"
    )


def _number(value: float) -> str:
    """A count with thousands separated; a fraction with two decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _short(value: float) -> str:
    """A measured value with at most four significant digits."""
    return f"{value:.4g}"


def _small_percent(share: float) -> str:
    """A share as a percentage with four significant digits: for those that are telling where they are small."""
    return f"{100 * share:.4g} %"


def _joints(name: str) -> Markup:
    """A name that may be broken behind its dots and underscores rather than anywhere."""
    return Markup(_JOINT.sub(r"\g<0><wbr>", str(escape(name))))  # noqa: S704 - escaped


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _holes(share: float) -> int:
    """How deep a cell of the heat map is tinted, 0–10, by the square root of what is missing: small holes show too."""
    missing = 1 - share
    return min(HEAT_STEPS, -int(-(missing**0.5) * HEAT_STEPS // 1)) if missing > 0 else 0
