"""The parts that products play in the downstream tasks, M5Product's kinds (paper, section 3 and supplement).

*Coarse retrieval* asks for products of the query's leaf category, *fine retrieval* for other offers of the query's
product; both search the test split, where a query and what it should find share a category or a cluster by design.
*Classification* trains on the train split and is judged on the test split, over the classes that both hold.

Which products become queries is drawn by a seeded hash of their ids, so it depends on nothing but the members of their
own category or cluster.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from m5tools.split.catalogue import SPLITS, Catalogue
from m5tools.vocabulary import Relation, RetrievalRole, Split

ROLES: Final = ("coarse", "fine", "classification")
_PARTS: Final = pl.Enum([role.value for role in RetrievalRole])


def roles(
    splits: pl.DataFrame,
    clusters: pl.DataFrame,
    catalogue: Catalogue,
    *,
    query_share: float,
    least_of_class: int,
    seed: int,
) -> pl.DataFrame:
    """Add the parts that products play.

    Args:
        splits: columns row, split, barred, category (0 where unknown); who is barred plays no part.
        clusters: columns relation, cluster, row, is_survivor.
        catalogue: what products draw.
        query_share: share of a category's test products that ask in coarse retrieval; one at least.
        least_of_class: train products that a class must have to be classified.
        seed: another seed, other queries.

    Returns:
        The same rows in the same order, with columns coarse and fine (`query`, `gallery`, `distractor` or null) and
        classification (`train`, `test` or null).
    """
    playing = splits.filter(pl.col("barred").is_null()).select("row", "split", "category")
    test = playing.filter(pl.col("split") == Split.TEST.value).select("row", "category")
    test = test.with_columns(draw=catalogue.draws(test["row"], seed))
    found = (_coarse(test, query_share), _fine(test, clusters), _classification(playing, least_of_class))
    rows = splits.select("row")
    parts = (rows.join(part, on="row", how="left", maintain_order="left").drop("row") for part in found)
    return pl.concat([splits, *parts], how="horizontal")


def _coarse(test: pl.DataFrame, query_share: float) -> pl.DataFrame:
    """A share of every category asks, and the rest answers; a category that nobody asks for distracts."""
    known = test.filter(pl.col("category") > 0)
    size = pl.len().over("category")
    place = pl.struct("draw", "row").rank("ordinal").over("category")
    asking = (size * query_share).ceil().clip(1, size - 1)
    return known.select("row", coarse=_role(size > 1, place <= asking))


def _fine(test: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """One offer of every product asks, and its other offers answer; re-listings of one offer play no part, since text
    finds them without effort, but for the most complete of them."""
    relation = pl.col("relation")
    relisted = clusters.filter((relation == Relation.SAME_OFFER.value) & ~pl.col("is_survivor"))
    same = clusters.filter(relation == Relation.SAME_PRODUCT.value).select("row", "cluster")
    offers = test.join(relisted, on="row", how="anti").join(same, on="row", how="left")
    answered = pl.col("cluster").is_not_null() & (pl.len().over("cluster") > 1)
    place = pl.struct("draw", "row").rank("ordinal").over("cluster")
    return offers.select("row", fine=_role(answered, place == 1))


def _classification(playing: pl.DataFrame, least_of_class: int) -> pl.DataFrame:
    """Train and test products of the classes that train has enough of and test has any of."""
    split = pl.col("split")
    known = playing.filter((pl.col("category") > 0) & split.is_in([Split.TRAIN.value, Split.TEST.value]))
    enough = (split == Split.TRAIN.value).sum().over("category") >= least_of_class
    asked = (split == Split.TEST.value).any().over("category")
    return known.filter(enough & asked).select("row", classification=pl.col("split").cast(SPLITS))


def _role(answered: pl.Expr, asks: pl.Expr) -> pl.Expr:
    return (
        pl.when(~answered)
        .then(pl.lit(RetrievalRole.DISTRACTOR.value, _PARTS))
        .when(asks)
        .then(pl.lit(RetrievalRole.QUERY.value, _PARTS))
        .otherwise(pl.lit(RetrievalRole.GALLERY.value, _PARTS))
    )
