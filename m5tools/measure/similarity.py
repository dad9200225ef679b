"""How much two modalities of a product say the same, by vectors: text ↔ table and image ↔ text, as cosines.

The vectors come from a sentence-transformers model (extra `embed`), or from files that were written before, as
`m5 embed` writes them: Parquet with `product_id`, `modality`, `vector`, and `mismatch` where the network judged whether
a modality belongs to its product. Without either there is no similarity: null, never zero.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.embedding import AT_ONCE, encoded, stored, vector_files
from m5tools.errors import UsageError
from m5tools.vocabulary import Modality

_CHARS: Final = 1000
_KEY: Final = ("product_id", "modality")


def text_table(model: str, products: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `text_table_similarity` of title and description with "name: value" of every pair; products that
    lack either are left out.

    Args:
        model: path or name of a sentence-transformers model for texts.
        products: `product_id`, `title`, `description`.
        attributes: `product_id`, `position`, `name`, `value`.
    """
    both = _texts(products).join(_tables(attributes), on="product_id")
    cosines = _cosines(encoded(model, both["text"].to_list()), encoded(model, both["table"].to_list()))
    return both.select("product_id").with_columns(text_table_similarity=pl.Series(cosines, dtype=pl.Float32))


def picture_vectors(model: str, previews: pl.Series) -> NDArray[np.float32]:
    """The vectors of pictures: float32 [n, size].

    Args:
        model: path or name of a CLIP or SigLIP model that sentence-transformers can load.
        previews: JPEG or WebP bytes.
    """
    from PIL import Image

    shown: list[NDArray[np.float32]] = []
    for part in previews.to_frame().iter_slices(AT_ONCE):
        images = [Image.open(io.BytesIO(data)).convert("RGB") for data in part.to_series()]
        shown.append(encoded(model, images))
    return np.concatenate(shown) if shown else np.empty((0, 1), np.float32)


def image_text(model: str, products: pl.DataFrame, pictures: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `image_text_similarity` of a picture with the title, or the description where there is none.

    Args:
        model: the model that made the vectors.
        products: `product_id`, `title`, `description`.
        pictures: `product_id`, `vector` (as :func:`picture_vectors` makes them).
    """
    told = products.select("product_id", text=pl.coalesce("title", "description")).drop_nulls()
    both = told.join(pictures, on="product_id", maintain_order="left")
    pixels = np.array(both["vector"].to_list(), np.float32)
    cosines = _cosines(pixels, encoded(model, both["text"].to_list()))
    return both.select("product_id").with_columns(image_text_similarity=pl.Series(cosines, dtype=pl.Float32))


def from_vectors(files: Sequence[str], ids: pl.Series, one: Modality, other: Modality) -> pl.DataFrame:
    """`product_id`, `similarity` of two modalities by vectors that were written before.

    Args:
        files: Parquet files, or folders of them, with `product_id`, `modality`, `vector`.
        ids: the products to look up.
        one, other: the modalities.

    Raises:
        UsageError: there is no such file, or the vectors of two modalities differ in length.
    """
    found = stored(files, ids, [one.value, other.value])
    sides = [found.filter(pl.col("modality") == m.value).select("product_id", "vector") for m in (one, other)]
    both = sides[0].join(sides[1], on="product_id", suffix="_other").sort("product_id")
    sizes = pl.concat([both["vector"].list.len(), both["vector_other"].list.len()])
    if sizes.n_unique() > 1:
        raise UsageError(f"the vectors of {one} and {other} in {', '.join(files)} differ in length")
    first, second = (np.array(both[c].to_list(), np.float32) for c in ("vector", "vector_other"))
    cosines = _cosines(first, second)
    return both.select("product_id").with_columns(similarity=pl.Series(cosines, dtype=pl.Float32))


def mismatches(files: Sequence[str], ids: pl.Series) -> pl.DataFrame:
    """`product_id` and for every modality `<modality>_mismatch`: the probability that it does not belong to its
    product, as a trained network judged it (`m5 embed`); null where it did not.

    Args:
        files: as of :func:`from_vectors`; those without a column `mismatch` tell nothing.
        ids: the products to look up.

    Raises:
        UsageError: there is no such file.
    """
    telling = [path for path in vector_files(files) if "mismatch" in pl.scan_parquet(path, glob=False).collect_schema()]
    wanted = [pl.col("modality") == modality.value for modality in Modality]
    columns = [
        pl.col("mismatch").filter(one).first().alias(f"{m}_mismatch") for m, one in zip(Modality, wanted, strict=True)
    ]
    none = pl.DataFrame(schema={"product_id": pl.String, "modality": pl.String, "mismatch": pl.Float32}).lazy()
    rows = pl.concat([none, *(pl.scan_parquet(path, glob=False).select(*_KEY, "mismatch") for path in telling)])
    mine = rows.filter(pl.col("product_id").is_in(ids.implode()), pl.col("mismatch").is_not_null())
    return mine.group_by("product_id", maintain_order=True).agg(columns).sort("product_id").collect()


def _texts(products: pl.DataFrame) -> pl.DataFrame:
    text = pl.concat_str("title", "description", separator="\n", ignore_nulls=True).str.slice(0, _CHARS)
    return products.select("product_id", text=text).filter(pl.col("text") != "")


def _tables(attributes: pl.DataFrame) -> pl.DataFrame:
    pairs = attributes.drop_nulls("value").sort("product_id", "position")
    lines = pairs.select("product_id", line=pl.col("name") + ": " + pl.col("value"))
    joined = lines.group_by("product_id", maintain_order=True).agg(table=pl.col("line").str.join("; "))
    return joined.with_columns(pl.col("table").str.slice(0, _CHARS))


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(one):
        return np.empty(0, np.float32)
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines: NDArray[np.float32] = np.einsum("nd,nd->n", one, other) / np.maximum(length, np.finfo(np.float32).tiny)
    return cosines
