"""The folder of a gallery: drawn, looked up, written; it stands under the name of its bytes when it is whole."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from m5tools import atomic
from m5tools.audit import columns, places
from m5tools.audit.gallery import pages, previews, sample
from m5tools.audit.gallery.sample import Shelf
from m5tools.dataset import Dataset

EXAMPLES = 24
Links = dict[str, str]
"""Pages relative to the reports' folder, by the key of their shelf; the overview is ""."""


def write(dataset: Dataset, folder: Path, *, policy: str = "default", seed: int = 0, examples: int = EXAMPLES) -> Links:
    """Write the galleries of a dataset; the same dataset, policy and seed give the same bytes.

    Args:
        dataset: an ingested dataset.
        folder: the reports' folder. The gallery is added to `gallery/` in it: those that stand are what an earlier page
            links to, and go when the new page is written (:func:`m5tools.audit.write`).
        policy: whose tags and states.
        seed: of the draw.
        examples: products (clusters) a page at most.

    Returns:
        Links for the report; none, and no folder, where there is nothing to show yet.
    """
    shelves = _shelves(dataset, policy, seed, examples)
    unfinished = places.unfinished(folder)
    if not shelves:
        return {}
    _fill(dataset, shelves, seed, unfinished)
    name = _digest(unfinished)
    places.finish(unfinished, folder, name)
    below = f"{places.GALLERY}/{name}"
    return {"": f"{below}/index.html"} | {s.key: f"{below}/{page_name(s)}" for s in shelves}


def page_name(shelf: Shelf) -> str:
    """The file name of a shelf's page: safe whatever the tag is called, and different for different shelves."""
    plain = re.sub(r"[^a-z0-9]+", "-", shelf.key.lower()).strip("-")[:40]
    return f"{shelf.kind}-{plain}-{hashlib.sha256(shelf.key.encode()).hexdigest()[:8]}.html"


def _shelves(dataset: Dataset, policy: str, seed: int, examples: int) -> list[Shelf]:
    found: list[Shelf] = []
    if examples and columns.has(dataset, "tags", policy=policy):
        found += sample.tags(dataset, policy, seed, examples)
    if examples and columns.has(dataset, "modalities", policy=policy):
        found += sample.states(dataset, policy, seed, examples)
    if examples and columns.has(dataset, "clusters"):
        found += sample.relations(dataset, seed, examples)
    return found


def _fill(dataset: Dataset, shelves: list[Shelf], seed: int, gallery: Path) -> None:
    ids = sorted({product for shelf in shelves for product in shelf.products})
    known = dataset.about(ids)
    judged = {e.asset_id for shelf in shelves for e in shelf.examples if e.asset_id}
    fetched = {row["asset_id"] for rows in known.values() for row in rows.get("fetched", ()) if row["asset_id"]}
    kept = previews.keep(dataset, judged | fetched, gallery)
    names = {shelf.key: page_name(shelf) for shelf in shelves}
    written = pages.Pages(dataset, known, kept, names, seed)
    for name, html in written.all(shelves):
        path = gallery / name
        path.parent.mkdir(exist_ok=True)
        with atomic.naming(path):
            path.write_text(html, encoding="utf-8")


def _digest(gallery: Path) -> str:
    """The name of a gallery: a hash of the names and bytes of its files."""
    files = sorted(path for path in gallery.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(gallery).as_posix()} {atomic.sha256_of(path)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]
