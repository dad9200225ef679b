"""What a curated dataset's audit says against what the simulator planted, counted in streams.

    python -m benchmarks.planted CRAWL DATASET

CRAWL is a folder of `m5 synth --profile m5product --no-media`, DATASET went from `ingest` to the audit with
`m5 fetch --set download=false`, so nobody was asked for a file: of pictures, clips and sounds the truth knows only
which products list them, and they are pending.

Rows, products, rejects, states (known once `tag` is done) and the tail of categories must be exact. Tags and duplicates
are judged, so they are told with their ratio, pairs of duplicates with precision and recall
(`benchmarks/planted_pairs.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.planted_pairs import Groups, batches
from m5tools.audit import longtail
from m5tools.dataset import Dataset
from m5tools.vocabulary import MODALITIES, Modality, Reason, RejectReason, Relation, State

LISTED = {Modality.IMAGE: ("listed_images",), Modality.VIDEO: ("listed_videos",),
          Modality.AUDIO: ("listed_audios", "listed_videos")}  # fmt: skip
"""A clip's sound track is listed with it."""
SEEN_WITHOUT_FILES = ("text.", "table.", "pair.")


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        planted, found: what the truth and what the dataset says.
        exact: whether they must be the same.
        right: of pairs, those that were planted and found; None of other figures.
    """

    name: str
    planted: float
    found: float
    exact: bool = True
    right: int | None = None

    @property
    def is_wrong(self) -> bool:
        return self.exact and self.planted != self.found


def compared(truth: Path, dataset: Path) -> list[Figure]:
    """All figures of a dataset.

    Args:
        truth: `truth.parquet` of the crawl.
        dataset: its folder, with `reports/audit.json`.
    """
    said = json.loads((dataset / "reports" / "audit.json").read_text(encoding="utf-8"))
    counted = Planted.of(truth)
    return [
        *rows(counted, said),
        *states(counted, said),
        *tail(counted, said),
        *tags(counted, said),
        *duplicates(truth, Dataset(dataset), said),
    ]


def objects(truth: Path) -> int:
    """Rows of a crawl that are whole JSON objects."""
    counted = Planted.of(truth)
    broken = (RejectReason.NOT_PARSEABLE.value, RejectReason.NOT_AN_OBJECT.value)
    return counted.rows - sum(counted.rejects[reason] for reason in broken)


@dataclass
class Planted:
    """Counts of a truth; `states` by modality, state and reason, as they are before anybody was asked for a file."""

    rows: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    states: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)

    @property
    def products(self) -> int:
        return self.rows - self.rejects.total()

    @classmethod
    def of(cls, truth: Path) -> Planted:
        """Count `truth.parquet`, some hundred thousand rows at a time."""
        counted = cls()
        judged = [f"{what}_{m}" for what in ("state", "reason") for m in (Modality.TEXT, Modality.TABLE)]
        listed = ["listed_images", "listed_videos", "listed_audios"]
        for batch in batches(truth, ["outcome", "reject_reason", "category", "tags", *judged, *listed]):
            counted.rows += batch.height
            counted.rejects += _counted(batch["reject_reason"])
            products = batch.filter(pl.col("outcome") == "product")
            counted.categories += _counted(products["category"])
            counted.tags += _counted(products["tags"].explode())
            for modality in MODALITIES:
                counted.states += _states_of(products, modality)
        return counted


def _counted(values: pl.Series) -> Counter[str]:
    return Counter(dict(values.drop_nulls().value_counts().iter_rows()))


def _states_of(products: pl.DataFrame, modality: Modality) -> Counter[tuple[str, str, str]]:
    """Products by what is known of one modality while its files are not there."""
    if modality in LISTED:
        there = int(products.select((pl.sum_horizontal(LISTED[modality]) > 0).sum()).item())
        found = {(State.PENDING, Reason.NOT_FETCHED): there, (State.ABSENT, Reason.NOT_LISTED): products.height - there}
    else:
        by_code = products.group_by(f"state_{modality}", f"reason_{modality}").len()
        found = {(State(state), Reason(reason)): n for state, reason, n in by_code.iter_rows()}
    return Counter({(modality.value, state.word, reason.word): n for (state, reason), n in found.items()})


def rows(counted: Planted, said: dict[str, Any]) -> list[Figure]:
    """Rows, products, and rejects by reason."""
    delivered, products = said["funnel"]["steps"][:2]
    lost = {loss["reason"]: loss["items"] for loss in products["losses"]}
    reasons = sorted(counted.rejects.keys() | lost.keys())
    return [
        Figure("rows", counted.rows, delivered["items"]),
        Figure("products", counted.products, products["items"]),
        *(Figure(f"reject: {reason}", counted.rejects[reason], lost.get(reason, 0)) for reason in reasons),
    ]


def states(counted: Planted, said: dict[str, Any]) -> list[Figure]:
    """Products in each state, for each reason, by modality; an audit before `tag` knows of none."""
    if said["completeness"]["basis"] != "present":
        return []
    found = {
        (modality.value, row["state"], row["reason"]): products
        for row in said["completeness"]["states"]
        for modality, products in zip(MODALITIES, row["products"], strict=True)
        if products
    }
    kinds = sorted({kind for kind, n in counted.states.items() if n} | found.keys())
    return [Figure(f"{kind[0]}: {kind[1]}, {kind[2]}", counted.states[kind], found.get(kind, 0)) for kind in kinds]


def tail(counted: Planted, said: dict[str, Any]) -> list[Figure]:
    """The long tail of categories."""
    sizes = np.array(sorted(counted.categories.values()), np.int64)
    planted = {name: value for name, value in asdict(longtail.measure(sizes)).items() if name != "bands"}
    found = said["categories"]["tail"]
    return [Figure(f"categories: {name.replace('_', ' ')}", value, found[name]) for name, value in planted.items()]


def tags(counted: Planted, said: dict[str, Any]) -> list[Figure]:
    """Products that carry each tag for which no file has to be opened."""
    found = {tag["tag"]: tag["products"] for tag in said["tags"]} if isinstance(said["tags"], list) else {}
    names = sorted(tag for tag in counted.tags.keys() | found.keys() if tag.startswith(SEEN_WITHOUT_FILES))
    return [Figure(f"tag: {tag}", counted.tags[tag], found.get(tag, 0), exact=False) for tag in names]


def duplicates(truth: Path, dataset: Dataset, said: dict[str, Any]) -> list[Figure]:
    """Products in clusters, and pairs of each relation."""
    if not isinstance(said["duplicates"], dict) or "relations" not in said["duplicates"]:
        return []
    groups = Groups.of(truth, dataset)
    inside = {one["relation"]: one["products"] for one in said["duplicates"]["relations"]}
    figures = []
    for relation in Relation:
        planted, found, right = groups.pairs(relation)
        clustered = int((groups.nested(relation) >= 0).sum())
        figures += [
            Figure(f"{relation}: products in clusters", clustered, inside[relation.value], exact=False),
            Figure(f"{relation}: pairs", planted, found, exact=False, right=right),
        ]
    return figures


def table(figures: Sequence[Figure]) -> str:
    """The figures, a line each; one that must be exact and is not is marked."""
    lines = [f"{'':44}{'planted':>14}{'found':>14}{'ratio':>8}{'precision':>11}{'recall':>8}"] if figures else []
    for figure in figures:
        whole = isinstance(figure.planted, int)
        counts = (f"{n:14,}" if whole else f"{n:14.6f}" for n in (figure.planted, figure.found))
        told = [f"{figure.name:44}", *counts, _share(figure.found, figure.planted, 8)]
        if figure.right is not None:
            told += [_share(figure.right, figure.found, 11), _share(figure.right, figure.planted, 8)]
        lines.append("".join(told) + ("  must be exact" if figure.is_wrong else ""))
    return "\n".join(lines)


def _share(part: float, whole: float, width: int) -> str:
    return f"{part / whole:{width}.4f}" if whole else f"{'–':>{width}}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", type=Path)
    parser.add_argument("dataset", type=Path)
    arguments = parser.parse_args()
    figures = compared(arguments.crawl / "truth.parquet", arguments.dataset)
    print(table(figures))
    if any(figure.is_wrong for figure in figures):
        sys.exit("a count that must be exact is not")


if __name__ == "__main__":
    main()
