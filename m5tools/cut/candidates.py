"""What rules choose among: all products by number, with as little of each as the rules ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from m5tools.cut.choose import draws
from m5tools.cut.rules import choice_rules
from m5tools.cut.selection import Selection
from m5tools.dataset import Dataset
from m5tools.joins.numbers import Numbers
from m5tools.vocabulary import Band, Relation, Split

_TYPES: Final = {
    "split": pl.Enum([split.value for split in Split]),
    "category": pl.Categorical(),
    "band": pl.Enum([band.value for band in Band]),
}
CANDIDATES: Final = ("product_id", *_TYPES)
NO_CLUSTERS: Final = pl.DataFrame(schema={"relation": pl.String})
_WORDS: Final = {"detail": pl.String, "rule": pl.String}


def chosen_among(
    parts: Sequence[Path], rows: Sequence[str], dataset: Dataset, selection: Selection
) -> tuple[list[int], Iterator[pl.DataFrame]]:
    """What the rules of a selection come to that choose among products.

    Args:
        parts: Parquet files, a partition each: `CANDIDATES`, and of each rule about one product whether it loses.
        rows: the names of the latter columns.
        dataset: whose clusters are asked for.
        selection: the selection.

    Returns:
        How many products each of all rules would leave out alone; and for each partition whom those that choose leave
        out behind those before them: product_id, detail, rule.
    """
    planned = choice_rules(selection, NO_CLUSTERS)
    if not planned:
        sums = pl.scan_parquet(list(parts), glob=False).select(pl.col(rows).sum()).collect()
        nobody = pl.DataFrame(schema={"product_id": pl.String, **_WORDS})
        return list(sums.row(0)), (nobody for _ in parts)
    read = (pl.read_parquet(part, columns=[*CANDIDATES, *rows], glob=False).sort("product_id") for part in parts)
    candidates = Candidates.of(read, selection.seed if any(rule.draws for rule in planned) else None)
    clusters = candidates.clusters(dataset, selection.one_per) if selection.one_per else NO_CLUSTERS
    everyone = candidates.products
    alone = [int(everyone[name].sum()) for name in rows]
    left = everyone.filter(~pl.any_horizontal(rows))
    lost = [pl.DataFrame(schema={"row": pl.UInt32, **_WORDS})]
    for rule in choice_rules(selection, clusters):
        alone.append(rule.loses(everyone).height)
        others = rule.loses(left)
        lost.append(candidates.told(others, rule.name))
        left = left.join(others, on="row", how="anti", maintain_order="left")
    return alone, candidates.by_partition(pl.concat(lost))


@dataclass(frozen=True)
class Candidates:
    """All products of a dataset, before any was left out.

    Attributes:
        numbers: of products.
        products: row (the number, ascending), split, category, band, what else was asked for, and where wanted draw.
        first: number of the first product of each partition, and how many there are at the end.
    """

    numbers: Numbers
    products: pl.DataFrame
    first: Sequence[int]

    @classmethod
    def of(cls, parts: Iterable[pl.DataFrame], seed: int | None) -> Candidates:
        """Products that come in parts, partition by partition.

        Args:
            parts: at least one: product_id (ascending over all parts), split, category, band, and more.
            seed: what products draw by; None: they draw nothing.
        """
        first = [0]
        told: list[pl.DataFrame] = []

        def ids() -> Iterator[pl.Series]:
            for part in parts:
                mine = part["product_id"]
                drawn = [] if seed is None else [draws(mine, seed)]
                told.append(part.drop("product_id").cast(_TYPES).with_columns(drawn))  # type: ignore[arg-type]
                first.append(first[-1] + part.height)
                yield mine

        numbers = Numbers.over(ids())
        return cls(numbers, pl.concat(told).with_row_index("row"), first)

    def clusters(self, dataset: Dataset, relations: Collection[Relation]) -> pl.DataFrame:
        """The clusters of some relations by number: relation, is_survivor, cluster, row."""
        wanted = pl.col("relation").is_in([relation.value for relation in relations])
        parts = (dataset.scan("clusters", partition=i).filter(wanted) for i in range(dataset.partitions))
        return self.numbers.numbered(parts, cluster="cluster_id", row="product_id")

    def told(self, others: pl.DataFrame, rule: str) -> pl.DataFrame:
        """What a rule leaves out (row, detail) in words: its name, and where the detail is a product, its id."""
        detail = others["detail"]
        words = self.numbers.ids(detail) if detail.dtype == pl.UInt32 else detail.cast(pl.String)
        return others.select("row", words.alias("detail"), rule=pl.lit(rule))

    def by_partition(self, lost: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Rows with a column `row`, each once, partition by partition: in order, with product_id instead."""
        lost = lost.sort("row")
        for start, end in pairwise(np.searchsorted(lost["row"].to_numpy(), self.first).tolist()):
            here = lost[start:end]
            yield here.select(self.numbers.ids(here["row"]).alias("product_id"), pl.exclude("row"))
