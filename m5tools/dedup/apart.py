"""What became of a pair in clusters: held together, joined through others, or kept apart though related."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.clusters import LEVELS, names_of
from m5tools.dedup.crowds import hub_gtins
from m5tools.dedup.products import listing_once
from m5tools.vocabulary import Relation


def together(dataset: Dataset, a: str, b: str) -> Iterator[str]:
    """The clusters that hold both, narrowest first; with the way from one to the other where no edge joins them."""
    clusters = dataset.scan("clusters").filter(pl.col("product_id").is_in([a, b])).collect()
    for relation, levels in LEVELS.items():
        mine = clusters.filter(relation=relation.value)
        if mine.height < 2 or mine["cluster_id"].n_unique() > 1:
            continue
        name = mine["cluster_id"][0]
        way = _way(dataset, a, b, _members(dataset, relation, name), levels)
        through = f", joined through {' – '.join(way)}" if len(way) > 2 else ""
        yield f"both are in the {relation} cluster {name}{through}"
        return


def parted(dataset: Dataset, a: str, b: str, relation: str, cap: int) -> Iterator[str]:
    """Why no cluster of their relation holds two products that an edge joins."""
    found = Relation(relation)
    clusters = dataset.scan("clusters").filter(pl.col("product_id").is_in([a, b]), relation=relation).collect()
    home = dict(clusters.select("product_id", "cluster_id").iter_rows())
    if a in home and home.get(a) == home.get(b):
        return
    sides = [_members(dataset, found, home[i]) if i in home else [i] for i in (a, b)]
    said = f"related, but no {relation} cluster holds both"
    bridges = dataset.scan("bridges").filter(
        ((pl.col("product_id") == a) & (pl.col("other_id") == b))
        | ((pl.col("product_id") == b) & (pl.col("other_id") == a))
    )  # fmt: skip
    hindrance = _hindrance(dataset, sides, found, cap)
    if hindrance is None and len(dataset.manifest()["crawls"]) > 1 and not bridges.collect().is_empty():
        yield f"{said}: a bridge, for they hang on two clusters that earlier crawls had formed"
        return
    differing = "products of either were compared and found to differ, or stronger edges of either came first"
    yield f"{said}: {hindrance or differing}"


def _hindrance(dataset: Dataset, sides: list[list[str]], relation: Relation, cap: int) -> str | None:
    """What one cluster of both sides would have held that may not stand together; None where nothing."""
    everyone = [product for side in sides for product in side]
    products = (
        dataset.scan("compared").filter(pl.col("product_id").is_in(everyone)).collect().with_row_index("row")
    ).with_columns(
        once=pl.col("source").is_in(listing_once(dataset.manifest())),
        gtin=pl.when(~pl.col("gtin").is_in(hub_gtins(dataset, cap).implode())).then("gtin"),
    )
    variants = dataset.scan("edges").filter(
        *(pl.col(side).is_in(everyone) for side in ("product_a", "product_b")), relation=Relation.VARIANT.value
    )
    held_apart = variants.select("product_a", "product_b").unique().sort("product_a", "product_b").collect()
    if relation is Relation.SAME_PRODUCT and held_apart.height:
        pair = held_apart.row(0, named=True)
        return f"{pair['product_a']} and {pair['product_b']} are variants of each other"
    named = names_of(products, relation).group_by("realm").agg(pl.col("name").unique().sort()).sort("realm")
    for realm, names in named.filter(pl.col("name").list.len() > 1).iter_rows():
        if relation is Relation.VARIANT:
            groups = ", ".join(name.rpartition("\x1f")[2] for name in names)
            return f"it would hold several item groups of '{realm}' ({groups})"
        if not realm:
            return f"it would hold several GTINs ({', '.join(names)})"
        listed = realm.partition("\x1f")[0]
        return f"it would hold several products of '{listed}' ({', '.join(names)}), which lists each once"
    return None


def _members(dataset: Dataset, relation: Relation, name: str) -> list[str]:
    rows = dataset.scan("clusters").filter(relation=relation.value, cluster_id=name).collect()
    return rows["product_id"].sort().to_list()


def _way(dataset: Dataset, a: str, b: str, members: list[str], levels: tuple[Relation, ...]) -> list[str]:
    """The shortest way from a to b over edges inside a cluster."""
    inside = (pl.col(side).is_in(members) for side in ("product_a", "product_b"))
    edges = dataset.scan("edges").filter(*inside, pl.col("relation").is_in([r.value for r in levels]))
    near: dict[str, set[str]] = {member: set() for member in members}
    for one, other in edges.select("product_a", "product_b").unique().collect().iter_rows():
        near[one].add(other)
        near[other].add(one)
    ways, seen = [[a]], {a}
    for way in ways:
        if way[-1] == b:
            return way
        for product in sorted(near[way[-1]] - seen):
            seen.add(product)
            ways.append([*way, product])
    return []
