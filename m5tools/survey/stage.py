"""The survey: frequencies over the corpus, which no product can know by itself.

Each partition of the products writes its partial counts to the scratch folder, the large ones cut into as many buckets
as there are partitions. Then each bucket is merged by itself, so neither the number of workers nor that of products
changes what a unit holds in memory, and no unit reads a whole table of media. A file is counted by its content, which
only `fetched` knows: listings and places meet in a bucket by location first ("place"), then in one by file ("merge").
Where no file was had, no listing is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.joins import buckets
from m5tools.listing import any_was_had
from m5tools.partitions import part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.survey import merge
from m5tools.survey.count import Partition

_COUNT: Final = "tally"
_PLACE: Final = "place"
_MERGE: Final = "merge"
_WHOLE: Final[Mapping[str, tuple[Callable[[Partition], pl.DataFrame], Callable[[pl.LazyFrame], pl.LazyFrame]]]] = {
    "corpus_categories": (Partition.categories, merge.categories),
    "corpus_attributes": (Partition.names_of_categories, merge.attributes),
    "corpus_names": (Partition.names, merge.names),
    "corpus_brands": (Partition.brands, merge.brands),
}
_RUNS: Final = 64
"""Units of a round that goes through buckets: each opens all files, whatever the number of buckets."""
_LISTINGS: Final = "listings"
_FETCHED: Final = "fetched"
_FOUND: Final = "found"


class SurveyConfig(StageConfig):
    """What is worth keeping of the counts."""

    phrase_products: int = Field(default=3, ge=1, description="Keep phrases that at least so many products hold.")
    phrase_titles: int = Field(default=2, ge=1, description="… and that stand under at least so many different titles.")


@dataclass(frozen=True)
class Survey(Stage):
    """Counts phrases, words of titles, values, brands, files, attribute names and categories over the whole corpus."""

    name: ClassVar[str] = "survey"
    version: ClassVar[int] = 5
    writes: ClassVar[tuple[str, ...]] = (
        "corpus_phrases",
        "corpus_assets",
        "corpus_values",
        "corpus_words",
        *_WHOLE,
    )

    config: SurveyConfig

    def inputs(self) -> tuple[Input, ...]:
        return tuple(Input(table) for table in ("products", "attributes", "media", "fetched"))

    def rounds(self) -> tuple[str, ...]:
        return (_COUNT, _PLACE, _MERGE)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        several, had = dataset.partitions, any_was_had(dataset)
        parts = dataset.parts(_FETCHED) if had else []
        if round_name == _COUNT:
            partitions = [Unit(part_name(i), {"partition": i, "had": had}) for i in range(several)]
            return partitions + [Unit(f"{_FETCHED}-{part.stem}", {_FETCHED: part.stem}) for part in parts]
        length = -(-several // _RUNS)
        starts = range(0, several, length)
        runs = [Unit(part_name(i), {"first": i, "beyond": min(i + length, several), "had": had}) for i in starts]
        if round_name == _PLACE:
            return runs if had else []
        return [*runs, Unit(_MERGE, {})]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if _FETCHED in unit.args:
            return self._spread(unit.args[_FETCHED], work)
        if round_name == _COUNT:
            return self._count(int(unit.args["partition"]), unit.args["had"], work)
        if unit.key == _MERGE:
            return self._merge_whole(work)
        run = range(unit.args["first"], unit.args["beyond"])
        return self._place(run, work) if round_name == _PLACE else self._merge_buckets(run, unit.args["had"], work)

    def _count(self, number: int, had: bool, work: Work) -> Counts:
        partition, several = Partition(work.dataset, number), work.dataset.partitions
        for table, (count, _) in _WHOLE.items():
            with atomic.whole_file(_partial(work, table, number)) as temporary:
                count(partition).write_parquet(temporary, compression="zstd")
        phrases, words, values = partition.phrases(), partition.words(), partition.values()
        homes = {
            "corpus_phrases": (phrases, buckets.of_hash(phrases["phrase"], several)),
            "corpus_words": (words, buckets.of_hash(words["word"], several)),
            "corpus_values": (values, buckets.of_text(values["name"] + " " + values["value"], several)),
        }
        if had:
            listings = partition.listings()
            homes[_LISTINGS] = (listings, buckets.of_hex(listings["location_id"], several))
        for table, (rows, bucket) in homes.items():
            buckets.write(_bucketed(work, table, part_name(number)), rows, bucket, several)
        return {"products": partition.products.height}

    def _spread(self, part: str, work: Work) -> Counts:
        """One part of `fetched`, by location."""
        file = work.dataset.folder(_FETCHED) / f"{part}.parquet"
        rows = pl.read_parquet(file, columns=["location_id", "asset_id"], glob=False)
        rows = rows.drop_nulls("asset_id").sort("location_id")
        several = work.dataset.partitions
        bucket = buckets.of_hex(rows["location_id"], several)
        buckets.write(_bucketed(work, _FETCHED, part), rows, bucket, several)
        return {}

    def _place(self, run: Iterable[int], work: Work) -> Counts:
        listed, several = _opened(work, _LISTINGS), work.dataset.partitions
        places = buckets.opened(_bucketed(work, _FETCHED, p.stem) for p in work.dataset.parts(_FETCHED))
        for bucket in run:
            rows = merge.found(buckets.read(listed, bucket), buckets.read(places, bucket))
            home = buckets.of_text(rows["asset_id"], several)
            buckets.write(_bucketed(work, _FOUND, part_name(bucket)), rows, home, several)
        return {}

    def _merge_buckets(self, run: Iterable[int], had: bool, work: Work) -> Counts:
        config = self.config
        merged: Mapping[str, tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
            "corpus_phrases": (
                "corpus_phrases", lambda parts: merge.phrases(parts, config.phrase_products, config.phrase_titles)
            ),
            "corpus_assets": (_FOUND, merge.assets),
            "corpus_values": ("corpus_values", merge.values),
            "corpus_words": ("corpus_words", merge.words),
        }  # fmt: skip
        counts: Counts = {}
        for table, (kind, rows_of) in merged.items():
            files = _opened(work, kind) if had or kind != _FOUND else []
            written = (
                work.write(table, bucket, rows_of(buckets.read(files, bucket) if files else _NOTHING)) for bucket in run
            )
            counts[table.removeprefix("corpus_")] = sum(written)
        return counts

    def _merge_whole(self, work: Work) -> Counts:
        counts: Counts = {}
        for table, (_, merged) in _WHOLE.items():
            parts = pl.scan_parquet(_partials(work, table), glob=False)
            counts[table.removeprefix("corpus_")] = work.write(table, 0, merged(parts).collect())
        return counts


_NOTHING: Final = pl.DataFrame(
    schema={"asset_id": pl.String, "product_id": pl.String, "title": pl.UInt64, "home": pl.UInt64}
)
"""What :func:`m5tools.survey.merge.found` finds where no file was had."""


def _partial(work: Work, table: str, number: int) -> Path:
    return work.scratch / table / f"{part_name(number)}.parquet"


def _partials(work: Work, table: str) -> list[Path]:
    return [_partial(work, table, i) for i in range(work.dataset.partitions)]


def _bucketed(work: Work, kind: str, part: str) -> Path:
    return work.scratch / kind / f"{part}.arrow"


def _opened(work: Work, kind: str) -> list[buckets.Opened]:
    """What all partitions, or all buckets, left of a kind that is cut into buckets."""
    return buckets.opened(_bucketed(work, kind, part_name(i)) for i in range(work.dataset.partitions))
