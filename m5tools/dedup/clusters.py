"""Edges → clusters: connected components with a guard against chains, and a survivor for each.

Clusters nest: a same-product cluster takes in the re-listed offers of its products, a variant cluster takes in both, so
"one product a cluster" means what it says at every level. A chain A~B~C may join what must stay apart, two GTINs in one
product, say, or two products that were compared and found to differ. Such components are built again from the strongest
edge down, and an edge that would join what is apart is left out; one that makes no product makes no variant either.

What only the wider relation keeps apart, two item groups of one source or pairs of two families, may divide a narrower
cluster: its products then stand in several variant clusters, or in none.
"""

from __future__ import annotations

from collections import defaultdict

import polars as pl

from m5tools.joins.components import of_edges
from m5tools.vocabulary import Relation

LEVELS: dict[Relation, tuple[Relation, ...]] = {
    Relation.SAME_OFFER: (Relation.SAME_OFFER,),
    Relation.SAME_PRODUCT: (Relation.SAME_OFFER, Relation.SAME_PRODUCT),
    Relation.VARIANT: (Relation.SAME_OFFER, Relation.SAME_PRODUCT, Relation.VARIANT),
}
_ONCE = "\x1fonce"

_FINENESS = 2**20
"""Steps of a score between 0 and 1."""


def resolve(strength: pl.DataFrame, products: pl.DataFrame, apart: pl.DataFrame | None = None) -> pl.DataFrame:
    """The clusters of all three relations.

    Args:
        strength: edges, as :func:`strength_of` gives them.
        apart: columns row_a, row_b, relation: pairs that no cluster of that relation may hold both of, such as two
            variants in a cluster of one product.
        products: columns row, product_id, source, once, gtin, group, modalities, table_pairs, files, description_chars;
            sorted by row; of all products in edges.

    Returns:
        Columns relation, cluster (the row of its first product), row, is_survivor; sorted by relation and row.
    """
    strength = strength.sort("score", "row_a", "row_b", descending=[True, False, False])
    found = []
    for relation, levels in LEVELS.items():
        linked = strength.filter(pl.col("relation").is_in([level.value for level in levels]))
        labels = components(linked, names_of(products, relation), apart_of(relation, apart))
        found.append(clusters_of(relation, labels, products))
        refused = _refused(linked, labels)
        strength = strength.join(refused, on=["row_a", "row_b", "relation"], how="anti", maintain_order="left")
    return pl.concat(found)


