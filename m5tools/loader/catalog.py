"""A shard folder as columns: what is in it, what a filter and a narrower cut leave, and where every byte lies.

The index is read once, as Arrow. What workers need of it is a :class:`m5tools.loader.view.View`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from m5tools.atomic import sha256_of
from m5tools.errors import UsageError
from m5tools.loader import mirror
from m5tools.loader.store import is_remote, within
from m5tools.loader.view import RECORD, View
from m5tools.shards.manifest import ShardManifest
from m5tools.vocabulary import MODALITIES, Modality, Reason, State


@dataclass(frozen=True)
class Catalog:
    """One split of a shard folder.

    Attributes:
        folder: where its manifest and indexes lie on this machine.
        manifest: its `dataset.json`.
        split: the split.
        index: its index rows, in the order of the shards.
        uri: where its tars lie in an object store; None = in `folder`.
    """

    folder: Path
    manifest: ShardManifest
    split: str
    index: pa.Table
    uri: str | None = None

    @classmethod
    def open(cls, uri: str | Path, split: str, cache: Path | None = None) -> Catalog:
        """Read the index of a split.

        Args:
            uri: shard folder, a path or a URI of an object store.
            split: the split.
            cache: where the indexes of a remote folder are kept; None = the usual place.

        Raises:
            UsageError: no shard folder, no such split, or files that are not those of the manifest.
        """
        folder = mirror.shard_folder(uri, cache)
        manifest = ShardManifest.read(folder)
        if split not in manifest.splits:
            known = ", ".join(manifest.splits) or "none"
            raise UsageError(f"{folder} has no split '{split}'; it has {known}")
        parts = []
        sizes = mirror.sizes(uri)
        for file in manifest.splits[split]:
            tar, index = within(uri, file.tar), folder / file.index
            if file.tar not in sizes or not index.is_file():
                missing = index if file.tar in sizes else tar
                raise UsageError(f"{missing} is missing; copy it again or run 'm5 shard'")
            if sizes[file.tar] != file.bytes:
                raise UsageError(f"{tar} has {sizes[file.tar]:,} bytes, not {file.bytes:,}; copy it again")
            if sha256_of(index) != file.index_sha256:
                raise UsageError(f"{index} is not the index that {folder}/dataset.json names; copy it again")
            parts.append(pq.read_table(index))
        return cls(folder, manifest, split, pa.concat_tables(parts), str(uri) if is_remote(uri) else None)

    def where(self, condition: pc.Expression | pl.Expr) -> Catalog:
        """Only the samples for which an expression on the columns of the index holds.

        Raises:
            UsageError: the expression names a column that is not there, or is not a condition.
        """
        try:
            if isinstance(condition, pl.Expr):
                rows = pl.from_arrow(self.index).with_row_index("row").filter(condition)["row"]  # type: ignore[union-attr]
                return replace(self, index=self.index.take(rows.to_arrow()))
            return replace(self, index=self.index.filter(condition))
        except (pa.ArrowException, pl.exceptions.PolarsError, TypeError) as error:
            columns = ", ".join(self.index.column_names)
            raise UsageError(f"this filter does not work on the index ({error}); its columns: {columns}") from error

    def within(self, cut: str | Path) -> Catalog:
        """Only what a narrower cut allows: products outside it leave, and its masks are laid over the index's.

        A product that the cut has in another split leaves too: training must not read what the cut keeps for testing.

        Args:
            cut: path or URI of a cut's folder (`<dataset>/cuts/<name>`).

        Raises:
            UsageError: there is no cut.
        """
        parts = sorted((mirror.cut_folder(cut) / "products").glob("[!.]*.parquet"))
        if not parts:
            raise UsageError(f"{cut} is not the folder of a cut; give <dataset>/cuts/<name>")
        columns = ["product_id", "split", "present", "state", "reason"]
        rows = pa.concat_tables([pq.read_table(part, columns=columns) for part in parts])
        rows = rows.filter(pc.field("split") == self.split).combine_chunks()
        match = pc.index_in(self.index["product_id"], value_set=rows["product_id"].combine_chunks())
        index = self.index.filter(match.is_valid())
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
        return replace(self, index=index)

    @cached_property
    def _clusters(self) -> pa.Array:
        """Same-product clusters of the whole folder, sorted; a cluster's number is its position."""
        files = [f for several in self.manifest.splits.values() for f in several]
        column = [pq.read_table(self.folder / f.index, columns=["cluster"])["cluster"] for f in files]
        found = pc.unique(pa.chunked_array([c for part in column for c in part.chunks], pa.string())).drop_null()
        return found.take(pc.sort_indices(found))

    def view(self, modalities: Sequence[Modality]) -> View:
        """What a loader delivers when it asks for these modalities; the others become withheld."""
        index = self.index
        asked = np.array([m in modalities for m in MODALITIES])
        present = _bits(index) & asked
        state = np.where(asked, _codes(index, "state"), np.uint8(State.WITHHELD))
        reason = np.where(asked, _codes(index, "reason"), np.uint8(Reason.POLICY))
        members = index["members"].combine_chunks()
        flat = members.flatten()
        tars = tuple(f.tar for f in self.manifest.splits[self.split])
        ids = index["product_id"].combine_chunks()
        everything = xxhash.xxh3_128(f"{self.manifest.content}/{self.split}/{[m.value for m in modalities]}".encode())
        everything.update(pc.binary_join(pa.ListArray.from_arrays([0, len(ids)], ids), "")[0].as_buffer())
        everything.update(_packed(present).tobytes())
        return View(
            folder=self.uri or self.folder,
            shards=tars,
            size=np.array([f.bytes for f in self.manifest.splits[self.split]], np.int64),
            ids=ids,
            shard=_numbers(index["shard"], pa.array(tars, pa.string())).astype(np.int32),
            present=present,
            state=state,
            reason=reason,
            category=_numbers(index["category"], pa.array(self.manifest.categories, pa.string())),
            cluster=_numbers(index["cluster"], self._clusters),
            first=np.concatenate([[0], np.cumsum(pc.list_value_length(members).to_numpy(), dtype=np.int64)]),
            kind=_kinds(flat.field("modality")),
            name=flat.field("name"),
            offset=flat.field("offset").to_numpy(),
            length=flat.field("length").to_numpy(),
            checksum=flat.field("xxh3").to_numpy(),
            fingerprint=everything.hexdigest(),
        )


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


def _kinds(modality: pa.Array) -> npt.NDArray[np.uint8]:
    """uint8: the place of each member's modality in the fixed order, RECORD for the JSON."""
    kinds = _numbers(modality, pa.array([m.value for m in MODALITIES]))
    return np.where(kinds < 0, RECORD, kinds).astype(np.uint8)
