"""Titles as vectors of a language model, or products as those of a trained network (`m5 embed`): candidates that share
no word, and one more evidence of a pair.

Only where the policy names a model or vectors (extra `embed`); without there is no such evidence: null, never zero. A
product is compared with those that are nearest in each source, so that the near neighbours which every catalogue lists
on purpose do not stand in the way of another shop's.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.policy import EmbeddingRules
from m5tools.embedding import encoded, stored, vector_files
from m5tools.errors import UsageError
from m5tools.joins.bands import union

Vectors = npt.NDArray[np.float32]

EXACT: Final = 50_000
"""Titles of a source up to which all are looked at; beyond, those in the nearest cells of an inverted file."""

_CELLS: Final = 4.0
"""Cells of an inverted file: so many times the root of the titles (Johnson, Douze & Jégou, Billion-scale similarity
search with GPUs, 2017; faiss guidelines) …"""
_PROBED: Final = 16
"""… and how many of them are looked at."""
_SEED: Final = 1234
_AT_ONCE: Final = 65_536


def examine(rules: EmbeddingRules) -> None:
    """Refuse to begin without the extra, or without the vectors that are named.

    Raises:
        UsageError: something is missing.
    """
    needed = ("sentence_transformers", "faiss") if rules.model else ("faiss",)
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        named = "a model" if rules.model else "vectors"
        raise UsageError(
            f"the policy names {named} (embedding), which needs {' and '.join(missing)} of the extra 'embed': "
            "pip install 'm5tools[embed]'"
        )
    vector_files(rules.vectors)


def vectors_of(products: pl.DataFrame, rules: EmbeddingRules) -> pl.DataFrame:
    """The vectors of products by which they are compared.

    Args:
        products: columns row, product_id and title.
        rules: where they come from.

    Returns:
        Columns row and vector (list of float32, length 1); who has none is left out.
    """
    if rules.model:
        return title_vectors(products, rules.model)
    found = stored(rules.vectors, products["product_id"], [rules.of]).select("product_id", "vector")
    told = products.select("row", "product_id").join(found, on="product_id", maintain_order="left")
    return told.select("row", "vector")


def title_vectors(products: pl.DataFrame, model: str) -> pl.DataFrame:
    """The vectors of titles.

    Args:
        products: columns row and title.
        model: path or name of a sentence-transformers model.

    Returns:
        Columns row and vector (list of float32, length 1); products without a title are left out.
    """
    titled = products.select("row", "title").drop_nulls()
    distinct = titled["title"].unique().sort()
    vectors = encoded(model, distinct.to_list())
    lists = pl.Series("vector", vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])).arr.to_list()
    told = pl.DataFrame([distinct, lists])
    return titled.join(told, on="title", maintain_order="left").select("row", "vector")


def vector_pairs(vectors: pl.DataFrame, products: pl.DataFrame, rules: EmbeddingRules) -> pl.DataFrame:
    """Products whose vectors are near.

    Args:
        vectors: as :func:`vectors_of` makes them, of all products.
        products: columns row, origin, once.
        rules: how many neighbours, how near.

    Returns:
        Columns a, b; distinct, sorted. None within a source that lists each product once.
    """
    known = vectors.join(products.select("row", "origin", "once"), on="row", maintain_order="left").sort("row")
    found = [pl.DataFrame(schema={"a": pl.UInt32, "b": pl.UInt32})]
    for (_, once), listed in known.group_by("origin", "once", maintain_order=True):
        index = _index(_matrix(listed))
        rows = listed["row"].to_numpy()
        asking = known.filter(pl.col("origin") != listed["origin"][0]) if once else known
        for part in asking.iter_slices(_AT_ONCE):
            # One more, for a product finds itself.
            near, places = index.search(_matrix(part), min(rules.neighbours + 1, len(rows)))
            own = np.repeat(part["row"].to_numpy(), near.shape[1])
            met = pl.DataFrame({"own": own, "place": places.ravel(), "near": near.ravel()})
            met = met.filter(pl.col("place") >= 0, pl.col("near") >= rules.similarity)
            other = pl.Series(rows[met["place"].to_numpy()], dtype=pl.UInt32)
            found.append(met.select(a=pl.col("own").cast(pl.UInt32), b=other).filter(pl.col("a") != pl.col("b")))
    return union(found)


def similarity(vectors: pl.DataFrame, a: pl.Series, b: pl.Series) -> pl.Series:
    """The cosines of pairs of rows, float32; null where a side has no vector.

    To four digits, for what batches and threads of a model change lies behind them.

    Args:
        vectors: as :func:`vectors_of` makes them, of (at least) the products in the pairs.
        a, b: rows.
    """
    place = vectors.select("row").with_row_index("place")
    sides = [pl.DataFrame({"row": side}).join(place, on="row", how="left", maintain_order="left") for side in (a, b)]
    both = pl.DataFrame([side["place"].alias(name) for side, name in zip(sides, "ab", strict=True)])
    told = both.with_row_index("pair").drop_nulls()
    cosines = np.full(both.height, np.nan, np.float32)
    matrix = _matrix(vectors)
    for part in told.iter_slices(_AT_ONCE):
        one, other = matrix[part["a"].to_numpy()], matrix[part["b"].to_numpy()]
        cosines[part["pair"].to_numpy()] = np.einsum("nd,nd->n", one, other)
    return pl.Series("embedding_score", cosines.round(4), nan_to_null=True)


def no_similarity(count: int) -> pl.Series:
    """What :func:`similarity` gives where no model is named: nulls."""
    return pl.Series("embedding_score", [None] * count, dtype=pl.Float32)


def _matrix(vectors: pl.DataFrame) -> Vectors:
    values: Vectors = vectors["vector"].explode().to_numpy()
    return np.ascontiguousarray(values.reshape(vectors.height, -1)) if vectors.height else np.empty((0, 1), np.float32)


def _index(vectors: Vectors) -> Any:
    """A faiss index of inner products: exact for few, of cells for many; on one thread, so that a run repeats."""
    import faiss

    faiss.omp_set_num_threads(1)
    count, size = vectors.shape
    cells: Any = faiss.IndexFlatIP(size)
    if count > EXACT:
        cells = faiss.IndexIVFFlat(cells, size, int(_CELLS * count**0.5), faiss.METRIC_INNER_PRODUCT)
        cells.cp.seed, cells.nprobe = _SEED, _PROBED
        cells.train(vectors)
    cells.add(vectors)
    return cells
