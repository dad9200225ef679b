"""A shard folder as columns: what is in it, what a filter and a narrower cut leave, and where every byte lies.

The index is read as Arrow, by columns. What workers need of it is a :class:`m5tools.loader.view.View`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from m5tools import schema
from m5tools.errors import UsageError
from m5tools.loader import mirror
from m5tools.loader.index_files import Indexes
from m5tools.loader.layers import Layer, over
from m5tools.loader.members import Members
from m5tools.loader.view import View
from m5tools.shards.manifest import ShardFile, ShardManifest
from m5tools.shards.overlays import with_tars
from m5tools.shards.sound_index import masks, parsed
from m5tools.store import is_remote, within
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

CORE: Final = ("product_id", "present", "state", "reason", "category", "cluster")
"""Columns that every loader needs; the others are read when a filter or a rule names them."""

_OF_CUT: Final = ("product_id", "split", "present", "state", "reason")
_ROW: Final = "row of the catalog"
_PATTERNS: Final = ("*", "^", "cs.")
"""In the text of an expression: it may mean columns that it does not name."""
_BY_PLACE: Final = ("cs.nth(", "cs.first(", "cs.last(", "FieldPath(")
"""In the text of an expression: it counts columns, of which there are others with every overlay."""


@dataclass(frozen=True)
class Catalog:
    """One split of a shard folder.

    Attributes:
        folder: where its manifest and indexes lie on this machine.
        manifest: its `dataset.json`.
        split: the split.
        indexes: the files of its index.
        index: its index rows in the order of the shards, of their columns those of :data:`CORE`.
        rows: int64 `[N]`, which rows of the split they are.
        uri: where its tars lie in an object store; None = in `folder`.
        layers: the overlays over it.
    """

    folder: Path
    manifest: ShardManifest
    split: str
    indexes: Indexes
    index: pa.Table
    rows: npt.NDArray[np.int64]
    uri: str | None = None
    layers: tuple[Layer, ...] = ()

    @classmethod
    def open(
        cls, uri: str | Path, split: str, cache: Path | None = None, overlays: Sequence[str] | None = None
    ) -> Catalog:
        """Read the index of a split.

        Args:
            uri: shard folder, a path or a URI of an object store.
            split: the split.
            cache: where the indexes of a remote folder are kept; None = the usual place.
            overlays: names of those to lay over it, in this order; None = all that the folder has, by name.

        Raises:
            UsageError: no shard folder, no such split, files that are not those of the manifest, or an overlay that is
                not there or was made for other shards.
        """
        folder = mirror.shard_folder(uri, cache)
        manifest = ShardManifest.read(folder)
        if split not in manifest.splits:
            known = ", ".join(manifest.splits) or "none"
            raise UsageError(f"{folder} has no split '{split}'; it has {known}")
        sizes = mirror.sizes(uri)
        for file in manifest.splits[split]:
            tar, index_file = within(uri, file.tar), folder / file.index
            if file.tar not in sizes or not index_file.is_file():
                missing = index_file if file.tar in sizes else tar
                raise UsageError(f"{missing} is missing; copy it again or run 'm5 shard'")
            if sizes[file.tar] != file.bytes:
                raise UsageError(f"{tar} has {sizes[file.tar]:,} bytes, not {file.bytes:,}; copy it again")
        indexes = Indexes(folder, manifest.splits[split])
        index = indexes.columns(CORE)
        with parsed(folder):
            masks(index)
        layers = over(uri, folder, manifest, split, overlays)
        for layer in layers:
            index = layer.checked_over(index)
        remote = str(uri) if is_remote(uri) else None
        return cls(folder, manifest, split, indexes, index, np.arange(index.num_rows), remote, layers)

    def where(self, condition: pc.Expression | pl.Expr) -> Catalog:
        """Only the samples for which an expression on the columns of the index holds.

        Raises:
            UsageError: the expression names a column that is not there, or none but its place, or is not a condition.
        """
        if not isinstance(condition, pl.Expr | pc.Expression):
            raise UsageError(f"{condition!r} is not an expression; for SQL: polars.sql_expr({str(condition)!r})")
        text = str(condition)
        if any(mark in text for mark in _BY_PLACE):
            raise UsageError(
                f"this filter means a column by its place; name the column: {', '.join(self.column_names)}"
            )
        everything = any(mark in text for mark in _PATTERNS)
        named = [name for name in self.column_names if everything or name in text]
        try:
            table = self.columns(named)
            if isinstance(condition, pl.Expr):
                frame = pl.from_arrow(table).with_row_index(_ROW)  # type: ignore[union-attr]
                kept = frame.filter(condition)[_ROW].to_numpy()
            else:
                numbered = table.append_column(_ROW, pa.array(np.arange(len(self))))
                kept = numbered.filter(condition)[_ROW].to_numpy()
        except (pa.ArrowException, pl.exceptions.PolarsError, TypeError) as error:
            columns = ", ".join(self.column_names)
            raise UsageError(f"this filter does not work on the index ({error}); its columns: {columns}") from error
        return self._take(kept)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Every column of the index, then those that overlays bring."""
        later = (name for layer in self.layers for name in layer.manifest.columns)
        return tuple(dict.fromkeys([*self.indexes.names, *later]))

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Columns of the index for the rows of this catalog; `product_id` where none is named."""
        names = names or ["product_id"]
        others = [name for name in names if name not in self.index.column_names]
        table = self.index.select([name for name in names if name not in others])
        if not others:
            return table
        read = self._read(others)
        if len(self) < read.num_rows:
            read = read.take(pa.array(self.rows))
        if not table.num_columns:
            return read
        for name in others:
            table = table.append_column(read.schema.field(name), read[name])
        return table

    def _read(self, names: Sequence[str]) -> pa.Table:
        """Columns of all rows of the split."""
        media = self.tars != self._files
        own = [name for name in names if name in self.indexes.names]
        table = self.indexes.columns(list(dict.fromkeys([*own, "present"] if media else own)) or ["product_id"])
        if media:
            table = with_tars(table, "", self._files)
        for layer in self.layers:
            table = layer.over(table, names)
        return table.select(list(names))

    @property
    def tars(self) -> tuple[ShardFile, ...]:
        """The tars of the split, those of overlays behind those of the shards."""
        return (*self._files, *(tar for layer in self.layers for tar in layer.tars))

    @cached_property
    def members(self) -> Members:
        """Every member of its samples, those of overlays behind the others of a sample."""
        found, behind = Members.read(self.indexes, self.rows), 0
        for layer in self.layers:
            if layer.tars:
                behind += len(self._files)
                found = found.under(Members.read(layer.indexes, self.rows), behind)
        return found

    @property
    def _files(self) -> tuple[ShardFile, ...]:
        return self.manifest.splits[self.split]

    def _take(self, kept: npt.NDArray[np.integer]) -> Catalog:
        if len(kept) == len(self):
            return self
        return replace(self, index=self.index.take(pa.array(kept)), rows=self.rows[kept])

    def within(self, cut: str | Path, cache: Path | None = None) -> Catalog:
        """Only what a narrower cut allows: products outside it leave, and its masks are laid over the index's.

        A product that the cut has in another split leaves too: training must not read what the cut keeps for testing.

        Args:
            cut: path or URI of a cut's folder (`<dataset>/cuts/<name>`).
            cache: where that of a remote cut is kept; None = the usual place.

        Raises:
            UsageError: there is no cut, or it is damaged.
        """
        parts = sorted((mirror.cut_folder(cut, cache) / "products").glob("[!.]*.parquet"))
        if not parts:
            raise UsageError(f"{cut} is not the folder of a cut; give <dataset>/cuts/<name>")
        rows = pa.concat_tables(map(_rows_of_cut, parts))
        rows = rows.filter(pc.field("split") == self.split).combine_chunks()
        match = pc.index_in(self.index["product_id"], value_set=rows["product_id"].combine_chunks())
        catalog = self._take(np.flatnonzero(match.is_valid().to_numpy()))
        index = catalog.index
        rows = rows.take(match.drop_null())
        ours, theirs = _bits(index), _bits(rows)
        lost = ours & ~theirs
        masks = {
            "present": pa.array(_packed(ours & theirs)),
            "state": _fives(np.where(lost, _codes(rows, "state"), _codes(index, "state"))),
            "reason": _fives(np.where(lost, _codes(rows, "reason"), _codes(index, "reason"))),
        }
        for name, column in masks.items():
            index = index.set_column(index.schema.get_field_index(name), index.schema.field(name), column)
        return replace(catalog, index=index)

    @cached_property
    def clusters(self) -> pa.Array:
        """Same-product clusters of the whole folder, sorted; a cluster's number is its position."""
        others = tuple(f for split, files in self.manifest.splits.items() if split != self.split for f in files)
        tables = [
            indexes.columns(["cluster"]) for indexes in (self.indexes, Indexes(self.folder, others)) if indexes.files
        ]
        found = pc.unique(pa.concat_tables(tables)["cluster"]).drop_null()
        return found.take(pc.sort_indices(found))

    def view(
        self, modalities: Sequence[Modality], classes: pa.Array | None = None, clusters: pa.Array | None = None
    ) -> View:
        """What a loader delivers when it asks for these modalities; the others become withheld.

        Args:
            modalities: those asked for.
            classes, clusters: what is numbered by position; else the categories and clusters of the folder.
        """
        index = self.index
        asked = np.array([m in modalities for m in MODALITIES])
        present = _bits(index) & asked
        state = np.where(asked, _codes(index, "state"), np.uint8(State.WITHHELD))
        reason = np.where(asked, _codes(index, "reason"), np.uint8(Reason.POLICY))
        members = self.members
        ids = index["product_id"].combine_chunks()
        classes = pa.array(self.manifest.categories, pa.string()) if classes is None else classes
        clusters = self.clusters if clusters is None else clusters
        everything = xxhash.xxh3_128(f"{self.manifest.content}/{self.split}/{[m.value for m in modalities]}".encode())
        for layer in self.layers:
            everything.update(f"/{layer.name}/{layer.manifest.content}".encode())
        everything.update(pc.binary_join(pa.ListArray.from_arrays([0, len(ids)], ids), "")[0].as_buffer())
        for told in (_packed(present), state, reason):
            everything.update(np.ascontiguousarray(told, np.uint8).tobytes())
        return View(
            folder=self.uri or self.folder,
            shards=tuple(f.tar for f in self.tars),
            size=np.array([f.bytes for f in self.tars], np.int64),
            ids=ids,
            shard=np.searchsorted(np.cumsum([f.samples for f in self._files]), self.rows, "right").astype(np.int32),
            present=present,
            state=state,
            reason=reason,
            category=_numbers(index["category"], classes),
            cluster=_numbers(index["cluster"], clusters),
            first=members.first,
            kind=members.kind,
            name=members.name,
            cost=members.cost,
            offset=members.offset,
            length=members.length,
            checksum=members.checksum,
            timed=members.timed,
            fingerprint=everything.hexdigest(),
            behind=members.behind,
        )


