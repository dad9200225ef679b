"""One tar: samples written member by member, every offset known as it is written.

`webdataset.TarWriter` sorts the members of a sample by name, which would put pictures before the JSON, and does not say
where it put them. So tars are written with the standard library's `tarfile`: USTAR (POSIX.1-1988), no compression,
fixed time, owner and mode, so that equal samples give equal bytes.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from m5tools.vocabulary import Modality

BLOCK = 512
JSON_MEMBER = "json"


@dataclass(frozen=True)
class Member:
    """One file of a sample.

    Attributes:
        name: suffix behind the sample key, e.g. `image_0.jpg`.
        modality: what it holds; None for the JSON, which carries text and table.
        data: the bytes.
        width, height: pixels of a picture or frame.
        duration_s: seconds of a sound; seconds that a frame stands for.
    """

    name: str
    modality: Modality | None
    data: bytes
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Place:
    """Where a sample went.

    Attributes:
        start: byte at which the first member's header begins.
        end: byte behind the last member's padding.
        offsets: byte at which the data of each member begins.
    """

    start: int
    end: int
    offsets: tuple[int, ...]


def header(name: str, length: int) -> bytes:
    """The header block of one member; name and length decide all of it."""
    return _info(name, length).tobuf(tarfile.USTAR_FORMAT)


def _info(name: str, length: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = length
    info.mode = 0o644
    return info


class TarWriter:
    """Writes one tar. Use as a context manager; the file is complete when the block is left.

    Args:
        path: file to create.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tar.close()
        self._file.close()

    def add(self, key: str, members: Sequence[Member]) -> Place:
        """Append one sample.

        Args:
            key: the sample's key; without a dot, for readers split names at the first one.
            members: in the order in which they shall lie.
        """
        start = self._file.tell()
        offsets = []
        for member in members:
            offsets.append(self._file.tell() + BLOCK)
            self._tar.addfile(_info(f"{key}.{member.name}", len(member.data)), io.BytesIO(member.data))
        return Place(start, self._file.tell(), tuple(offsets))
