"""The stage `overlay`: what came later laid over shards that stand, without writing their tars anew.

A later cut brings media (a tar and an index for every shard), a policy its tags, a table of the user's its columns, a
frozen model its vectors, a rule its weights (an index for every shard). Row by row it goes with the shard's own
index, so laying one over the other is no join.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import atomic, listing, schema
from m5tools.dataset import Dataset, checked_name
from m5tools.embedding import fingerprint
from m5tools.errors import UsageError
from m5tools.joins import buckets
from m5tools.partitions import part_name, partition_of
from m5tools.shards import collate, gather, reuse, vectors, weights
from m5tools.shards.config import Encoding, OverlayConfig
from m5tools.shards.encode import Encoder
from m5tools.shards.files import keep_facts, keep_made, known
from m5tools.shards.manifest import INDEX, OVERLAYS, OverlayManifest, ShardFile, ShardManifest
from m5tools.shards.pack import pack
from m5tools.stage import Counts, Input, Stage, Unit, Work
from m5tools.vocabulary import Modality

HELD: Final = "held"
BASE: Final = "base.arrow"
_TEXTS: Final = (pa.string(), pa.large_string(), pa.string_view())
_PLAN: Final = ("product_id", "split", "shard", "number", "place")
_BASE: Final = ("product_id", "present", "state", "reason", "tags")


@dataclass(frozen=True)
class _Additions:
    """What :func:`m5tools.shards.gather.additions` is asked for."""

    cut: str
    modalities: tuple[Modality, ...]
    max_images: int


@dataclass(frozen=True)
class Overlay(Stage):
    """Writes `shards/<name>/overlays/<overlay>/`.

    Rounds: *places* reads which sample lies where, *held* looks for what other shards hold already and keeps what is
    known of files, *gather* joins the tables of one partition to it, *collate* brings the rows of many shards together,
    *write* makes what goes with one shard, *manifest* writes the overlay's. For a model, which reads the shards
    themselves, nothing is gathered; for weights *count* takes the sizes of categories.
    """

    config: OverlayConfig

    name: ClassVar[str] = "overlay"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ()

    def inputs(self) -> tuple[Input, ...]:
        base = Input("shard_index", {"shards": self.config.shards})
        if self.config.policy is not None:
            return base, Input("tags", {"policy": self.config.policy})
        if self.config.cut is None:
            return (base,)
        files = ("products", "media", "fetched", "assets", "signals_image", "signals_video", "signals_audio")
        cut = (Input(table, {"cut": self.config.cut}) for table in ("cut_products", "cut_media"))
        return base, *cut, *map(Input, files)

    def outside(self) -> Any:
        if self.config.model is not None:
            return fingerprint(self.config.model)
        table = self.config.table
        return None if table is None else atomic.sha256_of(Path(table)) if Path(table).is_file() else "missing"

    def examine(self, dataset: Dataset) -> None:
        if self.config.table is not None:
            _columns_of(self.config.table)
        if self.config.model is not None:
            vectors.size_of(self.config.model, Modality(self.config.of))

    @property
    def choices(self) -> dict[str, str]:
        return {"shards": self.config.shards, "overlay": checked_name("overlay", self.config.name)}

    def owned(self, dataset: Dataset) -> list[Path]:
        return [self._folder(dataset)]

    def rounds(self) -> tuple[str, ...]:
        if self.config.weights is not None:
            return ("count", "write", "manifest")
        gathered = () if self.config.model else ("places", HELD, "gather", "collate")
        return (*gathered, "write", "manifest")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name == HELD and self.config.cut is not None:
            return [Unit(HELD), *map(Unit, listing.FACTS)]
        if round_name == "gather":
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        if round_name in ("collate", "write"):
            tars = [file.tar for files in self._base(dataset).splits.values() for file in files]
            return collate.run_units(len(tars)) if round_name == "collate" else collate.shard_units(tars)
        return [Unit(round_name)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        match round_name:
            case "count":
                base = self._base_folder(work.dataset)
                factors = weights.factors(base, self._base(work.dataset), self.config)
                gather.save(work.scratch / "factors.arrow", factors)
                return {}
            case "places":
                return self._places(work)
            case "held":
                return self._held(unit, work)
            case "gather":
                return self._gather(unit.args["partition"], work)
            case "collate":
                return collate.bring_together(unit, work)
            case "write":
                return self._write(unit, work)
            case _:
                return self._manifest(work)

    def _places(self, work: Work) -> Counts:
        shards, folder = self._base(work.dataset), self._base_folder(work.dataset)
        rows = [
            pl.read_parquet(folder / file.index, columns=[*_BASE], glob=False)
            .with_row_index("place")
            .with_columns(split=pl.lit(split), shard=pl.lit(k))
            for split, files in shards.splits.items()
            for k, file in enumerate(files)
        ]
        numbered = [part.with_columns(number=pl.lit(number)) for number, part in enumerate(rows)]
        empty = pl.DataFrame(schema=dict.fromkeys((*_PLAN, *_BASE), pl.String))
        plan = pl.concat(numbered).with_columns(pl.col("place").cast(pl.Int32)) if rows else empty
        home = partition_of(pl.col("product_id"), work.dataset.partitions)
        buckets.write(work.scratch / BASE, plan, plan.select(home).to_series(), work.dataset.partitions)
        return {"samples": plan.height}

    def _held(self, unit: Unit, work: Work) -> Counts:
        if unit.key != HELD:
            keep_facts(work.dataset, unit.key, work.scratch)
            return {}
        found = (
            reuse.nothing()
            if work.terms.refresh
            else reuse.pool(work.dataset, self._encoding(work.dataset), work.scratch / HELD)
        )
        keep_made(found, work.scratch)
        return {}

    def _gather(self, partition: int, work: Work) -> Counts:
        base = buckets.read(buckets.opened([work.scratch / BASE]), partition)
        counts: Counts = {}
        if self.config.cut is not None:
            most = int(self._base(work.dataset).config["max_images"])
            asked = _Additions(self.config.cut, self.config.modalities, most)
            rows = gather.additions(work.dataset, partition, asked, base, known(work.scratch))
        else:
            added = self._added(work.dataset, partition)
            rows = base.select(_PLAN).join(added, on="product_id", how="left", maintain_order="left")
            if self.config.table is not None:  # none, where a table is keyed by other ids
                counts = {"listed": base.join(added, on="product_id", how="semi").height}
            if self.config.policy is not None:
                rows = rows.with_columns(pl.col("tags").fill_null([]))
        gather.save(collate.gathered(work.scratch, partition), rows.sort("number", "place"))
        return counts

    def _added(self, dataset: Dataset, partition: int) -> pl.DataFrame:
        """`product_id` and the columns to add, of the products of a partition."""
        if self.config.policy is not None:
            tags = dataset.scan("tags", partition=partition, policy=self.config.policy)
            return tags.group_by("product_id").agg(tags=pl.col("tag").unique().sort()).collect()
        assert self.config.table is not None
        here = partition_of(pl.col("product_id"), dataset.partitions) == partition
        rows = pl.scan_parquet(self.config.table, glob=False).filter(pl.col("product_id").str.len_bytes() == 32)
        found = rows.filter(here).collect()
        twice = found.filter(pl.col("product_id").is_duplicated())["product_id"]
        if len(twice):
            raise UsageError(
                f"{self.config.table} has product {twice[0]} more than once; it must be keyed by product_id"
            )
        return found

    def _write(self, unit: Unit, work: Work) -> Counts:
        path = self._folder(work.dataset) / INDEX / f"{unit.key}.parquet"
        index, counts = self._index(unit, path, work)
        with atomic.whole_file(path) as temporary:
            pq.write_table(index.combine_chunks(), temporary, compression="zstd", row_group_size=65_536)
        work.wrote(path)
        return counts

    def _index(self, unit: Unit, path: Path, work: Work) -> tuple[pa.Table, Counts]:
        """What the overlay's index of one shard holds; its tar, where it brings media, is written on the way."""
        tar = unit.args["tar"]
        if self.config.model is not None:
            base = self._base_folder(work.dataset)
            index, counts = vectors.vectors_of(base / tar, base / INDEX / path.name, self.config, work)
            return index, {"shards": 1, **counts}
        if self.config.weights is not None:
            shards = self._base(work.dataset).splits.items()
            split = next(split for split, files in shards if any(file.tar == tar for file in files))
            factors = pl.scan_ipc(work.scratch / "factors.arrow", glob=False).collect()
            index = weights.column_of(
                self._base_folder(work.dataset) / INDEX / path.name, split, factors, self.config.weights
            )
            return index, {"shards": 1}
        rows = collate.load(unit, work)
        if self.config.cut is not None:
            tarred = self._folder(work.dataset) / tar
            index, counts, xxh3 = pack(tarred, rows, Encoder(self._encoding(work.dataset), work))
            work.wrote(tarred, xxh3)
            return index, counts
        index = rows.drop_columns([name for name in _PLAN if name != "product_id"])
        law = schema.law("shard_index").schema
        known = [law.field(f.name) if f.name in law.names else f for f in index.schema]
        return index.cast(pa.schema(known)), {"shards": 1}

    def _manifest(self, work: Work) -> Counts:
        folder, base = self._folder(work.dataset), self._base(work.dataset)
        splits: dict[str, tuple[ShardFile, ...]] = {}
        columns: tuple[str, ...] = ()
        for split, files in base.splits.items():
            ours = []
            for file in files:
                size = (work.dataset.size_of(folder / file.tar) or 0) if self.config.cut is not None else 0
                index = work.dataset.output(folder / file.index)
                ours.append(ShardFile(tar=file.tar, samples=file.samples, bytes=size, index_sha256=index.sha256))
                columns = tuple(pq.read_schema(folder / file.index).names[1:])
            splits[split] = tuple(ours)
        media = self.config.modalities if self.config.cut is not None else ()
        manifest = OverlayManifest.of(
            base.content, media, () if media else columns, splits, reuse.made_with(self._encoding(work.dataset)),
            self.config.model_dump(mode="json"), None if self.config.model is None else fingerprint(self.config.model),
        )  # fmt: skip
        work.wrote(manifest.write(folder))
        return {}

    def _base_folder(self, dataset: Dataset) -> Path:
        return dataset.folder("shard_index", shards=self.config.shards).parent

    def _base(self, dataset: Dataset) -> ShardManifest:
        return ShardManifest.read(self._base_folder(dataset))

    def _encoding(self, dataset: Dataset) -> Encoding:
        """Media are written as those of the shards are."""
        config = self._base(dataset).config
        return Encoding.model_validate({name: config[name] for name in Encoding.model_fields})

    def _folder(self, dataset: Dataset) -> Path:
        return self._base_folder(dataset) / OVERLAYS / self.config.name


def _columns_of(table: str) -> pa.Schema:
    """The columns of a user's table.

    Raises:
        UsageError: it cannot be read, has no product ids, or brings what the index has already.
    """
    try:
        found = pq.read_schema(table)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{table} is not a Parquet file that can be read: {error}") from error
    if "product_id" not in found.names or found.field("product_id").type not in _TEXTS:
        raise UsageError(f"{table} has no column product_id of text; it has {', '.join(found.names)}")
    taken = [name for name in found.names if name in schema.law("shard_index").names and name != "product_id"]
    if taken:
        raise UsageError(f"{table}: {', '.join(taken)} of the index would be hidden; give the columns other names")
    taken = [name for name in found.names if name in _PLAN and name != "product_id"]
    if taken:
        raise UsageError(f"{table}: {', '.join(taken)}: these names are taken while rows are put in order; give others")
    return found
