"""What a loader's options must be, told with what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.loader.pool import Part
from m5tools.vocabulary import MODALITIES, Modality


def parts(
    uri: str | Path | Sequence[Part], cut: str | Path | None, overlays: Sequence[str] | None = None
) -> tuple[Part, ...]:
    """The shard folders to read."""
    if isinstance(uri, str | Path):
        return (Part(uri, cut=cut, overlays=overlays),)
    for name, value in (("cut", cut), ("overlays", overlays)):
        if value is not None:
            raise UsageError(f"each part of a mixture has its own {name}: Part(uri, {name}=…)")
    for part in uri:
        if not isinstance(part, Part):
            raise UsageError(f"{part!r} is not a Part; several folders are given as [Part('a'), Part('b', 2.0)]")
    return tuple(uri)


def ranks(global_batch_size: int, rank: int, world_size: int) -> None:
    """Equal lanes: the global batch is a multiple of the number of ranks."""
    if global_batch_size < 1 or world_size < 1 or not 0 <= rank < world_size:
        raise UsageError(f"rank {rank} of {world_size} with a global batch of {global_batch_size} makes no sense")
    if global_batch_size % world_size:
        raise UsageError(
            f"{world_size} ranks cannot share a global batch of {global_batch_size} equally; "
            f"choose a global_batch_size that is a multiple of {world_size}"
        )


def sizes(**sizes: float) -> None:
    """A size of nothing would deliver nothing for what the masks call present."""
    for name, size in sizes.items():
        if size <= 0:
            raise UsageError(f"{name} is {size}; it must be above 0 (to leave a modality out, name the others)")


def modalities(asked: Sequence[Modality | str]) -> tuple[Modality, ...]:
    """The modalities asked for, in the fixed order."""
    if isinstance(asked, str):
        raise UsageError(f"modalities is a list of names: modalities=['{asked}']")
    names = {str(m) for m in asked}
    if not names:
        raise UsageError(f"modalities names none, so batches would be empty; there are {', '.join(MODALITIES)}")
    unknown = sorted(names - {m.value for m in MODALITIES})
    if unknown:
        raise UsageError(f"no modality is called '{unknown[0]}'; there are {', '.join(MODALITIES)}")
    return tuple(m for m in MODALITIES if m.value in names)
