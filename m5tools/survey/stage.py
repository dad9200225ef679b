"""The survey: frequencies over the corpus, which no product can know by itself.

Each partition of the products writes its partial counts to the scratch folder; one last unit merges them, so the result
does not depend on how many workers counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.survey import merge
from m5tools.survey.count import COUNTS, products_of
from m5tools.survey.merge import MERGES

_COUNT: Final = "count"
_MERGE: Final = "merge"


class SurveyConfig(StageConfig):
    """What is worth keeping of the counts."""

    phrase_products: int = Field(default=3, ge=1, description="Keep phrases that at least so many products hold.")
    phrase_titles: int = Field(default=2, ge=1, description="… and that stand under at least so many different titles.")


@dataclass(frozen=True)
class Survey(Stage):
    """Counts phrases, values, brands, files, attribute names and categories over the whole corpus."""

    name: ClassVar[str] = "survey"
    version: ClassVar[int] = 3
    writes: ClassVar[tuple[str, ...]] = tuple(COUNTS)

    config: SurveyConfig

    def inputs(self) -> tuple[Input, ...]:
        return tuple(Input(table) for table in ("products", "attributes", "media", "fetched"))

    def rounds(self) -> tuple[str, ...]:
        return (_COUNT, _MERGE)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name == _MERGE:
            return [Unit(_MERGE, {"partitions": dataset.partitions})]
        return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name == _MERGE:
            return self._merge(int(unit.args["partitions"]), work)
        partition = int(unit.args["partition"])
        products = products_of(work.dataset, partition)
        for table, count in COUNTS.items():
            with atomic.whole_file(_partial(work, table, partition)) as temporary:
                count(products, work.dataset, partition).write_parquet(temporary, compression="zstd")
        return {"products": products.height}

    def _merge(self, partitions: int, work: Work) -> Counts:
        counts: Counts = {}
        for table in COUNTS:
            parts = pl.scan_parquet([_partial(work, table, i) for i in range(partitions)], glob=False)
            if table == "corpus_phrases":
                rows = merge.phrases(parts, self.config.phrase_products, self.config.phrase_titles)
            else:
                rows = MERGES[table](parts)
            counts[table.removeprefix("corpus_")] = work.write(table, 0, rows.collect())
        return counts


def _partial(work: Work, table: str, partition: int) -> Path:
    return work.scratch / table / f"{part_name(partition)}.parquet"
