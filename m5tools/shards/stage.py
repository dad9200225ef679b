"""The stage `shard`: a cut becomes tars that any reader of tars can read, each with its Parquet index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow.parquet as pq
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, checked_name, part_name
from m5tools.shards import card, gather, index
from m5tools.shards.encode import encode
from m5tools.shards.manifest import INDEX, ShardFile, ShardManifest, tar_name
from m5tools.shards.writer import JSON_MEMBER, Member, TarWriter
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import Split

PLAN = "plan.parquet"


class ShardConfig(StageConfig):
    """Which cut, in which order, at which size."""

    name: str = Field("default", description="name of the shard folder")
    cut: str = Field("default", description="the cut to write")
    policy: str = Field("default", description="the policy whose tags go into the index")
    seed: int = Field(0, ge=0, lt=2**64, description="seed of the order of samples")
    samples_per_shard: int = Field(1000, ge=1, description="samples in one tar")
    image_long_side: int = Field(512, ge=16, description="longest side of pictures and frames, in pixels")
    image_quality: int = Field(90, ge=1, le=100, description="JPEG quality of pictures and frames")
    max_images: int = Field(6, ge=1, description="pictures of a product, by position")
    max_frames: int = Field(16, ge=1, description="frames of a clip, one a second from its start")
    max_audio_seconds: float = Field(30.0, gt=0, description="length of a sound, from its start, in seconds")


@dataclass(frozen=True)
class Shard(Stage):
    """Writes `shards/<name>/`.

    Rounds: *order* draws the place of every sample, *gather* joins the tables of one partition into sample rows,
    *write* encodes one shard a unit, *card* writes the manifest and the dataset card.
    """

    config: ShardConfig

    name: ClassVar[str] = "shard"
    version: ClassVar[int] = 3
    writes: ClassVar[tuple[str, ...]] = ("shard_index",)

    def inputs(self) -> tuple[Input, ...]:
        product = ("products", "attributes", "texts", "media", "fetched", "assets")
        signals = ("signals_image", "signals_video", "signals_audio")
        return (
            *(Input(table, {"cut": self.config.cut}) for table in ("cut_products", "cut_attributes", "cut_media")),
            Input("tags", {"policy": self.config.policy}),
            *map(Input, (*product, *signals)),
        )

    def rounds(self) -> tuple[str, ...]:
        return ("order", "gather", "write", "card")

    @property
    def choices(self) -> dict[str, str]:
        return {"shards": checked_name("shard folder", self.config.name)}

    def owned(self, dataset: Dataset) -> list[Path]:
        return [self._folder(dataset)]

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name == "gather":
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        if round_name == "write":
            return [
                Unit(Path(tar_name(split, i)).stem, {"split": split, "shard": i})
                for split, shards in self._shards(dataset).items()
                for i in range(shards)
            ]
        return [Unit(round_name)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        match round_name:
            case "order":
                return self._order(work)
            case "gather":
                return self._gather(unit.args["partition"], work)
            case "write":
                return self._write(unit.args["split"], unit.args["shard"], work)
            case _:
                return self._card(work)

    def _order(self, work: Work) -> Counts:
        products = work.dataset.read("cut_products", columns=("product_id", "split"), cut=self.config.cut)
        plan = gather.order(products, self.config.seed, self.config.samples_per_shard)
        gather.save(work.scratch / PLAN, plan, 65_536)
        return {"samples": plan.height}

    def _gather(self, partition: int, work: Work) -> Counts:
        plan = pl.read_parquet(work.scratch / PLAN)
        rows = gather.rows(work.dataset, partition, self.config, plan)
        gather.save(work.scratch / f"{part_name(partition)}.parquet", rows, self.config.samples_per_shard)
        return {}

    def _write(self, split: str, shard: int, work: Work) -> Counts:
        parts = [work.scratch / f"{part_name(i)}.parquet" for i in range(work.dataset.partitions)]
        tar = tar_name(split, shard)
        path = self._folder(work.dataset) / tar
        rows = []
        counts = {"items": 0, "failed": 0, "shards": 1}
        with atomic.whole_file(path) as temporary, TarWriter(temporary) as writer:
            for sample in gather.load(parts, split, shard).iter_rows(named=True):
                media = encode(sample["files"], self.config, work)
                members = [Member(JSON_MEMBER, None, sample["json"].encode()), *media.members]
                place = writer.add(sample["product_id"], members)
                rows.append(index.row(sample, tar, members, place, media.failed))
                counts["items"] += media.tried
                counts["failed"] += media.lost
        work.wrote(path)
        work.write("shard_index", path.stem, index.table(rows), **self.choices)
        return counts

    def _card(self, work: Work) -> Counts:
        folder = self._folder(work.dataset)
        splits: dict[str, tuple[ShardFile, ...]] = {}
        categories: set[str] = set()
        facts = card.Facts()
        for split, shards in self._shards(work.dataset).items():
            files = []
            for i in range(shards):
                tar = folder / tar_name(split, i)
                output = work.dataset.output(folder / INDEX / f"{tar.stem}.parquet")
                rows = pq.read_table(work.dataset.root / output.path)
                categories.update(c for c in rows["category"].to_pylist() if c is not None)
                facts.add(split, rows)
                size = tar.stat().st_size
                files.append(ShardFile(tar=tar.name, samples=rows.num_rows, bytes=size, index_sha256=output.sha256))
            splits[split] = tuple(files)
        manifest = ShardManifest.of(tuple(sorted(categories)), splits, self.config.model_dump(mode="json"))
        work.wrote(manifest.write(folder))
        work.wrote(card.write(folder, manifest, facts))
        return {}

    def _shards(self, dataset: Dataset) -> dict[str, int]:
        """Number of shards of every split that has samples, in the order train, val, test."""
        cut = dataset.scan("cut_products", cut=self.config.cut)
        sizes = dict(cut.group_by("split").len().collect().iter_rows())
        return {s.value: -(-sizes[s.value] // self.config.samples_per_shard) for s in Split if s.value in sizes}

    def _folder(self, dataset: Dataset) -> Path:
        return dataset.folder("shard_index", **self.choices).parent
