"""A later crawl's products join the clusters there are; nothing moves old products, old survivors or old names.

Of the edges of a newcomer the narrowest relation and the highest score come first. A newcomer joins the old cluster of
its first edge that may be followed; an edge that would weld two old clusters is not followed: it is a *bridge*.
"""

from __future__ import annotations

import polars as pl

from m5tools.dedup.clusters import LEVELS, apart_of, clusters_of, components, names_of, strength_of
from m5tools.vocabulary import Relation

_OLD = "\x1fold"


def attach(
    edges: pl.DataFrame, products: pl.DataFrame, old: pl.DataFrame, apart: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clusters that newcomers join or form.

    Args:
        edges: columns row_a, row_b, relation, score; only pairs with a newcomer.
        products: as :func:`m5tools.dedup.clusters.resolve` wants them, and is_new.
        old: relation, cluster_id, product_id of the clusters there are.
        apart: as :func:`m5tools.dedup.clusters.resolve` wants it; of pairs with a newcomer.

    Returns:
        The new rows of clusters (relation, cluster_id, product_id, is_survivor; sorted by relation and product id),
        among them old products that stood alone until now, which name and lead their cluster; and the bridges
        (product_id of the newcomer, other_id), those of :func:`unfollowed` among them.
    """
    level = {relation.value: i for i, relation in enumerate(Relation)}
    strength = strength_of(edges).with_columns(level=pl.col("relation").replace_strict(level, return_dtype=pl.UInt8))
    strength = strength.sort("level", "score", "row_a", "row_b", descending=[False, True, False, False])
    found, bridges = [], []
    for relation, levels in LEVELS.items():
        linked = strength.filter(pl.col("relation").is_in([each.value for each in levels]))
        anchors = _anchors(linked, products, old.filter(pl.col("relation") == relation.value))
        held = anchors.select(row_a=pl.col("row").first().over("name"), row_b="row").filter(
            pl.col("row_a") != pl.col("row_b")
        )
        names = pl.concat([names_of(products, relation), anchors.select("row", realm=pl.lit(_OLD), name="name")])
        joined = components(pl.concat([held, linked.select("row_a", "row_b")]), names, apart_of(relation, apart))
        labels = _with_the_refused(joined, linked).join(anchors.select("row", "name", "alone"), on="row", how="left")
        labels = labels.sort("label", "row").with_columns(
            anchor=pl.col("name").drop_nulls().first().over("label"), is_old=pl.col("name").is_not_null()
        )
        found.append(_joined(relation, labels, products))
        bridges.append(_bridges(linked, labels))
    clusters = pl.concat(found)
    every = pl.concat([old.select("relation", "cluster_id", "product_id"), clusters.drop("is_survivor")])
    welding = _named(pl.concat(bridges), products)
    return clusters, pl.concat([welding, unfollowed(edges, every, products)]).unique().sort("product_id", "other_id")


def unfollowed(edges: pl.DataFrame, clusters: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Bridges that hang on what is apart: edges that no cluster holds both ends of, however wide.

    Args:
        edges: columns row_a, row_b.
        clusters: relation, cluster_id, product_id.
        products: row, product_id, is_new.

    Returns:
        Columns product_id (of a newcomer), other_id; from both ends where both are new; sorted.
    """
    widest = clusters.filter(relation=Relation.VARIANT.value).join(
        products.select("row", "product_id"), on="product_id"
    )
    home = widest.select("row", "cluster_id")
    ends = edges.select("row_a", "row_b").unique()
    for side in ("row_a", "row_b"):
        ends = ends.join(home.rename({"row": side, "cluster_id": f"home_of_{side}"}), on=side, how="left")
    apart = (pl.col("home_of_row_a") != pl.col("home_of_row_b")).fill_null(True)
    return _named(ends.filter(apart).select("row_a", "row_b"), products)


def _anchors(linked: pl.DataFrame, products: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """The members of every old cluster that an edge reaches: row, name (of the cluster), alone; by name and row."""
    members = (
        products.filter(~pl.col("is_new"))
        .select("row", "product_id")
        .join(old.select("product_id", "cluster_id"), on="product_id", how="left")
        .select("row", name=pl.coalesce("cluster_id", "product_id"), alone=pl.col("cluster_id").is_null())
    )
    ends = pl.concat([linked["row_a"], linked["row_b"]]).unique().rename("row").to_frame()
    reached = members.join(ends, on="row", how="semi").select("name").unique()
    return members.join(reached, on="name", how="semi").sort("name", "row")


def _with_the_refused(joined: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Columns row, label, also of rows whose every edge was refused: they stand alone."""
    ends = pl.concat([linked["row_a"], linked["row_b"]]).unique().rename("row").to_frame()
    alone = ends.join(joined, on="row", how="anti").select("row", label="row")
    return pl.concat([joined, alone])


def _joined(relation: Relation, labels: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Rows of clusters: of newcomers alone as ever, at an old one under its name and behind its survivor."""
    free = labels.filter(pl.col("anchor").is_null()).select("row", "label")
    formed = clusters_of(relation, free, products)
    grown = labels.filter(pl.col("anchor").is_not_null() & ~pl.col("is_old").all().over("label"))
    written = grown.filter(~pl.col("is_old") | pl.col("alone").fill_null(False))
    joined = written.join(products.select("row", "product_id"), on="row").select(
        relation=pl.lit(relation.value), cluster_id="anchor", product_id="product_id", is_survivor=pl.col("is_old")
    )
    return pl.concat([formed, joined]).sort("product_id")


def _bridges(linked: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Edges between what hangs on two old clusters."""
    known = labels.select("row", "anchor").drop_nulls()
    return (
        linked.join(known, left_on="row_a", right_on="row")
        .join(known, left_on="row_b", right_on="row", suffix="_b")
        .filter(pl.col("anchor") != pl.col("anchor_b"))
        .select("row_a", "row_b")
    )


def _named(bridges: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Each bridge as seen from its newcomer, or from both ends where both are new."""
    ends = [bridges.select(near=near, far=far) for near, far in (("row_a", "row_b"), ("row_b", "row_a"))]
    names = products.select("row", "product_id", "is_new")
    return (
        pl.concat(ends)
        .unique()
        .join(names.filter("is_new"), left_on="near", right_on="row")
        .join(names.select("row", other_id="product_id"), left_on="far", right_on="row")
        .select("product_id", "other_id")
        .sort("product_id", "other_id")
    )
