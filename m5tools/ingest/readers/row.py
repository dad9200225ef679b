"""What readers give: batches of rows with their place and bytes, each a record or the reason why it is none."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.vocabulary import RejectReason

BATCH_ROWS = 8_192
BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Chunk:
    """A part of one input file that can be read by itself.

    Attributes:
        path: the file, a local path or an fsspec URI.
        name: how the file is called in the dataset: relative to the input's root, with `/`.
        start: first byte (or row, by format).
        end: first byte that belongs to the next chunk; -1 = to the end.
        member: file inside an archive.
        refused: why nothing of it is read, where that is so.
    """

    path: str
    name: str
    start: int = 0
    end: int = -1
    member: str | None = None
    refused: str | None = None


class Row(NamedTuple):
    """One row of input.

    Attributes:
        offset: its place in the file (byte of the line, or row number, by format).
        raw: its bytes as delivered.
        record: field → value, where it could be parsed.
        reason, message: why not, where it could not.
    """

    offset: int
    raw: bytes
    record: dict[str, Any] | None
    reason: RejectReason | None = None
    message: str = ""


@dataclass
class Batch:
    """Rows of one file: three columns of those that are records, and those that are none.

    Attributes:
        offsets, raws, records: of each row its place, its bytes, its fields.
        refused: rows that are no record, with the reason.
    """

    offsets: list[int] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offsets) + len(self.refused)

    def add(self, row: Row) -> None:
        """Put a row where it belongs."""
        if row.record is None:
            self.refused.append(row)
        else:
            self.offsets.append(row.offset)
            self.raws.append(row.raw)
            self.records.append(row.record)


class Reader(Protocol):
    """A format."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        """The chunks of one file, in order."""

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        """Every row of a chunk, in order; never raises for a bad row."""


class RowReader(ABC):
    """Base of the readers that find their rows one by one."""

    @abstractmethod
    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        """Every row of a chunk, in order; never raises for a bad row."""

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        batch, held = Batch(), 0
        for row in self.rows(chunk, mapping):
            batch.add(row)
            held += len(row.raw)
            if len(batch) == BATCH_ROWS or held > BATCH_BYTES:
                yield batch
                batch, held = Batch(), 0
        if len(batch):
            yield batch


# The names of an archive's members are decoded, or not, when it is opened.
UNREADABLE = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, UnicodeDecodeError,
)  # fmt: skip


def refuse_folder(path: str) -> None:
    """Say what to write instead where a format of single files is given a folder.

    Raises:
        UsageError: it is a folder.
    """
    if Path(path).is_dir():
        suffix = _usual_suffix(Path(path))
        raise UsageError(f"{path} is a folder; name the files in it, such as files='{path}/*{suffix}'")


def _usual_suffix(folder: Path) -> str:
    """The suffix of the records in a folder, as far as one can tell."""
    found = {p.suffix for p in folder.iterdir()}
    return next((s for s in (".jsonl", ".csv", ".tsv", ".json", ".gz", ".zip") if s in found), "")


@contextmanager
def readable(name: str) -> Iterator[None]:
    """A file that cannot be read to its end (damaged archive, folder, no permission) ends in one line that names it.

    Raises:
        UsageError: instead of what the file system or the archive said.
    """
    try:
        yield
    except UNREADABLE as error:
        raise UsageError(f"{name} cannot be read: {error}; replace or leave out the file") from error
