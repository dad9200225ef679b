"""The stage `shard`: a cut becomes tars that any reader of tars can read, each with its Parquet index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow.parquet as pq

from m5tools import atomic, listing
from m5tools.dataset import Dataset, checked_name
from m5tools.joins import buckets
from m5tools.partitions import part_name, partition_of
from m5tools.shards import collate, gather, lineage, papers, reuse
from m5tools.shards.config import ShardConfig
from m5tools.shards.encode import Encoder
from m5tools.shards.facts import Facts
from m5tools.shards.files import keep_facts, keep_made, known
from m5tools.shards.lineage import Lineage, StageFacts
from m5tools.shards.manifest import INDEX, OVERLAYS, ShardFile, ShardManifest, tar_name
from m5tools.shards.pack import pack
from m5tools.stage import Counts, Input, Stage, Unit, Work
from m5tools.vocabulary import Split

PLAN = "plan.arrow"
HELD = "held"


@dataclass(frozen=True)
class Shard(Stage):
    """Writes `shards/<name>/`.

    Rounds: *draw* draws the place of every sample, *held* looks for what other shards hold already and keeps what is
    known of files, *gather* joins the tables of one partition into sample rows, *collate* brings those of many shards
    together, *write* makes one shard a unit, *card* writes the manifest and the papers.
    """

    config: ShardConfig

    name: ClassVar[str] = "shard"
    version: ClassVar[int] = 5
    writes: ClassVar[tuple[str, ...]] = ("shard_index",)

    def inputs(self) -> tuple[Input, ...]:
        product = ("products", "attributes", "texts", "media", "fetched", "assets")
        signals = ("signals_image", "signals_video", "signals_audio", "signals_text")
        return (
            *(Input(table, {"cut": self.config.cut}) for table in ("cut_products", "cut_attributes", "cut_media")),
            Input("tags", {"policy": self.config.policy}),
            *map(Input, (*product, *signals, "roles")),
        )

    def rounds(self) -> tuple[str, ...]:
        return ("draw", HELD, "gather", "collate", "write", "card")

    @property
    def choices(self) -> dict[str, str]:
        return {"shards": checked_name("shard folder", self.config.name)}

    def owned(self, dataset: Dataset) -> list[Path]:
        folder = self._folder(dataset)
        return sorted(path for path in folder.glob("*") if path.name not in (OVERLAYS, *papers.PAPERS))

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name == HELD:
            return [Unit(HELD), *map(Unit, listing.FACTS)]
        if round_name == "gather":
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        if round_name in ("collate", "write"):
            tars = [tar_name(split, i) for split, shards in self._shards(dataset).items() for i in range(shards)]
            return collate.run_units(len(tars)) if round_name == "collate" else collate.shard_units(tars)
        return [Unit(round_name)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        match round_name:
            case "draw":
                return self._order(work)
            case "held":
                return self._held(unit, work)
            case "gather":
                return self._gather(unit.args["partition"], work)
            case "collate":
                return collate.bring_together(unit, work)
            case "write":
                return self._write(unit, work)
            case _:
                return self._card(work)

    def _order(self, work: Work) -> Counts:
        # Told before hours of writing, not after them.
        papers.by_people(self._folder(work.dataset))
        products = work.dataset.read("cut_products", columns=("product_id", "split"), cut=self.config.cut)
        plan = gather.order(products, self.config.seed, self.config.samples_per_shard)
        home = partition_of(pl.col("product_id"), work.dataset.partitions)
        buckets.write(work.scratch / PLAN, plan, plan.select(home).to_series(), work.dataset.partitions)
        return {"samples": plan.height}

    def _held(self, unit: Unit, work: Work) -> Counts:
        if unit.key != HELD:
            keep_facts(work.dataset, unit.key, work.scratch)
            return {}
        found = reuse.nothing() if work.terms.refresh else reuse.pool(work.dataset, self.config, work.scratch / HELD)
        keep_made(found, work.scratch)
        return {}

    def _gather(self, partition: int, work: Work) -> Counts:
        plan = buckets.read(buckets.opened([work.scratch / PLAN]), partition)
        rows = gather.rows(work.dataset, partition, self.config, plan, known(work.scratch))
        gather.save(collate.gathered(work.scratch, partition), rows)
        return {}

    def _write(self, unit: Unit, work: Work) -> Counts:
        path = self._folder(work.dataset) / unit.args["tar"]
        index, counts, xxh3 = pack(path, collate.load(unit, work), Encoder(self.config, work))
        work.wrote(path, xxh3)
        atomic.write_bytes(_checksum(work, path.name), atomic.sha256_of(path).encode())
        work.write("shard_index", path.stem, index, **self.choices)
        return counts

    def _card(self, work: Work) -> Counts:
        folder = self._folder(work.dataset)
        splits: dict[str, tuple[ShardFile, ...]] = {}
        categories: set[str] = set()
        facts = Facts()
        checksums: dict[str, str] = {}
        for split, shards in self._shards(work.dataset).items():
            files = []
            for i in range(shards):
                tar = folder / tar_name(split, i)
                output = work.dataset.output(folder / INDEX / f"{tar.stem}.parquet")
                rows = pq.read_table(work.dataset.root / output.path)
                categories.update(c for c in rows["category"].to_pylist() if c is not None)
                facts.add(split, rows)
                checksums[tar.name] = _checksum(work, tar.name).read_text()
                size = work.dataset.size_of(tar) or 0
                files.append(ShardFile(tar=tar.name, samples=rows.num_rows, bytes=size, index_sha256=output.sha256))
            splits[split] = tuple(files)
        made_with = reuse.made_with(self.config)
        manifest = ShardManifest.of(tuple(sorted(categories)), splits, made_with, self.config.model_dump(mode="json"))
        work.wrote(manifest.write(folder))
        papers.write(folder, manifest, facts, self._lineage(work.dataset), checksums)
        return {}

    def _lineage(self, dataset: Dataset) -> Lineage:
        stages = dataset.manifest()["stages"]
        inputs = {entry for source in self.inputs() for entry in source.entries(stages)}
        body = {"stage": self.name, "version": self.version, "config": self.config.model_dump(mode="json")}
        body["settings"] = self.config.model_dump(mode="json", exclude_defaults=True)
        return lineage.taken(dataset, self.config.cut, inputs, StageFacts.of(self.entry, body))

    def _shards(self, dataset: Dataset) -> dict[str, int]:
        """Number of shards of every split that has samples, in the order train, val, test."""
        cut = dataset.scan("cut_products", cut=self.config.cut)
        sizes = dict(cut.group_by("split").len().collect().iter_rows())
        return {s.value: -(-sizes[s.value] // self.config.samples_per_shard) for s in Split if s.value in sizes}

    def _folder(self, dataset: Dataset) -> Path:
        return dataset.folder("shard_index", **self.choices).parent


def _checksum(work: Work, tar: str) -> Path:
    """Where the sha256 of a tar waits for the papers."""
    return work.scratch / f"{tar}.sha256"
