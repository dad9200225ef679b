"""From files to products: which products list files that are copies of each other, and which files say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from m5tools.dedup.policy import JoinRules
from m5tools.joins.bands import Joined, neighbours, union


@dataclass(frozen=True)
class Files:
    """Files by number, 0 … n−1 in order of the asset ids; what is known of them is read a part at a time.

    Attributes:
        parts: rows of listed files, some of them in several parts.
        numbers: for each part the number of the file of each row (uint32), null where it was met before.
    """

    parts: Sequence[pl.LazyFrame]
    numbers: Sequence[pl.Series]

    def read(self, *columns: str) -> Iterator[pl.DataFrame]:
        """Some columns of each file, with its number as `file`."""
        for part, numbers in zip(self.parts, self.numbers, strict=True):
            yield part.select(columns).collect().with_columns(numbers.alias("file")).drop_nulls("file")


def in_order(frame: pl.DataFrame) -> Files:
    """Files that are listed once each, numbered as they stand."""
    return Files([frame.lazy()], [pl.Series(range(frame.height), dtype=pl.UInt32)])


@dataclass(frozen=True)
class Listed:
    """The files that products list.

    Attributes:
        files: what is known of each.
        by: columns file, row (the product), stem (a number for its title without colour and measures; null where it has
            none), look (a number that files of equal looks share).
    """

    files: Files
    by: pl.DataFrame


def listed(parts: Sequence[pl.LazyFrame], look: str | None = None) -> Listed:
    """Number the files.

    Args:
        parts: columns row, stem, asset_id and what is known of the asset.
        look: the column in which files of equal looks agree; None: each has its own.
    """
    every = [part.select("row", "stem", "asset_id").collect() for part in parts]
    heights = [part.height for part in every]
    by = pl.concat(every).select(
        "row",
        pl.col("stem").rank("dense"),
        file=(pl.col("asset_id").rank("dense") - 1).cast(pl.UInt32),
        again=pl.col("asset_id").is_first_distinct().not_(),
    )
    del every
    number = by.select(pl.when(pl.col("again").not_()).then("file")).to_series()
    starts = [sum(heights[:i]) for i in range(len(heights))]
    files = Files(parts, [number.slice(start, height) for start, height in zip(starts, heights, strict=True)])
    by = by.select("file", "row", "stem").unique()
    if look is None:
        return Listed(files, by.with_columns(look="file").sort("file", "row"))
    said = pl.when(pl.col(look).is_not_null()).then(pl.col(look).hash())
    looks = pl.concat(part.select("file", look=said) for part in files.read(look))
    return Listed(files, by.join(looks, on="file").sort("file", "row"))


def without_worn(related: pl.DataFrame, by: pl.DataFrame, most: int) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Leave out files whose look, with those of their copies, stands under more different titles than a product's does.

    Counted by looks: of many files with one look only neighbours are related, and each would have a few titles.

    Args:
        related: columns a, b (files) and others.
        by: as in `Listed`.
        most: titles that are borne.

    Returns:
        The two tables without them, and their number.
    """
    looks = by.select("file", "look").unique()
    ends = related.join(looks, left_on="a", right_on="file").join(looks, left_on="b", right_on="file", suffix="_b")
    itself = looks.select("look", look_b="look")
    around = pl.concat([ends.select("look", "look_b"), ends.select(look="look_b", look_b="look"), itself]).unique()
    titles = around.join(by.select(look_b="look", stem="stem").drop_nulls("stem").unique(), on="look_b")
    worn_looks = titles.group_by("look").agg(pl.col("stem").n_unique()).filter(pl.col("stem") > most)
    worn = looks.join(worn_looks, on="look", how="semi").select("file").unique()
    for side in ("a", "b"):
        related = related.join(worn, left_on=side, right_on="file", how="anti", maintain_order="left")
    return related, by.join(worn, on="file", how="anti", maintain_order="left"), worn.height


def candidates(related: pl.DataFrame, by: pl.DataFrame, join: JoinRules) -> Joined:
    """Pairs of products that list one file, or two that are related."""
    same = neighbours(by.select(key="file", row="row"), join.window, join.cap)
    some = by.group_by("file", maintain_order=True).head(join.window).select("file", "row")
    across = related.join(some, left_on="a", right_on="file").join(some, left_on="b", right_on="file", suffix="_b")
    return Joined(union([same.pairs, across.select(a="row", b="row_b")]), same.hubs, same.hub_rows)


def met(pairs: pl.DataFrame, related: pl.DataFrame, by: pl.DataFrame) -> pl.DataFrame:
    """Which files the products of each pair have in common, or related.

    Args:
        pairs: columns a, b (products).
        related: columns a, b (files) and others, each file with itself among them.
        by: as in `Listed`.

    Returns:
        Columns a, b, file, file_b and the others.
    """
    own = by.select("row", "file").unique()
    apart = related.filter(pl.col("a") != pl.col("b"))
    both_ways = pl.concat([related, apart.rename({"a": "b", "b": "a"}).select(related.columns)])
    return (
        pairs.join(own, left_on="a", right_on="row")
        .join(both_ways, left_on="file", right_on="a")
        .rename({"b_right": "file_b"})
        .join(own, left_on=["b", "file_b"], right_on=["row", "file"], how="semi")
    )


def recorded_pairs(related: pl.DataFrame, by: pl.DataFrame, most: int, join: JoinRules, name: str) -> Joined:
    """Products that have one recording.

    Args:
        related: columns a, b (files) and share.
        by: as in `Listed`.
        most: titles under which a recording says something still.
        join: how far a file is followed.
        name: of the column with the share, the best of a pair's recordings.
    """
    related, by, worn = without_worn(related, by, most)
    pairs = candidates(related, by, join)
    itself = by.select(a="file", b="file").unique().with_columns(share=pl.lit(1, pl.Float32))
    shares = (
        met(pairs.pairs, pl.concat([related, itself]), by).group_by("a", "b").agg(pl.col("share").max().alias(name))
    )
    return Joined(shares.sort("a", "b"), pairs.hubs + worn, pairs.hub_rows)
