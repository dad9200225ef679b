"""What was delivered, field by field, as text: a map a row, and a hash over it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class Raw:
    """The delivered texts of a batch, all entries of a row together.

    Attributes:
        keys: large_string, the field of each entry.
        values: large_string, its text.
        offsets: int64 `[rows + 1]`, the entries of each row.
        hashed: int64 `[rows]`, the first entry of each row that is not hashed.
    """

    keys: pa.LargeStringArray
    values: pa.LargeStringArray
    offsets: npt.NDArray[np.int64]
    hashed: npt.NDArray[np.int64]

    @classmethod
    def of(cls, columns: dict[str, pa.LargeStringArray], rows: int, last: tuple[str, ...] = ()) -> Raw:
        """Lay columns out row by row.

        Args:
            columns: field → texts, null where a row has none.
            rows: how many rows there are, also where no row has any field.
            last: fields to put behind the others and to leave out of the hash.
        """
        names = sorted(columns, key=lambda name: (name in last, name))
        there = (
            np.array([columns[name].is_valid().to_numpy(zero_copy_only=False) for name in names])
            .reshape(len(names), rows)
            .T.astype(bool)
        )
        row, column = np.nonzero(there)
        laid = pa.concat_arrays([pa.array([], pa.large_string()), *(columns[name] for name in names)])
        counts = there.sum(axis=1, dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        behind = there[:, [name in last for name in names]].sum(axis=1, dtype=np.int64)
        keys = pa.array(names, pa.large_string()).take(pa.array(column))
        return cls(keys, laid.take(pa.array(column * rows + row)), offsets, offsets[1:] - behind)

    def map(self) -> pa.MapArray:
        """map<string, string>, one a row."""
        offsets = pa.array(self.offsets.astype(np.int32))
        return pa.MapArray.from_arrays(offsets, self.keys.cast(pa.string()), self.values.cast(pa.string()))

    def hashes(self) -> list[str]:
        """32 hex digits a row: sha256 over the lengths, names and texts of its entries."""
        sizes, key_ends, key_bytes, value_ends, value_bytes = self._buffers()
        found = []
        for first, beyond in zip(self.offsets[:-1].tolist(), self.hashed.tolist(), strict=True):
            digest = hashlib.sha256(sizes[first * 16 : beyond * 16])
            digest.update(key_bytes[key_ends[first] : key_ends[beyond]])
            digest.update(value_bytes[value_ends[first] : value_ends[beyond]])
            found.append(digest.hexdigest()[:32])
        return found

    def _buffers(self) -> tuple[memoryview, list[int], memoryview, list[int], memoryview]:
        """The lengths of names and texts side by side, and ends and bytes of both."""
        ends, data = zip(*(_text_buffers(column) for column in (self.keys, self.values)), strict=True)
        sizes = np.stack([np.diff(end) for end in ends], axis=1).astype("<i8")
        return memoryview(sizes.tobytes()), ends[0].tolist(), data[0], ends[1].tolist(), data[1]


def _text_buffers(column: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], memoryview]:
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    return ends, memoryview(data if data is not None else b"")
