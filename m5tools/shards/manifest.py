"""`dataset.json` of a shard folder: what is in it, and the hash that names its content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from m5tools import atomic
from m5tools.errors import NotBuiltYet, UsageError

FORMAT = 2
MANIFEST = "dataset.json"
CARD = "README.md"
INDEX = "index"
OVERLAYS = "overlays"


def tar_name(split: str, number: int) -> str:
    """File name of a shard."""
    return f"{split}-{number:06d}.tar"


class ShardFile(BaseModel):
    """One tar and its index.

    Attributes:
        tar: file name of the tar.
        samples: samples in it.
        bytes: its size.
        index_sha256: of its index file, which holds the checksum of every member.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tar: str
    samples: int
    bytes: int
    index_sha256: str

    @property
    def index(self) -> str:
        """Path of its index below the shard folder."""
        return f"{INDEX}/{Path(self.tar).stem}.parquet"


class ShardManifest(BaseModel):
    """The content of a shard folder.

    Attributes:
        format: version of the layout.
        content: 32 hex digits that change with any sample, member, mask or tag in the folder.
        categories: leaf categories over all splits, sorted; a class number is a position in it.
        splits: the shards of each split, in order.
        made_with: 16 hex digits over settings and libraries; where they are equal, equal files became equal members.
        config: what the shards were built with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    content: str
    categories: tuple[str, ...]
    splits: dict[str, tuple[ShardFile, ...]]
    made_with: str
    config: dict[str, Any]

    @classmethod
    def of(
        cls,
        categories: tuple[str, ...],
        splits: dict[str, tuple[ShardFile, ...]],
        made_with: str,
        config: dict[str, Any],
    ) -> ShardManifest:
        """The manifest of shards that stand; its content hash is derived from their indexes."""
        body = [FORMAT, categories, [[name, [f.index_sha256 for f in files]] for name, files in sorted(splits.items())]]
        content = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]
        return cls(
            format=FORMAT, content=content, categories=categories, splits=splits, made_with=made_with, config=config
        )

    @classmethod
    def read(cls, folder: Path) -> ShardManifest:
        """The manifest of a folder.

        Raises:
            UsageError: there is none, it is damaged, or of a newer format.
        """
        file = folder / MANIFEST
        try:
            body = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(body, dict) and isinstance(body.get("format"), int) and body["format"] > FORMAT:
                raise UsageError(f"{file} has format {body['format']}, this m5tools reads up to {FORMAT}")
            if isinstance(body, dict) and "stages" in body:
                raise UsageError(f"{folder} is a dataset; its shard folders are {_shard_folders(folder)}")
            return cls.model_validate(body)
        except FileNotFoundError:
            raise UsageError(
                f"{folder} is not a shard folder (it has no {MANIFEST}); build one with 'm5 shard'"
            ) from None
        except (ValidationError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(
                f"{file} is not the manifest of a shard folder ({reason}); run 'm5 shard' again"
            ) from error

    def write(self, folder: Path) -> Path:
        """Write it; returns the path."""
        path = folder / MANIFEST
        atomic.write_json(path, self.model_dump(mode="json"))
        return path


def _shard_folders(dataset: Path) -> str:
    found = sorted(str(file.parent) for file in dataset.glob(f"shards/*/{MANIFEST}"))
    return ", ".join(found) or f"not there yet; run: m5 shard --dataset {dataset}"


def is_shard_folder(folder: Path) -> bool:
    """Whether a folder claims to hold shards, be they damaged or none at all."""
    if (folder / INDEX).is_dir():
        return True
    try:
        return "splits" in json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def local_folder(uri: str | Path) -> Path:
    """The local folder a URI names.

    Raises:
        NotBuiltYet: it lies on object storage.
    """
    text = str(uri).removeprefix("file://")
    if "://" in text:
        raise NotBuiltYet(f"shards on object storage ({uri}) come with a later release; use a local folder")
    return Path(text)
