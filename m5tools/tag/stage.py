"""The stage `tag`: a policy's verdicts, and the state and reason of every modality of every product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.tag import looks, states
from m5tools.tag import policy as policies
from m5tools.tag.policy import SHARED, Policy
from m5tools.tag.verdicts import verdicts
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, State

_LOOKS: Final = "looks"
_JUDGE: Final = "judge"


class TagConfig(StageConfig):
    """Which policy judges."""

    policy: str = Field("default", description="a shipped policy's name, or the path of a policy file")


@dataclass(frozen=True)
class Tag(Stage):
    """See the module."""

    name: ClassVar[str] = "tag"
    version: ClassVar[int] = 2
    writes: ClassVar[tuple[str, ...]] = ("tags", "modalities")

    config: TagConfig

    @cached_property
    def policy(self) -> Policy:
        return policies.load(self.config.policy)

    @property
    def choices(self) -> dict[str, str]:
        return {"policy": self.policy.policy}

    def inputs(self) -> tuple[Input, ...]:
        return (Input("products"), Input("fetched"), Input("corpus_assets"), Input("signals_text"))

    def outside(self) -> Any:
        return self.policy.model_dump(mode="json")

    def rounds(self) -> tuple[str, ...]:
        return (_LOOKS, _JUDGE)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name == _LOOKS:
            return [Unit(_LOOKS, {})]
        return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name == _LOOKS:
            return self._look(work)
        dataset, partition = work.dataset, unit.args["partition"]
        products = dataset.read("products", partition=partition, columns=("product_id", "title", "description"))
        attributes = dataset.read("attributes", partition=partition, columns=("product_id", "value"))
        signals = _signals(dataset, partition, pl.scan_parquet(_looks_file(work)))
        files = _files(dataset, partition, signals)
        usable = files.filter(pl.col("state") == State.PRESENT.value).select("product_id", "modality", "asset_id")
        for modality in MEDIA:
            mine = usable.filter(pl.col("modality") == modality.value).unique(maintain_order=True)
            table = signals[modality.value].drop("state", "reason")
            signals[modality.value] = mine.join(table, on="asset_id", how="left", maintain_order="left")
        tags = verdicts(self.policy, signals)
        every = pl.concat(
            [
                states.media_states(products, files),
                states.text_states(products),
                states.table_states(products, attributes),
            ]
        )
        modalities = _with_tags(every, tags, usable)
        work.write("tags", partition, tags.with_columns(policy=pl.lit(self.policy.policy)), **self.choices)
        work.write("modalities", partition, modalities, **self.choices)
        counts = {"products": products.height, "tags": tags.height}
        for modality in MODALITIES:
            present = (pl.col("modality") == modality.value) & (pl.col("state") == State.PRESENT.value)
            counts[f"{modality.value}_present"] = modalities.filter(present).height
        return counts

    def _look(self, work: Work) -> Counts:
        with atomic.whole_file(_looks_file(work)) as temporary:
            looks.alike(work.dataset).write_parquet(temporary)
        return {}


def _looks_file(work: Work) -> Path:
    return work.scratch / f"{_LOOKS}.parquet"


def _signals(dataset: Dataset, partition: int, alike: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """Every signal table: those of products for this partition; those of files with how widely each file is shared."""
    tables = {t: dataset.read(f"signals_{t}", partition=partition) for t in ("text", "table", "pair")}
    shared = dataset.scan("corpus_assets").rename(dict(zip(("products", "titles", "categories"), SHARED, strict=True)))
    mine = _my_assets(dataset, partition)
    for modality in MEDIA:
        signals = dataset.scan(f"signals_{modality.value}").join(mine, on="asset_id", how="semi")
        signals = signals.join(shared, on="asset_id", how="left")
        if modality is Modality.IMAGE:
            signals = signals.join(alike, on="asset_id", how="left")
        tables[modality.value] = signals.sort("asset_id").collect()
    return tables


def _my_assets(dataset: Dataset, partition: int) -> pl.LazyFrame:
    media = dataset.scan("media", partition=partition).select("location_id")
    return dataset.scan("fetched").join(media, on="location_id", how="semi").select("asset_id").drop_nulls()


def _files(dataset: Dataset, partition: int, signals: dict[str, pl.DataFrame]) -> pl.DataFrame:
    columns = ("product_id", "modality", "position", "location_id")
    media = dataset.read("media", partition=partition, columns=columns)
    fetched = dataset.scan("fetched").join(media.lazy(), on="location_id", how="semi").collect()
    return states.files(media, fetched, {m: signals[m.value] for m in MEDIA})


def _with_tags(every: pl.DataFrame, tags: pl.DataFrame, usable: pl.DataFrame) -> pl.DataFrame:
    """Add the tags that hold for a modality as a whole: for media those that every usable file carries."""
    key = ["product_id", "modality"]
    held = tags.group_by(*key, "tag").agg(
        files=pl.col("asset_id").n_unique(), of_media=pl.col("asset_id").is_not_null().any()
    )
    counts = usable.group_by(key).agg(usable_files=pl.col("asset_id").n_unique())
    whole = (
        held.join(counts, on=key, how="left")
        .filter(~pl.col("of_media") | (pl.col("files") == pl.col("usable_files")))
        .group_by(key)
        .agg(tags=pl.col("tag").unique().sort())
    )
    order = pl.Enum([m.value for m in MODALITIES])
    joined = every.join(whole, on=key, how="left").with_columns(pl.col("tags").fill_null([]))
    return joined.sort("product_id", pl.col("modality").cast(order))
