"""The pages of a gallery: an overview, one a shelf, one a product. All text of products is escaped by the templates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from m5tools.audit.columns import folder_name
from m5tools.audit.gallery import cards, facts
from m5tools.audit.gallery.previews import Preview
from m5tools.audit.gallery.sample import Shelf
from m5tools.audit.report import page
from m5tools.dataset import Dataset

_FOLDER = Path(__file__).parent
_ID = re.compile(r"[0-9a-f]{32}")

Known = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]


class Pages:
    """Everything the pages are made of.

    Args:
        dataset: for its name and the words that measure took for boilerplate.
        known: by product, what :meth:`Dataset.about` says.
        previews: by modality and asset.
        names: of the shelves' pages, by key.
        seed: of the draw.
    """

    def __init__(
        self, dataset: Dataset, known: Known, previews: Mapping[tuple[str, str], Preview], names: Mapping[str, str],
        seed: int,
    ) -> None:  # fmt: skip
        self._dataset = dataset
        self._known = known
        self._previews = previews
        self._names = names
        self._seed = seed
        environment = page.environment(_FOLDER)
        environment.filters |= {"peaks": _wave, "file": _product_file}
        style = "".join(p.read_text(encoding="utf-8") for p in (page.STYLE, _FOLDER / "gallery.css"))
        script = "".join(p.read_text(encoding="utf-8") for p in (page.SCRIPT, _FOLDER / "gallery.js"))
        environment.globals |= {
            "style": Markup(style),  # noqa: S704 - the project's own file
            "script": Markup(script),  # noqa: S704 - the project's own file
            "policy": page.security_policy(style, script, "img-src 'self'; media-src 'self'"),
            "dataset": folder_name(dataset),
            "seed": seed,
            "names": names,
        }
        self._environment: jinja2.Environment = environment

    def all(self, shelves: Sequence[Shelf]) -> Iterator[tuple[str, str]]:
        """Name (below the gallery) and HTML of every page."""
        yield "index.html", self._render("index.html.j2", shelves=shelves, up="")
        boilerplate = cards.boilerplate(self._dataset, shelves, self._known)
        on: dict[str, dict[str, None]] = {}
        for shelf in shelves:
            for product in shelf.products:
                on.setdefault(product, {})[shelf.key] = None
            made = cards.of(shelf, self._known, self._previews, boilerplate)
            yield (
                self._names[shelf.key],
                self._render("shelf.html.j2", shelf=shelf, cards=made, meanings=cards.meaning(shelf), up=""),
            )
        for product in sorted(on):
            told = facts.of(product, self._known[product], self._previews, set(self._known))
            name = f"products/{_product_file(product)}"
            yield name, self._render("product.html.j2", product=told, shelves=list(on[product]), up="../")

    def _render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


def _product_file(product_id: str) -> str:
    """The file name of a product's page, safe whatever stands for an id."""
    name = product_id if _ID.fullmatch(product_id) else hashlib.sha256(product_id.encode()).hexdigest()[:32]
    return f"{name}.html"


def _wave(peaks: Sequence[int]) -> str:
    """The path of a waveform in a box of one unit a peak by 256."""
    return "".join(f"M{x} {127 - peak // 2}h.7v{peak // 2 * 2 + 2}h-.7z" for x, peak in enumerate(peaks))
