"""Hubs: what so many products share that sharing it says nothing, so that `compare` does not follow it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from m5tools import notes
from m5tools.audit import columns
from m5tools.audit.columns import NotYet
from m5tools.dataset import Dataset
from m5tools.manifest import Manifest

_NUMBER = re.compile(r"[-_]\d+$")
_NAMES = {"bands-title": "titles alike", "bands-description": "descriptions alike"}
FILES_LISTED = 12
FEWEST_TITLES = 2
"""A file under a single title is one listing repeated, not something that unlike products share."""


@dataclass(frozen=True)
class _Marker:
    """What is taken from a completion marker."""

    counts: dict[str, int]


@dataclass(frozen=True)
class HubKind:
    """One kind of evidence.

    Attributes:
        kind: what products were sought by.
        pairs: candidate pairs it found; None where they are counted later.
        hubs: values that more products share than the policy follows.
        products: under these; one under several counts for each.
    """

    kind: str
    pairs: int | None
    hubs: int
    products: int


@dataclass(frozen=True)
class SharedFile:
    """One file, and the products, different titles and categories it is listed under."""

    asset_id: str
    modality: str
    products: int
    titles: int
    categories: int


@dataclass(frozen=True)
class Hubs:
    """The section on hubs.

    Attributes:
        hubs, products: over all kinds.
        pairs_not_followed: pairs by rare words that were left for nearer ones.
        kinds: one entry a kind, where the run's markers are still there.
        files: those that the most products of unlike titles list.
    """

    hubs: int
    products: int
    pairs_not_followed: int
    kinds: tuple[HubKind, ...]
    files: tuple[SharedFile, ...] | NotYet


def count(dataset: Dataset, manifest: Manifest) -> Hubs:
    """Count the section from what `compare` noted and what the survey counted."""
    entry = manifest["stages"]["compare"]
    counts = entry["counts"]
    markers = dataset.root / "runs" / "compare" / entry["run"] / "evidence"
    surveyed = columns.has(dataset, "corpus_assets")
    return Hubs(
        hubs=counts.get("hubs", 0),
        products=counts.get("hub_products", 0),
        pairs_not_followed=counts.get("pairs_not_followed", 0),
        kinds=_kinds(dataset, sorted(markers.glob("*.json"))),
        files=_files(dataset) if surveyed else NotYet("m5 survey"),
    )


def _kinds(dataset: Dataset, markers: Sequence[Path]) -> tuple[HubKind, ...]:
    """The kinds by name; what `compare` did in several units (`bands-title_0`, `bands-title_5`) is one."""
    found: dict[str, list[dict[str, int]]] = {}
    for marker in markers:
        counts = notes.read_of(dataset, "compare", marker, _Marker).counts
        if "hubs" in counts:
            kind = _NUMBER.sub("", marker.stem)
            found.setdefault(_NAMES.get(kind, kind), []).append(counts)
    return tuple(
        HubKind(
            kind,
            sum(c["pairs_found"] for c in counts) if all("pairs_found" in c for c in counts) else None,
            sum(c["hubs"] for c in counts),
            sum(c.get("hub_products", 0) for c in counts),
        )
        for kind, counts in sorted(found.items())
    )


def _files(dataset: Dataset) -> tuple[SharedFile, ...]:
    top = (
        dataset.scan("corpus_assets")
        .filter(pl.col("titles") >= FEWEST_TITLES)
        .select("asset_id", "products", "titles", "categories")
        .collect()
        .sort(["titles", "products", "asset_id"], descending=[True, True, False])
        .head(FILES_LISTED)
    )
    kinds = dataset.scan("assets").filter(pl.col("asset_id").is_in(top["asset_id"].implode()))
    modality = kinds.group_by("asset_id").agg(pl.col("modality").min()).collect()
    named = top.join(modality, on="asset_id", how="left", maintain_order="left")
    return tuple(
        SharedFile(asset, columns.shown(kind, 20), *rest)
        for asset, kind, *rest in named.select("asset_id", "modality", "products", "titles", "categories").iter_rows()
    )
