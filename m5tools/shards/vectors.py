"""Vectors of a frozen model as a column of an overlay: of a sample's text, or of all its pictures in their order.

The model is any that sentence-transformers loads (extra `embed`), of CLIP's kind where it looks at pictures. It reads
what the shards hold, so a sample whose text or pictures a cut withholds has none. One shard's vectors are in memory at
a time, and of its pictures as many as go through the model together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray
from PIL import Image

from m5tools.embedding import AT_ONCE, encoded
from m5tools.errors import UsageError
from m5tools.media import image
from m5tools.media.guard import DecodeError
from m5tools.shards.config import OverlayConfig
from m5tools.shards.writer import JSON_MEMBER
from m5tools.stage import Counts, Work
from m5tools.vocabulary import Modality

Vectors = NDArray[np.float16]

_SHORT_SIDE: Final = 384
"""Pixels that the short side of a picture keeps, where it has them; models look at 224 to 384."""


def column_of(modality: Modality) -> str:
    """The name of the column: `text_features`, one vector a sample, or `image_features`, one a picture."""
    return f"{modality.value}_features"


def size_of(model: str, modality: Modality) -> int:
    """Numbers in a vector.

    Raises:
        UsageError: the extra is missing, or the model cannot be loaded or does not take what it is to read.
    """
    try:
        return int(encoded(model, ["" if modality is Modality.TEXT else Image.new("RGB", (32, 32))]).shape[1])
    except (ValueError, TypeError, AttributeError) as error:  # by version of the library
        raise UsageError(f"{model} has no vectors of {modality}: {error}") from error


def vectors_of(tar: Path, index: Path, config: OverlayConfig, work: Work) -> tuple[pa.Table, Counts]:
    """What a model sees in the samples of one shard.

    Args:
        tar, index: the shard.
        config: the model, and what it reads.
        work: names the picture at hand, and those that killed a worker before.

    Returns:
        `product_id` and the column (:func:`column_of`): float16 lists of one size and of length 1, null where the
        modality is absent or nothing of it could be read; counts of items and of those that failed.
    """
    assert config.model is not None
    modality = Modality(config.of)
    rows = pq.read_table(index, columns=["product_id", "present", "members"])
    with tar.open("rb") as file, _one_thread():
        size = size_of(config.model, modality)
        made, counts = _told(rows, file, config.model, size, modality, work)
    return pa.table({"product_id": rows["product_id"], column_of(modality): made}), counts


def _told(
    rows: pa.Table, file: BinaryIO, model: str, size: int, modality: Modality, work: Work
) -> tuple[pa.Array, Counts]:
    wanted = [  # member and its row
        (row, member)
        for row, sample in enumerate(rows.to_pylist())
        if sample["present"] >> modality.bit & 1
        for member in sample["members"]
        if (member["name"] == JSON_MEMBER if modality is Modality.TEXT else member["modality"] == modality)
    ]
    owner: list[int] = []
    found: list[Vectors] = [np.empty((0, size), np.float16)]
    for start in range(0, len(wanted), AT_ONCE):
        read = [(row, _read(file, member, modality, work)) for row, member in wanted[start : start + AT_ONCE]]
        read = [(row, item) for row, item in read if item is not None]
        owner += [row for row, _ in read]
        if read:
            found.append(encoded(model, [item for _, item in read]).astype(np.float16))
    counts = {"items": len(wanted), "failed": len(wanted) - len(owner)}
    of_each = np.bincount(np.array(owner, np.int64), minlength=rows.num_rows)
    return _column(np.concatenate(found), of_each, modality), counts


def _column(vectors: Vectors, count: NDArray[np.int64], modality: Modality) -> pa.Array:
    """Vectors `[V, size]` of samples that have `count` `[N]` of them."""
    size, none = vectors.shape[1], pa.array(count == 0)
    if modality is Modality.IMAGE:
        ends = pa.array(np.append(0, count.cumsum()).astype(np.int32))
        several = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), size)
        return pa.ListArray.from_arrays(ends, several, mask=none)
    laid = np.zeros((len(count), size), np.float16)
    laid[count > 0] = vectors
    return pa.FixedSizeListArray.from_arrays(pa.array(laid.ravel()), size, mask=none)


def _read(file: BinaryIO, member: dict[str, Any], modality: Modality, work: Work) -> Any:
    """The text, or the picture, of a member; None where it is not what the index says, or cannot be read."""
    file.seek(member["offset"])
    data = file.read(member["length"])
    if xxhash.xxh3_64_intdigest(data) != member["xxh3"]:
        return None
    if modality is Modality.TEXT:
        record = json.loads(data)
        return "\n".join(text for text in (record["title"], record["description"]) if text) or None
    place = f"{Path(file.name).name}/{member['offset']}"
    if place in work.blamed:
        return None
    with work.item(place):
        try:
            return Image.fromarray(image.decode(data, at_least=_SHORT_SIDE).rgb)
        except DecodeError:
            return None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let the model compute in one thread: another number changes the last bits, and workers share the processors."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
