"""The samples a loader delivers and where every byte of them lies: flat arrays, no Python object a row.

A view can be laid down in files, which worker processes map instead of each holding a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from m5tools.vocabulary import MODALITIES

RECORD: Final = len(MODALITIES)
"""The code of the JSON member in :attr:`View.kind`; below it, a modality's place in the fixed order."""


@dataclass(frozen=True, eq=False)
class View:
    """The samples a loader delivers, `N` of them with `M` members.

    Attributes:
        folder: the shard folder, a path or a URI.
        shards: names of its tars, `S` strings, those of overlays behind the others; whole paths or URIs where several
            folders are mixed.
        size: int64 `[S]`, bytes of each.
        ids: product ids, `N` strings.
        shard: int32 `[N]`, position in `shards` of the tar that the sample was written to.
        present: bool `[N, 5]`; state, reason: uint8 `[N, 5]`.
        category, cluster: int64 `[N]`, -1 when unknown or alone.
        first: int64 `[N + 1]`; members `first[i]` … `first[i + 1]` belong to sample `i`.
        kind: uint8 `[M]`, modality, or :data:`RECORD`.
        name: member names, `M` strings.
        cost: float32 `[M]`, µs to decode a member as the index estimates them; its bytes where the index does not.
        offset, length: int64 `[M]`; checksum: uint64 `[M]`, xxh3-64.
        timed: whether costs are µs.
        fingerprint: 32 hex digits over all that decides what is delivered.
        laid: the folder its columns are mapped from, if they are.
        behind: int32 `[M]`, how many places behind the sample's own tar that of the member stands in `shards`: 0 but
            for what overlays bring; None where they bring no media.
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
    cost: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    checksum: npt.NDArray[np.uint64]
    timed: bool
    fingerprint: str
    laid: Path | None = None
    behind: npt.NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.shard)

    def tars(self, shard: npt.NDArray[np.int32], number: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """int32 `[K]`: where in `shards` the tars of members stand.

        Args:
            shard: int32 `[K]`, the own tar of each member's sample.
            number: int64 `[K]`, which of the members.
        """
        return shard if self.behind is None else shard + self.behind[number]

    def lay_down(self, where: Path) -> View:
        """The same view, its columns mapped from files that are written into a folder.

        Sent to another process it is mapped there too, as long as the folder stands.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                np.save(where / field.name, value)
            elif isinstance(value, pa.Array):
                table = pa.table({field.name: value})
                with pa.ipc.new_file(where / f"{field.name}.arrow", table.schema) as writer:
                    writer.write_table(table)
        return replace(self, **_mapped(where), laid=where)

    def __reduce__(self) -> tuple[Callable[..., View], tuple[Any, ...]]:
        if self.laid is None:
            return View, tuple(getattr(self, field.name) for field in fields(self))
        small = {name: getattr(self, name) for name in ("folder", "shards", "timed", "fingerprint", "laid")}
        return _opened, (self.laid, small)


def _opened(laid: Path, small: dict[str, Any]) -> View:
    return View(**small, **_mapped(laid))


def _mapped(where: Path) -> dict[str, Any]:
    """The columns that lie in a folder, none of them in memory until it is read."""
    columns: dict[str, Any] = {path.stem: np.asarray(np.load(path, mmap_mode="r")) for path in where.glob("*.npy")}
    for path in where.glob("*.arrow"):
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        columns[path.stem] = table[path.stem].chunk(0) if table.num_rows else pa.array([], table.schema[0].type)
    return columns
