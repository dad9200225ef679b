"""The samples a loader delivers and where every byte of them lies: flat arrays, no Python object a row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from m5tools.vocabulary import MODALITIES

RECORD: Final = len(MODALITIES)
"""The code of the JSON member in :attr:`View.kind`; below it, a modality's place in the fixed order."""


@dataclass(frozen=True)
class View:
    """The samples a loader delivers, `N` of them with `M` members.

    Attributes:
        folder: the shard folder, a path or a URI.
        shards: file names of its tars, `S` strings.
        size: int64 `[S]`, bytes of each.
        ids: product ids, `N` strings.
        shard: int32 `[N]`, position in `shards`.
        present: bool `[N, 5]`; state, reason: uint8 `[N, 5]`.
        category, cluster: int64 `[N]`, -1 when unknown or alone.
        first: int64 `[N + 1]`; members `first[i]` … `first[i + 1]` belong to sample `i`.
        kind: uint8 `[M]`, modality, or :data:`RECORD`.
        name: member names, `M` strings.
        offset, length: int64 `[M]`; checksum: uint64 `[M]`, xxh3-64.
        fingerprint: 32 hex digits over all that decides what is delivered.
    """

    folder: str | Path
    shards: tuple[str, ...]
    size: npt.NDArray[np.int64]
    ids: pa.Array
    shard: npt.NDArray[np.int32]
    present: npt.NDArray[np.bool_]
    state: npt.NDArray[np.uint8]
    reason: npt.NDArray[np.uint8]
    category: npt.NDArray[np.int64]
    cluster: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    name: pa.Array
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    checksum: npt.NDArray[np.uint64]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.shard)
