"""The stage `tag`: a policy's verdicts, and the state and reason of every modality of every product.

It reads signals and what became of files, never media, texts or tables: a changed threshold costs seconds. Rounds:
`looks` (which pictures look the same; clips and sounds are judged; what became of locations is kept to be looked up) →
`files` (pictures are judged) → `judge` (runs of neighbouring partitions, so that what was judged is read a few times
only).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
import pyarrow.parquet as pq
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.joins import looked_up
from m5tools.partitions import part_name, partition_of
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.tag import files, looks, states
from m5tools.tag import policy as policies
from m5tools.tag.policy import Policy
from m5tools.tag.verdicts import judge, needed, worded
from m5tools.vocabulary import MEDIA, MODALITIES, Reason, State

_LOOKS: Final = "looks"
_TRIED: Final = "tried"
_FILES: Final = "files"
_JUDGE: Final = "judge"
RULES: Final = "policy.json"
"""Beside the tags: the rules they were made by."""
ROWS_A_UNIT: Final = 524_288
"""Products and listed files that a unit holds in memory."""


class TagConfig(StageConfig):
    """Which policy judges."""

    policy: str = Field("default", description="a shipped policy's name, or the path of a policy file")


@dataclass(frozen=True)
class Tag(Stage):
    """See the module."""

    name: ClassVar[str] = "tag"
    version: ClassVar[int] = 7
    writes: ClassVar[tuple[str, ...]] = ("tags", "modalities")
    documents: ClassVar[dict[str, tuple[str, ...]]] = {"policy": ()}

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
        return (_LOOKS, _FILES, _JUDGE)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name == _LOOKS:
            return [Unit(_LOOKS), Unit(_TRIED), *files.units(dataset, files.BY_THEMSELVES)]
        if round_name == _FILES:
            return files.units(dataset, files.BY_LOOKS)
        return _partition_runs(dataset)

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if unit.key == _LOOKS:
            return self._look(work)
        if unit.key == _TRIED:
            _keep_tried(work)
            return {}
        if round_name != _JUDGE:
            files.process(self.policy, unit, _looks_file(work), work)
            return {}
        return self._judge(range(unit.args["first"], unit.args["beyond"]), work)

    def _look(self, work: Work) -> Counts:
        with atomic.whole_file(_looks_file(work)) as temporary:
            looks.alike(work.dataset).write_parquet(temporary)
        rules = work.dataset.folder("tags", **self.choices) / RULES
        work.write_note(rules, self.policy.model_dump(mode="json", exclude_none=True))
        return {}

    def _judge(self, partitions: range, work: Work) -> Counts:
        listed, verdicts = self._listed(partitions, work)
        home = partition_of(pl.col("product_id"), work.dataset.partitions)
        listed, verdicts = (frame.with_columns(home=home) for frame in (listed, verdicts))
        counts: Counts = {"products": 0, "tags": 0} | {f"{m}_present": 0 for m in MODALITIES}
        for partition in partitions:
            mine, on_files = (f.filter(pl.col("home") == partition).drop("home") for f in (listed, verdicts))
            tags, modalities = self._partition(work.dataset, partition, mine, on_files)
            work.write("tags", partition, tags, **self.choices)
            work.write("modalities", partition, modalities, **self.choices)
            counts["products"] += modalities.height // len(MODALITIES)
            counts["tags"] += tags.height
            for modality in MODALITIES:
                present = (pl.col("modality") == modality.value) & (pl.col("state") == State.PRESENT.value)
                counts[f"{modality}_present"] += modalities.select(present.sum()).item()
        return counts

    def _listed(self, partitions: range, work: Work) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What became of every file that products of these partitions list, and the verdicts on the usable ones."""
        fetched = _fetched(partitions, work)
        listed = states.files(fetched, {m: files.outcomes(work, m, fetched["asset_id"]) for m in MEDIA})
        usable = listed.filter(pl.col("state") == State.PRESENT.value).select("product_id", "modality", "asset_id")
        on_files = [files.found(work, m, usable.filter(pl.col("modality") == m.value)) for m in MEDIA]
        return listed, pl.concat(on_files)

    def _partition(
        self, dataset: Dataset, partition: int, listed: pl.DataFrame, on_files: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `tags` and of `modalities` of one partition."""
        facts = {"text": ("title_chars", "description_chars"), "table": ("attributes", "filled"), "pair": ()}
        signals = {}
        verdicts = [on_files]
        for table, counted in facts.items():
            columns = {"product_id", *counted, *needed(self.policy, table)}
            signals[table] = dataset.read(f"signals_{table}", partition=partition, columns=sorted(columns))
            found = judge(self.policy, table, signals[table].lazy(), "product_id")
            verdicts.append(found.select("product_id", pl.lit(None, pl.String).alias("asset_id"), "rule", "value"))
        tags = worded(self.policy, pl.concat(verdicts))
        of_media = states.media_states(signals["text"], listed)
        every = pl.concat([of_media, states.text_states(signals["text"]), states.table_states(signals["table"])])
        return tags, _with_tags(every, tags, listed)


def _keep_tried(work: Work) -> None:
    """Keep what became of locations, but of those that wait to be asked for, which need no row; see `states.files`."""
    untried = (pl.col("state") == State.PENDING.value) & (pl.col("reason") == Reason.NOT_FETCHED.value)
    rows = work.dataset.scan("fetched").select("location_id", "asset_id", "state", "reason")
    looked_up.keep(work.scratch / _TRIED, rows.filter(~untried | pl.col("asset_id").is_not_null()), "location_id")


def _fetched(partitions: range, work: Work) -> pl.DataFrame:
    """`product_id`, `modality`, `position` of every listed file; as fetching left it `asset_id`, `state`, `reason`."""
    columns = ("product_id", "modality", "position", "location_id")
    media = pl.concat([work.dataset.read("media", partition=i, columns=columns) for i in partitions])
    places = looked_up.rows_of(work.scratch / _TRIED, media["location_id"])
    return media.join(places, on="location_id", how="left").drop("location_id")


def _looks_file(work: Work) -> Path:
    return work.scratch / f"{_LOOKS}.parquet"


def _partition_runs(dataset: Dataset) -> list[Unit]:
    """Neighbouring partitions, as many as hold about `ROWS_A_UNIT` products and listed files together."""
    units: list[Unit] = []
    first, rows = 0, 0
    for partition in range(dataset.partitions):
        parts = (*dataset.parts("media", partition=partition), *dataset.parts("signals_text", partition=partition))
        rows += sum(pq.read_metadata(part).num_rows for part in parts)
        if rows >= ROWS_A_UNIT or partition == dataset.partitions - 1:
            units.append(Unit(part_name(first), {"first": first, "beyond": partition + 1}))
            first, rows = partition + 1, 0
    return units


def _with_tags(every: pl.DataFrame, tags: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """Add the tags that hold for a modality as a whole: for media those that every usable file carries."""
    key = ["product_id", "modality"]
    held = tags.group_by(*key, "tag").agg(
        files=pl.col("asset_id").n_unique(), of_media=pl.col("asset_id").is_not_null().any()
    )
    usable = listed.filter(pl.col("state") == State.PRESENT.value)
    counts = usable.join(held, on=key, how="semi").group_by(key).agg(usable_files=pl.col("asset_id").n_unique())
    whole = (
        held.join(counts, on=key, how="left")
        .filter(~pl.col("of_media") | (pl.col("files") == pl.col("usable_files")))
        .group_by(key)
        .agg(tags=pl.col("tag").unique().sort())
    )
    order = pl.Enum([m.value for m in MODALITIES])
    joined = every.join(whole, on=key, how="left").with_columns(pl.col("tags").fill_null([]))
    return joined.sort("product_id", pl.col("modality").cast(order))
