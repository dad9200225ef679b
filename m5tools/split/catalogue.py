"""All products by number, in the order of their ids: to place millions takes some bytes of each, not its texts.

Of texts only the names of categories are held, each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs
from xxhash import xxh3_64_intdigest

from m5tools.dataset import Dataset
from m5tools.joins.numbers import Numbers
from m5tools.vocabulary import Relation, Split
from m5tools.wording import category_key

RELATIONS: Final = pl.Enum([relation.value for relation in Relation])
SPLITS: Final = pl.Enum([split.value for split in Split])
_IDS_AT_ONCE: Final = 1 << 18


@dataclass(frozen=True)
class Catalogue:
    """All products of a dataset.

    Attributes:
        numbers: of products.
        categories: names of categories, ascending; the first is "", of products without one.
        products: `row` (uint32: the number) and `category` (uint32: its place among the names) of each, by row.
        first: number of the first product of each part, and how many there are at the end.
    """

    numbers: Numbers
    categories: pl.Series
    products: pl.DataFrame
    first: Sequence[int]

    @classmethod
    def of(cls, dataset: Dataset) -> Catalogue:
        """The products of a dataset, whose parts are its partitions."""
        wanted = ("product_id", category_key(pl.col("category")).fill_null("").alias("category"))
        parts = (dataset.scan("products", partition=i).select(wanted) for i in range(dataset.partitions))
        return cls.over(part.sort("product_id").collect() for part in parts)

    @classmethod
    def over(cls, parts: Iterable[pl.DataFrame]) -> Catalogue:
        """Products that come in parts.

        Args:
            parts: product_id (distinct, ascending over all parts) and category ("" where unknown).
        """
        names, first = _Names(), [0]
        places: list[npt.NDArray[np.uint32]] = [np.empty(0, np.uint32)]

        def ids() -> Iterator[pl.Series]:
            for part in parts:
                places.append(names.places(part["category"]))
                first.append(first[-1] + part.height)
                yield part["product_id"]

        numbers = Numbers.over(ids())
        category = pl.Series("category", names.ascending()[np.concatenate(places)])
        rows = pl.int_range(first[-1], dtype=pl.UInt32, eager=True).alias("row")
        return cls(numbers, names.seen.sort(), pl.DataFrame([rows, category]), first)

    def clusters(self, dataset: Dataset) -> pl.DataFrame:
        """All clusters by number: relation, is_survivor, cluster, row."""
        relation = pl.col("relation").cast(RELATIONS, strict=False)
        parts = (dataset.scan("clusters", partition=i).with_columns(relation) for i in range(dataset.partitions))
        return self.numbers.numbered(parts, cluster="cluster_id", row="product_id")

    def bridges(self, dataset: Dataset) -> pl.DataFrame:
        """All bridges by number: row, other."""
        parts = (dataset.scan("bridges", partition=i) for i in range(dataset.partitions))
        return self.numbers.numbered(parts, row="product_id", other="other_id")

    def named(self, rows: pl.DataFrame, part: int) -> pl.DataFrame:
        """Of rows about all products, in their order, those of one part: with product_id, and words as texts."""
        here = rows[self.first[part] : self.first[part + 1]]
        return here.with_columns(self.numbers.ids(here["row"]).alias("product_id"), cs.enum().cast(pl.String))

    def draws(self, rows: pl.Series, seed: int) -> pl.Series:
        """A number in [0, 1) for each product, a pure function of id and seed."""
        starts = range(0, len(rows), _IDS_AT_ONCE)
        found = [drawn(self.numbers.ids(rows[i : i + _IDS_AT_ONCE]), seed) for i in starts]
        return pl.concat([pl.Series([], dtype=pl.Float64), *found])

    def phases(self, categories: pl.Series, seed: int) -> pl.DataFrame:
        """A number in [0, 1) for each category, a pure function of name and seed: category, phase."""
        return pl.DataFrame({"category": categories, "phase": drawn(self.categories[categories], seed)})


class _Names:
    """Names as they come, part by part.

    Attributes:
        seen: each once, in the order of the parts; the first is "".
    """

    def __init__(self) -> None:
        self.seen = pl.Series("name", [""])

    def places(self, names: pl.Series) -> npt.NDArray[np.uint32]:
        """uint32: where in `seen` the names of a part are, among which are those that are new."""
        mine = names.alias("name").to_frame()
        new = mine.unique().join(self.seen.to_frame(), on="name", how="anti").sort("name")["name"]
        self.seen = pl.concat([self.seen, new])
        placed = self.seen.to_frame().with_row_index("place")
        return mine.join(placed, on="name", how="left", maintain_order="left")["place"].to_numpy()

    def ascending(self) -> npt.NDArray[np.uint32]:
        """uint32 `[seen]`: the place of each among all in ascending order."""
        found = np.empty(len(self.seen), np.uint32)
        found[self.seen.arg_sort().to_numpy()] = np.arange(len(self.seen), dtype=np.uint32)
        return found


def drawn(names: pl.Series, seed: int) -> pl.Series:
    """A number in [0, 1) for every name, a pure function of name and seed (xxh3-64)."""
    return pl.Series([xxh3_64_intdigest(name.encode(), seed) / 2**64 for name in names], dtype=pl.Float64)
