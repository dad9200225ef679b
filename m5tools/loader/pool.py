"""What a loader delivers from: one shard folder, or several that are mixed, as one view and one index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from m5tools.errors import UsageError
from m5tools.loader.catalog import Catalog
from m5tools.loader.draws import Rows
from m5tools.loader.view import View
from m5tools.store import is_remote, within
from m5tools.vocabulary import Modality

Condition: TypeAlias = pc.Expression | pl.Expr


@dataclass(frozen=True)
class Part:
    """One shard folder among several that are mixed.

    Attributes:
        uri: the folder, a path or a URI of an object store.
        weight: its share of an epoch, relative to the other parts' weights.
        cut: folder of a narrower cut, as for the loader.
        filter: condition on its index, beside that of the loader.
        overlays: names of those to lay over it, as for the loader.
    """

    uri: str | Path
    weight: float = 1.0
    cut: str | Path | None = None
    filter: Condition | None = None
    overlays: Sequence[str] | None = None

    def open(self, split: str, condition: Condition | None, cache: Path | None = None) -> Catalog:
        """Its samples of a split."""
        catalog = Catalog.open(self.uri, split, cache, self.overlays)
        if self.cut is not None:
            catalog = catalog.within(self.cut, cache)
        for wanted in (self.filter, condition):
            if wanted is not None:
                catalog = catalog.where(wanted)
        return catalog


@dataclass(frozen=True)
class Pool:
    """Catalogs side by side, their rows numbered through.

    Attributes:
        catalogs: one for each part.
        shares: their weights.
    """

    catalogs: tuple[Catalog, ...]
    shares: tuple[float, ...]

    @classmethod
    def open(cls, parts: Sequence[Part], split: str, condition: Condition | None, cache: Path | None = None) -> Pool:
        """Open every part.

        Args:
            parts: what to open.
            split: of each.
            condition: on the index of each.
            cache: where the indexes of remote folders are kept; None = the usual place.

        Raises:
            UsageError: a part cannot be opened, has nothing to deliver though it has a weight, or weights are none.
        """
        if not parts:
            raise UsageError("there is nothing to mix: name at least one Part")
        shares = tuple(part.weight for part in parts)
        if not (np.isfinite(shares).all() and min(shares) >= 0 and max(shares) > 0):
            raise UsageError(
                f"the weights of the parts are {', '.join(f'{s:g}' for s in shares)}; they must be above 0"
            )
        catalogs = tuple(part.open(split, condition, cache) for part in parts)
        if len(parts) > 1:
            for part, catalog in zip(parts, catalogs, strict=True):
                if part.weight and not len(catalog):
                    raise UsageError(
                        f"no sample of {part.uri} is left to mix; widen its cut and filter, or leave it out"
                    )
        return cls(catalogs, shares)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Class names of all folders; with one, those of its manifest."""
        first, *others = (catalog.manifest.categories for catalog in self.catalogs)
        return tuple(sorted({*first, *(name for names in others for name in names)})) if others else first

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Columns of the index that any part has."""
        return tuple(dict.fromkeys(name for catalog in self.catalogs for name in catalog.column_names))

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """A column of the index over all parts, null where a part does not have it."""
        tables = [catalog.columns([name] if name in catalog.column_names else []) for catalog in self.catalogs]
        return pa.concat_tables(tables, promote_options="default")[name]

    @cached_property
    def part(self) -> Rows:
        """int64 `[N]`: which part each row is of."""
        return np.repeat(np.arange(len(self.catalogs)), [len(catalog) for catalog in self.catalogs])

    def view(self, modalities: Sequence[Modality]) -> View:
        """The samples of all parts as one view."""
        if len(self.catalogs) == 1:
            return self.catalogs[0].view(modalities)
        clusters = pc.unique(pa.chunked_array([catalog.clusters for catalog in self.catalogs], pa.string()))
        clusters = clusters.take(pc.sort_indices(clusters))
        classes = pa.array(self.categories, pa.string())
        return joined([catalog.view(modalities, classes, clusters) for catalog in self.catalogs])


def joined(views: Sequence[View]) -> View:
    """Several views as one; its shards are named by their whole paths."""
    everything = xxhash.xxh3_128("/".join(view.fingerprint for view in views).encode())

    def end_to_end(name: str) -> Any:
        return np.concatenate([getattr(view, name) for view in views])

    shards = np.cumsum([0, *(len(view.shards) for view in views[:-1])])
    members = np.cumsum([0, *(len(view.kind) for view in views[:-1])])
    return View(
        folder=Path("/"),
        shards=tuple(_whole(view.folder, shard) for view in views for shard in view.shards),
        size=end_to_end("size"),
        ids=pa.concat_arrays([view.ids for view in views]),
        shard=np.concatenate([view.shard + np.int32(before) for view, before in zip(views, shards, strict=True)]),
        first=np.concatenate(
            [np.zeros(1, np.int64), *(view.first[1:] + before for view, before in zip(views, members, strict=True))]
        ),
        name=pa.concat_arrays([view.name for view in views]),
        timed=all(view.timed for view in views),
        fingerprint=everything.hexdigest(),
        present=end_to_end("present"),
        state=end_to_end("state"),
        reason=end_to_end("reason"),
        category=end_to_end("category"),
        cluster=end_to_end("cluster"),
        kind=end_to_end("kind"),
        cost=end_to_end("cost"),
        offset=end_to_end("offset"),
        length=end_to_end("length"),
        checksum=end_to_end("checksum"),
        behind=_behind(views),
    )


def _behind(views: Sequence[View]) -> npt.NDArray[np.int32] | None:
    """It is counted from each sample's own tar, so it holds wherever a view's tars stand."""
    if all(view.behind is None for view in views):
        return None
    none = (np.zeros(len(view.kind), np.int32) for view in views)
    return np.concatenate([zeros if v.behind is None else v.behind for v, zeros in zip(views, none, strict=True)])


def _whole(folder: str | Path, shard: str) -> str:
    """The whole path or URI of a shard."""
    return within(folder if is_remote(folder) else Path(folder).resolve(), shard)
