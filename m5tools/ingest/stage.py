"""The stage `ingest`: one delivery of one source → products, texts, attributes, media, rejects, fields.

Rounds: `parse` (chunks of input, in parallel) → `register` (the crawl enters the manifest, the number of partitions is
fixed) → `gather` (where there are many partitions: their rows are brought together) → `settle` (partitions, in
parallel) → `compare` (its fields with those of the source's crawl before). Every input row is counted: rows = new +
updated + unchanged + rejects (+ left out, when a sample was asked for).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar, cast

import polars as pl
from pydantic import Field, field_validator

from m5tools import atomic, objects
from m5tools.dataset import Dataset, checked_name
from m5tools.errors import StageFailed, UsageError
from m5tools.ingest import changes, companions, deliveries, fields, staged, staged_files
from m5tools.ingest import mapping as mappings
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS, Chunk, locations
from m5tools.ingest.readers.row import refuse_folder
from m5tools.ingest.sample import Sample, drawn, draws
from m5tools.ingest.settle import known_versions, settle
from m5tools.manifest import Crawl, Manifest
from m5tools.partitions import ROWS_A_PARTITION, part_name
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work

FEWEST_PARTITIONS = 4
SAMPLE = "sample.json"
STAGED = "staged"
FIELDS = "fields"


class IngestConfig(StageConfig):
    """One delivery of one source."""

    source: str = Field(description="name of the source; part of every product id")
    mapping: str = Field(description="a shipped mapping's name, or the path of a mapping file")
    files: tuple[str, ...] = Field(description="files, folders or globs; local or fsspec URIs", min_length=1)
    root: str | None = Field(None, description="folder that file names are told relative to, and companions are under")
    crawl_id: str | None = Field(
        None, description="name of this delivery; default: <source>-1, which other files cannot replace"
    )
    media_root: str | None = Field(
        None, description="folder that relative media paths start from, on this machine or s3://bucket/folder"
    )
    limit: int | None = Field(None, ge=1, description="keep only so many products, drawn by seed")
    seed: int = Field(0, description="seed of that draw")

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("media_root")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            objects.plain(value)
        return value


@dataclass(frozen=True)
class Ingest(Stage):
    """See the module."""

    name: ClassVar[str] = "ingest"
    version: ClassVar[int] = 3
    writes: ClassVar[tuple[str, ...]] = ("products", "texts", "attributes", "media", "rejects", "fields")
    documents: ClassVar[dict[str, tuple[str, ...]]] = {"mapping": mappings.DECLARED}

    config: IngestConfig

    @property
    def crawl_id(self) -> str:
        return checked_name("crawl", self.config.crawl_id or f"{self.config.source}-1")

    @property
    def choices(self) -> dict[str, str]:
        return {"crawl": self.crawl_id}

    @cached_property
    def mapping(self) -> Mapping:
        return mappings.load(self.config.mapping)

    def inputs(self) -> tuple[Input, ...]:
        return ()

    def earlier(self, manifest: Manifest) -> tuple[Input, ...]:
        """The crawls before this one: they decide what is new, updated or unchanged."""
        before = takewhile(lambda crawl: crawl["crawl_id"] != self.crawl_id, manifest["crawls"])
        return tuple(Input("products", {"crawl": crawl["crawl_id"]}) for crawl in before)

    def examine(self, dataset: Dataset) -> None:
        """Refuse to put other files in the place of a crawl that was only named by default."""
        if self.config.crawl_id is not None or self.entry not in dataset.manifest()["stages"]:
            return
        if deliveries.lacks(dataset, self.crawl_id, input_files(self.config)):
            further = deliveries.next_name(dataset, self.config.source)
            raise UsageError(
                f"crawl '{self.crawl_id}' was read from other files; name this one: --set crawl_id={further} for a "
                f"further crawl of '{self.config.source}', --set crawl_id={self.crawl_id} to replace it"
            )

    def outside(self) -> Any:
        given = input_files(self.config)
        for path in given if self.mapping.format not in ("folder", "pages") else ():
            refuse_folder(path)
        named = [*given, *map(str, companions.companion_files(self.mapping, self._root))]
        return [self.mapping.reading(), [fact for path in named for fact in locations.facts(path)]]

    def advice(self, counts: Counts) -> str | None:
        if not counts["rows"]:
            return f"the input holds no row; check files={', '.join(self.config.files)}"
        if counts["rejects"] == counts["rows"]:
            first = input_files(self.config)[0]
            return (
                f"every row was rejected; does the mapping '{self.config.mapping}' (format {self.mapping.format}) fit? "
                f"see: m5 sniff {first}"
            )
        return None

    def owned(self, dataset: Dataset) -> list[Path]:
        return [dataset.folder(table) / self.crawl_id for table in self.writes]

    def rounds(self) -> tuple[str, ...]:
        return ("parse", "register", "gather", "settle", "compare")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name in ("register", "compare"):
            return [Unit("all")]
        if round_name == "gather":
            return [Unit(f"run-{i:05d}", {"run": i}) for i in range(staged.runs(dataset.partitions))]
        if round_name == "settle":
            return [Unit(part_name(i), {"partition": i}) for i in range(dataset.partitions)]
        reader = READERS[self.mapping.format]
        chunks = [c for path in input_files(self.config) for c in reader.chunks(path, self._name(path))]
        return [Unit(f"{i:06d}", asdict(chunk)) for i, chunk in enumerate(chunks)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name == "parse":
            return self._parse(unit, work)
        if round_name == "gather":
            staged.gather(work.scratch / STAGED, unit.args["run"], staged.runs(work.dataset.partitions))
            return {}
        if round_name == "settle":
            return self._settle(unit, work)
        return self._register(work) if round_name == "register" else self._compare(work)

    def _parse(self, unit: Unit, work: Work) -> Counts:
        chunk = Chunk(**unit.args)
        about = Chunked(self.config.source, self.crawl_id, chunk.name)
        batches = READERS[self.mapping.format].batches(chunk, self.mapping)
        parsed = parse(batches, self.mapping, about, companions.joiner(self.mapping, self._root))
        staged_files.write(work.scratch / STAGED, unit.key, parsed.staged)
        fields.write(work.scratch / FIELDS, unit.key, parsed.fields)
        if parsed.rejects.height:
            work.write("rejects", f"{self.crawl_id}/parse-{unit.key}", parsed.rejects)
        return {"rows": parsed.rows, "rejects": parsed.rejects.height}

    def _register(self, work: Work) -> Counts:
        """Enter the crawl and fix the number of partitions; with a limit, draw the sample."""
        rows = staged.count(work.scratch / STAGED)
        if self.config.limit is not None:
            ids = pl.DataFrame(pl.from_arrow(staged.keys(work.scratch / STAGED)))
            ids = ids.with_columns(draws(ids["product_id"], self.config.seed))
            atomic.write_json(work.scratch / SAMPLE, asdict(drawn(ids, self.config.limit)))
            rows = min(rows, self.config.limit)
        mine = Crawl(source=self.config.source, crawl_id=self.crawl_id, media_root=self.config.media_root)
        mine |= cast("Crawl", self.mapping.declared)
        if self.mapping.unique_products:
            mine["unique_products"] = True
        if self.mapping.many_sellers:
            mine["many_sellers"] = True
        with work.dataset.changing() as manifest:
            for i, crawl in enumerate(manifest["crawls"]):
                if crawl["crawl_id"] != self.crawl_id:
                    continue
                if crawl["source"] != self.config.source:
                    raise UsageError(
                        f"crawl '{self.crawl_id}' belongs to source '{crawl['source']}'; give another crawl_id"
                    )
                manifest["crawls"][i] = mine
                break
            else:
                manifest["crawls"].append(mine)
            manifest["partitions"] = manifest["partitions"] or _partitions(rows)
        work.write_note(deliveries.note_of(work.dataset, self.crawl_id), deliveries.contents(input_files(self.config)))
        return {}

    def _settle(self, unit: Unit, work: Work) -> Counts:
        partition, partitions = unit.args["partition"], work.dataset.partitions
        rows = staged.read_partition(work.scratch / STAGED, partition, partitions)
        left_out = 0
        sample = work.scratch / SAMPLE
        if sample.is_file():
            ids = pl.DataFrame(pl.from_arrow(rows.select(["product_id", "by_content"])))
            ids = ids.with_columns(draws(ids["product_id"], self.config.seed))
            kept = ids.select(Sample(**json.loads(sample.read_text())).kept()).to_series()
            left_out = int((~kept).sum())
            rows = rows.filter(kept.to_arrow())
        known = known_versions(work.dataset, self.crawl_id, partition)
        delivered = staged.delivered_of(rows, work.scratch / STAGED)
        settled = settle(rows, self.crawl_id, known, self.mapping.language, delivered)
        del rows  # while the tables are written, half of the memory
        for table, frame in settled.tables.items():
            work.write(table, f"{self.crawl_id}/{part_name(partition)}", frame)
        if settled.rejects.height:
            work.write("rejects", f"{self.crawl_id}/settle-{partition:05d}", settled.rejects)
        counts = {"rejects": settled.rejects.height, "new": settled.new, "updated": settled.updated}
        counts |= {"unchanged": settled.unchanged} | ({"left_out": left_out} if left_out else {})
        return counts

    def _compare(self, work: Work) -> Counts:
        """What the fields of this crawl hold, and what is different about them since the source's crawl before."""
        earlier = changes.crawls_before(work.dataset, self.config.source, self.crawl_id)
        before = changes.fields_of(work.dataset, earlier[0] if earlier else "")
        found = changes.compared(
            fields.read(work.scratch / FIELDS), fields.named_paths(self.mapping), before,
            lambda: changes.known_pairs(work.dataset, self.crawl_id, earlier),
        )  # fmt: skip
        targets = fields.targets(self.mapping, found["field"])
        found = found.with_columns(
            pl.Series("mapped_to", [targets[name] for name in found["field"]], dtype=pl.List(pl.String)),
            source=pl.lit(self.config.source),
            crawl_id=pl.lit(self.crawl_id),
        )
        work.write("fields", f"{self.crawl_id}/all", found)
        return {}

    def remarks(self, dataset: Dataset) -> list[str]:
        inputs = list(map(Path, input_files(self.config))) if self.mapping.companions else []
        of_companions = companions.remarks(self.mapping, self._root, inputs)
        return [*of_companions, *changes.remarks(changes.fields_of(dataset, self.crawl_id))]

    def check(self, counts: Counts) -> None:
        """Every row that was read has become a product, a reject, or was left out."""
        became = sum(counts.get(word, 0) for word in ("new", "updated", "unchanged", "rejects", "left_out"))
        if counts.get("rows", 0) != became:
            raise StageFailed(
                f"ingest of crawl '{self.crawl_id}' read {counts.get('rows', 0):,} rows but accounts for {became:,}; "
                "staged files were changed from outside while it ran: run it again with --refresh"
            )

    @property
    def _root(self) -> Path | None:
        return Path(self.config.root) if self.config.root is not None else None

    def _name(self, path: str) -> str:
        """A file as rejects and origins call it: relative to the root, else to the folder that holds all files."""
        root = self.config.root
        place, base = locations.absolute(path), self._common
        if root is not None and Path(place).is_relative_to(locations.absolute(root)):
            base = locations.absolute(root)
        return os.fsencode(os.path.relpath(place, base)).decode("utf-8", "replace")

    @cached_property
    def _common(self) -> str:
        return os.path.commonpath([Path(locations.absolute(path)).parent for path in input_files(self.config)])


def input_files(config: IngestConfig) -> list[str]:
    """The files (for `format: folder`, folders) that a config names, sorted: local paths and URIs.

    Raises:
        UsageError: a name or pattern matches nothing.
    """
    found: set[str] = set()
    for pattern in config.files:
        matches = locations.matching(pattern)
        if not matches:
            raise UsageError(f"source '{config.source}': nothing matches {pattern}; check 'files'")
        found |= set(matches)
    return sorted(found)


def _partitions(rows: int) -> int:
    """The smallest power of two that keeps partitions near `ROWS_A_PARTITION`, whatever the input's files."""
    wanted = max(FEWEST_PARTITIONS, -(-rows // ROWS_A_PARTITION))
    return min(4096, 1 << (wanted - 1).bit_length())
