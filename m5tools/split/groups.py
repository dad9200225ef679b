"""What must stay together: products joined by any relation and, where categories are held out whole, by a category."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


def groups(product_ids: pl.Series, *joined: pl.DataFrame) -> pl.Series:
    """Which products must stay together.

    Args:
        product_ids: distinct, ascending.
        joined: frames of columns cluster_id (a product id) and product_id; products of one cluster stay together.

    Returns:
        For each product the place (uint32) of its group's smallest product id in `product_ids`.
    """
    count = len(product_ids)
    places = pl.DataFrame({"product_id": product_ids, "place": np.arange(count, dtype=np.uint32)})
    ends = [_ends(clusters, places) for clusters in joined]
    rows, others = (np.concatenate([pair[i] for pair in ends]) for i in (0, 1))
    from scipy.sparse import coo_array  # a quarter of a second to load, which every other stage would pay too
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(rows), bool), (rows, others)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    smallest = np.full(count, count, np.uint32)
    np.minimum.at(smallest, component, np.arange(count, dtype=np.uint32))
    return pl.Series("group", smallest[component])


def by_category(products: pl.DataFrame) -> pl.DataFrame:
    """Every category as a cluster, named by its smallest product id; products without a category stand alone.

    Args:
        products: columns product_id and category ("" where unknown).

    Returns:
        Columns cluster_id, product_id.
    """
    known = products.filter(pl.col("category") != "")
    return known.select(pl.col("product_id").min().over("category").alias("cluster_id"), "product_id")


def _ends(clusters: pl.DataFrame, places: pl.DataFrame) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    linked = clusters.join(places, on="product_id").join(
        places, left_on="cluster_id", right_on="product_id", suffix="_cluster"
    )
    return linked["place"].to_numpy(), linked["place_cluster"].to_numpy()
