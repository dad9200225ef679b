"""The scratch tables of a run of `compare`: parts that are scanned, and parts that lie as in memory and are mapped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic
from m5tools.joins import buckets
from m5tools.partitions import part_name

_OFFSETS: Final = "offsets.json"


@dataclass(frozen=True)
class Gathered:
    """The scratch tables of one run: parts per partition, with `row` counted from 0 inside the part."""

    scratch: Path
    partitions: int

    def write(self, kind: str, part: int | str, rows: pl.DataFrame) -> None:
        """Write one part, whole or not at all."""
        with atomic.whole_file(self._file(kind, part, "parquet")) as temporary:
            rows.write_parquet(temporary, compression="lz4")

    def number(self) -> None:
        """Note where the rows of each partition begin, once all are gathered."""
        atomic.write_json(self.scratch / _OFFSETS, self._counted())

    def offsets(self) -> list[int]:
        """The first row of each partition, and the number of products at the end."""
        noted = self.scratch / _OFFSETS
        found: list[int] = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else self._counted()
        return found

    def _counted(self) -> list[int]:
        first = [0]
        for i in range(self.partitions):
            first.append(
                first[-1] + pl.scan_parquet(self.part("sought", i), glob=False).select(pl.len()).collect().item()
            )
        return first

    def part(self, kind: str, partition: int) -> Path:
        """One part of a kind."""
        return self._file(kind, partition, "parquet")

    def scan(self, kind: str) -> pl.LazyFrame:
        """All parts of one kind, `row` counted over the dataset."""
        return pl.concat(self.parts(kind))

    def parts(self, kind: str) -> list[pl.LazyFrame]:
        """The parts of one kind, one by one, `row` counted over the dataset."""
        first = self.offsets()
        return [
            pl.scan_parquet(self.part(kind, i), glob=False).with_columns((pl.col("row") + first[i]).cast(pl.UInt32))
            for i in range(self.partitions)
        ]

    def keep(self, kind: str, part: int | str, rows: pl.DataFrame | pa.Table) -> None:
        """Write one part as it lies in memory, to be mapped: single rows, or a range of sorted ones, can be taken."""
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()) if isinstance(rows, pl.DataFrame) else rows
        with (
            atomic.whole_file(self._file(kind, part, "arrow")) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table.combine_chunks())

    def mapped(self, kind: str, part: int | str) -> pa.Table:
        """A part that :meth:`keep` wrote, mapped into memory."""
        with pa.memory_map(str(self._file(kind, part, "arrow"))) as file:
            return pa.ipc.open_file(file).read_all()

    def kept(self, kind: str, part: int | str) -> pl.DataFrame:
        """A part that :meth:`keep` wrote, mapped into memory."""
        return pl.DataFrame(pl.from_arrow(self.mapped(kind, part)))

    def between(self, kind: str, column: str, first: int, beyond: int, parts: Iterable[str]) -> list[pl.DataFrame]:
        """Of parts that are sorted by a column of row numbers the rows of a range; what else they hold is not read."""
        found = []
        for part in parts:
            rows = self.kept(kind, part)
            ordered = rows[column].to_numpy()
            # Numbers of another type would have the whole column read and cast, in every partition.
            start, stop = np.searchsorted(ordered, np.array((first, beyond), ordered.dtype))
            found.append(rows[int(start) : int(stop)])
        return found

    def cut(self, kind: str, part: int, rows: pl.DataFrame, bucket: pl.Series, several: int) -> None:
        """Write one part cut into several buckets, of which :meth:`bucket` takes one from all parts."""
        buckets.write(self._file(kind, part, "arrow"), rows, bucket, several)

    def bucket(self, kind: str, number: int) -> pl.DataFrame:
        """One bucket of all parts of a kind that :meth:`cut` wrote: rows as they were given, part by part."""
        return buckets.read(buckets.opened(self._file(kind, i, "arrow") for i in range(self.partitions)), number)

    def take(self, kind: str, wanted: pl.Series) -> pl.DataFrame:
        """All rows of a kind that have one of some numbers, ascending and counted over the dataset."""
        found, first = [], self.offsets()
        bounds = np.searchsorted(wanted.to_numpy(), first)
        for i in (*np.flatnonzero(np.diff(bounds)), 0):
            part = self.kept(kind, int(i))
            local = wanted[int(bounds[i]) : int(bounds[i + 1])].to_numpy() - first[i]
            rows = part["row"].to_numpy()
            start, stop = np.searchsorted(rows, local), np.searchsorted(rows, local, side="right")
            places = np.repeat(stop - np.cumsum(stop - start), stop - start) + np.arange((stop - start).sum())
            found.append(part[places].with_columns((pl.col("row") + first[i]).cast(pl.UInt32)))
        return pl.concat([found[-1].clear(), *found[:-1]])

    def newcomers(self) -> pl.Series:
        """Rows of the products that no earlier crawl delivered."""
        return self.scan("sought").filter("is_new").select("row").collect()["row"]

    def files(self, kind: str) -> list[Path]:
        """The parts of one kind, in a fixed order; what a killed writer left is none of them."""
        return sorted((self.scratch / kind).glob("[!.]*.parquet"))

    def names(self, kind: str) -> list[str]:
        """The names of the parts of one kind that are kept, in a fixed order."""
        return sorted(file.stem for file in (self.scratch / kind).glob("[!.]*.arrow"))

    def _file(self, kind: str, part: int | str, suffix: str) -> Path:
        name = part_name(part) if isinstance(part, int) else part
        return self.scratch / kind / f"{name}.{suffix}"
