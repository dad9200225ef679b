"""What the rounds of `dedup` leave each other in its scratch folder: products, pairs and edges, by number.

Products are numbered by id over the whole dataset, partition by partition (ids fall into partitions in ascending
order). A unit reads the parts of its own partition and maps what it looks up of all products, so a unit costs the same
whatever the number of partitions is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.dedup.crowds import hub_gtins
from m5tools.dedup.places import Places
from m5tools.dedup.products import listing_once, origins
from m5tools.generations import Generations
from m5tools.joins.numbers import Numbers
from m5tools.partitions import part_name

_GROUND: Final = "ground.json"
_NUMBERS: Final = "numbers.npy"
_NEW: Final = "new.npy"
PRODUCTS: Final = "products"
"""Kind of parts: row, the columns of `compared`, is_new and once."""


@dataclass(frozen=True)
class Parts:
    """One kind of rows in parts, one a partition, that can be gone through again and again."""

    files: tuple[Path, ...]

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (part.collect() for part in self.scans())

    def __getitem__(self, partition: int) -> pl.DataFrame:
        return pl.scan_ipc(self.files[partition], glob=False).collect()

    def scans(self) -> Iterator[pl.LazyFrame]:
        """The parts, to read some columns of."""
        return (pl.scan_ipc(file, glob=False) for file in self.files)


@dataclass(frozen=True)
class Left:
    """The scratch folder of one run.

    Attributes:
        scratch: the folder.
        partitions: of the dataset.
    """

    scratch: Path
    partitions: int

    def begin(self, dataset: Dataset, grown: Generations, base: str | None, cap: int) -> None:
        """Number the products, and note the generation that this run goes on from; a GTIN that more than `cap` of them
        bear keeps none of them apart."""
        hubs = hub_gtins(dataset, cap)
        once, ids, new, first = listing_once(dataset.manifest()), [], [], [0]
        for partition in range(self.partitions):
            products = dataset.read("compared", partition=partition).sort("product_id")
            known = grown.known(base, partition)
            products = products.with_row_index("row", offset=first[-1]).with_columns(
                is_new=~pl.col("product_id").is_in(known.implode()),
                once=pl.col("source").is_in(once),
                gtin=pl.when(~pl.col("gtin").is_in(hubs.implode())).then("gtin"),
            )
            self.keep(PRODUCTS, partition, products)
            ids.append(products["product_id"])
            new.append(products["is_new"].to_numpy())
            first.append(first[-1] + products.height)
        Numbers.write(self.scratch / _NUMBERS, ids)
        with atomic.whole_file(self.scratch / _NEW) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate(new))
        atomic.write_json(self.scratch / _GROUND, {"base": base, "first": first})

    @cached_property
    def _ground(self) -> dict[str, Any]:
        ground: dict[str, Any] = json.loads((self.scratch / _GROUND).read_text(encoding="utf-8"))
        return ground

    @property
    def base(self) -> str | None:
        """The generation that this run goes on from, as its first unit found it."""
        base: str | None = self._ground["base"]
        return base

    @property
    def first(self) -> Sequence[int]:
        """The number of the first product of each partition, and how many there are at the end."""
        first: list[int] = self._ground["first"]
        return first

    @cached_property
    def numbers(self) -> Numbers:
        return Numbers.read(self.scratch / _NUMBERS)

    @cached_property
    def new(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether products came since the generation that this run goes on from, by number."""
        new: np.ndarray[Any, np.dtype[np.bool_]] = np.load(self.scratch / _NEW, mmap_mode="r")
        return new

    def keep(self, kind: str, partition: int, rows: pl.DataFrame, packed: bool = False) -> None:
        """Leave a part of a kind: as it lies in memory, to be mapped, or packed where it is large and read once."""
        with atomic.whole_file(self.scratch / kind / f"{part_name(partition)}.arrow") as temporary:
            rows.write_ipc(temporary, compression="lz4" if packed else "uncompressed")

    def parts(self, kind: str) -> Parts:
        """The parts of a kind."""
        return Parts(tuple(self.scratch / kind / f"{part_name(i)}.arrow" for i in range(self.partitions)))

    def products(self, rows: pl.Series) -> pl.DataFrame:
        """Products by number, sorted by it: row, the columns of `compared`, is_new and once."""
        wanted = np.zeros(self.first[-1], bool)
        wanted[rows.to_numpy()] = True
        return pl.concat(
            part.filter(wanted[first : first + part.height])
            for first, part in zip(self.first, self.parts(PRODUCTS), strict=False)
        )

    def clusters(self, grown: Generations) -> pl.DataFrame:
        """The clusters of the generation that this run goes on from, by number: relation, cluster, row."""
        files = [file for file in grown.files(self.base) if file.suffix == ".parquet"]
        columns = {"cluster": "cluster_id", "row": "product_id"}
        parts = (pl.read_parquet(file, columns=["relation", *columns.values()], glob=False) for file in files)
        return pl.concat(
            part.select("relation", *(self.numbers.of(part[name]).alias(number) for number, name in columns.items()))
            for part in parts
        )

    def rivals(self, grown: Generations, places: Places) -> Iterator[pl.DataFrame]:
        """What the pairs of earlier generations left of some places: place and figures, the latest last."""
        manifest = grown.dataset.manifest()
        for file in (file for file in grown.files(self.base) if file.suffix == ".parquet"):
            part = pl.read_parquet(file, glob=False)
            rows, origin = self.numbers.of(part["product_id"]), part.select(origins(pl.col("source"), manifest))
            known = places.among(rows, origin["source"])
            rows, origin, part = rows.filter(known), origin.filter(known), part.filter(known)
            yield part.drop("product_id", "source").with_columns(place=places.of(rows, origin["source"]))

    def homes(self, rows: pl.Series) -> pl.Series:
        """The partitions of products by number."""
        return pl.Series("home", np.searchsorted(self.first[1:], rows.to_numpy(), side="right"))

    def by_partition(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Rows with a column `row`, split by the partition of this product; their order stays."""
        home = self.homes(rows["row"]).to_numpy()
        order = np.argsort(home, kind="stable")
        bounds = np.searchsorted(home[order], np.arange(self.partitions + 1))
        for first, beyond in pairwise(bounds):
            yield rows[order[first:beyond]]

    def named(self, rows: pl.DataFrame, **columns: str) -> pl.DataFrame:
        """Rows with ids instead of numbers.

        Args:
            rows: some rows.
            columns: what a column of numbers is called as one of ids.
        """
        ids = (self.numbers.ids(rows[number]).alias(name) for number, name in columns.items())
        return rows.with_columns(*ids).drop(set(columns) - set(columns.values()))