def _rows_of_cut(part: Path) -> pa.Table:
    """What a part of a cut says of products.

    Raises:
        UsageError: it is none, or damaged.
    """
    law = schema.law("cut_products").schema
    wanted = pa.schema([law.field(name) for name in _OF_CUT])
    try:
        rows = pq.ParquetFile(part).read(columns=list(_OF_CUT)).select(_OF_CUT).cast(wanted)
        masks(rows)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        what = str(error).partition("\n")[0]
        raise UsageError(f"{part} is no part of a cut ({what}); copy the cut again, or run 'm5 cut' again") from error
    return rows


def _bits(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """bool `[N, 5]` of the column `present`."""
    masks = rows["present"].to_numpy().astype(np.uint8)
    return np.unpackbits(masks[:, None], axis=1, count=len(MODALITIES), bitorder="little").astype(bool)


def _packed(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The uint8 masks of bool `[N, 5]`."""
    return np.packbits(bits, axis=1, bitorder="little")[:, 0]


def _codes(rows: pa.Table, column: str) -> npt.NDArray[np.uint8]:
    """uint8 `[N, 5]` of a column of lists of five."""
    flat = pc.list_flatten(rows[column]).to_numpy()
    return np.asarray(flat, np.uint8).reshape(rows.num_rows, len(MODALITIES))


def _fives(codes: npt.NDArray[np.uint8]) -> pa.Array:
    """The lists of five that :func:`_codes` reads."""
    offsets = np.arange(0, codes.size + 1, len(MODALITIES), dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(codes, np.uint8).reshape(-1)))


def _numbers(values: Any, among: pa.Array) -> npt.NDArray[np.int64]:
    """int64: the position of each value in `among`, -1 for null and for what is not in it."""
    positions = pc.fill_null(pc.index_in(values, value_set=among, skip_nulls=True), -1)
    return np.asarray(positions.to_numpy(), np.int64)
