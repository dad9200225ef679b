"""Tensors of all ranks in one folder, by `torch.distributed.checkpoint`, read back without running any code.

That library describes a folder in a pickle, and keeps what is no tensor in pickles too. Both are read here by readers
that know the few plain types these hold and refuse anything else, so a checkpoint from a stranger is data.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist
from torch.distributed.checkpoint import filesystem, metadata
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import ReadItem
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

_PLAIN: Final = frozenset(
    {
        ("torch", "Size"),
        ("torch.serialization", "_get_layout"),
        ("pathlib", "PosixPath"),
        ("pathlib", "WindowsPath"),
        ("pathlib._local", "PosixPath"),
        ("pathlib._local", "WindowsPath"),
        *((f"{filesystem.__name__}", name) for name in ("_StorageInfo",)),
        *(
            (f"{metadata.__name__}", name)
            for name in (
                "Metadata", "TensorStorageMetadata", "BytesStorageMetadata", "ChunkStorageMetadata",
                "TensorProperties", "MetadataIndex", "StorageMeta", "_MEM_FORMAT_ENCODING",
            )
        ),
    }
)  # fmt: skip
"""Classes and functions that the description of a folder is made of; none of them does anything but hold values."""


@contextmanager
def _quietly() -> Iterator[None]:
    """One process is no mistake here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        yield


class _Description(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        kind = getattr(torch, name, None) if module == "torch" else None
        if (module, name) in _PLAIN or isinstance(kind, torch.dtype):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no checkpoint holds")


class _Reader(FileSystemReader):
    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with (Path(self.path) / ".metadata").open("rb") as file:
            described: Metadata = _Description(file).load()
        described.storage_meta = StorageMeta(load_id=self.load_id)
        return described


class _Planner(DefaultLoadPlanner):
    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        plain = io.BytesIO()
        torch.save(torch.load(value, weights_only=True), plain)  # refuses what is more than numbers and text
        plain.seek(0)
        super().load_bytes(read_item, plain)


def write(folder: Path, state: dict[str, Any]) -> None:
    """Write tensors, plain values and what has a `state_dict` of these; every rank calls it.

    Args:
        folder: new; the same for all ranks.
        state: nested by name.

    Raises:
        OSError: it could not be written; the library hides which error of the system it met.
    """
    with _quietly():
        try:
            save(state, storage_writer=FileSystemWriter(folder), no_dist=not dist.is_initialized())
        except CheckpointException as error:  # no Exception to Python, and many pages long
            raise OSError(_first(error)) from error


def read_into(folder: Path, state: dict[str, Any], alone: bool = False) -> None:
    """Read what `state` names into its tensors and into what has a `load_state_dict`.

    Args:
        folder: what :func:`write` wrote, on any number of ranks.
        state: nested by name; may leave names out.
        alone: this rank reads for itself; else every rank calls it.

    Raises:
        ValueError, OSError, UnpicklingError: it is damaged, or holds what is no data.
    """
    reader, no_dist = _Reader(folder), alone or not dist.is_initialized()
    reader.read_metadata()  # says what is wrong with it, where the library tells that there is none
    with _quietly():
        try:
            load(state, storage_reader=reader, planner=_Planner(), no_dist=no_dist)
        except CheckpointException as error:
            raise ValueError(_first(error)) from error


def _first(error: CheckpointException) -> str:
    """What the first of the ranks that failed said."""
    first = next(iter(error.failures.values()))[0]
    return str(first) or type(first).__name__
