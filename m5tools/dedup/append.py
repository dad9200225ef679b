"""A later crawl's products join the clusters there are; nothing moves old products, old survivors or old names.

Of the edges of a newcomer the narrowest relation and the highest score come first. A newcomer joins the old cluster of
its first edge that may be followed; an edge that would weld two old clusters is not followed: it is a *bridge*.
"""

from __future__ import annotations

import polars as pl

from m5tools.dedup.clusters import LEVELS, apart_of, clusters_of, components, names_of
from m5tools.vocabulary import Relation

_OLD = "\x1fold"


def attach(
    strength: pl.DataFrame, products: pl.DataFrame, old: pl.DataFrame, apart: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clusters that newcomers join or form.

    Args:
        strength: as :func:`m5tools.dedup.clusters.resolve` wants it; only pairs with a newcomer.
        products: as there, and is_new; of all products in edges and of the old clusters that these reach.
        old: relation, cluster, row of the clusters there are, at least of those that edges reach.
        apart: as there; of pairs with a newcomer.

    Returns:
        The new rows of clusters (relation, cluster, row, is_survivor; sorted by relation and row), among them old
        products that stood alone until now, which name and lead their cluster; and the bridges (row of the newcomer,
        other), those of :func:`unfollowed` among them.
    """
    level = {relation.value: i for i, relation in enumerate(Relation)}
    strength = strength.with_columns(level=pl.col("relation").replace_strict(level, return_dtype=pl.UInt8))
    strength = strength.sort("level", "score", "row_a", "row_b", descending=[False, True, False, False])
    found, bridges = [], []
    for relation, levels in LEVELS.items():
        linked = strength.filter(pl.col("relation").is_in([each.value for each in levels]))
        anchors = _anchors(linked, products, old.filter(relation=relation.value))
        held = held_together(anchors)
        tied = anchors.select("row", realm=pl.lit(_OLD), name=pl.col("name").cast(pl.String))
        joined = components(
            pl.concat([held, linked.select("row_a", "row_b")]),
            pl.concat([names_of(products, relation), tied]),
            apart_of(relation, apart),
        )
        labels = _with_the_refused(joined, linked).join(anchors.select("row", "name", "alone"), on="row", how="left")
        labels = labels.sort("label", "row").with_columns(
            anchor=pl.col("name").drop_nulls().first().over("label"), is_old=pl.col("name").is_not_null()
        )
        found.append(_joined(relation, labels, products))
        bridges.append(_bridges(linked, labels))
    clusters = pl.concat(found)
    every = pl.concat([old.select("relation", "cluster", "row"), clusters.drop("is_survivor")])
    welding = _seen_from(pl.concat(bridges), products)
    return clusters, pl.concat([welding, unfollowed(strength, every, products)]).unique().sort("row", "other")


def unfollowed(edges: pl.DataFrame, clusters: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Bridges that hang on what is apart: edges that no cluster holds both ends of, however wide.

    Args:
        edges: columns row_a, row_b.
        clusters: relation, cluster, row.
        products: row, is_new.

    Returns:
        Columns row (of a newcomer), other; from both ends where both are new; sorted.
    """
    home = clusters.filter(relation=Relation.VARIANT.value).select("row", "cluster")
    ends = edges.select("row_a", "row_b").unique()
    for side in ("row_a", "row_b"):
        ends = ends.join(home.rename({"row": side, "cluster": f"home_of_{side}"}), on=side, how="left")
    apart = (pl.col("home_of_row_a") != pl.col("home_of_row_b")).fill_null(True)
    return _seen_from(ends.filter(apart).select("row_a", "row_b"), products)


def reached(edges: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """The rows of old clusters that edges reach.

    Args:
        edges: columns row_a, row_b.
        old: relation, cluster, row of the clusters there are.
    """
    touched = old.join(_ends(edges), on="row", how="semi").select("relation", "cluster").unique()
    return old.join(touched, on=["relation", "cluster"], how="semi", maintain_order="left")


def _ends(edges: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([edges["row_a"], edges["row_b"]]).unique().sort().rename("row").to_frame()


def _anchors(linked: pl.DataFrame, products: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """The members of every old cluster that an edge reaches: row, name (of the cluster), alone; by name and row."""
    ends = _ends(linked)
    members = reached(linked, old).select("row", name="cluster", alone=pl.lit(False))
    single = ends.join(products.filter(~pl.col("is_new")), on="row", how="semi").join(old, on="row", how="anti")
    return pl.concat([members, single.select("row", name="row", alone=pl.lit(True))]).sort("name", "row")


def held_together(members: pl.DataFrame) -> pl.DataFrame:
    """What holds clusters together.

    Args:
        members: row, name (of the cluster).

    Returns:
        row_a, row_b: the first member and another.
    """
    return members.select(row_a=pl.col("row").first().over("name"), row_b="row").filter(
        pl.col("row_a") != pl.col("row_b")
    )


def _with_the_refused(joined: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Columns row, label, also of rows whose every edge was refused: they stand alone."""
    alone = _ends(linked).join(joined, on="row", how="anti").select("row", label="row")
    return pl.concat([joined, alone])


def _joined(relation: Relation, labels: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Rows of clusters: of newcomers alone as ever, at an old one under its name and behind its survivor."""
    free = labels.filter(pl.col("anchor").is_null()).select("row", "label")
    formed = clusters_of(relation, free, products)
    grown = labels.filter(pl.col("anchor").is_not_null() & ~pl.col("is_old").all().over("label"))
    written = grown.filter(~pl.col("is_old") | pl.col("alone").fill_null(False))
    joined = written.select(relation=pl.lit(relation.value), cluster="anchor", row="row", is_survivor="is_old")
    return pl.concat([formed, joined]).sort("row")


def _bridges(linked: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Edges between what hangs on two old clusters."""
    known = labels.select("row", "anchor").drop_nulls()
    return (
        linked.join(known, left_on="row_a", right_on="row")
        .join(known, left_on="row_b", right_on="row", suffix="_b")
        .filter(pl.col("anchor") != pl.col("anchor_b"))
        .select("row_a", "row_b")
    )


def _seen_from(bridges: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Each bridge as seen from its newcomer, or from both ends where both are new."""
    ends = [bridges.select(row=near, other=far) for near, far in (("row_a", "row_b"), ("row_b", "row_a"))]
    new = products.filter("is_new").select("row")
    return pl.concat(ends).unique().join(new, on="row", how="semi").sort("row", "other")
