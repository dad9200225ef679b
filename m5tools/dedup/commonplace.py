"""What two products both say and that tells little, for many do, in words; how it is counted, see
:mod:`m5tools.dedup.evidence.usual`.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.evidence.usual import NAMED, VALUED, Usual
from m5tools.dedup.evidence.vocabulary import COUNTS, merged
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.products import numbered
from m5tools.dedup.sides import facts_of, known_sides
from m5tools.partitions import partition_of


def commonplace(dataset: Dataset, a: str, b: str, policy: ComparePolicy) -> Iterator[str]:
    """What two products both say though it tells little of them, and how many others say so today.

    Args:
        dataset: where `compare` has run.
        a, b: product ids.
        policy: from which share on a fact is usual.
    """
    said = pl.concat(_facts(dataset, product) for product in (a, b))
    told = pl.concat([said.explode("values"), _usual(dataset, policy).borne(said)], how="horizontal")
    both = (pl.len().over("name", "values") > 1) & pl.col("usual").any().over("name", "values")
    for name, value, borne, among, option in (
        told.filter(both)
        .group_by("name", "values")
        .agg(pl.col("borne", "among").max(), pl.col("option").any())
        .sort("name", "values")
        .iter_rows()
    ):
        of = f"of {among:,} products" if option else f"of the {among:,} products that list '{name}'"
        yield f"both say {name}: {value}, but {borne:,} {of} do, so it tells little"


def _facts(dataset: Dataset, product: str) -> pl.DataFrame:
    home = pl.select(partition_of(pl.lit(product), dataset.partitions)).item()
    asked = numbered(dataset, home).filter(pl.col("product_id") == product)
    return facts_of(known_sides(dataset, home, asked))


def _usual(dataset: Dataset, policy: ComparePolicy) -> Usual:
    counts = dataset.scan("word_counts").filter(pl.col("kind").is_in([VALUED, NAMED])).collect()
    facts, names = (merged([counts.filter(kind=kind).select(*COUNTS)]) for kind in (VALUED, NAMED))
    products = dataset.scan("compared").select(pl.col("product_id").n_unique()).collect().item()
    return Usual.told(facts, names, products, policy.table)