def _refused(linked: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """The edges that components left out."""
    ends = linked.select("row_a", "row_b", "relation")
    for side in ("row_a", "row_b"):
        ends = ends.join(labels.rename({"row": side, "label": f"label_of_{side}"}), on=side, how="left")
    return ends.filter(
        pl.col("label_of_row_a").ne_missing(pl.col("label_of_row_b")) | pl.col("label_of_row_a").is_null()
    )


def strength_of(edges: pl.DataFrame) -> pl.DataFrame:
    """What all evidence of a pair comes to.

    Args:
        edges: columns row_a, row_b, relation, score: a row for each kind of evidence.

    Returns:
        One row a pair: row_a, row_b, relation, score (whole steps).
    """
    # Added as whole numbers: a sum of floats may end otherwise in its last bit, by how threads divide the rows.
    score = (pl.col("score").cast(pl.Float64) * _FINENESS).round().cast(pl.Int64).sum()
    return edges.group_by("row_a", "row_b", "relation").agg(score)


def apart_of(relation: Relation, apart: pl.DataFrame | None = None) -> pl.DataFrame:
    """Of the pairs that are `apart` those that no cluster of a relation may hold both of: row_a, row_b."""
    if apart is None:
        return pl.DataFrame(schema={"row_a": pl.UInt32, "row_b": pl.UInt32})
    return apart.filter(relation=relation.value).select("row_a", "row_b")


def names_of(products: pl.DataFrame, relation: Relation) -> pl.DataFrame:
    """What keeps products apart: a cluster of the relation holds one name of a realm at most.

    One product has one GTIN, and is listed once where the source says so; variants of one source have one item group.

    Returns:
        Columns row, realm, name.
    """
    if relation is Relation.SAME_OFFER:
        return products.select("row", realm=pl.lit(""), name=pl.lit("")).clear()
    if relation is Relation.VARIANT:
        return products.select("row", realm="source", name="group").drop_nulls()
    listed = products.filter("once").select("row", realm=pl.col("source") + _ONCE, name="product_id")
    return pl.concat([products.select("row", realm=pl.lit(""), name="gtin").drop_nulls(), listed])


def components(linked: pl.DataFrame, names: pl.DataFrame, apart: pl.DataFrame) -> pl.DataFrame:
    """Connected components that keep apart what must be.

    Args:
        linked: edges row_a, row_b, strongest first.
        names: columns row, realm, name; a component holds one name of a realm at most.
        apart: pairs row_a, row_b that may not be joined.

    Returns:
        Columns row and label (smallest row of the component), of all rows in `linked`.
    """
    labels = connected(linked)
    named = labels.join(names, on="row")
    counted = named.group_by("label", "realm").agg(names=pl.col("name").n_unique())
    mixed = counted.filter(pl.col("names") > 1)
    across = apart.join(labels, left_on="row_a", right_on="row").join(
        labels, left_on="row_b", right_on="row", suffix="_b"
    )
    torn = across.filter(pl.col("label") == pl.col("label_b"))
    doubtful = pl.concat([mixed.select("label"), torn.select("label")]).unique()
    if doubtful.is_empty():
        return labels
    inside = linked.join(labels, left_on="row_a", right_on="row", maintain_order="left")
    weak = inside.join(doubtful, on="label", how="semi", maintain_order="left")
    sound = inside.join(doubtful, on="label", how="anti", maintain_order="left")
    suspects = named.join(doubtful, on="label", how="semi")
    by_row: dict[int, dict[str, str]] = {}
    for row, realm, name in suspects.select("row", "realm", "name").iter_rows():
        by_row.setdefault(row, {})[realm] = name
    kept = _strongest(weak, by_row, torn)
    return connected(pl.concat([sound.select("row_a", "row_b"), kept]))


def _strongest(edges: pl.DataFrame, names: dict[int, dict[str, str]], apart: pl.DataFrame) -> pl.DataFrame:
    """Edges, in the order given, that join no two names of one realm and no pair that is apart (Kruskal, refusing)."""
    parent: dict[int, int] = {}
    foes: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in apart.select("row_a", "row_b").iter_rows():
        foes[a].add(b)
        foes[b].add(a)

    def root(row: int) -> int:
        while parent.get(row, row) != row:
            parent[row] = parent.get(parent[row], parent[row])
            row = parent[row]
        return row

    kept = []
    for a, b in edges.select("row_a", "row_b").iter_rows():
        one, other = root(a), root(b)
        if one == other:
            kept.append((a, b))
            continue
        if len(foes[one]) > len(foes[other]):
            one, other = other, one
        mine, theirs = names.get(one, {}), names.get(other, {})
        names_differ = any(theirs.get(realm, name) != name for realm, name in mine.items())
        if names_differ or any(root(foe) == other for foe in foes[one]):
            continue
        parent[one] = other
        foes[other] |= foes.pop(one)
        names[other] = theirs | mine
        kept.append((a, b))
    return pl.DataFrame(kept, schema={"row_a": pl.UInt32, "row_b": pl.UInt32}, orient="row")


def connected(linked: pl.DataFrame) -> pl.DataFrame:
    """Connected components of edges row_a, row_b: every row in them and `label`, the smallest of its component."""
    rows, label = of_edges(linked["row_a"].to_numpy(), linked["row_b"].to_numpy())
    return pl.DataFrame({"row": rows, "label": label})


def clusters_of(relation: Relation, labels: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Components as clusters, sorted by row, the most complete product of each marked; ties go to the smallest id."""
    completeness = ["modalities", "table_pairs", "files", "description_chars"]
    return (
        labels.filter(pl.len().over("label") > 1)
        .join(products.select("row", *completeness), on="row")
        .sort("label", *completeness, "row", descending=[False, *[True] * len(completeness), False])
        .with_columns(is_survivor=pl.col("row") == pl.col("row").first().over("label"))
        .sort("row")
        .select(pl.lit(relation.value).alias("relation"), pl.col("label").alias("cluster"), "row", "is_survivor")
    )
