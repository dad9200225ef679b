"""What a loader's options must be, told with what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.loader.catalog import Catalog
from m5tools.loader.pool import Condition, Part
from m5tools.vocabulary import MODALITIES, Modality


@dataclass(frozen=True)
class _Laid(Part):
    """A part under the overlays that the loader names."""

    overlays: Sequence[str] | None = None

    def open(self, split: str, condition: Condition | None, cache: Path | None = None) -> Catalog:
        catalog = Catalog.open(self.uri, split, cache, self.overlays)
        if self.cut is not None:
            catalog = catalog.within(self.cut)
        for wanted in (self.filter, condition):
            if wanted is not None:
                catalog = catalog.where(wanted)
        return catalog


def parts(
    uri: str | Path | Sequence[Part], cut: str | Path | None, overlays: Sequence[str] | None = None
) -> tuple[Part, ...]:
    """The shard folders to read, each under the overlays that are named."""
    if isinstance(uri, str | Path):
        return (_Laid(uri, cut=cut, overlays=overlays),)
    if cut is not None:
        raise UsageError("each part of a mixture has its own cut: Part(uri, cut=…)")
    return tuple(_Laid(part.uri, part.weight, part.cut, part.filter, overlays) for part in uri)


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
    names = {str(m) for m in asked}
    unknown = sorted(names - {m.value for m in MODALITIES})
    if unknown:
        raise UsageError(f"no modality is called '{unknown[0]}'; there are {', '.join(MODALITIES)}")
    return tuple(m for m in MODALITIES if m.value in names)
