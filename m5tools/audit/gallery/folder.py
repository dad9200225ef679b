"""The folder of a gallery: drawn, looked up, written; it takes the old one's place when it is whole."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from m5tools import atomic
from m5tools.audit import columns
from m5tools.audit.gallery import pages, previews, sample
from m5tools.audit.gallery.sample import Shelf
from m5tools.dataset import Dataset

NAME = "gallery"
EXAMPLES = 24
Links = dict[str, str]
"""Pages relative to the reports' folder, by the key of their shelf; the overview is ""."""

_UNFINISHED = re.compile(r"\.gallery-(\d+)")


def write(dataset: Dataset, folder: Path, *, policy: str = "default", seed: int = 0, examples: int = EXAMPLES) -> Links:
    """Write the galleries of a dataset; the same dataset, policy and seed give the same bytes.

    Args:
        dataset: an ingested dataset.
        folder: the reports' folder; `gallery/` in it is replaced.
        policy: whose tags and states.
        seed: of the draw.
        examples: products (clusters) a page at most.

    Returns:
        Links for the report; none, and no folder, where there is nothing to show yet.
    """
    shelves = _shelves(dataset, policy, seed, examples)
    finished, old = folder / NAME, folder / f".{NAME}-{os.getpid()}-old"
    unfinished = folder / f".{NAME}-{os.getpid()}"
    _sweep(folder)
    if shelves:
        _fill(dataset, shelves, seed, unfinished)
    if finished.is_dir():
        finished.rename(old)
    if shelves:
        unfinished.rename(finished)
    _remove(old)
    return {"": f"{NAME}/index.html"} | {s.key: f"{NAME}/{page_name(s)}" for s in shelves} if shelves else {}


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
        path.write_text(html, encoding="utf-8")


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed left unfinished."""
    for path in folder.glob(f".{NAME}-*"):
        writer = _UNFINISHED.match(path.name)
        if writer and (int(writer[1]) == os.getpid() or not atomic.is_running(int(writer[1]))):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder; of a link to one the link alone, for what it leads to is not ours."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
