"""The comparison as one page to look at and one file of numbers, in the look and by the rules of the audit's page."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from m5tools import atomic
from m5tools.audit import places
from m5tools.audit.compare.distance import ERROR
from m5tools.audit.compare.numbers import Amount, Spread
from m5tools.audit.compare.whole import Comparison
from m5tools.audit.report import page
from m5tools.errors import UsageError

_FOLDER = Path(__file__).parent
_LOOK = Path(page.__file__).parent
MOVERS_SHOWN = 30
ROWS_SHOWN = 250
"""Rows of a table on the page; the file of numbers has all."""
CURVE = (120, 36)
"""Width and height of the drawing of two distributions."""


def write(comparison: Comparison, html: Path) -> tuple[Path, Path]:
    """Write the page, and the numbers beside it under the suffix `.json`. Returns both paths.

    Raises:
        UsageError: as of :func:`files`.
    """
    html, numbers = files(html)
    atomic.sweep(html.parent)
    atomic.write_bytes(html, render(comparison).encode())
    atomic.write_json(numbers, comparison.as_json())
    return html, numbers


def files(html: Path) -> tuple[Path, Path]:
    """The page and the file of numbers beside it.

    Raises:
        UsageError: the path does not end in `.html`, its folder is a file, or a folder stands in the place of a file.
    """
    if html.suffix != ".html":
        raise UsageError(f"{html}: the page needs a name that ends in .html; the numbers stand beside it in .json")
    if html.parent.is_file():
        raise UsageError(f"{html} cannot be written: {html.parent} is a file; name a folder")
    numbers = html.with_suffix(".json")
    places.refuse_folders(html, numbers)
    return html, numbers


def render(comparison: Comparison) -> str:
    """The whole page, one self-contained HTML document."""
    style = (_LOOK / "page.css").read_text(encoding="utf-8") + (_FOLDER / "compare.css").read_text(encoding="utf-8")
    script = (_LOOK / "page.js").read_text(encoding="utf-8")
    templates = page.environment(_FOLDER)
    templates.filters |= {"signed": _signed, "ratio": _ratio, "steps": _steps, "small": _small, "p": _chance}
    return templates.get_template("compare.html.j2").render(
        found=comparison,
        movers_shown=MOVERS_SHOWN,
        rows_shown=ROWS_SHOWN,
        numbers=_most_products(comparison.numbers),
        error=ERROR,
        policy=page.security_policy(style, script),
        style=Markup(style),  # noqa: S704 - the project's own file
        script=Markup(script),  # noqa: S704 - the project's own file
    )


def _most_products(numbers: tuple[Amount, ...]) -> list[Amount]:
    """The numbers that the page has room for, in their order: each currency is one, and there may be many."""
    ranked = sorted(range(len(numbers)), key=lambda i: -(numbers[i].a.products + numbers[i].b.products))
    return [numbers[i] for i in sorted(ranked[:ROWS_SHOWN])]


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _ratio(value: float | None) -> str:
    return "new" if value is None else "gone" if value == 0 else f"× {value:.3g}"


def _small(value: float) -> str:
    """A distance with at most four significant digits, one that is hardly any without an exponent."""
    return "< 0.0001" if 0 < value < 1e-4 else f"{value:.4g}"


def _chance(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _steps(side: Spread, amount: Amount) -> str:
    """The points of one side's distribution function, the places being equally many products of both apart."""
    width, height = CURVE
    last = max(1, len(amount.curve) - 1)
    points = [(0.0, float(height))]
    points += [(width * i / last, height * (1 - share)) for i, share in enumerate(side.shares)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
