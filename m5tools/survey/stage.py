"""The survey: frequencies over the corpus, which no product can know by itself.

Each partition of the products writes its partial counts to the scratch folder, the large ones cut into as many buckets
as there are partitions. Then each bucket is merged by itself, so neither the number of workers nor that of products
changes what a unit holds in memory, and no unit reads a whole table of media. A file is counted by its content, which
only `fetched` knows: listings and places meet in a bucket by location first ("place"), then in one by file ("merge").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.survey import buckets, merge
from m5tools.survey.count import Partition

_COUNT: Final = "count"
_PLACE: Final = "place"
_MERGE: Final = "merge"
_WHOLE: Final[Mapping[str, tuple[Callable[[Partition], pl.DataFrame], Callable[[pl.LazyFrame], pl.LazyFrame]]]] = {
    "corpus_categories": (Partition.categories, merge.categories),
    "corpus_attributes": (Partition.names_of_categories, merge.attributes),
    "corpus_names": (Partition.names, merge.names),
    "corpus_brands": (Partition.brands, merge.brands),
}
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
        each = [Unit(part_name(i), {"bucket": i}) for i in range(dataset.partitions)]
        if round_name == _COUNT:
            partitions = [Unit(unit.key, {"partition": unit.args["bucket"]}) for unit in each]
            return partitions + [Unit(f"{_FETCHED}-{p.stem}", {_FETCHED: p.stem}) for p in dataset.parts(_FETCHED)]
        return each if round_name == _PLACE else [*each, Unit(_MERGE, {})]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if _FETCHED in unit.args:
            return self._spread(unit.args[_FETCHED], work)
        if round_name == _COUNT:
            return self._count(int(unit.args["partition"]), work)
        if round_name == _PLACE:
            return self._place(int(unit.args["bucket"]), work)
        if "bucket" in unit.args:
            return self._merge_bucket(int(unit.args["bucket"]), work)
        return self._merge_whole(work)

    def _count(self, number: int, work: Work) -> Counts:
        partition, several = Partition(work.dataset, number), work.dataset.partitions
        for table, (count, _) in _WHOLE.items():
            with atomic.whole_file(_partial(work, table, number)) as temporary:
                count(partition).write_parquet(temporary, compression="zstd")
        phrases, listings, words, values = (
            partition.phrases(), partition.listings(), partition.words(), partition.values(),
        )  # fmt: skip
        homes = {
            "corpus_phrases": (phrases, buckets.of_hash(phrases["phrase"], several)),
            _LISTINGS: (listings, buckets.of_text(listings["location_id"], several)),
            "corpus_words": (words, buckets.of_hash(words["word"], several)),
            "corpus_values": (values, buckets.of_text(values["name"] + " " + values["value"], several)),
        }
        for table, (rows, bucket) in homes.items():
            buckets.write(_partial(work, table, number), rows, bucket, several)
        return {"products": partition.products.height}

    def _spread(self, part: str, work: Work) -> Counts:
        """One part of `fetched`, by location."""
        file = work.dataset.folder(_FETCHED) / f"{part}.parquet"
        rows = pl.read_parquet(file, columns=["location_id", "asset_id"], glob=False)
        rows = rows.drop_nulls("asset_id").sort("location_id")
        several = work.dataset.partitions
        bucket = buckets.of_text(rows["location_id"], several)
        buckets.write(work.scratch / _FETCHED / f"{part}.parquet", rows, bucket, several)
        return {}

    def _place(self, bucket: int, work: Work) -> Counts:
        listings = buckets.read(_partials(work, _LISTINGS), bucket)
        places = [work.scratch / _FETCHED / f"{p.stem}.parquet" for p in work.dataset.parts(_FETCHED)]
        fetched = buckets.read(places, bucket) if places else _NOWHERE
        rows, several = merge.found(listings, fetched), work.dataset.partitions
        buckets.write(_partial(work, _FOUND, bucket), rows, buckets.of_text(rows["asset_id"], several), several)
        return {}

    def _merge_bucket(self, bucket: int, work: Work) -> Counts:
        def parts(table: str) -> pl.DataFrame:
            return buckets.read(_partials(work, table), bucket)

        config = self.config
        merged = {
            "phrases": merge.phrases(parts("corpus_phrases"), config.phrase_products, config.phrase_titles),
            "assets": merge.assets(parts(_FOUND)),
            "values": merge.values(parts("corpus_values")),
            "words": merge.words(parts("corpus_words")),
        }
        return {name: work.write(f"corpus_{name}", bucket, rows) for name, rows in merged.items()}

    def _merge_whole(self, work: Work) -> Counts:
        counts: Counts = {}
        for table, (_, merged) in _WHOLE.items():
            parts = pl.scan_parquet(_partials(work, table), glob=False)
            counts[table.removeprefix("corpus_")] = work.write(table, 0, merged(parts).collect())
        return counts


_NOWHERE: Final = pl.DataFrame(schema={"location_id": pl.String, "asset_id": pl.String})


def _partial(work: Work, table: str, number: int) -> Path:
    return work.scratch / table / f"{part_name(number)}.parquet"


def _partials(work: Work, table: str) -> list[Path]:
    return [_partial(work, table, i) for i in range(work.dataset.partitions)]
