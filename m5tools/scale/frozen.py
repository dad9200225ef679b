"""Frozen features: what a model that is not trained here made of texts or pictures, as overlays of the shards hold it.

`m5 overlay --set model=…` writes them once (:mod:`m5tools.shards.vectors`). A run that names such an overlay takes its
vectors for the tokens of that modality: one for a text, one for each picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from m5tools.errors import UsageError
from m5tools.loader import mirror
from m5tools.loader.batch import Batch
from m5tools.loader.index_files import Indexes
from m5tools.loader.layers import Layer, over
from m5tools.scale.config import FrozenModel, ScaleConfig
from m5tools.scale.tokens import Part, pack
from m5tools.shards.manifest import OVERLAY_MANIFEST, ShardManifest
from m5tools.shards.vectors import column_of
from m5tools.vocabulary import Modality

_ID: Final = np.dtype("S32")


class Features:
    """The vectors of products, by id. They lie in a temporary file (`TMPDIR`) that is mapped, not in memory.

    Args:
        model: what made them.
        shards: of each shard `product_id`, and as the other column lists of fixed size, or lists of such.
    """

    def __init__(self, model: FrozenModel, shards: Iterable[pa.Table]) -> None:
        self.model = model
        ids, counts = [np.empty(0, _ID)], [np.empty(0, np.int64)]
        with TemporaryFile(prefix="m5-frozen-") as file:
            for table in shards:
                count, vectors = _laid(table.column(1).combine_chunks())
                ids.append(np.array(table["product_id"].to_pylist(), _ID))
                counts.append(count)
                file.write(np.ascontiguousarray(vectors).data)
            file.flush()
            names, count = np.concatenate(ids), np.concatenate(counts)
            shape = (int(count.sum()), model.size)
            self._vectors: Any = (
                np.memmap(file, np.float16, "r", shape=shape) if shape[0] else np.empty(shape, np.float16)
            )
        order = np.argsort(names)
        self._ids, self._count, self._first = names[order], count[order], (count.cumsum() - count)[order]

    def part(self, batch: Batch, modality: Modality, length: int) -> Part:
        """The first `length` vectors of each product in which the modality is present: float16 `[P, length, size]`.

        A product of which the model could read nothing has no token, as if it lacked the modality.
        """
        row = torch.nonzero(batch.present[:, modality.bit]).flatten().numpy()
        names = np.array([batch.ids[i] for i in row], _ID)
        place = np.searchsorted(self._ids, names)
        here = place < len(self._ids)
        here[here] = self._ids[place[here]] == names[here]
        row, place = row[here], place[here]
        count = np.minimum(self._count[place], length)
        number = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
        values = np.asarray(self._vectors[np.repeat(self._first[place], count) + number])
        return pack(torch.from_numpy(values), torch.from_numpy(np.repeat(row, count)), length)


def opened(
    shards: str, names: Mapping[Literal["text", "image"], str], known: Mapping[Modality, FrozenModel] | None = None
) -> dict[Modality, Features]:
    """The frozen features of a shard folder.

    Args:
        shards: path or URI of the folder.
        names: `text` or `image` → the overlay that holds its vectors.
        known: the models that a trained network has learned to read; None = any.

    Raises:
        UsageError: there is no such overlay, it brings something else, or vectors of another model.
    """
    if not names:
        return {}
    folder = mirror.shard_folder(shards)
    manifest = ShardManifest.read(folder)
    found = {}
    for kind, name in names.items():
        modality = Modality(kind)
        layers = _layers(shards, folder, manifest, name, modality)
        model = _model(layers, f"the overlay '{name}' of {shards}", modality)
        if known is not None and known[modality] != model:
            raise UsageError(
                f"the overlay '{name}' of {shards} holds vectors of another model ({model.fingerprint[:16]}) than the "
                f"one this network learned to read ({known[modality].fingerprint[:16]}); make it anew with that one"
            )
        one_by_one = (
            Indexes(layer.indexes.folder, (file,), OVERLAY_MANIFEST) for layer in layers for file in layer.indexes.files
        )
        column = column_of(modality)
        found[modality] = Features(model, (index.columns(["product_id", column]) for index in one_by_one))
    return found


def shaped(config: ScaleConfig, features: Mapping[Modality, Features]) -> ScaleConfig:
    """The shape of a network that reads these features."""
    return config.model_copy(update={"frozen": {modality: one.model for modality, one in features.items()}})


def _layers(shards: str, folder: Path, manifest: ShardManifest, name: str, modality: Modality) -> list[Layer]:
    try:
        return [over(shards, folder, manifest, split, [name])[0] for split in manifest.splits]
    except UsageError as error:
        settings = f"--set shards={Path(shards).name} --set name={name} --set of={modality} --set model=…"
        # What the loader proposes, to open it without the overlay, is no remedy here.
        why = error.__cause__ or error
        raise UsageError(
            f"no frozen features of {modality}: {why}; they are made by: m5 overlay --dataset … {settings}"
        ) from error


def _model(layers: list[Layer], which: str, modality: Modality) -> FrozenModel:
    """What made the vectors of an overlay."""
    manifest, column = layers[0].manifest, column_of(modality)
    if manifest.model is None or manifest.columns != (column,):
        brings = ", ".join((*manifest.columns, *manifest.modalities))
        raise UsageError(f"{which} brings {brings}, not the {column} of a model")
    index = next(layer.indexes for layer in layers if layer.indexes.files)
    kind = index.columns([column]).schema.field(column).type
    return FrozenModel(size=_fixed(kind).list_size, fingerprint=manifest.model)


def _fixed(kind: pa.DataType) -> Any:
    """The type of one vector."""
    return kind if pa.types.is_fixed_size_list(kind) else kind.value_type


def _laid(lists: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """How many vectors each product has, `[n]`, and these end to end, `[v, size]`."""
    if pa.types.is_fixed_size_list(lists.type):
        count, vectors = lists.is_valid().to_numpy(zero_copy_only=False), lists.flatten()
    else:
        count, vectors = pc.fill_null(lists.value_lengths(), 0).to_numpy(), lists.flatten().flatten()
    return count.astype(np.int64), vectors.to_numpy().reshape(-1, _fixed(lists.type).list_size)
