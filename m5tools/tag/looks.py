"""How widely a picture is shared as the eye sees it: shops re-encode the same "no image" drawing at their own size.

Two encodings of a drawing differ in few of the 256 bits of their PDQ hashes, mostly in the same fragile ones, so some
of its eight words of 32 bits are equal. Hashes of plain shapes are far from random, so different pictures share words
too: where several titles come together, those far from the middle of all that share the word (its bits by majority)
are not counted with them. Both steps take linear time. Only flat pictures are counted: photos are told apart elsewhere.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from m5tools import wording
from m5tools.dataset import Dataset
from m5tools.vocabulary import Modality, State

LOOKS: Final = ("alike_titles", "alike_categories", "alike_brands")
FLAT_SHARE: Final = 0.5
NEAR: Final = 31
"""Bits of 256 in which PDQ hashes of one picture may differ, as its authors have it."""
POINTS: Final = 64
"""PDQ looks at 64 × 64 points: where a picture has fewer, the points between make different pictures one look."""
DOUBTED: Final = 3
"""Titles from which on it is looked whether pictures that share a word look the same: fewer make no crowd."""
_WORDS: Final = 8
_SCHEMA: Final = {"asset_id": pl.String} | dict.fromkeys(LOOKS, pl.UInt32)


def alike(dataset: Dataset) -> pl.DataFrame:
    """`asset_id`, `alike_titles`, `alike_categories`, `alike_brands` of each flat picture of 64 × 64 pixels and more:
    different titles, categories and brands of the products that show it or one that looks the same."""
    large = pl.min_horizontal("width", "height") >= POINTS
    flat = (
        dataset.scan("signals_image")
        .filter(pl.col("state") == State.PRESENT.value, pl.col("flat_share") >= FLAT_SHARE, large)
        .select("asset_id", "pdq")
        .drop_nulls()
        .collect()
    )
    if flat.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    # A look that one product alone has needs no title read: it is one title in one category, and at most one brand.
    shared = _shared_words(flat, dataset.scan("corpus_assets").filter(pl.col("products") > 1))
    listings = _listings(dataset, shared.select("asset_id").unique())
    counted = _counted(shared, listings)
    doubted = counted.filter(pl.col("alike_titles") >= DOUBTED).select("word")
    same = _of_one_look(flat, shared.join(doubted, on="word", how="semi"))
    counted = pl.concat([counted.join(doubted, on="word", how="anti"), _counted(same, listings)])
    shared = pl.concat([shared.join(doubted, on="word", how="anti"), same])
    many = shared.join(counted, on="word").group_by("asset_id").agg(pl.col(LOOKS).max())
    others = flat.select("asset_id").join(many, on="asset_id", how="anti")
    once = others.with_columns(pl.lit(1, pl.UInt32).alias(name) for name in LOOKS)
    return pl.concat([once, many]).sort("asset_id")


def _shared_words(flat: pl.DataFrame, listed_often: pl.LazyFrame) -> pl.DataFrame:
    """`asset_id`, `word` of each word that several pictures, or a picture of several products, have.

    A word is one of eight that a hash is cut into, numbered by its place in it.
    """
    words = _hashes(flat).view("<u4").astype(np.uint64)
    words |= np.arange(_WORDS, dtype=np.uint64) << np.uint64(32)
    often = flat.lazy().select("asset_id").with_row_index("place").join(listed_often, on="asset_id", how="semi")
    places = np.repeat(np.arange(flat.height, dtype=np.uint32), _WORDS)
    each = pl.DataFrame({"place": places, "word": words.ravel()})
    several = each.filter(pl.col("word").is_duplicated() | pl.col("place").is_in(often.collect()["place"].implode()))
    shared = each.join(several.select("word").unique(), on="word", how="semi")
    return pl.DataFrame({"asset_id": flat["asset_id"].gather(shared["place"]), "word": shared["word"]})


def _counted(shared: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    """`word`, and titles, categories and brands of the products that show a picture with it."""
    listed = shared.join(listings, on="asset_id").group_by("word")
    return listed.agg(
        alike_titles=pl.col("title").n_unique(),
        alike_categories=pl.col("category").n_unique(),
        alike_brands=pl.col("brand").drop_nulls().n_unique(),
    )


def _of_one_look(flat: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    """`asset_id`, `word` of `shared` without pictures far from the middle of their word; a picture that is left with
    none has a word of its own, as several products may show it."""
    if shared.is_empty():
        return shared
    places = flat.select("asset_id").with_row_index("place")
    rows = shared.join(places, on="asset_id").sort("word", "place")
    place, word = rows["place"].to_numpy(), rows["word"].to_numpy()
    first = np.flatnonzero(np.diff(word, prepend=word[0] + 1))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(word)))
    half = np.bincount(group)[:, None] / 2
    hashes = _hashes(flat)
    far = np.zeros(len(word), np.int16)
    for byte in range(0, hashes.shape[1], 4):  # a word at a time, as bits take eight times the memory
        bits = np.unpackbits(hashes[place, byte : byte + 4], axis=1)
        middle = np.add.reduceat(bits, first, axis=0, dtype=np.int32) > half
        far += (bits != middle[group]).sum(axis=1, dtype=np.int16)
    near = rows.filter(pl.Series(far <= NEAR))
    alone = rows.unique("asset_id", keep="first", maintain_order=True).join(near, on="asset_id", how="anti")
    own = alone.with_columns(word=pl.col("place").cast(pl.UInt64) | pl.lit(1 << 48, pl.UInt64))
    return pl.concat([near, own]).select("asset_id", "word")


def _hashes(flat: pl.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The PDQ hashes, uint8 [N, 32]."""
    return np.ascontiguousarray(np.frombuffer(b"".join(flat["pdq"]), np.uint8).reshape(-1, 4 * _WORDS))


def _listings(dataset: Dataset, assets: pl.DataFrame) -> pl.DataFrame:
    """`asset_id`, `title` and `brand` (their words), `category` of every product that lists one of these pictures."""
    fetched = dataset.scan("fetched").select("location_id", "asset_id").join(assets.lazy(), on="asset_id", how="semi")
    media = dataset.scan("media").filter(pl.col("modality") == Modality.IMAGE.value)
    listed = media.select("product_id", "location_id").join(fetched, on="location_id").collect()
    products = (
        dataset.scan("products")
        .select("product_id", "title", "category", "brand")
        .join(listed.lazy(), on="product_id", how="semi")
        .select(
            "product_id",
            title=wording.words(pl.col("title")).fill_null(""),
            category=wording.category_key(pl.col("category")),
            brand=pl.when(~wording.says_nothing(pl.col("brand"))).then(wording.words(pl.col("brand"))),
        )
    )
    shown = listed.lazy().join(products, on="product_id").select("asset_id", "title", "category", "brand")
    return shown.unique().collect()
