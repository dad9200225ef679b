"""The overlays of a shard folder, wherever it lies: which there are, whether they fit, and where their files are.

A manifest is read at every opening; of a folder in an object store the manifests and indexes of the overlays in use are
copied beside those of the shards, an index only where the copy here is not the one that the manifest names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from m5tools.dataset import checked_name
from m5tools.errors import UsageError
from m5tools.loader import mirror
from m5tools.loader.index_files import Indexes
from m5tools.shards import overlays, sound_index
from m5tools.shards.manifest import (
    OVERLAY_MANIFEST,
    OVERLAYS,
    OverlayManifest,
    ShardFile,
    ShardManifest,
    overlay_names,
)
from m5tools.store import is_remote, within


@dataclass(frozen=True)
class Layer:
    """One overlay over a split.

    Attributes:
        name: its name.
        manifest: its `overlay.json`.
        indexes: of the split.
    """

    name: str
    manifest: OverlayManifest
    indexes: Indexes

    @property
    def tars(self) -> tuple[ShardFile, ...]:
        """Its tars, named by their paths below the shard folder; none where it brings columns."""
        if not self.manifest.modalities:
            return ()
        folder = _folder(self.name)
        return tuple(file.model_copy(update={"tar": f"{folder}/{file.tar}"}) for file in self.indexes.files)

    def checked_over(self, index: pa.Table) -> pa.Table:
        """Columns of the index of the whole split, `product_id` among them, with the overlay over them.

        Raises:
            UsageError: its rows are not those of the index.
        """
        columns = list(dict.fromkeys(["product_id", *overlays.needed(self.manifest, index.column_names)]))
        later = self.indexes.columns(columns)
        if not later["product_id"].equals(index["product_id"]):
            raise UsageError(f"{self.indexes.folder} lists other samples than the shards below; run 'm5 overlay' again")
        if self.manifest.modalities:
            with sound_index.parsed(self.indexes.folder):
                sound_index.masks(later)
        return self._laid(index, later)

    def over(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """The same of other columns.

        Args:
            table: of the index of the whole split, `present` among its columns where the overlay brings media.
            names: what is wanted of it in the end.
        """
        columns = overlays.needed(self.manifest, names)
        return self._laid(table, self.indexes.columns(columns)) if columns else table

    def _laid(self, table: pa.Table, later: pa.Table) -> pa.Table:
        if self.manifest.modalities:
            with sound_index.parsed(self.indexes.folder):
                sound_index.columns(later, later.column_names)
        located = overlays.with_tars(later, f"{_folder(self.name)}/", self.indexes.files)
        return overlays.laid(table, located, self.manifest)


def over(
    uri: str | Path, folder: Path, manifest: ShardManifest, split: str, names: Sequence[str] | None
) -> tuple[Layer, ...]:
    """The overlays of a shard folder, in the order in which they lie over each other.

    Args:
        uri: the shard folder, a path or a URI of an object store.
        folder: where its manifest and indexes lie on this machine.
        manifest: its manifest.
        split: one of its splits.
        names: those to use, in this order; None = all, by name.

    Raises:
        UsageError: one is not there, does not fit the shards, or lacks a file.
    """
    asked = _named(names) if names is not None else _all(uri, folder)
    layers = []
    for name in asked:
        if is_remote(uri) and not _fetched(uri, folder, [f"{_folder(name)}/{OVERLAY_MANIFEST}"]):
            if names is None:
                continue  # begun and not finished: without a manifest it is none, as in a local folder
            raise UsageError(f"{within(uri, _folder(name))} is not an overlay (it has no {OVERLAY_MANIFEST})")
        try:
            overlay = overlays.opened(folder, manifest, name)
        except UsageError as error:
            others = [other for other in asked if other != name]
            raise UsageError(f"{error}, or open the loader without it: overlays={others}") from error
        layer = Layer(name, overlay, Indexes(folder / OVERLAYS / name, overlay.splits[split], OVERLAY_MANIFEST))
        _whole(uri, folder, layer)
        layers.append(layer)
    return tuple(layers)


def _named(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        raise UsageError(f"overlays is a list of names: overlays=['{names}']")
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise UsageError(f"overlays names '{twice[0]}' twice")
    return [checked_name("overlay", name) for name in names]


def _all(uri: str | Path, folder: Path) -> list[str]:
    if not is_remote(uri):
        return list(overlay_names(folder))
    if OVERLAYS not in mirror.sizes(uri):
        return []
    return sorted(checked_name("overlay", name) for name in mirror.sizes(within(uri, OVERLAYS)) if name)


def _whole(uri: str | Path, folder: Path, layer: Layer) -> None:
    """All files of an overlay are there, and its tars have the size that its manifest says."""
    where, files = _folder(layer.name), layer.indexes.files
    if is_remote(uri):
        stale = [f for f in files if not mirror.is_file(folder / where / f.index, f.index_sha256)]
        _fetched(uri, folder, [f"{where}/{file.index}" for file in stale])
    sizes = mirror.sizes(within(uri, where)) if layer.tars else {}
    for file in files:
        index = folder / where / file.index
        if not index.is_file():
            raise UsageError(f"{within(uri, f'{where}/{file.index}')} is missing; copy it again or run 'm5 overlay'")
    for file, tar in zip(files, layer.tars, strict=False):
        if file.tar not in sizes:
            raise UsageError(f"{within(uri, tar.tar)} is missing; copy it again or run 'm5 overlay'")
        if sizes[file.tar] != file.bytes:
            raise UsageError(f"{within(uri, tar.tar)} has {sizes[file.tar]:,} bytes, not {file.bytes:,}; copy it again")


def _folder(name: str) -> str:
    return f"{OVERLAYS}/{name}"


def _fetched(uri: str | Path, folder: Path, names: Sequence[str]) -> bool:
    """Copy files of a remote folder to their places in a local one; False where one of them is not there."""
    try:
        mirror.copy(uri, folder, names)
    except FileNotFoundError:
        return False
    return True
