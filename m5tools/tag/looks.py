"""How widely a picture is shared as the eye sees it: shops re-encode the same "no image" drawing at their own size.

Two encodings of a drawing differ in few of the 256 bits of their PDQ hashes, mostly in the same fragile ones, so some
of its eight words of 32 bits are equal. Counting products under each word takes linear time; a word met by chance is
shared by about one picture in four thousand million. Only flat pictures are counted: photos are told apart elsewhere.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from m5tools import wording
from m5tools.dataset import Dataset
from m5tools.vocabulary import Modality, State

LOOKS: Final = ("alike_titles", "alike_categories")
FLAT_SHARE: Final = 0.5
_WORDS: Final = 8
_SCHEMA: Final = {"asset_id": pl.String, "alike_titles": pl.UInt32, "alike_categories": pl.UInt32}


def alike(dataset: Dataset) -> pl.DataFrame:
    """`asset_id`, `alike_titles`, `alike_categories` of each flat picture: different titles and categories of the
    products that show it or one that looks the same."""
    flat = (
        dataset.scan("signals_image")
        .filter(pl.col("state") == State.PRESENT.value, pl.col("flat_share") >= FLAT_SHARE)
        .select("asset_id", "pdq")
        .drop_nulls()
        .collect()
    )
    if flat.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    # A look that one product alone has needs no title read: it is one title in one category.
    shared = _shared_words(flat, dataset.scan("corpus_assets").filter(pl.col("products") > 1))
    listed = shared.join(_listings(dataset, shared.select("asset_id").unique()), on="asset_id")
    counted = listed.group_by("word").agg(
        alike_titles=pl.col("title").n_unique(), alike_categories=pl.col("category").n_unique()
    )
    many = shared.join(counted, on="word").group_by("asset_id").agg(pl.col(LOOKS).max())
    others = flat.select("asset_id").join(many, on="asset_id", how="anti")
    once = others.with_columns(pl.lit(1, pl.UInt32).alias(name) for name in LOOKS)
    return pl.concat([once, many]).sort("asset_id")


def _shared_words(flat: pl.DataFrame, listed_often: pl.LazyFrame) -> pl.DataFrame:
    """`asset_id`, `word` of each word that several pictures, or a picture of several products, have.

    A word is one of eight that a hash is cut into, numbered by its place in it.
    """
    hashes = np.frombuffer(b"".join(flat["pdq"]), np.uint8).reshape(-1, 4 * _WORDS)
    words = np.ascontiguousarray(hashes).view("<u4").astype(np.uint64)
    words |= np.arange(_WORDS, dtype=np.uint64) << np.uint64(32)
    often = flat.lazy().select("asset_id").with_row_index("place").join(listed_often, on="asset_id", how="semi")
    places = np.repeat(np.arange(flat.height, dtype=np.uint32), _WORDS)
    each = pl.DataFrame({"place": places, "word": words.ravel()})
    several = each.filter(pl.col("word").is_duplicated() | pl.col("place").is_in(often.collect()["place"].implode()))
    shared = each.join(several.select("word").unique(), on="word", how="semi")
    return pl.DataFrame({"asset_id": flat["asset_id"].gather(shared["place"]), "word": shared["word"]})


def _listings(dataset: Dataset, assets: pl.DataFrame) -> pl.DataFrame:
    """`asset_id`, `title` (its words), `category` of every product that lists one of these pictures."""
    fetched = dataset.scan("fetched").select("location_id", "asset_id").join(assets.lazy(), on="asset_id", how="semi")
    media = dataset.scan("media").filter(pl.col("modality") == Modality.IMAGE.value)
    listed = media.select("product_id", "location_id").join(fetched, on="location_id").collect()
    products = (
        dataset.scan("products")
        .select("product_id", "title", "category")
        .join(listed.lazy(), on="product_id", how="semi")
        .select(
            "product_id",
            title=wording.words(pl.col("title")).fill_null(""),
            category=wording.category_key(pl.col("category")),
        )
    )
    return listed.lazy().join(products, on="product_id").select("asset_id", "title", "category").unique().collect()
