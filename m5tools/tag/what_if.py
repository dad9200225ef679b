"""What another policy would change, before anything is written: its rounds run into a folder that is thrown away."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa

from m5tools.dataset import Dataset
from m5tools.errors import StaleError
from m5tools.freshness import fresh_inputs, remake, stale_upstream
from m5tools.stage import Work
from m5tools.tag.stage import Tag
from m5tools.vocabulary import State
from m5tools.wording import category_key

_TAGS: Final = pl.Schema(
    {"tag": pl.String(), "band": pl.String(), "now": pl.Int64(), "then": pl.Int64(), "gained": pl.Int64(),
     "lost": pl.Int64()}
)  # fmt: skip
_CARRIED: Final = pl.Schema(
    {"product_id": pl.String(), "modality": pl.String(), "band": pl.String(), "now": pl.List(pl.String()),
     "then": pl.List(pl.String())}
)  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """What another policy would change.

    Attributes:
        tags: products by `tag` and `band` (null: no category): that have the tag `now`, would have it `then`, `gained`
            and `lost` it; sorted by tag.
        carried: product × modality that is present and carries a tag as a whole, `now` or `then`: `product_id`,
            `modality`, `band`, and the tags as lists.
    """

    tags: pl.DataFrame
    carried: pl.DataFrame


def what_if(dataset: Dataset, stage: Tag, policy: str) -> Changes:
    """Judge by another policy and compare with what stands in the dataset.

    Args:
        dataset: the dataset; nothing is written to it.
        stage: tags by the other policy.
        policy: name of the policy whose tags stand there.

    Raises:
        StaleError: there are no such tags, or they or the signals are out of date.
    """
    fresh_inputs(stage, dataset)
    stages = dataset.manifest()["stages"]
    entry = f"tag/{policy}"
    if entry not in stages:
        known = [name.partition("/")[2] for name in stages if name.startswith("tag/")]
        hint = f"there are tags of {', '.join(known)}: --set policy=…" if known else f"run: m5 tag -d {dataset.place}"
        raise StaleError(f"{dataset.place} has no tags of the policy '{policy}' to compare with; {hint}")
    if stale := stale_upstream(entry, stages):
        again = remake(dataset.place, stages[entry])
        raise StaleError(f"the tags of '{policy}' are out of date because '{stale}' changed; run: {again}")
    with tempfile.TemporaryDirectory(prefix="m5-what-if-") as scratch:
        work = _Rehearsal(dataset, Path(scratch), policy)
        for round_name in stage.rounds():
            for unit in stage.units(dataset, round_name):
                stage.process(round_name, unit, work)
    counted = pl.concat([pl.DataFrame(schema=_TAGS), *work.tags]).group_by("tag", "band").agg(pl.all().sum())
    carried = pl.concat([pl.DataFrame(schema=_CARRIED), *work.carried])
    return Changes(counted.sort("tag", "band", nulls_last=True), carried)


class _Rehearsal(Work):
    """Compares each part with the one that stands in the dataset, instead of writing it."""

    def __init__(self, dataset: Dataset, scratch: Path, policy: str) -> None:
        super().__init__(dataset, scratch)
        self.tags: list[pl.DataFrame] = []
        self.carried: list[pl.DataFrame] = []
        self._policy = policy

    def write_note(self, path: Path, value: Any) -> None:
        """Nothing outlives the rehearsal."""

    def write(self, table: str, part: str | int, rows: pa.Table | pl.DataFrame, **choices: str) -> int:
        assert isinstance(part, int)
        assert isinstance(rows, pl.DataFrame)
        before = self.dataset.scan(table, partition=part, policy=self._policy)
        if table == "tags":
            self.tags.append(self._tags(part, _had(before.collect()), _had(rows)))
        else:
            self.carried.append(self._carried(part, _carries(before), _carries(rows.lazy())))
        return rows.height

    def _tags(self, partition: int, now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
        both = now.with_columns(now=True).join(
            then.with_columns(then=True), on=["product_id", "tag"], how="full", coalesce=True
        )
        had, has = pl.col("now").fill_null(False), pl.col("then").fill_null(False)
        sums = {"now": had, "then": has, "gained": has & ~had, "lost": had & ~has}
        told = both.join(self._bands(partition), on="product_id", how="left").group_by("tag", "band")
        return told.agg(**{name: found.sum().cast(pl.Int64) for name, found in sums.items()}).select(_TAGS.names())

    def _carried(self, partition: int, now: pl.LazyFrame, then: pl.LazyFrame) -> pl.DataFrame:
        both = now.join(then, on=["product_id", "modality"], how="full", suffix="_then", coalesce=True)
        lists = both.with_columns(now=pl.col("tags").fill_null([]), then=pl.col("tags_then").fill_null([])).collect()
        return lists.join(self._bands(partition), on="product_id", how="left").select(_CARRIED.names())

    def _bands(self, partition: int) -> pl.DataFrame:
        products = self.dataset.scan("products", partition=partition).select(
            "product_id", category=category_key(pl.col("category"))
        )
        bands = self.dataset.scan("corpus_categories").select("category", "band")
        return products.join(bands, on="category", how="left").select("product_id", "band").collect()


def _had(tags: pl.DataFrame) -> pl.DataFrame:
    return tags.select("product_id", "tag").unique()


def _carries(modalities: pl.LazyFrame) -> pl.LazyFrame:
    there = (pl.col("state") == State.PRESENT.value) & (pl.col("tags").list.len() > 0)
    return modalities.filter(there).select("product_id", "modality", "tags")
