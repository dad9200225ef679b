"""`dataset.json` of a shard folder: what is in it, and the hash that names its content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from m5tools import atomic, documents
from m5tools.errors import NotBuiltYet, UsageError
from m5tools.vocabulary import Modality, Split

FORMAT = 2
MANIFEST = "dataset.json"
CARD = "README.md"
CROISSANT = "croissant.json"
DATASHEET = "DATASHEET.md"
INDEX = "index"
OVERLAYS = "overlays"
OVERLAY_MANIFEST = "overlay.json"


_M = TypeVar("_M", bound=BaseModel)


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

    tar: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.tar$")
    samples: int = Field(ge=0, lt=2**40)
    bytes: int = Field(ge=0, lt=2**60)
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

    @field_validator("categories")
    @classmethod
    def _text(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        "".join(value).encode()  # JSON may hold half a surrogate pair, which nothing else can
        return value

    @classmethod
    def of(
        cls,
        categories: tuple[str, ...],
        splits: dict[str, tuple[ShardFile, ...]],
        made_with: str,
        config: dict[str, Any],
    ) -> ShardManifest:
        """The manifest of shards that stand; its content hash is derived from their indexes."""
        body = [FORMAT, categories, _digests(splits)]
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
        source = _Source(folder / MANIFEST, "a shard folder", "m5 shard")
        body = source.body(f"{folder} is not a shard folder (it has no {MANIFEST}); build one with 'm5 shard'")
        if "stages" in body:
            raise UsageError(f"{folder} is a dataset; its shard folders are {_shard_folders(folder)}")
        return source.parsed(cls, body)

    @property
    def in_order(self) -> dict[str, tuple[ShardFile, ...]]:
        """The shards of each split that there is: train, val, test."""
        return {split.value: self.splits[split.value] for split in Split if split.value in self.splits}

    def write(self, folder: Path) -> Path:
        """Write it; returns the path."""
        path = folder / MANIFEST
        atomic.write_json(path, self.model_dump(mode="json"))
        return path


class OverlayManifest(BaseModel):
    """What lies over a shard folder without changing it: `overlays/<name>/` in it.

    Attributes:
        format: version of the layout.
        base: content of the shard folder it was made for, sample by sample in the same order.
        content: 32 hex digits that change with anything in the overlay.
        modalities: media that it brings; empty where it brings columns alone.
        columns: columns that it brings; empty where it brings media.
        splits: for every shard of the folder one index, and a tar where it brings media.
        made_with, config: as of a shard folder.
        model: fingerprint of the frozen model whose vectors it brings; None where it brings something else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    base: str
    content: str
    modalities: tuple[Modality, ...]
    columns: tuple[str, ...]
    splits: dict[str, tuple[ShardFile, ...]]
    made_with: str
    config: dict[str, Any]
    model: str | None = None

    @classmethod
    def of(
        cls,
        base: str,
        modalities: tuple[Modality, ...],
        columns: tuple[str, ...],
        splits: dict[str, tuple[ShardFile, ...]],
        made_with: str,
        config: dict[str, Any],
        model: str | None = None,
    ) -> OverlayManifest:
        """The manifest of an overlay that stands; its content hash is derived from its indexes."""
        body = [FORMAT, base, modalities, columns, _digests(splits)]
        content = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]
        return cls(
            format=FORMAT, base=base, content=content, modalities=modalities, columns=columns, splits=splits,
            made_with=made_with, config=config, model=model,
        )  # fmt: skip

    @classmethod
    def read(cls, folder: Path) -> OverlayManifest:
        """The manifest of an overlay's folder.

        Raises:
            UsageError: there is none, it is damaged, or of a newer format.
        """
        source = _Source(folder / OVERLAY_MANIFEST, "an overlay", "m5 overlay")
        return source.parsed(
            cls, source.body(f"{folder} is not an overlay (it has no {OVERLAY_MANIFEST}); see 'm5 overlay'")
        )

    def write(self, folder: Path) -> Path:
        """Write it; returns the path."""
        path = folder / OVERLAY_MANIFEST
        atomic.write_json(path, self.model_dump(mode="json"))
        return path


def overlay_names(folder: Path) -> tuple[str, ...]:
    """The overlays of a shard folder."""
    return tuple(sorted(file.parent.name for file in (folder / OVERLAYS).glob(f"*/{OVERLAY_MANIFEST}")))


def _digests(splits: dict[str, tuple[ShardFile, ...]]) -> list[Any]:
    return [[name, [file.index_sha256 for file in files]] for name, files in sorted(splits.items())]


@dataclass(frozen=True)
class _Source:
    """The file of a manifest, and what to say of one that is none.

    Attributes:
        file: where it is.
        what: it belongs to.
        command: makes it again.
    """

    file: Path
    what: str
    command: str

    def body(self, missing: str) -> dict[str, Any]:
        """The JSON object in it, of a format that is known; `missing` is said where there is no file."""
        try:
            body = json.loads(self.file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(missing) from None
        except (ValueError, RecursionError) as error:
            raise self._damaged(str(error).splitlines()[0]) from error
        if not isinstance(body, dict):
            raise self._damaged("it is no JSON object")
        if isinstance(body.get("format"), int) and body["format"] > FORMAT:
            raise UsageError(
                f"{self.file} has format {body['format']}, this m5tools reads up to {FORMAT}; update m5tools"
            )
        return body

    def parsed(self, kind: type[_M], body: dict[str, Any]) -> _M:
        """The manifest that a body holds."""
        try:
            return kind.model_validate(body)
        except ValidationError as error:
            raise self._damaged(documents.first_fault(error)) from error

    def _damaged(self, reason: str) -> UsageError:
        return UsageError(f"{self.file} is not the manifest of {self.what} ({reason}); run '{self.command}' again")


def _shard_folders(dataset: Path) -> str:
    found = sorted(str(file.parent) for file in dataset.glob(f"shards/*/{MANIFEST}"))
    return ", ".join(found) or f"not there yet; run: m5 shard --dataset {dataset}"


def is_shard_folder(folder: Path) -> bool:
    """Whether a folder claims to hold shards, be they damaged or none at all."""
    if (folder / INDEX).is_dir():
        return True
    try:
        return "splits" in json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
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
