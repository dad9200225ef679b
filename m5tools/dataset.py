"""The dataset folder: tables as Parquet parts under their law, and `dataset.json`, which says what was done to them.

Product tables are cut into a fixed number of partitions by product id, so that all rows of one product lie in parts of
the same number (`part-00007.parquet`) in every table and joins stay inside a partition. Over 300 lines, for it is one
class: the folder, its tables, and what they know of one product.
"""

from __future__ import annotations

import copy
import fcntl
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import atomic, bundles, manifest, schema, uris, working_copy
from m5tools.agreement import contradiction, hollow_bundle
from m5tools.errors import UsageError
from m5tools.manifest import MANIFEST, Manifest
from m5tools.partitions import part_name

MANIFEST_LOCK = "runs/dataset.lock"
_OWNED = ("owner", "product_id")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Output:
    """A file that a unit of work wrote.

    Attributes:
        path: below the dataset root.
        bytes: its size.
        sha256: of its bytes in hex; empty where `xxh3` stands in.
        xxh3: xxh3-128 in hex instead, of a file that is written faster than a sha256 could be taken.
    """

    path: str
    bytes: int
    sha256: str
    xxh3: str = ""


def checked_name(kind: str, name: str) -> str:
    """A name that becomes a folder: refused unless it is up to 100 plain letters, digits, `.`, `_`, `-`."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{kind} '{name}' cannot be a folder name; use up to 100 letters, digits, '.', '_' and '-'")
    return name


class Dataset:
    """A dataset folder. Every table is an attribute that gives a Polars LazyFrame: `ds.products`, `ds.tags` …

    Args:
        root: path of the folder, or `s3://bucket/…`, of which a working copy here is brought up to date.

    Attributes:
        root: the folder on this machine.
        copy: what it is the working copy of; None where it is the dataset itself.
    """

    def __init__(self, root: str | Path) -> None:
        self.copy = working_copy.of_uri(str(root)) if uris.is_uri(root) else working_copy.found(Path(root))
        root = self.copy.root if self.copy is not None else root
        try:
            str(root).encode()
        except UnicodeEncodeError as error:
            told = str(root).encode(errors="replace").decode()
            raise UsageError(
                f"{told} is not named in UTF-8, and Parquet files are opened by UTF-8 names alone; "
                "rename it, or go into the dataset and name it '.'"
            ) from error
        self.root = Path(root)
        if self.root.is_file():
            raise UsageError(f"{root} is a file; a dataset is a folder (with {MANIFEST} in it, once it is built)")

    @property
    def place(self) -> str:
        """Where the dataset is, as a command names it."""
        return str(self.root) if self.copy is None else self.copy.uri

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who writes a dataset in a store; stages in a folder keep apart by their locks."""
        with self.copy.writing() if self.copy is not None else nullcontext():
            yield

    def __repr__(self) -> str:
        return f"Dataset({self.place!r})"

    def __getattr__(self, name: str) -> pl.LazyFrame:
        if name.startswith("_") or name not in schema.laws():
            raise AttributeError(f"a dataset has no table '{name}'; it has {', '.join(schema.laws())}")
        return self.scan(name)

    # The manifest -------------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        return (self.root / MANIFEST).is_file()

    def manifest(self) -> Manifest:
        """What `dataset.json` says; a fresh manifest where there is none.

        Raises:
            UsageError: the file is damaged or of a newer format.
        """
        return manifest.read(self.root / MANIFEST, self.place)

    @contextmanager
    def changing(self) -> Iterator[Manifest]:
        """The manifest to change, saved at the end; stages that finish at the same moment wait for each other."""
        guard = self.root / MANIFEST_LOCK
        guard.parent.mkdir(parents=True, exist_ok=True)
        with guard.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.manifest()
            changed = copy.deepcopy(before)
            yield changed
            if changed != before:
                atomic.write_json(self.root / MANIFEST, changed)

    @property
    def partitions(self) -> int:
        """Number of partitions of the product tables; 0 before the first crawl was ingested."""
        return self.manifest()["partitions"]

    def refuse_contradicted(self) -> None:
        """
        Raises:
            UsageError: `dataset.json` and the names of the parts contradict each other.
        """
        found = contradiction(self.root, self.manifest())
        if found is not None:
            raise UsageError(f"{self.root / MANIFEST}: {found.what}; {found.remedy(self.place)}")

    def refuse_hollow_bundles(self) -> None:
        """
        Raises:
            UsageError: a bundle has no parts, so that its crawls would be passed over without a word.
        """
        if (bundle := hollow_bundle(self.root)) is not None:
            raise UsageError(
                f"{self.root / bundles.RECORD}: the parts of the bundle '{bundle}' are missing; "
                f"restore them, or run what 'm5 check {self.place}' says"
            )

    # Tables -------------------------------------------------------------------------------------------------------

    def folder(self, table: str, **choices: str) -> Path:
        """Where a table's parts are."""
        return self.root / schema.law(table).folder(**choices)

    def parts(self, table: str, *, partition: int | None = None, **choices: str) -> list[Path]:
        """A table's part files in a fixed order, of one partition or of all."""
        pattern = "[!.]*.parquet" if partition is None else f"{part_name(partition)}.parquet"
        folder = self.folder(table, **choices)
        parts = sorted((*folder.glob(pattern), *folder.glob(f"*/{pattern}")))
        return bundles.read_parts(parts, bundles.read(self.root)) if table in bundles.TABLES else parts

    def scan(self, table: str, *, partition: int | None = None, **choices: str) -> pl.LazyFrame:
        """A table as a LazyFrame; of products listed in several crawls only the latest version.

        Args:
            table: name of a law.
            partition: only this partition.
            choices: which of several, e.g. `policy="default"`, `cut="complete"`.
        """
        parts = self.parts(table, partition=partition, **choices)
        if not parts:
            return pl.from_arrow(schema.empty(table)).lazy()  # type: ignore[union-attr]
        frame = self._in_order(table, parts)
        if {"product_id", "crawl_id"} <= set(schema.law(table).key):
            frame = self._latest(frame, partition)
        return frame

    def of_crawls(self, table: str, crawls: Collection[str], partition: int | None = None) -> pl.LazyFrame:
        """What some crawls delivered, all versions: rows of a table that has a folder for each crawl, in its order."""
        parts = self.parts(table, partition=partition)
        return self._in_order(table, parts, crawls)

    def _in_order(self, table: str, parts: list[Path], crawls: Collection[str] | None = None) -> pl.LazyFrame:
        known = bundles.read(self.root) if table in bundles.TABLES else {}
        if not known and crawls is None:
            return pl.scan_parquet(parts, glob=False)
        runs = bundles.in_order(parts, known, crawls)
        if not runs:
            return pl.from_arrow(schema.empty(table)).lazy()  # type: ignore[union-attr]
        if all(taken is None for _, taken in runs):
            return pl.scan_parquet([part for part, _ in runs], glob=False)
        frames = []
        for part, taken in runs:
            frame = pl.scan_parquet(part, glob=False)
            frames.append(frame if taken is None else frame.filter(pl.col("crawl_id").is_in(list(taken))))
        return pl.concat(frames)

    def read(
        self, table: str, *, partition: int | None = None, columns: Iterable[str] = (), **choices: str
    ) -> pl.DataFrame:
        """A table, or some of its columns, in memory."""
        frame = self.scan(table, partition=partition, **choices)
        wanted = list(columns)
        return (frame.select(wanted) if wanted else frame).collect()

    def write(self, table: str, part: str, rows: pa.Table | pl.DataFrame, **choices: str) -> Output:
        """Write one part under the table's law, whole or not at all.

        Args:
            table: name of a law.
            part: file name without suffix, with a sub-folder where the table has one per crawl.
            rows: the rows; missing columns become null.

        Raises:
            SchemaError: the rows do not fit the law.
        """
        data = schema.conform(table, rows.to_arrow() if isinstance(rows, pl.DataFrame) else rows)
        path = self.folder(table, **choices) / f"{part}.parquet"
        with atomic.whole_file(path) as temporary:
            repeating = schema.law(table).repeating
            pq.write_table(
                data, temporary, compression="zstd", row_group_size=65_536, use_dictionary=repeating,
                write_statistics=repeating,
            )  # fmt: skip
        return self.output(path)

    def output(self, path: Path, xxh3: str = "") -> Output:
        """The record of a file below the root that was just written; takes its sha256 where no xxh3-128 is given."""
        size = path.stat().st_size
        return Output(path.relative_to(self.root).as_posix(), size, "" if xxh3 else atomic.sha256_of(path), xxh3)

    def size_of(self, path: Path) -> int | None:
        """Bytes of a file below the root, here or in the store; None where there is none."""
        try:
            state = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return self.copy.size_of(path) if self.copy is not None else None
        return state.st_size if stat.S_ISREG(state.st_mode) else None

    def files_below(self, folder: Path) -> list[Path]:
        """The files in a folder and those in it, here and in the store, sorted."""
        here = (file for file in folder.rglob("*") if file.is_file())
        return sorted({*here, *(self.copy.below(folder) if self.copy is not None else ())})

    def _latest(self, frame: pl.LazyFrame, partition: int | None) -> pl.LazyFrame:
        """Rows of the last crawl that delivered each product."""
        crawls = [c["crawl_id"] for c in self.manifest()["crawls"]]
        if len(crawls) < 2:
            return frame
        order = pl.Enum(crawls)
        newest = (
            pl.scan_parquet(self.parts("products", partition=partition), glob=False)
            .group_by("product_id")
            .agg(pl.col("crawl_id").cast(order).max().cast(pl.String))
        )
        return frame.join(newest, on=["product_id", "crawl_id"], how="semi", maintain_order="left")

    # One product --------------------------------------------------------------------------------------------------

    def show(self, product_id: str) -> dict[str, list[dict[str, Any]]]:
        """Everything known about one product: rows of every table that name it, its files, tags, edges, places.

        Args:
            product_id: as for :meth:`find`.
        """
        found = self.find(product_id)
        return self.about([found])[found]

    def find(self, product_id: str) -> str:
        """The id of one product.

        Args:
            product_id: 32 hex digits, or the source's own id where only one product has it.

        Raises:
            UsageError: no such product, or several share the native id.
        """
        named = (pl.col("product_id") == product_id) | (pl.col("native_id") == product_id)
        found = self.scan("products").filter(named).select("product_id").collect()
        if found.is_empty():
            raise UsageError(f"no product '{product_id}' in {self.place}")
        if found.height > 1:
            ids = ", ".join(found["product_id"])
            raise UsageError(f"'{product_id}' is the native id of {found.height} products; use one of {ids}")
        return str(found["product_id"].item())

    def about(self, product_ids: Sequence[str]) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """The same of several products, by id: every table is read once, however many they are."""
        owners = pl.DataFrame(
            {"owner": product_ids, "product_id": product_ids}, schema=dict.fromkeys(_OWNED, pl.String)
        )
        locations = pl.DataFrame(schema={"owner": pl.String, "location_id": pl.String})
        assets = pl.DataFrame(schema={"owner": pl.String, "asset_id": pl.String})
        found: dict[str, dict[str, list[dict[str, Any]]]] = {product: {} for product in product_ids}
        first = ("products", "media", "fetched")
        for table in (*first, *(t for t in schema.laws() if t not in first)):
            names = schema.law(table).names
            if table.startswith("previews") or (schema.law(table).stage == "compare" and table != "comparisons"):
                continue  # bytes, and sets of hashes; nor are vectors to be read
            if "product_id" in names:
                named = [owners]
            elif "product_a" in names:
                named = [owners.rename({"product_id": side}) for side in ("product_a", "product_b")]
            elif "location_id" in names:
                named = [locations]
            elif "asset_id" in names:
                named = [assets]
            else:
                continue
            for label, choices in self.instances(table):
                hits = _owned(self.scan(table, partition=None, **choices).drop("vector", strict=False), named)
                if table == "media":
                    locations = hits.select("owner", "location_id").unique(maintain_order=True)
                if table == "fetched":
                    assets = hits.select("owner", "asset_id").drop_nulls().unique(maintain_order=True)
                for row in hits.to_dicts():
                    found[row.pop("owner")].setdefault(label, []).append(row)
        return found

    def instances(self, table: str) -> list[tuple[str, dict[str, str]]]:
        """The written forms of a table that exists once per policy, cut or shard folder."""
        pattern = schema.law(table).path
        before, brace, rest = pattern.partition("{")
        if not brace:
            return [(table, {})]
        choice, _, after = rest.partition("}")
        base = self.root / before
        names = sorted(p.name for p in base.iterdir() if (p / after.strip("/")).is_dir()) if base.is_dir() else []
        return [(f"{table}/{name}", {choice: name}) for name in names]


def _owned(frame: pl.LazyFrame, named: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows that name a product, in the frame's order, with `owner`: which.

    Args:
        named: `owner` and the column that names it; several where a row names two products.
    """
    any_of = [pl.col(keys.columns[1]).is_in(keys[keys.columns[1]].unique().implode()) for keys in named]
    hits = frame.filter(pl.any_horizontal(any_of)).collect().with_row_index("place")
    each = [hits.join(keys, on=keys.columns[1]) for keys in named]
    return pl.concat([rows.select("place", "owner", *hits.columns[1:]) for rows in each]).sort("place").drop("place")


def open_dataset(root: str | Path) -> Dataset:
    """Open an existing dataset folder.

    Raises:
        UsageError: there is no dataset there, or what its `dataset.json` or its record of bundles says contradicts the
            parts that lie there.
    """
    dataset = Dataset(root)
    if not dataset.exists:
        raise UsageError(f"{root} is not a dataset (it has no {MANIFEST}); build one with 'm5 run' or 'm5 ingest'")
    dataset.refuse_contradicted()
    dataset.refuse_hollow_bundles()
    return dataset
