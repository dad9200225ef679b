"""Files below `shards/` in a folder, or an overlay of one, that no stage wrote: tars are in no table that has a law."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from m5tools.dataset import Dataset
from m5tools.engine.unlisted import begun

_HOME = "shards"
_OVERLAYS = "overlays"


def foreign(dataset: Dataset, stages: Collection[str]) -> Iterator[tuple[str, str]]:
    """Files of no entry, be it finished, under way or taken out of `dataset.json`.

    Args:
        dataset: the dataset.
        stages: entries that were finished.

    Yields:
        The entry that writes such files, and their path below the dataset.
    """
    files = [file.relative_to(dataset.root) for file in dataset.files_below(dataset.root / _HOME)]
    # Asked after the files were listed: a run has its folder before it writes.
    known = {*stages, *(entry for entry, _ in begun(dataset)), *dataset.manifest()["stages"]}
    for file in files:
        hidden = any(name.startswith(".") for name in file.parts)
        if not hidden and len(file.parts) > 2 and (entry := _entry(file.parts)) not in known:
            yield entry, file.as_posix()


def _entry(parts: tuple[str, ...]) -> str:
    if len(parts) > 4 and parts[2] == _OVERLAYS:
        return f"overlay/{parts[1]}/{parts[3]}"
    return f"shard/{parts[1]}"
