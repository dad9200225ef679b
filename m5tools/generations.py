"""Tables that grow by generations: what was decided when one crawl was the latest stays when the next is appended.

Such a table has a folder for every generation, named after the crawl that was the latest then, with rows about the
products that were new then. A run writes the folder of the latest crawl and leaves the earlier ones as they are, so
what a run starts from is never what it is about to write, however often it is killed.

Beside the parts, `made.json` says under which terms (a config, a policy) and over which ingested crawls a generation
was made. Under other terms, or where one of these crawls was ingested anew, there is nothing to go on from, and the
whole table is made again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from m5tools import notes, schema
from m5tools.dataset import Dataset
from m5tools.partitions import part_name

NOTE: Final = "made.json"


@dataclass(frozen=True)
class _Made:
    """What `made.json` says.

    Attributes:
        terms: their digest.
        crawls: fingerprint by crawl.
    """

    terms: str
    crawls: dict[str, str]


@dataclass(frozen=True)
class Generations:
    """The generations of one table.

    Attributes:
        dataset: the dataset.
        table: the table's name.
        terms: a JSON value; a generation that was made under other terms is not gone on from.
    """

    dataset: Dataset
    table: str
    terms: Any

    @property
    def latest(self) -> str:
        """The crawl that names the generation to be written."""
        return self._crawls()[-1]

    def base(self) -> str | None:
        """The generation to go on from: the newest before the latest crawl, if its terms and crawls still hold."""
        for crawl in reversed(self._crawls()[:-1]):
            note = self._folder(crawl) / NOTE
            if note.is_file():
                return crawl if self._holds(self._read(note)) else None
        return None

    def made(self) -> bool:
        """Whether the latest generation is there, made under these terms."""
        note = self._folder(self.latest) / NOTE
        return note.is_file() and self._read(note).terms == _digest(self.terms)

    def of(self, table: str) -> Generations:
        """Another table that grows together with this one."""
        return replace(self, table=table)

    def since(self, base: str | None) -> list[str]:
        """The crawls after a generation; all of them where there is none."""
        crawls = self._crawls()
        return crawls if base is None else crawls[crawls.index(base) + 1 :]

    def parts_since(self, base: str | None, partition: int) -> list[Path]:
        """The parts of one partition in the generations after one, in their order."""
        parts = (self._folder(crawl) / f"{part_name(partition)}.parquet" for crawl in self.since(base))
        return [part for part in parts if part.is_file()]

    def note(self) -> tuple[Path, dict[str, Any]]:
        """What to write beside the parts of the latest generation, and where."""
        crawls = self._crawls()
        stages = self.dataset.manifest()["stages"]
        covered = {crawl: stages[f"ingest/{crawl}"]["fingerprint"] for crawl in crawls}
        return self._folder(crawls[-1]) / NOTE, {"terms": _digest(self.terms), "crawls": covered}

    def beside(self, generation: str, name: str) -> Path:
        """A file beside the parts of a generation."""
        return self._folder(generation) / name

    def part(self, partition: int) -> str:
        """The name of a part of the latest generation."""
        return f"{self.latest}/{part_name(partition)}"

    def folders(self, base: str | None) -> list[Path]:
        """Those of the generations up to one; none where there is nothing to go on from."""
        crawls = self._crawls()
        return [] if base is None else [self._folder(crawl) for crawl in crawls[: crawls.index(base) + 1]]

    def files(self, base: str | None) -> list[Path]:
        """All files up to a generation, in a fixed order; none where there is nothing to go on from."""
        return [file for folder in self.folders(base) for file in sorted(folder.glob("[!.]*")) if folder.is_dir()]

    def read(self, base: str | None) -> pl.DataFrame:
        """The rows up to a generation."""
        parts = [file for file in self.files(base) if file.suffix == ".parquet"]
        if not parts:
            return self.dataset.scan(self.table).clear().collect()
        return pl.read_parquet(parts, glob=False)

    def scans(self, base: str | None) -> list[pl.LazyFrame]:
        """The same file by file; one frame without rows where there is nothing to go on from."""
        parts = [file for file in self.files(base) if file.suffix == ".parquet"]
        found = [pl.scan_parquet(part, glob=False) for part in parts]
        return found or [self.dataset.scan(self.table).clear()]

    def known(self, base: str | None, partition: int) -> pl.Series:
        """Ids of the products of a partition that crawls up to a generation delivered, ascending."""
        if base is None:
            return pl.Series("product_id", [], dtype=pl.String)
        crawls = self._crawls()
        delivered = self.dataset.of_crawls("products", crawls[: crawls.index(base) + 1], partition)
        rows = delivered.select(pl.col("product_id").unique().sort()).collect()
        return rows["product_id"]

    def _read(self, note: Path) -> _Made:
        return notes.read_of(self.dataset, schema.law(self.table).stage, note, _Made)

    def _holds(self, note: _Made) -> bool:
        stages = self.dataset.manifest()["stages"]
        made = {f"ingest/{crawl}": fingerprint for crawl, fingerprint in note.crawls.items()}
        same = all(entry in stages and stages[entry]["fingerprint"] == made[entry] for entry in made)
        return bool(same and note.terms == _digest(self.terms))

    def _crawls(self) -> list[str]:
        return [crawl["crawl_id"] for crawl in self.dataset.manifest()["crawls"]]

    def _folder(self, crawl: str) -> Path:
        return self.dataset.folder(self.table) / crawl


def _digest(terms: Any) -> str:
    return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:16]
